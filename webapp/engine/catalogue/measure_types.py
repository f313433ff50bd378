"""Each measure once, over all datasets that have it: what the list of measures says of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from webapp.engine.catalogue.datasets import DATASETS
from webapp.engine.declarations import Dataset, Measure, Unit
from webapp.messages import Message


@dataclass(frozen=True)
class MeasureType:
    """`definition` tells the datasets apart where the measure means something else in each."""

    key: str
    label: str
    definition: str
    unit: Unit | None
    requires_field: bool
    datasets: tuple[str, ...]


def _type(key: str) -> MeasureType:
    found = [(dataset, dataset.measures[key]) for dataset in DATASETS.values() if key in dataset.measures]
    _, first = found[0]
    definition = _definition(found)
    datasets = tuple(dataset.key for dataset, _ in found)
    return MeasureType(key, first.label, definition, first.unit, first.requires_field, datasets)


def _definition(found: list[tuple[Dataset, Measure]]) -> str:
    """The one that several datasets share, and then each other one with the name of its rows."""
    shared = Counter(measure.definition for _, measure in found)
    usual = shared.most_common(1)[0][0]
    if len(shared) == 1:
        return usual
    others = [
        Message("%(rows)s: %(definition_)s", rows=dataset.label, definition=measure.definition)
        for dataset, measure in found
        if shared[usual] == 1 or measure.definition != usual
    ]
    return Message.joined([*([usual] if shared[usual] > 1 else []), *others])


MEASURE_TYPES: dict[str, MeasureType] = {
    key: _type(key) for key in dict.fromkeys(key for dataset in DATASETS.values() for key in dataset.measures)
}
