"""A result beside the report before it: the same question, answered from earlier data. Both were worked out already;
here they are only laid side by side."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from webapp.documents import ReportJob, User, indexes
from webapp.documents.job_status import WITH_FILE
from webapp.errors import ReportdeskError
from webapp.renderers.kept_rows import KeptRows
from webapp.services.files import downloads, result_table
from webapp.services.files.result_table import TablePage
from webapp.services.questions import ways
from webapp.services.questions.period import CUSTOM
from webapp.services.rights import visibility
from webapp.services.rights.visibility import Reach

#: So many of a person's reports of the same type are looked at for the one before.
LOOKED_AT = 30
#: What of them tells whether it is the one.
_LOOKED_INTO = (
    *("id", "report_type", "requested_by", "department_id", "visibility", "reader_ids", "created_at", "parameters"),
    *("provenance.scope", "provenance.recordVersion"),
)
#: More rows than this nobody compares by eye.
MOST_ROWS = 20_000
#: So many rows that are gone are named.
GONE_NAMED = 5
_KEPT = 16


@dataclass(frozen=True)
class Comparison:
    """`changes` are, for each row of the page, by column: now less then, None where there is nothing to compare; None
    in place of a row's for one that was not there. `gone`: the first of the rows that are not there any more."""

    earlier: ReportJob
    changes: dict[int, list[float | None] | None]
    new: int
    gone: tuple[str, ...]
    gone_count: int


def report_before(actor: User, job: ReportJob) -> ReportJob | None:
    """The newest earlier report of the same person that asked the same, of the same rows, from other data, as far as
    `actor` may know of it; with what tells that, and nothing else of it. A relative period counts by its phrase."""
    if (job.provenance or {}).get("recordVersion") is None:
        return None
    found = ReportJob.objects(
        requested_by=job.requested_by,
        created_at__lt=job.created_at,
        report_type=job.report_type,
        status__in=[state.value for state in WITH_FILE],
        parameters__part=job.parameters.part,
    )
    # Because of the type, which no index has, the embedded server would read all jobs.
    by_index = indexes.hint(ReportJob._get_collection(), (("requestedBy", 1), ("createdAt", -1)))
    asked: dict[str, Any] | None = None
    reach = Reach(actor)
    for other in found.hint(by_index).order_by("-created_at").only(*_LOOKED_INTO)[:LOOKED_AT]:
        if not _is_of_other_data(other, job) or not reach.sees(other):
            continue
        asked = asked or question_of(job)
        if question_of(other) == asked:
            return other
    return None


def compare(actor: User, job: ReportJob, table: TablePage, earlier: ReportJob) -> Comparison | None:
    """The rows of `table` beside those of `earlier`; None where one of them is not there to compare, or too long.

    Raises JobNotFoundError and ScopeError for an earlier report that `actor` may not read.
    """
    earlier = visibility.visible_job(actor, earlier.id)
    then_page = downloads.page_of(actor, earlier)
    now, then = result_table.kept_of(job, downloads.page_of(actor, job)), result_table.kept_of(earlier, then_page)
    if now is None or then is None or then_page is None or max(now.count, then.count) > MOST_ROWS:
        return None
    groups_now, groups_then = _groups(now, _places(table.columns)), _groups(then, _places(then_page["columns"]))
    pairs = _pairs(table.columns, then_page["columns"])
    changes: dict[int, list[float | None] | None] = {}
    order = list(groups_now)
    for row, cells in table.rows:
        before = groups_then.get(order[row])
        if before is None:
            changes[row] = None
            continue
        old = then.cells([before])[0]
        changes[row] = [_change(cells, old, place, pairs.get(place)) for place in range(len(table.columns))]
    gone = [row for group, row in groups_then.items() if group not in groups_now]
    labels = [place for place, column in enumerate(then_page["columns"]) if column["role"] == "dimension"]
    named = then.cells(gone[:GONE_NAMED])
    return Comparison(
        earlier,
        changes,
        new=sum(group not in groups_then for group in groups_now),
        gone=tuple(" · ".join(str(cells[place] or "–") for place in labels) for cells in named),
        gone_count=len(gone),
    )


def is_comparable(columns: list[dict[str, Any]]) -> bool:
    """Groups can be compared; rows one by one have nothing to be told apart by."""
    return any(column["role"] == "measure" for column in columns)


def question_of(job: ReportJob) -> dict[str, Any]:
    """What two reports must have in common to be the same question: its `parameters`, and whose rows it counts."""
    asked = job.parameters.to_mongo().to_dict() if job.parameters else {}
    try:
        parameters = ways.to_document(ways.from_document({"reportType": job.report_type, "parameters": asked}))[
            "parameters"
        ]
    except ReportdeskError:
        return {"of": job.id}  # like no other
    parameters.pop("asOfJobId", None)
    if parameters.get("period") not in (None, CUSTOM):
        for meant in ("dateRange", "term"):
            parameters.pop(meant, None)
    return {"parameters": parameters, "scope": (job.provenance or {}).get("scope")}


def _is_of_other_data(earlier: ReportJob, job: ReportJob) -> bool:
    then, now = earlier.provenance or {}, job.provenance or {}
    if then.get("recordVersion") is None:
        return False
    return bool(then["recordVersion"] != now["recordVersion"] or period_meant(earlier) != period_meant(job))


def period_meant(job: ReportJob) -> tuple[Any, Any]:
    asked = job.parameters
    return (asked.date_range and asked.date_range.to_mongo(), asked.term) if asked else (None, None)


def _places(columns: list[dict[str, Any]]) -> tuple[int, ...]:
    return tuple(place for place, column in enumerate(columns) if column["role"] == "dimension")


@lru_cache(maxsize=_KEPT)
def _groups(rows: KeptRows, places: tuple[int, ...]) -> dict[Hashable, int]:
    """The row of each group, in the report's order. Groups are told by their keys, else by what is read; equal ones by
    how often they came before."""
    cells = rows.cells(rows.all)
    found: dict[Hashable, int] = {}
    for row in range(rows.count):
        told = rows.keys(row) or [cells[row][place] for place in places]
        # A subtotal, and the row of all others, have their word for it among what is read.
        kind = [cells[row][place] for place in places if cells[row][place] in ("subtotal", "other")]
        number = 0
        while (group := (*told, *kind, number)) in found:
            number += 1
        found[group] = row
    return found


def _pairs(now: list[dict[str, Any]], then: list[dict[str, Any]]) -> dict[int, int]:
    """Which column of then stands for a column of now: that of the same key; where keys repeat, the same of them."""
    places = {name: place for place, name in enumerate(_told_apart(then))}
    return {
        place: places[name]
        for place, (name, column) in enumerate(zip(_told_apart(now), now, strict=True))
        if name in places and column["role"] == "measure" and column["type"] in ("integer", "number")
    }


def _told_apart(columns: list[dict[str, Any]]) -> list[tuple[Hashable, ...]]:
    """What each column counts: a measure, and of a pivot the ids of what it is counted for. A class may be called
    otherwise in an answer where it has a namesake."""
    seen: dict[tuple[Hashable, ...], int] = {}
    found: list[tuple[Hashable, ...]] = []
    for column in columns:
        key, sliced = column["key"], column.get("slice")
        name = (key, str(column["label"])) if sliced is None else (key.partition("[")[0], tuple(sliced))
        seen[name] = seen.get(name, 0) + 1
        found.append((*name, seen[name]))
    return found


def _change(cells: list[Any], old: list[Any], place: int, before: int | None) -> float | None:
    if before is None or cells[place] is None or old[before] is None:
        return None
    return float(cells[place]) - float(old[before])
