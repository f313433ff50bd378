"""Which persons of a roster are those that statements name: never by a guess that could be another's.

A person of statements (source "xapi") is the roster's person whose key is the account's name, where one home page
alone uses that name and one person alone has that key; else the only one with that e-mail address; else the only one
with its hash. A match is an alias: all that was ever said of the one is said of the other, also what comes later.
"""

from __future__ import annotations

#: New aliases, from the persons (`b_persons`) and the aliases there are (`b_aliases`).
NEW_ALIASES = """
WITH unknown AS (
    SELECT p.*, lower(p.email) AS address FROM b_persons p ANTI JOIN b_aliases a ON a.id = p.id WHERE p.source = 'xapi'
), homes AS (
    SELECT account_name FROM b_persons WHERE source = 'xapi' AND account_name IS NOT NULL
    GROUP BY account_name HAVING count(DISTINCT coalesce(account_home, '')) = 1
), listed AS (
    SELECT id, key, lower(email) AS address, lower(coalesce(email_sha1, sha1('mailto:' || lower(email)))) AS hash
    FROM b_persons WHERE source <> 'xapi'
), by_key AS (
    SELECT key, min(id) AS id FROM listed WHERE key IS NOT NULL GROUP BY key HAVING count(*) = 1
), by_address AS (
    SELECT address, min(id) AS id FROM listed WHERE address IS NOT NULL GROUP BY address HAVING count(*) = 1
), by_hash AS (
    SELECT hash, min(id) AS id FROM listed WHERE hash IS NOT NULL GROUP BY hash HAVING count(*) = 1
)
SELECT u.id, 'xapi' AS source, u.key, true AS is_active, coalesce(k.id, m.id, h.id) AS person_id, false AS _is_read
FROM unknown u
LEFT JOIN homes o ON o.account_name = u.account_name
LEFT JOIN by_key k ON k.key = o.account_name
LEFT JOIN by_address m ON m.address = u.address
LEFT JOIN by_hash h ON h.hash = lower(coalesce(u.email_sha1, sha1('mailto:' || u.address)))
WHERE coalesce(k.id, m.id, h.id) IS NOT NULL
"""

#: Accounts that bear the key of somebody of a roster and are nobody's alias, once the new ones are there (`b_aliases`):
#: another home page used that name before, or several use it.
UNSURE = """
SELECT count(*) FROM b_persons p ANTI JOIN b_aliases a ON a.id = p.id
WHERE p.source = 'xapi' AND p.account_name IN (SELECT key FROM b_persons WHERE source <> 'xapi')
"""
