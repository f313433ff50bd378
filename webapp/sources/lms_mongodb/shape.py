"""What a mapping may give: the columns of each table of the record that are a source's to fill."""

from __future__ import annotations

from enum import StrEnum

from webapp.engine.catalogue.tables import TABLES as READ_BY_QUESTIONS
from webapp.record.tables import GIVEN
from webapp.record.tables import TABLES as OF_THE_RECORD


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

#: What only statements tell of.
_NOT_OF_DOCUMENTS = frozenset({"outcomes", "voids", "aliases"})
#: Kept by the record as text, so that no digit is lost.
_EXACT = frozenset({"lowest", "highest"})
#: No address of a person is taken from an LMS.
_PRIVATE = frozenset({"email"})

#: The table that each reference leads to, whatever table it stands in.
REFERS_TO = {
    reference.column: reference.table
    for table in OF_THE_RECORD.values()
    for reference in table.references
    if reference.column != "parent_id"
} | {"department_ids": "departments"}


def refers_to(table: str, column: str) -> str | None:
    """The table that `column` of `table` leads to."""
    return table if column == "parent_id" else REFERS_TO.get(column)


def _columns(table: str) -> Columns:
    """Of a table that questions read only what they read."""
    given = OF_THE_RECORD[table].given
    read = READ_BY_QUESTIONS.get(table, given).keys() - _PRIVATE
    kinds = {column: Kind.EXACT if column in _EXACT else Kind(kind) for column, kind in given.items() if column in read}
    return {"is_active": Kind.BOOLEAN} | kinds


#: In the order in which they are read: what is referred to comes before what refers to it.
TABLES: dict[str, Columns] = {table: _columns(table) for table in GIVEN if table not in _NOT_OF_DOCUMENTS}
