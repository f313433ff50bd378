"""Who would get what, before anything is made: which parts there are, who runs each, how many rows each would have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from bson import ObjectId

from webapp.documents import Burst, PartBy, User
from webapp.engine.backends import Limits
from webapp.engine.errors import QuestionTooSlowError
from webapp.messages import Message
from webapp.record import RecordVersion
from webapp.scratch import scratch
from webapp.services.bursting import counting, finding
from webapp.services.bursting.counting import Counted
from webapp.services.bursting.finding import Found, Recipient
from webapp.services.questions import as_query
from webapp.services.questions.request import ReportRequest
from webapp.services.record import reading
from webapp.services.requests.previews import PREVIEW_MEMORY_MB, PREVIEW_SECONDS
from webapp.services.rights import data_scope, parts
from webapp.services.rights.data_scope import DataScope

#: More lines than this nobody reads before; of the others the number is told.
MOST_SHOWN = 300


@dataclass(frozen=True)
class Line:
    """One part. `without_rows`: who gets it, and may not read its rows: they get word of it, without figures."""

    found: Found
    without_rows: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Plan:
    """`lines`: the first parts, `more`: how many follow; `count`: how many reports would be made. `nothing`: why there
    is no part, where there is none; `problem`: why none would be made; `uncounted`: why rows are not told."""

    lines: list[Line]
    count: int
    more: int
    nothing: Message
    problem: Message | None = None
    uncounted: Message | None = None

    @property
    def nobodys(self) -> int:
        return sum(line.found.why_not is None and not line.found.recipients for line in self.lines)

    @property
    def empty(self) -> int:
        return sum(line.found.why_not is None and line.found.rows == 0 for line in self.lines)


def plan(owner: User, request: ReportRequest, burst: Burst) -> Plan:
    """What `owner` would have made now, by their rights. The request is as it is meant today. Raises
    InvalidRequestError for a question that cannot be asked."""
    scope, version = data_scope.data_scope(owner), reading.current()
    uncounted: Message | None = None
    counted: Counted | None = None
    try:
        counted = _counted(request, scope, burst, version)
    except QuestionTooSlowError:
        uncounted = Message("To count the rows of each takes longer than a preview has.")
    found = finding.find(scope, request, burst, counted, version)
    more = counted.left_out(PartBy(burst.by)) if counted is not None else 0
    count = finding.count_of(found) + more
    shown = found[:MOST_SHOWN]
    lines = _judged(shown, scope, version)
    nothing = finding.nothing(PartBy(burst.by))
    return Plan(lines, count, len(found) - len(shown) + more, nothing, finding.too_many(count), uncounted)


def _counted(request: ReportRequest, scope: DataScope, burst: Burst, version: RecordVersion) -> Counted:
    query = as_query.to_query(request, scope)
    limits = Limits(memory_mb=PREVIEW_MEMORY_MB, threads=2, seconds=PREVIEW_SECONDS)
    with scratch("parts-") as folder:
        return counting.count(PartBy(burst.by), query, version, folder / "spill", limits=limits)


def _judged(found: Sequence[Found], scope: DataScope, version: RecordVersion) -> list[Line]:
    people = {one.user.id: one.user for each in found for one in each.recipients if one.user is not None}
    scope_of = cache(lambda user_id: data_scope.data_scope(people[user_id]))
    return [Line(each, _without_rows(each, scope, version, scope_of)) for each in found]


def _without_rows(
    found: Found, scope: DataScope, version: RecordVersion, scope_of: Callable[[ObjectId], DataScope]
) -> frozenset[str]:
    part = parts.narrowed(scope, found.part.text, version=version)

    def may_read(one: Recipient) -> bool:
        return one.user is None or scope_of(one.user.id).covers(part)

    return frozenset(one.name for one in found.recipients if not may_read(one))
