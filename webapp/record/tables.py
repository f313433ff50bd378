"""All tables of the record: what each holds beside what a question may read, what refers to what, what is worked out.

Arrow schemas and SQL are made from these declarations; nothing repeats a column's name for its own sake.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from webapp.engine.catalogue.tables import TABLES as READ_BY_QUESTIONS
from webapp.engine.catalogue.tables import WITH_DATA, Columns, Kind

ARROW_TYPES: dict[Kind, pa.DataType] = {
    Kind.ID: pa.string(),
    Kind.IDS: pa.list_(pa.string()),
    Kind.TEXT: pa.string(),
    Kind.TEXTS: pa.list_(pa.string()),
    Kind.NUMBER: pa.float64(),
    Kind.INSTANT: pa.timestamp("us"),
    Kind.BOOLEAN: pa.bool_(),
}

#: What every row has; a source gives the first four of them.
EVERY_ROW: Columns = {
    "id": Kind.ID,
    "source": Kind.TEXT,
    "key": Kind.TEXT,
    "is_active": Kind.BOOLEAN,
    "changed_at": Kind.INSTANT,
    "import_id": Kind.TEXT,
}
STAMPS = frozenset({"changed_at", "import_id"})


@dataclass(frozen=True)
class Reference:
    """`column` holds the id of a row of `table`. A row whose required reference leads nowhere is refused."""

    column: str
    table: str
    is_required: bool = False


@dataclass(frozen=True)
class RecordTable:
    """One table. `given`: what a source gives beside EVERY_ROW; `derived`: what the record works out;
    `kept`: what the source gave where a given column is worked out anew, so that it can be again."""

    name: str
    given: Columns
    derived: Columns = field(default_factory=dict)
    kept: Columns = field(default_factory=dict)
    references: Sequence[Reference] = ()
    #: A row that is there stays as it is, whatever comes later under its id.
    is_first_kept: bool = False
    #: Delta partitions of months (`month`, text, YYYY-MM) of this instant.
    month_of: str | None = None
    is_hidden: bool = False
    #: No source writes it: made of other tables.
    is_derived: bool = False

    @property
    def columns(self) -> Columns:
        """Every column but the partition's and those of `data`, in their order."""
        return EVERY_ROW | self.given | self.derived | self.kept

    @property
    def content(self) -> list[str]:
        """The columns in which a row may differ from what it was."""
        return [name for name in self.columns if name not in STAMPS and name != "id"]

    @property
    def has_data(self) -> bool:
        return self.name in WITH_DATA

    @property
    def required(self) -> list[Reference]:
        return [each for each in self.references if each.is_required]

    def arrow_schema(self, data_columns: Sequence[str] = ()) -> pa.Schema:
        """The columns as they are stored, those of `data` after them in the order of their names."""
        fields = [pa.field(name, ARROW_TYPES[kind]) for name, kind in self.columns.items()]
        fields += [pa.field(name, pa.float64()) for name in sorted(data_columns)]
        return pa.schema([*fields, pa.field("month", pa.string())] if self.month_of else fields)


_OF_ITS_CLASS = ("course_id", "department_id", "program_id")
_MORE_OF_PERSONS = dict.fromkeys(("email_sha1", "account_home", "account_name"), Kind.TEXT)


def _read(name: str, derived: Sequence[str] = ()) -> Columns:
    """The columns of a table that questions read, without those of every row and the derived ones."""
    return {
        column: kind
        for column, kind in READ_BY_QUESTIONS[name].items()
        if column not in EVERY_ROW and column not in derived
    }


def _references(given: Mapping[str, str], required: Sequence[str] = ()) -> list[Reference]:
    return [Reference(column, table, column in required) for column, table in given.items()]


def _of_a_class(name: str, *, month_of: str | None = None, is_first_kept: bool = False) -> RecordTable:
    given = _read(name, ["enrollment_id"])
    leads = {"learner_id": "persons", "class_id": "classes"} | (
        {"content_id": "contents"} if "content_id" in given else {}
    )
    return RecordTable(
        name,
        given,
        {"enrollment_id": Kind.ID},
        {"given_learner_id": Kind.ID},
        _references(leads, ["learner_id"]),
        month_of=month_of,
        is_first_kept=is_first_kept,
    )


_ROSTER = {
    **dict.fromkeys(("learner_id", "class_id"), Kind.ID),
    "status": Kind.TEXT,
    **dict.fromkeys(("enrolled_at", "started_at", "completed_at", "withdrawn_at"), Kind.INSTANT),
    "score": Kind.NUMBER,
    "passed": Kind.BOOLEAN,
}
_LEARNER_IN_CLASS = _references({"learner_id": "persons", "class_id": "classes"}, ["learner_id", "class_id"])

#: In an order in which what a table refers to comes before it.
TABLES: dict[str, RecordTable] = {
    table.name: table
    for table in (
        RecordTable("departments", _read("departments"), references=_references({"parent_id": "departments"})),
        RecordTable("persons", _read("persons") | _MORE_OF_PERSONS, kept={"given_is_active": Kind.BOOLEAN}),
        RecordTable("programs", _read("programs"), references=_references({"department_id": "departments"})),
        RecordTable(
            "courses",
            _read("courses"),
            references=_references({"department_id": "departments", "program_id": "programs"}),
        ),
        RecordTable("terms", _read("terms"), references=_references({"parent_id": "terms"})),
        RecordTable(
            "classes",
            _read("classes", ["instructor_ids"]),
            {"instructor_ids": Kind.IDS},
            {"given_department_id": Kind.ID, "given_program_id": Kind.ID},
            _references(
                {
                    "course_id": "courses",
                    "department_id": "departments",
                    "program_id": "programs",
                    "term_id": "terms",
                }
            ),
        ),
        RecordTable(
            "contents",
            _read("contents"),
            references=_references({"course_id": "courses", "class_id": "classes", "department_id": "departments"}),
        ),
        RecordTable(
            "teachings",
            {"person_id": Kind.ID, "class_id": Kind.ID, "ends_at": Kind.INSTANT},
            references=_references({"person_id": "persons", "class_id": "classes"}, ["person_id", "class_id"]),
            is_hidden=True,
        ),
        RecordTable("rosters", _ROSTER, references=_LEARNER_IN_CLASS, is_hidden=True),
        RecordTable(
            "outcomes",
            {
                "learner_id": Kind.ID,
                "class_id": Kind.ID,
                "effect": Kind.TEXT,
                "at": Kind.INSTANT,
                "score": Kind.NUMBER,
            },
            references=_LEARNER_IN_CLASS,
            is_first_kept=True,
            is_hidden=True,
        ),
        RecordTable("voids", {"at": Kind.INSTANT}, is_first_kept=True, is_hidden=True),
        RecordTable(
            "aliases",
            {"person_id": Kind.ID},
            references=_references({"person_id": "persons"}, ["person_id"]),
            is_hidden=True,
        ),
        RecordTable("enrollments", {}, _read("enrollments"), is_derived=True),
        _of_a_class("results"),
        _of_a_class("attempts"),
        _of_a_class("certificates"),
        _of_a_class("events", month_of="timestamp", is_first_kept=True),
    )
}
#: Those that a source may give rows of.
GIVEN = tuple(name for name, table in TABLES.items() if not table.is_derived)
#: Those whose course, department, program, learner and enrollment are worked out from their class.
OF_A_CLASS = tuple(name for name, table in TABLES.items() if "enrollment_id" in table.derived)
OF_ITS_CLASS = _OF_ITS_CLASS
