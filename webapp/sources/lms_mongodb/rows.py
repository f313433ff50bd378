"""Documents as rows of a table, by one reading of a mapping."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from webapp.messages import Message
from webapp.record.ids import id_of
from webapp.sources.lms_mongodb import SOURCE
from webapp.sources.lms_mongodb.expressions import Words, evaluate, with_item
from webapp.sources.lms_mongodb.joins import Joins
from webapp.sources.lms_mongodb.mapping import Expression, Reading
from webapp.sources.lms_mongodb.paths import values_at
from webapp.sources.lms_mongodb.shape import TABLES, refers_to
from webapp.sources.lms_mongodb.values import UnfitError, fitted, key_text, number, of_day, row_id


@dataclass(frozen=True)
class Refused:
    """A document, or an element of one, that gives no row. `number` counts the documents of a reading from 1."""

    collection: str
    id: str
    number: int
    reason: str
    #: The row that it would be; None where even that cannot be said.
    row_id: str | None = None

    @property
    def place(self) -> str:
        return f"{self.collection} {self.id}"


@dataclass
class Read:
    """What a batch of documents gave. As many `rows`, `refused` and `aside` as there were documents, or elements."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    aside: int = 0


class RowMaker:
    """Makes rows of one reading's documents."""

    def __init__(self, table: str, reading: Reading, joins: Joins, words: Words, zone: ZoneInfo) -> None:
        self.table, self.reading = table, reading
        self._joins, self._words, self._zone = joins, words, zone
        self._unless = reading.unless.join if reading.unless is not None else None
        #: How many documents gave each column a value.
        self.filled: Counter[str] = Counter()
        self._number = 0

    def read(self, documents: Sequence[dict[str, Any]]) -> Read:
        """Rows of a batch; whatever a document looks like, this raises nothing but the database's own errors."""
        found = Read()
        prepared = list(self._prepared(documents))
        looked_at = [seen for _, elements in prepared for seen in elements]
        self._joins.prepare(self.reading.expressions, looked_at)
        if self._unless is not None:
            self._joins.prepare([self._unless], documents)
        for document, elements in prepared:
            self._number += 1
            if self._is_aside(document):
                found.aside += 1
                continue
            for seen in elements:
                try:
                    found.rows.append(self._row(seen))
                except UnfitError as error:
                    found.refused.append(self._refused(seen, error))
        return found

    def _refused(self, document: dict[str, Any], error: UnfitError) -> Refused:
        try:
            named: str | None = str(self._named(document)["id"])
        except UnfitError:
            named = None
        return Refused(self.reading.collection, _told(document.get("_id")), self._number, str(error.args[0]), named)

    def _prepared(self, documents: Sequence[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
        for document in documents:
            if self.reading.each is None:
                yield document, [document]
            else:
                yield document, [with_item(document, each) for each in values_at(document, self.reading.each)]

    def _is_aside(self, document: dict[str, Any]) -> bool:
        return self._unless is not None and self._joins.has(self._unless, document)

    def _row(self, document: dict[str, Any]) -> dict[str, Any]:
        row = self._named(document)
        for column, expression in self.reading.fields.items():
            try:
                self._fill(row, column, expression, document)
            except UnfitError as error:
                raise UnfitError(Message("%(column)s: %(why)s", column=column, why=error.args[0])) from error
        if self.reading.data:
            row["data"] = dict(self._data(document))
        return row

    def _named(self, document: dict[str, Any]) -> dict[str, Any]:
        if self.reading.key is None:
            key = document.get("_id")
            return {"id": row_id(self.table, key), "key": key_text(key), "source": SOURCE}
        parts = []
        for expression in self.reading.key:
            found = evaluate(expression, document, self._joins)
            if len(found) != 1:
                raise UnfitError(Message("key: there are %(count)s values where one is needed", count=len(found)))
            parts.append(key_text(found[0]))
        key = "/".join(parts)
        # A key of one part is what references may hold: it gives the id that they give.
        made = row_id(self.table, key) if len(parts) == 1 else id_of(SOURCE, self.table, key)
        return {"id": made, "key": key, "source": SOURCE}

    def _fill(self, row: dict[str, Any], column: str, expression: Expression, document: dict[str, Any]) -> None:
        unknown: list[str] = []
        found = evaluate(expression, document, self._joins, self._words, unknown)
        target = refers_to(self.table, column)
        value = fitted(TABLES[self.table][column], target, found)
        if expression.day is not None and value is not None:
            value = of_day(value, last=expression.day == "last", zone=self._zone)
        if value is not None and value != []:
            self.filled[column] += 1
        if expression.keep_in is not None and unknown:
            row[expression.keep_in] = unknown[0]
            self.filled[column] += 1
        if column == "is_active" and value is None:
            return
        row.setdefault(column, value) if value is None else row.update({column: value})
        if target is not None and value and not isinstance(value, list):
            row[f"_ref_{column}"] = _told(found[0])

    def _data(self, document: dict[str, Any]) -> Iterator[tuple[str, float]]:
        for name, expression in self.reading.data.items():
            for value in evaluate(expression, document, self._joins, self._words):
                yield name, number(value)
                self.filled[f"data.{name}"] += 1
                break


def _told(value: Any) -> str:
    """A key as a person may look for it; of a key of many parts its beginning."""
    return str(value)[:100]
