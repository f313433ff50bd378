"""The fields of a kind of rows: its own, and the numbers that its events carry under names of their own."""

from __future__ import annotations

from webapp.engine.catalogue.dimensions import DIMENSIONS
from webapp.engine.catalogue.tables import data_column
from webapp.engine.declarations import Dataset, Field, Unit

#: A field of this beginning is a number that events carry in their `data`.
DATA = "data."
_ORDERED_UNITS = (Unit.INSTANT, Unit.DATE)


def is_data_field(dataset: Dataset, key: str) -> bool:
    """Whether `key` has the form of a number in these rows' data; which there are, only the record knows."""
    return dataset.has_data and key.startswith(DATA) and len(key) > len(DATA)


def field_of(dataset: Dataset, key: str) -> Field | None:
    """The field `key` of the dataset, `data.<name>` included; None when there is none."""
    if is_data_field(dataset, key):
        name = key.removeprefix(DATA)
        column = data_column(name)
        return Field(key, name.replace("_", " ").capitalize(), Unit.NUMBER, lambda table: table[column])
    return dataset.fields.get(key)


def fields_for(dataset: Dataset, aggregate: str) -> list[str]:
    """What `aggregate` can be of: numbers; for the extremes instants too; for a distinct count everything."""
    if aggregate == "count-distinct":
        plain = (key for key in dataset.dimensions if DIMENSIONS[key].many is None and not DIMENSIONS[key].attribute)
        return [*plain, *dataset.fields]
    if aggregate in ("min", "max"):
        return [key for key, field in dataset.fields.items() if field.is_numeric or field.unit in _ORDERED_UNITS]
    return [key for key, field in dataset.fields.items() if field.is_numeric]
