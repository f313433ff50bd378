"""Which persons of a roster are those that statements name: never by a guess that could be another's.

A person of statements (source "xapi") is the roster's person whose key is the account's name, where one home page
alone uses that name and one person alone has that key; else the only one with that e-mail address; else the only one
with its hash. A match is an alias: all that was ever said of the one is said of the other, also what comes later.

Matches are worked out anew at every import from all persons there are, never kept: who came first decides nothing. What
a source gives as an alias itself stands, whatever the names say.
"""

from __future__ import annotations

#: The matches, from the persons (`b_persons`) and the aliases that were given (`b_aliases`).
MATCHES = """
WITH unknown AS (
    SELECT p.*, lower(p.email) AS address FROM b_persons p
    ANTI JOIN (SELECT id FROM b_aliases WHERE source <> 'xapi') a ON a.id = p.id WHERE p.source = 'xapi'
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

#: Whom earlier matches (`b_aliases`) took for somebody of a roster, and these (`matched`) do not.
NO_MATCH_NOW = "source = 'xapi' AND is_active AND NOT EXISTS (SELECT 1 FROM matched m WHERE m.id = b_aliases.id)"

#: Accounts that bear the key of somebody of a roster and are nobody's alias, once the matches are there (`b_aliases`):
#: several home pages use that name, or several people have that key.
UNSURE = """
SELECT count(*) FROM b_persons p ANTI JOIN (SELECT id FROM b_aliases WHERE is_active) a ON a.id = p.id
WHERE p.source = 'xapi' AND p.account_name IN (SELECT key FROM b_persons WHERE source <> 'xapi')
"""
