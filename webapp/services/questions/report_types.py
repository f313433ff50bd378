"""What a report type is here: its declaration, its measures, and those that administrators have made."""

from __future__ import annotations

from dataclasses import replace

from webapp.documents import (
    LookupCategory,
)
from webapp.documents.lookup_value import active_lookups, lookup_cache
from webapp.engine.catalogue.datasets import DATASETS
from webapp.engine.catalogue.measures import AGGREGATES
from webapp.engine.catalogue.report_types import REPORT_TYPES
from webapp.engine.declarations import UNITS_SHOWN, Dataset, ReportType, Unit
from webapp.engine.query import CustomMeasure
from webapp.errors import InvalidRequestError
from webapp.messages import Message
from webapp.services.record import fields


def report_type_of(key: str) -> ReportType:
    """The declaration of a report type; one that administrators added names another in `metadata.basedOn`.

    Raises InvalidRequestError for a type without a declaration.
    """
    if key in REPORT_TYPES:
        return REPORT_TYPES[key]
    value = lookup_cache.category(LookupCategory.REPORT_TYPE).get(key)
    base = str(value.metadata.get("basedOn", "")) if value is not None else ""
    if value is None or base not in REPORT_TYPES:
        raise InvalidRequestError(
            {
                "report_type": Message(
                    "The report type “%(key)s” does not say what it counts: its lookup value needs the metadata "
                    "“basedOn” with one of %(possible)s.",
                    key=key[:60],
                    possible=list(REPORT_TYPES),
                )
            }
        )
    declared = REPORT_TYPES[base]
    return replace(
        declared,
        key=key,
        label=value.display_as,
        group_by=tuple(value.metadata.get("groupBy") or declared.group_by),
        measures=tuple(value.metadata.get("measures") or declared.measures),
    )


def dataset_of_type(key: str) -> Dataset:
    """What the rows of this report type are. Raises InvalidRequestError."""
    return DATASETS[report_type_of(key).dataset]


def custom_measures() -> tuple[CustomMeasure, ...]:
    """Measures that administrators made: `measure-type` lookups whose metadata names an aggregate and a field."""
    found = []
    for value in lookup_cache.category(LookupCategory.MEASURE_TYPE).values():
        aggregate = value.metadata.get("aggregate")
        if aggregate not in AGGREGATES:
            continue
        named = value.metadata.get("datasets") or value.metadata.get("dataset") or ()
        datasets = (named,) if isinstance(named, str) else tuple(named)
        unit = UNITS_SHOWN.get(str(value.metadata.get("format")), Unit.NUMBER).value
        field = str(value.metadata.get("field") or "")
        found.append(CustomMeasure(value.key, value.display_as, aggregate, field, datasets, unit))
    return tuple(found)


def measures_for(dataset: Dataset) -> list[str]:
    """Keys of the active measures that apply to `dataset`, in the lookups' order."""
    custom = {each.key for each in custom_measures() if dataset.key in each.datasets}
    return [key for key in active_lookups(LookupCategory.MEASURE_TYPE) if key in dataset.measures or key in custom]


def data_fields() -> list[str]:
    """`data.<name>` for every number that events have in their data."""
    return fields.data_fields()


def base_key(declared: ReportType) -> str:
    value = lookup_cache.category(LookupCategory.REPORT_TYPE)[declared.key]
    return str(value.metadata["basedOn"])
