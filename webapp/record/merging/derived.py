"""What the record works out for itself, in SQL over what sources gave (`b_<table>`) and what is there (`c_<table>`).

Every rule can be applied again and gives the same: where it replaces what a source gave, the row keeps that beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from webapp.engine.sql import literal
from webapp.record.tables import OF_A_CLASS, OF_ITS_CLASS, RecordTable

#: column -> the SQL that gives it
Expressions = dict[str, str]

#: (verb's last part or IRI, activity type's last part or "") -> activity-event
Verbs = Mapping[tuple[str, str], str]

ALIASES = "SELECT id, person_id FROM b_aliases WHERE is_active AND id <> person_id"
VOIDED = "SELECT id FROM b_voids WHERE is_active"
#: The enrollment of a learner in a class.
PLACES = """
SELECT class_id, learner_id, first(id ORDER BY is_active DESC, id) AS id
FROM w_enrollments GROUP BY class_id, learner_id
"""
INSTRUCTORS = """
SELECT t.class_id, list_sort(list(DISTINCT coalesce(a.person_id, t.person_id))) AS ids
FROM b_teachings t LEFT JOIN aliases a ON a.id = t.person_id
WHERE t.is_active AND (t.ends_at IS NULL OR t.ends_at > $now) GROUP BY t.class_id
"""

#: A roster's row, or a pair that only statements tell of, and what all its statements say. Of several rows of one
#: learner in one class the active one takes what statements say.
ENROLLMENTS = """
WITH heard AS (
    SELECT coalesce(a.person_id, o.learner_id) AS learner_id, o.class_id, o.id, o.effect, o."at", o.score,
           o.is_active AND v.id IS NULL AS stands, o.effect <> 'started' AS decides
    FROM b_outcomes o LEFT JOIN aliases a ON a.id = o.learner_id LEFT JOIN voided v ON v.id = o.id
), said AS (
    SELECT class_id, learner_id, bool_or(decides) AS is_told,
           last(effect ORDER BY "at" NULLS FIRST, id) FILTER (WHERE stands AND decides) AS effect,
           last("at" ORDER BY "at" NULLS FIRST, id) FILTER (WHERE stands AND decides) AS "at",
           last(score ORDER BY "at" NULLS FIRST, id) FILTER (WHERE stands AND decides AND score IS NOT NULL) AS score,
           min("at") FILTER (WHERE stands AND effect = 'registered') AS registered_at,
           min("at") FILTER (WHERE stands AND effect = 'started') AS started_at
    FROM heard GROUP BY class_id, learner_id
), listed AS (
    SELECT r.* REPLACE (coalesce(a.person_id, r.learner_id) AS learner_id),
           row_number() OVER (
               PARTITION BY r.class_id, coalesce(a.person_id, r.learner_id) ORDER BY r.is_active DESC, r.id
           ) AS place
    FROM b_rosters r LEFT JOIN aliases a ON a.id = r.learner_id
), joined AS (
    SELECT l.id, l.source, l.key, l.is_active, l.learner_id, l.class_id,
           coalesce(l.status, CASE WHEN s.class_id IS NULL THEN 'not-started' ELSE 'in-progress' END) AS given,
           l.enrolled_at, l.started_at, l.completed_at, l.withdrawn_at, l.score, l.passed,
           s.effect, s."at", s.score AS said_score, s.registered_at, s.started_at AS said_started_at
    FROM listed l LEFT JOIN said s ON l.place = 1 AND s.class_id = l.class_id AND s.learner_id = l.learner_id
    UNION ALL
    SELECT substr(sha256('xapi/enrollments/' || s.class_id || ' ' || s.learner_id), 1, 24), 'xapi',
           s.class_id || ' ' || s.learner_id, s.effect IS NOT NULL, s.learner_id, s.class_id, 'in-progress',
           NULL, NULL, NULL, NULL, NULL, NULL,
           s.effect, s."at", s.score, s.registered_at, s.started_at
    FROM said s ANTI JOIN listed l ON l.class_id = s.class_id AND l.learner_id = s.learner_id
    WHERE s.is_told
), judged AS (
    SELECT *, effect IS NOT NULL AND effect <> 'registered' AS is_decided FROM joined
)
SELECT j.id, j.source, j.key, j.is_active, j.learner_id, j.class_id,
       c.course_id, c.department_id, c.program_id,
       CASE WHEN is_decided THEN effect
            WHEN given = 'not-started' AND (effect IS NOT NULL OR said_started_at IS NOT NULL) THEN 'in-progress'
            ELSE given END AS status,
       coalesce(said_score, score) AS score,
       coalesce(enrolled_at, registered_at) AS enrolled_at,
       coalesce(said_started_at, started_at) AS started_at,
       CASE WHEN NOT is_decided THEN completed_at WHEN effect = 'completed' THEN "at" END AS completed_at,
       CASE WHEN effect = 'withdrawn' THEN "at" ELSE withdrawn_at END AS withdrawn_at,
       CASE WHEN is_decided THEN "at" END AS outcome_at,
       CASE WHEN NOT is_decided THEN passed WHEN effect = 'completed' THEN true WHEN effect = 'failed' THEN false END
           AS passed
FROM judged j LEFT JOIN w_classes c ON c.id = j.class_id
"""


def given_again(table: RecordTable, column: str) -> str:
    """What the source gave for `column` of a row that is there."""
    if column == "learner_id" and "given_learner_id" in table.kept:
        return "coalesce(given_learner_id, learner_id)"
    return f'"given_{column}"' if f"given_{column}" in table.kept else f'"{column}"'


def final(
    table: RecordTable, data: Sequence[str] = (), rows: str | None = None, more: Sequence[str] = ("_is_read",)
) -> str:
    """Rows of `table` as they shall be, from `rows` (`b_<table>`) as they were given; and their columns `more`."""
    rows = rows or f"b_{table.name}"
    if table.is_derived:
        return f"SELECT *, false AS _is_read FROM ({ENROLLMENTS})"  # noqa: S608
    columns: Expressions = {name: f'b."{name}"' for name in ("id", *table.content, *data)}
    joins = ""
    if table.name == "persons":
        columns["given_is_active"] = "b.is_active"
        columns["is_active"] = "b.is_active AND a.id IS NULL"
        joins = "LEFT JOIN aliases a ON a.id = b.id"
    elif table.name == "classes":
        for column in ("department_id", "program_id"):
            columns[f"given_{column}"] = f'b."{column}"'
            columns[column] = f'coalesce(b."{column}", k."{column}")'
        columns["instructor_ids"] = "coalesce(i.ids, [])"
        joins = "LEFT JOIN b_courses k ON k.id = b.course_id LEFT JOIN instructors i ON i.class_id = b.id"
    elif table.name in OF_A_CLASS:
        of_a_class, joins = _of_a_class()
        columns |= of_a_class
    if table.name == "events":
        columns["is_active"] = "b.is_active AND v.id IS NULL"
        columns["event_type"] = "coalesce(b.event_type, t.event_type)"
        joins += (
            " LEFT JOIN voided v ON v.id = b.id LEFT JOIN contents_kinds k ON k.id = b.content_id"
            " LEFT JOIN verb_types t ON b.event_type IS NULL AND t.verb = b.verb AND t.kind = coalesce(k.kind, '')"
        )
    columns |= {name: f'b."{name}"' for name in more}
    return f"SELECT {named(columns)} FROM {rows} b {joins}"  # noqa: S608


def _of_a_class() -> tuple[Expressions, str]:
    learner = "coalesce(a.person_id, b.learner_id)"
    columns: Expressions = {
        "learner_id": learner,
        "given_learner_id": "CASE WHEN a.id IS NOT NULL THEN b.learner_id END",
        "enrollment_id": "e.id",
    }
    columns |= {name: f'CASE WHEN c.id IS NULL THEN b."{name}" ELSE c."{name}" END' for name in OF_ITS_CLASS}
    joins = (
        "LEFT JOIN aliases a ON a.id = b.learner_id LEFT JOIN w_classes c ON c.id = b.class_id "
        f"LEFT JOIN places e ON e.class_id = b.class_id AND e.learner_id = {learner}"
    )
    return columns, joins


def named(columns: Expressions) -> str:
    return ", ".join(f'{sql} AS "{name}"' for name, sql in columns.items())


def verb_types(pairs: Sequence[tuple[str, str]], verbs: Verbs) -> list[tuple[str, str, str]]:
    """(verb's IRI, activity type's last part, event type) of those pairs that a rule knows."""
    found: list[tuple[str, str, str]] = []
    for iri, kind in pairs:
        verb = iri.rstrip("/#").replace("#", "/").rpartition("/")[2]
        asked = ((iri, kind), (verb, kind), (iri, ""), (verb, ""))
        event_type = next((verbs[pair] for pair in asked if pair in verbs), None)
        if event_type is not None:
            found.append((iri, kind, event_type))
    return found


def differs(columns: Sequence[str], left: str, right: str) -> str:
    """Whether the rows `left` and `right` differ in any of these columns."""
    return " OR ".join(f'{left}."{name}" IS DISTINCT FROM {right}."{name}"' for name in columns) or "false"


def worked_out(table: RecordTable) -> list[str]:
    """The columns of an event that is there which may change later."""
    changing = {*OF_ITS_CLASS, "learner_id", "is_active", "event_type", *table.derived, *table.kept}
    return [name for name in table.columns if name in changing]


def state(columns: Sequence[str]) -> str:
    """What became of row `f`, that was `c`."""
    return (
        f"CASE WHEN c.id IS NULL THEN 'added' WHEN NOT ({differs(columns, 'f', 'c')}) THEN 'unchanged' "
        "WHEN c.is_active AND NOT f.is_active THEN 'ended' ELSE 'changed' END"
    )


def instant(moment: datetime) -> str:
    """A moment in UTC as SQL writes it."""
    return f"TIMESTAMP {literal(moment.replace(tzinfo=None).isoformat(sep=' '))}"


def month(table: RecordTable) -> str:
    """The partition of a row."""
    return f"strftime(\"{table.month_of}\", '%Y-%m')"
