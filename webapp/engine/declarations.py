"""The words of the catalogue: what a dataset, a dimension, a measure and a report type are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Table = Any  # an Ibis table; Ibis builds its columns at run time, so that types say nothing about them
Value = Any  # an Ibis value


class Unit(StrEnum):
    """What a number counts. `UNITS_SHOWN` are those that people choose between for a measure of their own."""

    COUNT = "count"
    RATIO = "ratio"  # a fraction, 0-1
    SECONDS = "seconds"
    SCORE = "score"  # 0-100
    NUMBER = "number"
    TEXT = "text"
    DATE = "date"
    INSTANT = "datetime"
    FLAG = "boolean"


#: How a measure is shown, by the word that `measure-type` lookups have for it.
UNITS_SHOWN = {"number": Unit.NUMBER, "percent": Unit.RATIO, "duration": Unit.SECONDS}


@dataclass(frozen=True)
class Beside:
    """Texts that may tell namesakes apart: of the thing itself, or of what `way` leads to, step by step: (a column of
    ids, the table that has them)."""

    texts: tuple[Callable[[Table], Value], ...]
    way: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Entity:
    """A table whose rows a fact names by id, and the text that stands for one of them.

    `beside` is what is said with it where another one is called the same, the best first; last of all, and not named
    there, comes the source's key.
    """

    table: str
    label: Callable[[Table], Value]
    number: Callable[[Table], Value] | None = None  # a second text, in a column of its own
    number_label: str = ""
    beside: tuple[Beside, ...] = ()


@dataclass(frozen=True)
class Dimension:
    """Something to group by: an entity by the fact's `column`, an attribute of one, or a value of the row itself.

    `what` says what one of them is (those that have it are the `dimension-entity` lookups); `definition` how a row
    finds its group, where the label does not say it.
    """

    key: str
    label: str
    what: str = ""
    definition: str = ""
    entity: str | None = None
    column: str = ""
    attribute: str | None = None  # a column of the entity's table, in the place of the entity itself
    value: Callable[[Table], Value] | None = None
    many: str | None = None  # a row may belong to several: the name of the relation that says so
    time: str | None = None  # a time bucket
    different: str = ""  # what the number of different ones is called
    words: Mapping[str, str] = field(default_factory=dict)  # values that are ours, in their order: what people read


@dataclass(frozen=True)
class Field:
    """A value of each row, by which to filter, that a measure can aggregate or a detail row show."""

    key: str
    label: str
    unit: Unit
    value: Callable[[Table], Value]
    definition: str = ""
    #: Adds to the rows what `value` reads: (rows, tables) -> rows. Done only where the field is asked for, on rows that
    #: the requester may count.
    prepare: Callable[[Table, dict[str, Table]], Table] | None = None
    needs: tuple[str, ...] = ()  # tables that `prepare` reads
    is_long: bool = False  # of seconds: people count them in days

    @property
    def is_numeric(self) -> bool:
        return self.unit in (Unit.COUNT, Unit.SECONDS, Unit.SCORE, Unit.NUMBER, Unit.RATIO)


def _only(part: Value) -> Value:
    return part


@dataclass(frozen=True)
class Measure:
    """A number of a group of rows: its unit, its definition in words, and how to compute it.

    `parts` are aggregates of the rows (and, for one that requires a field, of that field's value); `value` makes the
    number of them. Keeping a sum and a count instead of their quotient, groups can be put together.
    """

    key: str
    label: str
    unit: Unit | None  # None: the field's own
    definition: str
    parts: Callable[[Table, Any], tuple[Value, ...]]
    value: Callable[..., Value] = _only
    requires_field: bool = False
    of: str = ""  # what it is called of a field, `%(field_)s`
    zero_if_empty: bool = False
    needs: tuple[str, ...] = ()  # tables beside the dataset's own
    is_long: bool = False  # of seconds: people count them in days
    #: A part of several groups together, from theirs; None where only their rows tell it.
    combine: Callable[[Value], Value] | None = None
    #: Adds to the rows what `parts` read: (rows, tables, start, end) -> rows; the bounds are naive UTC or None.
    prepare: Callable[[Table, dict[str, Table], Any, Any], Table] | None = None

    def filled(self, value: Value) -> Value:
        """No rows at all, or no groups, have the count 0, and no average."""
        return value.fill_null(0) if self.zero_if_empty else value


@dataclass(frozen=True)
class Dataset:
    """One kind of row. `dates` are its instants by key, the first its own; `measures` by key."""

    key: str
    label: str
    table: str
    dates: dict[str, str]
    dimensions: tuple[str, ...]
    statuses: tuple[str, ...] = field(default=(), kw_only=True)  # in the order of life
    fields: dict[str, Field]
    measures: dict[str, Measure]
    needs: tuple[str, ...] = ()  # tables beside its own that its rows are made with
    prepare: Callable[[dict[str, Table]], Table] | None = None
    #: Of the rows that the requester may count, those that stand: where some are there for the lack of others.
    settle: Callable[[Table], Table] | None = None
    has_data: bool = False  # `data.<name>` are fields too
    once: str | None = None  # rows may repeat one thing: its id; the first of its rows has `is_first`
    has_moment: bool = False  # some of its values depend on the query's `moment`


@dataclass(frozen=True)
class Chart:
    kind: str
    x: str | None = None  # None: the first dimension
    y: str | None = None  # None: the first measure
    series: str | None = None


@dataclass(frozen=True)
class ReportType:
    """What a report of this type answers when nothing else is said."""

    key: str
    label: str
    dataset: str
    group_by: tuple[str, ...]
    measures: tuple[str, ...]
    description: str
    detail: tuple[str, ...] = ()  # fields of its detail rows; () where there are none
    detail_sort: tuple[str, ...] = ()
    chart: Chart | None = None
    slicers: tuple[str, ...] = ()
    sort: tuple[str, ...] = ()
    detail_first: bool = False  # its detail rows are what people mean by it
    #: What its rows are, (field, operator, values), unless the question says something else of that field.
    where: tuple[tuple[str, str, tuple[Any, ...]], ...] = ()
    pages: tuple[str, ...] = ()  # fields of its detail rows: each of them has a page of its own
    section: str | None = None  # and on it a table for each of these
