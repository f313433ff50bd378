"""What in the record leads nowhere, is there twice, or is not understood: counted once for each version, by DuckDB."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from webapp import record
from webapp.documents import AdminArea
from webapp.errors import NotFoundError
from webapp.messages import Message
from webapp.record import RecordVersion
from webapp.services import audit
from webapp.services.permissions import Actor, Permission, require_permission
from webapp.services.record.kept import State, state_of

ROWS_SHOWN = 20
VERBS_SHOWN = 50
#: Versions whose findings a process remembers: the last ones that somebody looked at.
KEPT = 4
#: Whoever opens the page waits for so long; then the page asks again by itself.
PATIENCE_SECONDS = 0.6


@dataclass(frozen=True)
class Check:
    """`sql` gives every row that is found, its columns named for people by `headings`."""

    key: str
    label: str
    #: What it means, and what to do.
    why: str
    tables: tuple[str, ...]
    headings: tuple[str, ...]
    sql: str
    #: Which column holds keys of activity-events (or verbs), if one does.
    event_at: int | None = None


@dataclass(frozen=True)
class Finding:
    """How many rows a check found, and the first of them."""

    check: Check
    count: int
    rows: list[tuple[Any, ...]]


@dataclass(frozen=True)
class UnmappedVerb:
    """A verb that no rule knows. `kinds` are the activity types that it was said of, the most frequent first."""

    verb: str
    count: int
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class Quality:
    version: int
    findings: list[Finding]
    verbs: list[UnmappedVerb]
    verb_count: int

    @property
    def is_clean(self) -> bool:
        return not self.verbs and not any(each.count for each in self.findings)


_SOURCE, _KEY, _NAME = Message("Source"), Message("Key"), Message("Name")
_CLASS, _LEARNER, _TIME = Message("Class"), Message("Learner"), Message("Time")
_VERB, _EVENT = Message("Verb"), Message("Event")
_PEOPLE = """
WITH there AS (SELECT p.* FROM persons p ANTI JOIN (SELECT id FROM aliases WHERE is_active) a ON a.id = p.id
               WHERE p.is_active),
     told AS (SELECT * FROM there WHERE source = 'xapi'), listed AS (SELECT * FROM there WHERE source <> 'xapi'),
     pairs AS (
        SELECT t.id, l.id AS other_id, t.name, t.key, l.name AS other_name, l.key AS other_key, 'e-mail' AS by_what
        FROM told t JOIN listed l ON lower(t.email) = lower(l.email) WHERE t.email <> ''
        UNION ALL
        SELECT t.id, l.id, t.name, t.key, l.name, l.key, 'e-mail'
        FROM told t JOIN listed l ON lower(t.email_sha1) = sha1('mailto:' || lower(l.email)) WHERE l.email <> ''
        UNION ALL
        SELECT t.id, l.id, t.name, t.key, l.name, l.key, 'name'
        FROM told t JOIN listed l ON lower(trim(t.name)) = lower(trim(l.name)) WHERE trim(t.name) <> ''
     )
SELECT first(name), first(key), first(other_name), first(other_key), min(by_what)
FROM pairs GROUP BY id, other_id ORDER BY 1, 2, 4
"""
CHECKS: tuple[Check, ...] = (
    Check(
        "classes-without-course",
        Message("Classes without a course"),
        Message("Reports by course do not have them. Have the source give each class its course."),
        ("classes",),
        (_NAME, _SOURCE, _KEY),
        "SELECT name, source, key FROM classes WHERE is_active AND course_id IS NULL ORDER BY name, key",
    ),
    Check(
        "enrollments-without-class",
        Message("Enrollments without a class"),
        Message("Their class is not in the record, or it has ended: send the classes that they name."),
        ("enrollments", "classes", "persons"),
        (_LEARNER, _CLASS, _SOURCE, _KEY),
        """SELECT coalesce(p.name, e.learner_id), coalesce(c.name, e.class_id), e.source, e.key FROM enrollments e
        LEFT JOIN classes c ON c.id = e.class_id LEFT JOIN persons p ON p.id = e.learner_id
        WHERE e.is_active AND (c.id IS NULL OR NOT c.is_active) ORDER BY 2, 1, 4""",
    ),
    Check(
        "events-without-enrollment",
        Message("Events without an enrollment"),
        Message("Somebody did something in a class that no roster has them in. Send the roster of that time, too."),
        ("events", "classes", "persons"),
        (_LEARNER, _CLASS, _EVENT, _TIME),
        """SELECT coalesce(p.name, e.learner_id), coalesce(c.name, e.class_id), coalesce(e.event_type, e.verb),
        e."timestamp" FROM events e
        LEFT JOIN classes c ON c.id = e.class_id LEFT JOIN persons p ON p.id = e.learner_id
        WHERE e.is_active AND e.class_id IS NOT NULL AND e.enrollment_id IS NULL""",
        event_at=2,
    ),
    Check(
        "events-of-no-class",
        Message("Events of no class"),
        Message(
            "Nothing in the statement leads to a class, so reports by class, course and department do not have it. "
            "REPORTDESK_XAPI_CLASS_IRIS says which addresses are classes."
        ),
        ("events", "contents", "persons"),
        (_LEARNER, Message("Activity"), _EVENT, _TIME),
        """SELECT coalesce(p.name, e.learner_id), coalesce(k.name, k.key, e.content_id),
        coalesce(e.event_type, e.verb), e."timestamp" FROM events e
        LEFT JOIN contents k ON k.id = e.content_id LEFT JOIN persons p ON p.id = e.learner_id
        WHERE e.is_active AND e.class_id IS NULL""",
        event_at=2,
    ),
    Check(
        "persons-twice",
        Message("Persons who seem to be there twice"),
        Message(
            "Statements name somebody whom a roster seems to have, and nothing says for certain that it is the same "
            "person. Have the LMS send the account or e-mail address that the roster has, each of one person only."
        ),
        ("persons", "aliases"),
        (
            _NAME,
            Message("Known from statements as"),
            Message("Name in the roster"),
            Message("Key in the roster"),
            Message("Same"),
        ),
        _PEOPLE,
    ),
)
#: How many first, without the names of what rows lead to: that is quicker by far over millions of events.
_COUNTS = {
    "events-without-enrollment": (
        "SELECT count(*) FROM events WHERE is_active AND class_id IS NOT NULL AND enrollment_id IS NULL"
    ),
    "events-of-no-class": "SELECT count(*) FROM events WHERE is_active AND class_id IS NULL",
}
_VERBS = """
SELECT e.verb, count(*) AS events, list_distinct(list(k.content_type) FILTER (WHERE k.content_type <> ''))
FROM (SELECT verb, content_id FROM events WHERE is_active AND event_type IS NULL AND verb IS NOT NULL) e
LEFT JOIN contents k ON k.id = e.content_id GROUP BY e.verb ORDER BY events DESC, e.verb
"""
TABLES = tuple(sorted({table for check in CHECKS for table in check.tables}))


class _Kept:
    """What was found, for the last versions; and the one that is being counted."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[State, Quality] = {}
        self._counting: dict[State, threading.Thread] = {}
        self._failed: dict[State, Exception] = {}

    def get(self, version: RecordVersion, patience: float) -> Quality | None:
        state = state_of(version, TABLES)
        with self._lock:
            if (known := self._found.get(state)) is not None:
                return known
            counting = self._counting.get(state)
            if counting is None:
                counting = threading.Thread(target=self._count, args=(state, version), daemon=True)
                self._counting[state] = counting
                counting.start()
        counting.join(patience)
        with self._lock:
            if (error := self._failed.pop(state, None)) is not None:
                raise error
            return self._found.get(state)

    def _count(self, state: State, version: RecordVersion) -> None:
        found, failed = None, None
        try:
            found = examine(version)
        except Exception as error:  # noqa: BLE001 - whoever waits for it is told
            failed = error
        with self._lock:
            self._counting.pop(state, None)
            if failed is not None:
                self._failed[state] = failed
            if found is not None:
                self._found[state] = found
                while len(self._found) > KEPT:
                    self._found.pop(next(iter(self._found)))


_kept = _Kept()


def of_now(*, patience: float = PATIENCE_SECONDS) -> Quality | None:
    """What is wrong with the record of now; None while that is still being counted."""
    return _kept.get(record.current(), patience)


def examine(version: RecordVersion) -> Quality:
    """Count everything, in `version`. Raises VersionGoneError."""
    with record.looking(version, TABLES) as duck:
        findings: list[Finding] = []
        for check in CHECKS:
            count = duck.one(_COUNTS.get(check.key) or f"SELECT count(*) FROM ({check.sql})")  # noqa: S608
            rows = duck.rows(f"SELECT * FROM ({check.sql}) LIMIT {ROWS_SHOWN}") if count else []  # noqa: S608
            findings.append(Finding(check, count, rows))
        verbs = [UnmappedVerb(verb, count, tuple(sorted(kinds or ()))) for verb, count, kinds in duck.rows(_VERBS)]
    return Quality(version.number, findings, verbs[:VERBS_SHOWN], len(verbs))


def export(by: Actor, key: str) -> Iterator[Sequence[Any]]:
    """Every row of one check, its headings first. Raises NotFoundError."""
    require_permission(by, Permission.MANAGE_CONTENT)
    check = next((each for each in CHECKS if each.key == key), None)
    if check is None:
        raise NotFoundError(Message("There is no such list."))
    audit.record(by, AdminArea.IMPORTS, "list downloaded", check.key)
    return _rows(check)


def _rows(check: Check) -> Iterator[Sequence[Any]]:
    yield check.headings
    with record.looking(record.current(), check.tables) as duck:
        for batch in duck.batches(check.sql):
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
