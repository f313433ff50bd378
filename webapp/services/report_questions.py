"""From what a person asked (`Parameters` of a job) to what the engine answers (`Query`), and back into words.

`to_query` adds the day that makes an end date exclusive, and nothing else does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow.parquet
from bson import ObjectId

from webapp import clock, extract
from webapp.documents import (
    AssessmentResult,
    Class,
    Content,
    Course,
    Department,
    Enrollment,
    LookupCategory,
    Parameters,
    ReportJob,
    ScormAttempt,
    User,
)
from webapp.documents.lookup_value import active_lookups, lookup_cache
from webapp.documents.report_job import WITH_FILE
from webapp.engine import compiler, runner, validation
from webapp.engine.backends import Limits
from webapp.engine.catalogue.datasets import DATASETS
from webapp.engine.catalogue.dimensions import DIMENSIONS
from webapp.engine.catalogue.measures import AGGREGATES
from webapp.engine.catalogue.report_types import REPORT_TYPES
from webapp.engine.declarations import Dataset, ReportType
from webapp.engine.errors import QueryError, QuestionTooSlowError
from webapp.engine.query import CustomMeasure, DateRange, Filter, Query, Scope, Sort
from webapp.engine.result import Result
from webapp.engine.validation import field_of, split_measure
from webapp.errors import InvalidRequestError
from webapp.services import lookups, queue_status
from webapp.services.visibility import DataScope
from webapp.settings import get_settings

PREVIEW_ROWS = 50
PREVIEW_SECONDS = 4.0
PREVIEW_MEMORY_MB = 512
#: Sizes of so many finished files are what an estimate is made from.
FILES_MEASURED = 50
#: More chosen values than this are told by their number.
VALUES_TOLD = 8

STATUSES: dict[str, tuple[str, ...]] = {
    "enrollments": Enrollment.STATUSES,
    "assessments": AssessmentResult.STATUSES,
    "scorm-attempts": ScormAttempt.STATUSES,
    "certificates": ("valid", "expiring", "expired", "revoked"),
}

OPERATOR_WORDS = {
    "eq": "is", "ne": "is not", "gt": "is over", "gte": "is at least", "lt": "is under", "lte": "is at most",
    "in": "is one of", "not-in": "is none of", "between": "is between", "contains": "contains",
    "starts-with": "starts with", "is-null": "is empty", "is-not-null": "is not empty",
}  # fmt: skip


@dataclass(frozen=True)
class _Chosen:
    """One of the seed's filters: its list in `ReportFilters`, the dimension it narrows, and how to name its values."""

    name: str
    dimension: str
    label: str
    document: Any = None
    text: str = "name"


_CHOSEN = (
    _Chosen("department_ids", "department-tree", "Departments", Department),
    _Chosen("course_ids", "course", "Courses", Course),
    _Chosen("class_ids", "class", "Classes", Class, "code"),
    _Chosen("learner_ids", "learner", "Learners", User),
    _Chosen("content_ids", "content", "Contents", Content),
    _Chosen("event_types", "event-type", "Events"),
    _Chosen("statuses", "status", "Statuses"),
)


@dataclass(frozen=True)
class Preview:
    """The first rows of an answer, from the extract as it is. `refreshed_at` None: nothing was extracted yet."""

    result: Result
    rows: list[dict[str, Any]]
    refreshed_at: datetime | None


@dataclass(frozen=True)
class Estimate:
    """What asking would give. None where nothing has been measured yet."""

    rows_matched: int
    rows_out: int
    seconds: float | None
    bytes: dict[str, int | None]  # by format


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
                "report_type": f"The report type “{key[:60]}” does not say what it counts: its lookup value needs the "
                f"metadata “basedOn” with one of {', '.join(REPORT_TYPES)}."
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
        unit = {"percent": "ratio", "duration": "seconds"}.get(str(value.metadata.get("format")), "number")
        field = str(value.metadata.get("field") or "")
        found.append(CustomMeasure(value.key, value.display_as, aggregate, field, datasets, unit))
    return tuple(found)


def measures_for(dataset: Dataset) -> list[str]:
    """Keys of the active measures that apply to `dataset`, in the lookups' order."""
    custom = {each.key for each in custom_measures() if dataset.key in each.datasets}
    return [key for key in active_lookups(LookupCategory.MEASURE_TYPE) if key in dataset.measures or key in custom]


def data_fields() -> list[str]:
    """`data.<name>` for every number that the extract has found in the events."""
    return extract.data_fields()


def to_query(report_type: str, parameters: Parameters, scope: DataScope, *, moment: datetime | None = None) -> Query:
    """The engine's question. Raises InvalidRequestError with every fault under the name of its parameter."""
    declared = report_type_of(report_type)
    dataset = DATASETS[declared.dataset]
    errors: dict[str, str] = {}
    time_zone = parameters.time_zone or get_settings().time_zone
    filters = _filters(dataset, parameters, errors)
    given = parameters.date_range
    if given is not None and given.start_date and given.end_date and given.end_date < given.start_date:
        errors["parameters.date_range"] = (
            f"The end date {given.end_date:%Y-%m-%d} is before the start date {given.start_date:%Y-%m-%d}."
        )
    details = parameters.detail or (declared.detail_first and not parameters.group_by and not parameters.measures)
    if parameters.detail and not declared.detail:
        errors["parameters.detail"] = f"{declared.label} has no detail rows."
    if parameters.detail and parameters.group_by:
        errors["parameters.detail"] = "Detail rows are not grouped: take the grouping or the detail away."
    query = Query(
        report_type=declared.key if declared.key in REPORT_TYPES else _base_key(declared),
        dataset=dataset.key,
        filters=filters,
        date_field=parameters.date_field or None,
        time_zone=time_zone,
        include_inactive=bool(parameters.include_inactive),
        limit=parameters.limit,
        scope=Scope(scope.department_ids, scope.class_ids),
        moment=moment or clock.utcnow(),
        custom_measures=custom_measures(),
        title=declared.label,
    )
    sort = tuple(Sort(text.removeprefix("-"), text.startswith("-")) for text in parameters.sort or ())
    if details:
        query = replace(query, fields=declared.detail, sort=sort or tuple(Sort(key) for key in declared.detail_sort))
    else:
        query = _grouped(query, declared, dataset, parameters, sort)
    try:
        query = replace(query, date_range=_date_range(parameters, ZoneInfo(time_zone)))
    except (KeyError, ValueError, OSError):
        errors["parameters.time_zone"] = f"“{time_zone[:60]}” is not a time zone, such as Europe/Madrid."
        query = replace(query, time_zone="UTC")
    try:
        validation.check(query)
    except QueryError as error:
        errors = error.fields | errors
    if errors:
        raise InvalidRequestError(errors)
    return query


def _base_key(declared: ReportType) -> str:
    value = lookup_cache.category(LookupCategory.REPORT_TYPE)[declared.key]
    return str(value.metadata["basedOn"])


def _grouped(
    query: Query, declared: ReportType, dataset: Dataset, parameters: Parameters, sort: tuple[Sort, ...]
) -> Query:
    dimensions = tuple(parameters.group_by) or declared.group_by
    slicers = tuple(parameters.slicers)
    if not slicers and not parameters.group_by:
        slicers = declared.slicers
    measures = tuple(parameters.measures) or declared.measures
    # What is grouped by time stays in the order of time.
    is_over_time = bool(dimensions) and dimensions[0] in DIMENSIONS and DIMENSIONS[dimensions[0]].time is not None
    if not sort and not parameters.subtotals and not is_over_time:
        usual = [Sort(text.removeprefix("-"), text.startswith("-")) for text in declared.sort]
        sort = tuple(each for each in usual if each.column in (*dimensions, *measures))
    return replace(
        query,
        dimensions=dimensions,
        slicers=slicers,
        measures=tuple(dict.fromkeys(measures)),
        sort=sort,
        top=parameters.top,
        totals=parameters.totals is not False,
        subtotals=bool(parameters.subtotals),
    )


def _date_range(parameters: Parameters, zone: ZoneInfo) -> DateRange:
    """Calendar days, both included, as instants: local midnight to local midnight."""
    given = parameters.date_range
    if given is None:
        return DateRange()
    start = given.start_date.date() if given.start_date else None
    end = given.end_date.date() + timedelta(days=1) if given.end_date else None
    return DateRange(
        datetime.combine(start, time(), tzinfo=zone) if start else None,
        datetime.combine(end, time(), tzinfo=zone) if end else None,
    )


def _filters(dataset: Dataset, parameters: Parameters, errors: dict[str, str]) -> tuple[Filter, ...]:
    given = parameters.filters
    found: list[Filter] = []
    if given is None:
        return ()
    for chosen in _CHOSEN:
        values = list(getattr(given, chosen.name) or ())
        if not values:
            continue
        name = f"parameters.filters.{chosen.name}"
        if chosen.dimension not in dataset.dimensions:
            errors[name] = f"{dataset.label} cannot be filtered by {chosen.label.lower()}."
            continue
        _check_values(dataset, chosen, values, name, errors)
        found.append(Filter(chosen.dimension, "in", tuple(str(value) for value in values)))
    for condition in given.conditions or ():
        value = condition.value
        values = [] if value is None else value if isinstance(value, list) else [value]
        found.append(Filter(condition.field, condition.operator, tuple(_plain(each) for each in values)))
    return tuple(found)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, ObjectId) else value


def _check_values(dataset: Dataset, chosen: _Chosen, values: Sequence[Any], name: str, errors: dict[str, str]) -> None:
    if chosen.document is not None:
        known = set(chosen.document.objects(id__in=values).scalar("id"))
        missing = [str(value) for value in values if value not in known]
        singular = chosen.label.lower().removesuffix("s").removesuffix("e" if chosen.label == "Classes" else "")
        what = f"There is no {singular}"
    else:
        allowed: Iterable[str] = (
            lookup_cache.category(LookupCategory.ACTIVITY_EVENT)
            if chosen.name == "event_types"
            else STATUSES.get(dataset.key, ())
        )
        missing = [str(value) for value in values if value not in allowed]
        what = f"{dataset.label} have no {'event' if chosen.name == 'event_types' else 'status'}"
    if missing:
        more = f" (and {len(missing) - 3} more)" if len(missing) > 3 else ""
        errors[name] = f"{what} {', '.join(text[:60] for text in missing[:3])}{more}."


def tables_for(query: Query) -> tuple[str, ...]:
    """The tables of the extract that answering `query` reads."""
    return compiler.tables_of(query)


def question_hash(report_type: str, parameters: Parameters, scope: DataScope, format: str) -> str:
    """Equal for equal questions of people with equal scope, in the same format."""
    facts = [report_type, parameters.to_mongo().to_dict(), scope.to_document(), format]
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


# --- in words ---------------------------------------------------------------------------------------------------------


def describe(report_type: str, parameters: Parameters) -> list[tuple[str, str]]:
    """The question in words, as (what, said). Raises InvalidRequestError for a type without a declaration."""
    declared = report_type_of(report_type)
    dataset = DATASETS[declared.dataset]
    details = parameters.detail or (declared.detail_first and not parameters.group_by and not parameters.measures)
    time_zone = parameters.time_zone or get_settings().time_zone
    told = [("Rows", dataset.label), ("Period", _period_in_words(parameters, time_zone))]
    if parameters.date_field and parameters.date_field in dataset.dates:
        told.append(("Date", _sentence(parameters.date_field)))
    told += _filters_in_words(dataset, parameters)
    if details:
        told.append(("Shown", "every row by itself"))
    else:
        dimensions = parameters.group_by or list(declared.group_by)
        told.append(("Grouped by", ", ".join(_label(key) for key in dimensions) or "nothing: one row for everything"))
        slicers = parameters.slicers or ([] if parameters.group_by else list(declared.slicers))
        if slicers:
            told.append(("Columns", ", ".join(_label(key) for key in slicers)))
        measures = parameters.measures or list(declared.measures)
        told.append(("Measures", ", ".join(measure_label(dataset, text) for text in measures)))
    if parameters.sort:
        told.append(("Sorted by", ", ".join(_sort_in_words(dataset, text) for text in parameters.sort)))
    if parameters.top:
        told.append(("Top", f"the first {parameters.top:,} groups, the others as one"))
    if parameters.limit:
        told.append(("Limit", f"at most {parameters.limit:,} rows"))
    if parameters.subtotals:
        told.append(("Subtotals", "yes"))
    told.append(("Inactive records", "included" if parameters.include_inactive else "left out"))
    if parameters.as_of_job_id:
        told.append(("Data", f"as report {parameters.as_of_job_id} saw it"))
    return told


def measure_label(dataset: Dataset, text: str) -> str:
    """`sum:data.clicks` -> “Sum of clicks”."""
    key, field = split_measure(text)
    label = lookups.label(LookupCategory.MEASURE_TYPE, key)
    if not field:
        return label
    known = field_of(dataset, field)
    about = known.label if known is not None else _label(field)
    return f"{label} of {about[:1].lower()}{about[1:]}"


def _label(key: str) -> str:
    return DIMENSIONS[key].label if key in DIMENSIONS else _sentence(key)


def _sentence(key: str) -> str:
    text = key.replace("-", " ").replace("_", " ")
    return text[:1].upper() + text[1:]


def _sort_in_words(dataset: Dataset, text: str) -> str:
    key = text.removeprefix("-")
    label = _label(key) if key in DIMENSIONS or key in dataset.fields else measure_label(dataset, key)
    return f"{label}, {'highest first' if text.startswith('-') else 'lowest first'}"


def _period_in_words(parameters: Parameters, time_zone: str) -> str:
    given = parameters.date_range
    start = given.start_date.date() if given and given.start_date else None
    end = given.end_date.date() if given and given.end_date else None
    if start is None and end is None:
        return f"all time (days of {time_zone})"
    if start and end:
        return f"{_day(start)} to {_day(end)}, both included (days of {time_zone})"
    return f"{'from ' + _day(start) if start else 'up to ' + _day(end or date.max)} (days of {time_zone})"


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _filters_in_words(dataset: Dataset, parameters: Parameters) -> list[tuple[str, str]]:
    told: list[tuple[str, str]] = []
    given = parameters.filters
    if given is None:
        return told
    for chosen in _CHOSEN:
        values = list(getattr(given, chosen.name) or ())
        if not values:
            continue
        if chosen.document is not None:
            named = _names(chosen, values)
        elif chosen.name == "event_types":
            named = [lookups.label(LookupCategory.ACTIVITY_EVENT, value) for value in values]
        else:
            named = list(values)
        shown = ", ".join(named[:VALUES_TOLD])
        told.append(
            (chosen.label, shown + (f" and {len(values) - VALUES_TOLD} more" if len(values) > VALUES_TOLD else ""))
        )
    for condition in given.conditions or ():
        field = field_of(dataset, condition.field)
        label = field.label if field is not None else _label(condition.field)
        value = condition.value if isinstance(condition.value, list) else [condition.value]
        said = ", ".join(str(each) for each in value if each is not None)
        told.append(
            ("Only where", f"{label} {OPERATOR_WORDS.get(condition.operator, condition.operator)} {said}".strip())
        )
    return told


def _names(chosen: _Chosen, values: Sequence[ObjectId]) -> list[str]:
    shown = list(values[:VALUES_TOLD])
    found = {each.id: each for each in chosen.document.objects(id__in=shown)}
    return [
        str(getattr(found[value], chosen.text, None) or found[value].name) if value in found else str(value)
        for value in shown
    ]


# --- before asking ----------------------------------------------------------------------------------------------------


def preview(report_type: str, parameters: Parameters, scope: DataScope) -> Preview:
    """The first rows of the answer, without queueing anything and without reading the database's learning record.

    Raises InvalidRequestError, and QuestionTooSlowError after `PREVIEW_SECONDS`.
    """
    query = to_query(report_type, parameters, scope)
    snapshot = extract.snapshot(tables_for(query))
    folder = get_settings().scratch_folder
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="preview-", dir=folder) as scratch:
        result = runner.run(
            query,
            snapshot.files,
            Path(scratch) / "rows.parquet",
            limits=Limits(memory_mb=PREVIEW_MEMORY_MB, threads=2, seconds=PREVIEW_SECONDS),
        )
        rows = first_rows(result.rows_path, PREVIEW_ROWS)
    return Preview(result, rows, snapshot.refreshed_at)


def first_rows(path: Path, limit: int) -> list[dict[str, Any]]:
    """The first `limit` rows of a result's Parquet file."""
    file = pyarrow.parquet.ParquetFile(path)
    for batch in file.iter_batches(batch_size=limit):
        rows: list[dict[str, Any]] = batch.slice(0, limit).to_pylist()
        return rows
    return []


def estimate(report_type: str, result: Result) -> Estimate:
    """What the report whose preview gave `result` has, takes and weighs: seconds and bytes as earlier reports had."""
    per_row: dict[str, list[float]] = {}
    finished = ReportJob.objects(status__in=[state.value for state in WITH_FILE]).only("output", "provenance")
    for job in finished.limit(FILES_MEASURED):
        written = (job.provenance or {}).get("rowsWritten")
        size = job.output.storage.size_bytes if job.output.storage else None
        if written and size:
            per_row.setdefault(job.output.format, []).append(size / written)
    sizes: dict[str, int | None] = {}
    for key in active_lookups(LookupCategory.OUTPUT_FORMAT):
        measured = sorted(per_row.get(key, ()))
        sizes[key] = round(measured[len(measured) // 2] * result.row_count) if measured else None
    return Estimate(result.rows_matched, result.row_count, queue_status.typical_seconds(report_type), sizes)


__all__ = [
    "Estimate", "Preview", "QuestionTooSlowError", "custom_measures", "data_fields", "dataset_of_type", "describe",
    "estimate", "first_rows", "measure_label", "measures_for", "preview", "question_hash", "report_type_of",
    "tables_for", "to_query",
]  # fmt: skip
