"""What a report type is here: its declaration, its measures, and those that administrators have made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from webapp.documents import (
    LookupCategory,
)
from webapp.documents.lookup_value import active_lookups, lookup_cache
from webapp.engine.asked_measures import split_measure, unit_of
from webapp.engine.catalogue.datasets import DATASETS
from webapp.engine.catalogue.report_types import REPORT_TYPES
from webapp.engine.custom_measures import made_measure
from webapp.engine.declarations import Dataset, ReportType, Unit
from webapp.engine.fields import DATA
from webapp.engine.query import CustomMeasure, Query
from webapp.errors import InvalidRequestError
from webapp.messages import Message
from webapp.services.lookups import values as lookups
from webapp.services.questions.chosen_filters import CHOSEN_FILTERS
from webapp.services.questions.request import ReportRequest
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


def standing(request: ReportRequest) -> list[tuple[str, str, tuple[Any, ...]]]:
    """What the report type says of its rows, as far as the question says nothing else of the same field."""
    said = {each.field for each in request.conditions}
    said |= {chosen.dimension for chosen in CHOSEN_FILTERS if getattr(request, chosen.name)}
    return [each for each in report_type_of(request.report_type).where if each[0] not in said]


def dataset_of_type(key: str) -> Dataset:
    """What the rows of this report type are. Raises InvalidRequestError."""
    return DATASETS[report_type_of(key).dataset]


def dataset_or_none(key: str) -> Dataset | None:
    """The same; None for a type without a declaration."""
    try:
        return dataset_of_type(key)
    except InvalidRequestError:
        return None


def custom_measures() -> tuple[CustomMeasure, ...]:
    """Measures that administrators made: `measure-type` lookups whose metadata says how they are worked out."""
    values = lookup_cache.category(LookupCategory.MEASURE_TYPE).values()
    found = (made_measure(value.key, value.display_as, value.metadata) for value in values)
    return tuple(each for each in found if each is not None)


def unit_of_measure(dataset: Dataset, text: str) -> tuple[Unit, bool]:
    """What the numbers of a measure count; and of seconds, whether people count them in days, else in hours."""
    return unit_of(Query("", dataset.key, custom_measures=custom_measures()), dataset, text)


def event_words() -> dict[str, str]:
    """What people read for each type of event, in the lookups' order; those that are not used any more too."""
    events = lookup_cache.category(LookupCategory.ACTIVITY_EVENT)
    return {key: lookups.label(LookupCategory.ACTIVITY_EVENT, key) for key in events}


def measures_for(dataset: Dataset) -> list[str]:
    """Keys of the active measures that apply to `dataset`, in the lookups' order. One that is of a number which no
    event has (any more) is not offered."""
    custom = {each.key for each in custom_measures() if dataset.key in each.datasets and _has_its_data(each)}
    return [key for key in active_lookups(LookupCategory.MEASURE_TYPE) if key in dataset.measures or key in custom]


def _has_its_data(custom: CustomMeasure) -> bool:
    about = (custom.field, *(split_measure(text)[1] for text in (custom.of, custom.over)))
    named = [*about, custom.where.field if custom.where is not None else ""]
    return all(name in data_fields() for name in named if name.startswith(DATA))


def data_fields() -> list[str]:
    """`data.<name>` for every number that events have in their data."""
    return fields.data_fields()


def base_key(declared: ReportType) -> str:
    value = lookup_cache.category(LookupCategory.REPORT_TYPE)[declared.key]
    return str(value.metadata["basedOn"])
