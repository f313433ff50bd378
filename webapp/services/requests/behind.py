"""The rows that a number of a report was made of, as a question of its own: of the same data, and of the group in whose
row the number stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bson import ObjectId

from webapp.documents import ReportJob, User
from webapp.documents.ids import id_or_none
from webapp.engine.catalogue.dimensions import DIMENSIONS
from webapp.engine.catalogue.report_types import REPORT_TYPES
from webapp.engine.declarations import ReportType
from webapp.engine.result import ROW_TYPE
from webapp.errors import ConflictError, NotFoundError
from webapp.messages import Message
from webapp.renderers.kept_rows import KeptRows
from webapp.services import permissions
from webapp.services.files import downloads, result_table
from webapp.services.permissions import Permission
from webapp.services.questions import ways
from webapp.services.questions.chosen_filters import CHOSEN_FILTERS
from webapp.services.questions.period import CUSTOM, Period
from webapp.services.questions.report_types import report_type_of
from webapp.services.questions.request import Condition, ReportRequest
from webapp.services.rights import visibility

#: What only a question about groups has.
_OF_GROUPS = ("group_by", "slicers", "measures", "sort", "results", "columns")
Keys = Sequence[tuple[str, Any]]


class NoRowsBehindError(ConflictError):
    """No question leads to the rows of this number."""

    code = "no-rows-behind"
    hint = Message("Ask for the rows one by one, with a filter of your own.")


def rows_behind(actor: User, job_id: str | ObjectId, row: int | None, place: int) -> ReportRequest:
    """The question for the rows that the number in the column at `place` was made of: in the row of this number in the
    report's order, or, None, in the totals.

    Raises JobNotFoundError, NotReadyError, ScopeError, ForbiddenError, NotFoundError for a cell that is not there, and
    NoRowsBehindError.
    """
    job = visibility.visible_job(actor, job_id)
    permissions.require_permission(actor, Permission.REQUEST_REPORTS)
    document = downloads.page_of(actor, job)
    rows = result_table.kept_of(job, document)
    if document is None or rows is None:
        raise NoRowsBehindError(Message("The rows of “%(name)s” are not in the storage any more.", name=job.name))
    columns = document["columns"]
    if not 0 <= place < len(columns) or columns[place]["role"] != "measure" or (row or 0) >= rows.count:
        raise NotFoundError(Message("There is no such number in “%(name)s”.", name=job.name))
    request = ways.from_job(job)
    declared = report_type_of(request.report_type)
    keys: list[tuple[str, Any]] = []
    if row is not None:
        keys += _keys_of(rows, columns, request.group_by or declared.group_by, row)
    slicers = request.slicers or (() if request.group_by else declared.slicers)
    if (values := columns[place].get("slice")) is not None:
        keys += zip(slicers, values, strict=True)
    return _narrowed(job, request, declared, keys)


def _keys_of(rows: KeptRows, columns: Sequence[Mapping[str, Any]], dimensions: Sequence[str], row: int) -> Keys:
    """What this row is about: (dimension, id or text). Fewer dimensions for a subtotal."""
    if not dimensions:
        return []
    grouped = rows.keys(row)
    if grouped is None or len(grouped) != len(dimensions):
        raise NoRowsBehindError(Message("This report was made by a version that did not keep what its rows are about."))
    names = [column["key"] for column in columns]
    cells = rows.cells([row])[0]
    kind = cells[names.index(ROW_TYPE)] if ROW_TYPE in names else "group"
    if kind == "other":
        raise NoRowsBehindError(Message("The row of all others has no question of its own."))
    known = grouped[: _depth(rows, grouped, names, row)] if kind == "subtotal" else grouped
    # Of entities the id, because names may repeat; of everything else what stands in the cell.
    return [
        (key, value if DIMENSIONS[key].entity and DIMENSIONS[key].attribute is None else cells[names.index(key)])
        for key, value in zip(dimensions, known, strict=False)
    ]


def _depth(rows: KeptRows, grouped: Sequence[Any], names: Sequence[str], row: int) -> int:
    """Of how many dimensions a subtotal is. A group without a value looks like one that is summed over; of rows that
    look the same, the one of more dimensions stands first."""
    filled = max((place for place, value in enumerate(grouped, start=1) if value is not None), default=0)
    kinds = names.index(ROW_TYPE)
    alike = 0
    for later in range(row + 1, rows.count):
        if rows.cells([later])[0][kinds] == "subtotal":
            if rows.keys(later) != list(grouped):
                break
            alike += 1
    return max(filled, 1) + alike


def _narrowed(job: ReportJob, request: ReportRequest, declared: ReportType, keys: Keys) -> ReportRequest:
    """`request` for rows one by one, of these keys alone."""
    shown = declared if declared.detail else _with_rows(declared)
    changes: dict[str, Any] = dict.fromkeys(_OF_GROUPS, ())
    changes |= {
        "report_type": shown.key, "detail": True, "top": None, "limit": None, "subtotals": False, "name": "",
        "description": "", "filename": "", "visibility": "private", "priority": "normal", "scheduled_for": None,
        "as_of_job_id": request.as_of_job_id or job.id, "period": _days(request.period),
    }  # fmt: skip
    if request.period.term:  # the term that was meant, not the one that the phrase would mean today
        changes |= {"period": Period(), "terms": (request.period.term,)}
    conditions = list(request.conditions)
    for key, value in keys:
        chosen = next((each for each in CHOSEN_FILTERS if each.dimension == key), None)
        # A filter shows names and words, where a condition has an id.
        found = None if chosen is None or not value else id_or_none(str(value)) if chosen.kind else str(value)
        if chosen is not None and found is not None:
            changes[chosen.name] = (found,)
        elif value is None or value == "":
            conditions.append(Condition(field=key, operator="is-null"))
        else:
            conditions.append(Condition(field=key, operator="eq", value=str(value)))
    return request.model_copy(update=changes | {"conditions": tuple(conditions)})


def _days(period: Period) -> Period:
    """The days that were meant, not those that the phrase would mean today; what has none is meant as it stands."""
    has_days = period.first is not None or period.last is not None
    return Period(phrase=CUSTOM, first=period.first, last=period.last) if has_days else period


def _with_rows(declared: ReportType) -> ReportType:
    """The first report type of the same rows that can show them one by one."""
    return next(each for each in REPORT_TYPES.values() if each.dataset == declared.dataset and each.detail)
