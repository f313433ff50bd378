"""What a measure in a question is: `count`, `sum:data.clicks`, or one that administrators made."""

from __future__ import annotations

from dataclasses import replace

from webapp.engine.catalogue.measures import AGGREGATES
from webapp.engine.declarations import Dataset, Measure, Unit
from webapp.engine.query import Query
from webapp.messages import Message


def split_measure(text: str) -> tuple[str, str]:
    """`sum:data.clicks` -> (`sum`, `data.clicks`)."""
    key, _, field = text.partition(":")
    return key, field


def measure_of(query: Query, dataset: Dataset, key: str) -> Measure | None:
    """The dataset's measure, or one that administrators made: its aggregate applied to its own field."""
    for custom in query.custom_measures:
        if custom.key == key and dataset.key in custom.datasets and custom.aggregate in AGGREGATES:
            base = AGGREGATES[custom.aggregate]
            return replace(
                base,
                key=key,
                label=custom.label,
                unit=Unit(custom.unit),
                definition=Message("%(definition)s Field: %(field)s.", definition=base.definition, field=custom.field),
            )
    return dataset.measures.get(key)


def field_of_measure(query: Query, text: str) -> str:
    """The field that a measure is of: its own, or for one that administrators made, the one they named."""
    key, field = split_measure(text)
    for custom in query.custom_measures:
        if custom.key == key:
            return custom.field
    return field


def applicable_measures(query: Query, dataset: Dataset) -> list[str]:
    return [*dataset.measures, *(each.key for each in query.custom_measures if dataset.key in each.datasets)]


def aggregate_of(query: Query, key: str) -> str:
    """The base aggregate of a measure that administrators made; any other is its own."""
    return next((custom.aggregate for custom in query.custom_measures if custom.key == key), key)
