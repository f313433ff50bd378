"""What stands in the form: what was typed or came with the address, completed by what the report type starts with."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from werkzeug.datastructures import MultiDict

from webapp.engine.asked_measures import split_measure
from webapp.engine.catalogue.dimensions import DIMENSIONS
from webapp.engine.declarations import Dataset, ReportType
from webapp.services.questions import conditions, ways
from webapp.services.questions.conditions import ConditionTexts
from webapp.services.questions.ways import YES

Typed = MultiDict[str, str]

#: Without any of these, an address only names the report type, whose own shape is then filled in.
_SHAPE = ("group", "measure", "detail", "submission")
#: What another report type has no use for.
_OF_ONE_TYPE = (
    *("detail", "column", "sort", "top", "subtotals", "aggregate", "aggregate_field", "date_field"),
    *("result", "result_compare", "result_value"),
)
#: Selects of which several stand side by side send empty values for those not used.
_SIDE_BY_SIDE = ("group", "slicer", "sort")
#: What detail rows have none of; it stays in the form, in case they are taken away again.
_OF_GROUPS = (
    *("group", "slicer", "measure", "top", "subtotals", "no_totals", "result", "result_compare", "result_value"),
)
#: What groups have none of.
_OF_ROWS = ("column",)
MOST_EXTRA_MEASURES = 2


def completed(source: Typed | None, declared: ReportType, dataset: Dataset, usual_zone: str) -> Typed:
    """The fields of the form as it is shown. `usual_zone` is the zone that it means without naming one."""
    typed = MultiDict(source or {})
    # Who asks before the part for another type has come, or without scripts, means that type as it starts.
    if typed.get("made_for", declared.key) != declared.key:
        typed["type_changed"] = YES
    if is_fresh(source) or typed.get("type_changed"):
        _begin_as(typed, declared, dataset)
    elif not typed.getlist("measure") and not typed.get("submission"):
        # An address that names none means those of the report type; in a form they were taken away.
        typed.setlist("measure", list(declared.measures))
    if not typed.get("submission"):
        typed.setdefault("each_mail", YES)
    typed.setdefault("submission", secrets.token_urlsafe(12))
    typed["type"] = declared.key
    typed.setlist("measure", _each_once([*typed.getlist("measure"), *_another_measure(typed)]))
    for name in _SIDE_BY_SIDE:
        typed.setlist(name, _each_once(typed.getlist(name)))
    typed.setlist("sort", [key for key in typed.getlist("sort") if _is_there(key, typed, declared, dataset)])
    if not typed.get("period"):
        typed["period"] = "custom" if typed.get("start") or typed.get("end") else "all"
    if typed.get("time_zone") == usual_zone:
        typed["time_zone"] = ""
    return typed


def is_fresh(source: Typed | None) -> bool:
    """Whether nothing is said yet of what the report is to look like."""
    return not any((source or MultiDict()).getlist(name) for name in _SHAPE)


def asked(typed: Typed) -> dict[str, list[str]]:
    """Of the fields of the form, those that count."""
    fields = typed.to_dict(flat=False)
    if typed.get("detail"):
        return {name: values for name, values in fields.items() if name not in _OF_GROUPS}
    fields = {name: values for name, values in fields.items() if name not in _OF_ROWS}
    if typed.get("subtotals"):
        # With subtotals, groups stay in their own order.
        fields.pop("sort", None)
    return fields


def _begin_as(typed: Typed, declared: ReportType, dataset: Dataset) -> None:
    for name in _OF_ONE_TYPE if typed.get("type_changed") else ("aggregate", "aggregate_field"):
        typed.poplist(name)
    typed.setlist("group", list(declared.group_by))
    typed.setlist("slicer", list(declared.slicers))
    typed.setlist("measure", list(declared.measures))
    _begin_with_rows_of(typed, declared, dataset)
    if declared.detail_first:
        typed["detail"] = YES
    elif not typed.getlist("sort"):
        typed.setlist("sort", list(declared.sort))


def _begin_with_rows_of(typed: Typed, declared: ReportType, dataset: Dataset) -> None:
    """What of the conditions there are these rows have, and then what the report type says of them."""
    columns = ways.CONDITION_COLUMNS["where"]
    rows = [
        row
        for row in conditions.rows(*(typed.getlist(column) for column in columns))
        if row.field in dataset.fields or row.field in dataset.dimensions
    ]
    typed.setlist("status", [each for each in typed.getlist("status") if each in dataset.statuses])
    asked = {row.field for row in rows}
    for field, operator, values in declared.where:
        if field == "status":
            typed.setlist("status", typed.getlist("status") or [str(each) for each in values])
        elif field not in asked:
            rows.append(ConditionTexts(field, operator, "; ".join(str(each) for each in values)))
    for number, column in enumerate(columns):
        typed.setlist(column, [(row.field, row.operator, row.value)[number] for row in rows])


def _another_measure(typed: Typed) -> list[str]:
    pairs = list(zip(typed.getlist("aggregate"), typed.getlist("aggregate_field"), strict=False))
    return [f"{aggregate}:{field}" for aggregate, field in pairs[:MOST_EXTRA_MEASURES] if aggregate and field]


def columns(typed: Typed, declared: ReportType) -> list[str]:
    """The columns that the rows have, as far as they are known before the values of the slicers are."""
    if typed.get("detail"):
        return typed.getlist("column") or list(declared.detail)
    return _each_once([*typed.getlist("group"), *typed.getlist("measure")])


def _is_there(sort: str, typed: Typed, declared: ReportType, dataset: Dataset) -> bool:
    """False for a column that was taken away. One of a slicer's value nobody knows yet: it stays."""
    key = sort.removeprefix("-")
    if key in columns(typed, declared) or key.removesuffix("-number") in typed.getlist("group"):
        return True
    is_known = key in DIMENSIONS or key in dataset.fields or split_measure(key)[0] in dataset.measures
    return bool(typed.getlist("slicer")) and not typed.get("detail") and not is_known


def _each_once(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(each for each in values if each))
