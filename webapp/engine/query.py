"""A question, as data: what the compiler reads. Made by `services.questions.as_query`, which has validated it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

Operator = Literal[
    "eq", "ne", "gt", "gte", "lt", "lte", "in", "not-in", "between",
    "contains", "starts-with", "is-null", "is-not-null",
]  # fmt: skip

#: More of a kind than this, nobody reads.
MAX_DIMENSIONS = 5
MAX_SLICERS = 3
MAX_MEASURES = 20
MAX_TOP = 1_000


@dataclass(frozen=True)
class Filter:
    """A condition on one field or dimension of the dataset.

    `values` holds one value; two for `between` (both ends included); any number for `in` and `not-in`; none for the
    null tests. `ne` and `not-in` keep rows whose field is empty. Texts are compared without case and accents, unless
    `is_exact`: keys, and names that were chosen from a list, of which two may differ in just that.
    """

    field: str
    operator: Operator
    values: tuple[Any, ...] = ()
    is_exact: bool = False


@dataclass(frozen=True)
class DateRange:
    """From `start` on, up to but without `end`; both aware, either may be None (open)."""

    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True)
class Sort:
    column: str
    descending: bool = False


@dataclass(frozen=True)
class Scope:
    """Rows that may be counted: of these departments or of these classes. Both None: all rows. Of them, with `within`,
    only those that are within that scope, too."""

    department_ids: tuple[str, ...] | None = None
    class_ids: tuple[str, ...] | None = None
    within: Scope | None = None

    @property
    def is_everything(self) -> bool:
        return self.department_ids is None and self.class_ids is None and self.within is None

    @property
    def each(self) -> Iterator[Scope]:
        """The scopes that a row must all be in, none of them with another one within it."""
        if self.department_ids is not None or self.class_ids is not None:
            yield Scope(self.department_ids, self.class_ids)
        if self.within is not None:
            yield from self.within.each


@dataclass(frozen=True)
class CustomMeasure:
    """A measure that administrators made: a base aggregate of a field; with the aggregate `share`, the share of rows
    where `where` holds; with `ratio`, the measure `of` over the measure `over`. `unit` is number, ratio or seconds.
    """

    key: str
    label: str
    aggregate: str
    field: str
    datasets: tuple[str, ...]
    unit: str = "number"
    where: Filter | None = None
    of: str = ""
    over: str = ""


@dataclass(frozen=True)
class Query:
    """Rows are the groups of `dimensions`; columns the `measures`, each again for every value of the `slicers`.

    With `fields` instead of measures, rows are the dataset's own, with these fields.
    `moment` is “now” for whatever depends on it (a certificate that expires in 90 days).
    """

    report_type: str
    dataset: str
    dimensions: tuple[str, ...] = ()
    slicers: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    date_range: DateRange = DateRange()
    date_field: str | None = None
    time_zone: str = "UTC"
    include_inactive: bool = False
    #: Only groups whose measures fit; totals are of all matching rows all the same.
    results: tuple[Filter, ...] = ()
    sort: tuple[Sort, ...] = ()
    limit: int | None = None
    top: int | None = None
    totals: bool = True
    subtotals: bool = False
    scope: Scope = Scope()
    moment: datetime = field(default_factory=lambda: datetime(2000, 1, 1, tzinfo=UTC))
    custom_measures: tuple[CustomMeasure, ...] = ()
    #: What people read for each type of event, in the order in which events happen.
    event_words: Mapping[str, str] = field(default_factory=dict)
    title: str = ""
    #: Bounds that all instants of the rows keep to, where the runner has looked; not part of what is asked.
    span: DateRange = DateRange()
