"""A measure of administrators' own, from the metadata of its lookup value, and what is wrong with such metadata."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from webapp.engine.asked_measures import OPERATOR_SIGNS, RATIO, SHARE, split_measure
from webapp.engine.catalogue import AGGREGATES, DATASETS
from webapp.engine.declarations import UNITS_SHOWN, Dataset, Unit
from webapp.engine.fields import field_of, fields_for, is_data_field
from webapp.engine.query import CustomMeasure, Filter
from webapp.messages import Message

KINDS = (*AGGREGATES, SHARE, RATIO)


def made_measure(key: str, label: str, metadata: Mapping[str, Any]) -> CustomMeasure | None:
    """None for one of the program's own, and for what is no measure."""
    aggregate = metadata.get("aggregate")
    if aggregate not in KINDS:
        return None
    unit = UNITS_SHOWN.get(str(metadata.get("format")), Unit.NUMBER).value
    field = str(metadata.get("field") or "")
    where = None
    if aggregate == SHARE:
        where, field, unit = Filter(field, metadata.get("operator"), (metadata.get("value"),)), "", Unit.RATIO.value  # type: ignore[arg-type]
    of, over = (str(metadata.get(name) or "") for name in ("of", "over"))
    return CustomMeasure(key, label, str(aggregate), field, datasets_of(metadata), unit, where, of, over)


def datasets_of(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """The kinds of rows that it is for; older values name one."""
    named = metadata.get("datasets") or metadata.get("dataset") or ()
    return (named,) if isinstance(named, str) else tuple(str(each) for each in named if isinstance(named, list | tuple))


def problems(metadata: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with the metadata, by its names; empty when all is well."""
    found: dict[str, str] = {}
    aggregate, field = str(metadata["aggregate"]), str(metadata.get("field") or "")
    if aggregate not in KINDS:
        found["aggregate"] = Message("A measure is one of %(possible)s.", possible=list(KINDS))
    elif (aggregate == SHARE or (aggregate in AGGREGATES and AGGREGATES[aggregate].requires_field)) and not field:
        found["field"] = Message("This kind of measure needs a field.")
    datasets = datasets_of(metadata)
    if not datasets or not set(datasets) <= set(DATASETS):
        found["datasets"] = Message("A measure applies to one or more of %(possible)s.", possible=list(DATASETS))
    elif "aggregate" not in found:
        for each in datasets:
            found = _in(DATASETS[each], aggregate, field, metadata) | found
    if metadata.get("format", "number") not in UNITS_SHOWN:
        found["format"] = Message("A measure is shown as one of %(possible)s.", possible=list(UNITS_SHOWN))
    return found


def _in(dataset: Dataset, aggregate: str, field: str, metadata: Mapping[str, Any]) -> dict[str, str]:
    if aggregate == RATIO:
        return {
            name: problem
            for name in ("of", "over")
            if (problem := _part_problem(dataset, str(metadata.get(name) or "")))
        }
    if aggregate == SHARE:
        return _share_problems(dataset, field, metadata)
    if field and not _can_be_of(dataset, aggregate, field):
        return {"field": _cannot(aggregate, field, dataset)}
    return {}


def _part_problem(dataset: Dataset, text: str) -> str:
    key, field = split_measure(text)
    measure = dataset.measures.get(key)
    if measure is None or measure.prepare is not None:
        possible = [each.key for each in dataset.measures.values() if each.prepare is None]
        return Message(
            "A ratio is of two measures of %(rows)s, such as sum:score; “%(measure)s” is none. Possible: %(possible)s.",
            rows=dataset.label,
            measure=text[:60],
            possible=possible,
        )
    if measure.requires_field and not _can_be_of(dataset, key, field):
        return _cannot(key, field, dataset)
    return "" if measure.requires_field or not field else _cannot(key, field, dataset)


def _share_problems(dataset: Dataset, field: str, metadata: Mapping[str, Any]) -> dict[str, str]:
    known = field_of(dataset, field)
    if known is None:
        return {"field": _cannot(SHARE, field, dataset)}
    if metadata.get("operator") not in OPERATOR_SIGNS:
        return {"operator": Message("A share compares by one of %(possible)s.", possible=list(OPERATOR_SIGNS))}
    value = metadata.get("value")
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if known.is_numeric != is_number or value in (None, ""):
        return {
            "value": Message("“%(value)s” cannot be compared with “%(field)s”.", value=str(value)[:60], field=field)
        }
    return {}


def _can_be_of(dataset: Dataset, aggregate: str, field: str) -> bool:
    return field in fields_for(dataset, aggregate) or is_data_field(dataset, field)


def _cannot(measure: str, field: str, dataset: Dataset) -> Message:
    return Message(
        "%(measure)s cannot be taken of “%(field)s” in %(rows)s.",
        measure=measure, field=field[:60], rows=[dataset.key],
    )  # fmt: skip


def numbers_named(metadata: Mapping[str, Any]) -> list[str]:
    """Every field that the measure names."""
    parts = (split_measure(str(metadata.get(name) or ""))[1] for name in ("of", "over"))
    return [each for each in (str(metadata.get("field") or ""), *parts) if each]
