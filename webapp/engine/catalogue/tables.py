"""The tables of the record that a question may read, and their columns (`webapp.record.tables` has the rest).

Ids are text (24 hex digits). Instants are UTC, kept without a zone, because DuckDB groups those without asking a
calendar library for every row. `data` of an event becomes one column for each number in it (`data_column`).
"""

from __future__ import annotations

import re
from enum import StrEnum

import ibis.expr.datatypes as dt


class Kind(StrEnum):
    """What a column holds; a value of another type reads as empty."""

    ID = "id"
    IDS = "ids"
    TEXT = "text"
    TEXTS = "texts"
    NUMBER = "number"
    INSTANT = "instant"
    BOOLEAN = "boolean"


TYPES: dict[Kind, dt.DataType] = {
    Kind.ID: dt.string,
    Kind.IDS: dt.Array(dt.string),
    Kind.TEXT: dt.string,
    Kind.TEXTS: dt.Array(dt.string),
    Kind.NUMBER: dt.float64,
    Kind.INSTANT: dt.Timestamp(scale=6),
    Kind.BOOLEAN: dt.boolean,
}

Columns = dict[str, Kind]


def _columns(ids: str = "", texts: str = "", numbers: str = "", instants: str = "", booleans: str = "") -> Columns:
    columns = {"id": Kind.ID, "key": Kind.TEXT, "changed_at": Kind.INSTANT, "is_active": Kind.BOOLEAN}
    for names, kind in (
        (ids, Kind.ID),
        (texts, Kind.TEXT),
        (numbers, Kind.NUMBER),
        (instants, Kind.INSTANT),
        (booleans, Kind.BOOLEAN),
    ):
        columns |= dict.fromkeys(names.split(), kind)
    return columns


_OF_A_CLASS = "learner_id class_id course_id department_id program_id enrollment_id"

#: No account's name is among them, nor a hash: a report needs names, numbers and addresses of people only.
TABLES: dict[str, Columns] = {
    "departments": _columns("parent_id", "name code kind"),
    "persons": _columns("", "name number email") | {"roles": Kind.TEXTS, "department_ids": Kind.IDS},
    "programs": _columns("department_id", "name code"),
    "courses": _columns("department_id program_id", "name code"),
    "terms": _columns("parent_id", "name", "", "starts_at ends_at"),
    "classes": _columns("course_id department_id program_id term_id", "name code term", "", "starts_at ends_at")
    | {"instructor_ids": Kind.IDS},
    "contents": _columns("course_id class_id department_id", "name content_type lowest highest", "", "due_at"),
    "enrollments": _columns(
        "learner_id class_id course_id department_id program_id",
        "status",
        "score",
        "enrolled_at started_at completed_at withdrawn_at outcome_at",
        "passed",
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

#: Tables whose rows carry `data`: numbers by name, any name.
WITH_DATA = frozenset({"events"})
DATA_PREFIX = "data_"


def data_column(key: str) -> str:
    """The column of `data.<key>`. Different keys have different columns, also for a database that ignores case."""
    return DATA_PREFIX + re.sub(r"[^a-z0-9]", lambda found: f"_{ord(found[0]):x}_", key)


def data_key(column: str) -> str:
    """The `<key>` of which `column` holds `data.<key>`: the way back from `data_column`."""
    return re.sub(r"_([0-9a-f]+)_", lambda found: chr(int(found[1], 16)), column.removeprefix(DATA_PREFIX))
