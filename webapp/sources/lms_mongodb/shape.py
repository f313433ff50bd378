"""What a mapping may give: the columns of each table of the record that are a source's to fill."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What a column takes from a document."""

    ID = "id"
    IDS = "ids"
    TEXT = "text"
    TEXTS = "texts"
    NUMBER = "number"
    EXACT = "exact"  # a number kept as decimal text
    INSTANT = "instant"
    BOOLEAN = "boolean"


Columns = dict[str, Kind]

#: The table that each reference leads to, whatever table it stands in.
REFERS_TO = {
    "learner_id": "persons",
    "person_id": "persons",
    "class_id": "classes",
    "course_id": "courses",
    "program_id": "programs",
    "department_id": "departments",
    "department_ids": "departments",
    "content_id": "contents",
    "term_id": "terms",
}


def refers_to(table: str, column: str) -> str | None:
    """The table that `column` of `table` leads to."""
    return table if column == "parent_id" else REFERS_TO.get(column)


def _columns(
    ids: str = "", texts: str = "", numbers: str = "", instants: str = "", booleans: str = "", lists: str = ""
) -> Columns:
    columns = {"is_active": Kind.BOOLEAN}
    for names, kind in (
        (ids, Kind.ID),
        (texts, Kind.TEXT),
        (numbers, Kind.NUMBER),
        (instants, Kind.INSTANT),
        (booleans, Kind.BOOLEAN),
        (lists, Kind.IDS),
    ):
        columns |= dict.fromkeys(names.split(), kind)
    return columns


_OF_A_CLASS = "learner_id class_id course_id department_id program_id"

#: In the order in which they are read: what is referred to comes before what refers to it.
TABLES: dict[str, Columns] = {
    "departments": _columns("parent_id", "name code kind"),
    "terms": _columns("parent_id", "name", "", "starts_at ends_at"),
    "programs": _columns("department_id", "name code"),
    "courses": _columns("department_id program_id", "name code"),
    "persons": _columns("", "name number", lists="department_ids") | {"roles": Kind.TEXTS},
    "classes": _columns("course_id department_id program_id term_id", "name code term", instants="starts_at ends_at"),
    "contents": _columns("course_id class_id department_id", "name content_type")
    | {"lowest": Kind.EXACT, "highest": Kind.EXACT},
    "teachings": _columns("person_id class_id", instants="ends_at"),
    "rosters": _columns(
        "learner_id class_id", "status", "score", "enrolled_at started_at completed_at withdrawn_at", "passed"
    ),
    "events": _columns(f"{_OF_A_CLASS} content_id", "event_type verb", "duration score", "timestamp", "passed"),
    "results": _columns(
        f"{_OF_A_CLASS} content_id", "status", "attempt score duration", "submitted_at graded_at", "passed"
    ),
    "attempts": _columns(
        f"{_OF_A_CLASS} content_id", "status", "attempt score duration", "started_at completed_at", "passed"
    ),
    "certificates": _columns(_OF_A_CLASS, "name", "", "issued_at expires_at revoked_at"),
}
