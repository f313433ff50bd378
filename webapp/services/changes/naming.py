"""The first of the rows that became others, by name, in SQL over `found`."""

from __future__ import annotations

from webapp.engine.query import Scope
from webapp.services.changes import reasons
from webapp.services.changes.changes import Kind

#: Rows that are worked out of an enrollment have its id at the beginning of theirs.
_ID = "substr(f.id, 1, 24)"


def named(found: str, table: str, scopes: tuple[Scope, ...], order: str, most: int) -> str:
    """SQL: kind, reason, versions, learner, number, class, content, was, now of the first `most` rows that may be
    named. Who is gone is called as they were then, everybody else as they are now."""
    names = {
        "learner": _name("persons", "learner_id", "nullif({0}.name, '')"),
        "number": _name("persons", "learner_id", "nullif({0}.number, '')"),
        "of_class": _name("classes", "class_id", "coalesce(nullif({0}.code, ''), nullif({0}.name, ''))"),
        "content": _name("contents", "content_id", "nullif({0}.name, '')"),
    }
    told = ", ".join(f"{sql} AS {name}" for name, sql in names.items())
    joins = " ".join(
        f"LEFT JOIN {of}_{side} ON {of}_{side}.id = f.{column}"
        for of, column in (("persons", "learner_id"), ("classes", "class_id"), ("contents", "content_id"))
        for side in ("then", "now")
    )
    return (
        f"SELECT kind, reason, versions, coalesce(learner, learner_id), number, coalesce(of_class, class_id), "  # noqa: S608
        f"coalesce(content, content_id), was, now FROM (SELECT f.*, b.versions, {told} "
        f"FROM {found} {joins} WHERE NOT {_is_elsewhere(table, scopes)}) "
        f"ORDER BY {order}, kind, of_class, learner, number, id LIMIT {most}"
    )


def _name(table: str, column: str, of: str) -> str:
    then, now = of.format(f"{table}_then"), of.format(f"{table}_now")
    return f"CASE WHEN kind = '{Kind.WENT}' THEN coalesce({then}, {now}) ELSE coalesce({now}, {then}) END"


def _is_elsewhere(table: str, scopes: tuple[Scope, ...]) -> str:
    """Whether a row that went is still there, but where the reader may not read: it counts, and is not named."""
    if all(scope.is_everything for scope in scopes):
        return "false"
    of_class = "id" if table == "classes" else "class_id"
    row = f"SELECT 1 FROM raw_now r WHERE r.id = {_ID} AND NOT {reasons.within(scopes, 'r', of_class)}"  # noqa: S608
    place = f"SELECT 1 FROM classes_now c WHERE c.id = f.class_id AND NOT {reasons.within(scopes, 'c', 'id')}"  # noqa: S608
    # A learner in no class stands for their department, which nothing else in the record says of them.
    nowhere = "f.class_id IS NULL AND f.learner_id IS NOT NULL"
    return f"(kind = '{Kind.WENT}' AND (EXISTS ({row}) OR EXISTS ({place}) OR ({nowhere})))"
