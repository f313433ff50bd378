"""Why an enrollment came, went or changed, in SQL over what the record said of it then (`t`) and says now (`n`).

A state that the reader may not read is one that is not there: nothing is concluded from it. `t` and `n` are empty then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from webapp.clock import naive
from webapp.engine.query import Query, Scope
from webapp.engine.sql import literal
from webapp.services.changes.changes import Kind, Reason

OPEN = ("not-started", "in-progress")
#: What “overdue” means unless the question says another number of days.
OVERDUE_DAYS, OVERDUE_FIELD = 60, "days-enrolled"
STRUCTURE = ("learner_id", "class_id", "course_id", "department_id", "program_id")
CONTENT = (
    *("is_active", *STRUCTURE, "status", "score", "passed"),
    *("enrolled_at", "started_at", "completed_at", "withdrawn_at", "outcome_at"),
)
#: The end of an enrollment: its status, and the dates that tell when.
_ENDS = {
    Reason.COMPLETED: ("completed_at", "outcome_at"),
    Reason.WITHDRAWN: ("withdrawn_at", "outcome_at"),
    Reason.FAILED: ("outcome_at",),
    Reason.EXPIRED: ("outcome_at",),
}
_DAY = 86_400_000_000  # microseconds


@dataclass(frozen=True)
class Overdue:
    """Enrollments that are open and older than `days` (`is_from`: or as old) are overdue."""

    days: int = OVERDUE_DAYS
    is_from: bool = False

    @classmethod
    def of(cls, query: Query) -> Overdue:
        """As the question means it."""
        for each in query.filters:
            if each.field == OVERDUE_FIELD and each.operator in ("gt", "gte"):
                return cls(int(each.values[0]), each.operator == "gte")
        return cls()

    def sql(self, row: str, moment: datetime) -> str:
        age = f"(epoch_us({instant(moment)}) - epoch_us({row}.enrolled_at)) // {_DAY}"
        comparison = ">=" if self.is_from else ">"
        return f"coalesce({row}.status IN {OPEN} AND {row}.is_active AND {age} {comparison} {self.days}, false)"


def kind(was_in: str = "was_in", is_in: str = "is_in") -> str:
    return f"CASE WHEN NOT {was_in} THEN '{Kind.CAME}' WHEN NOT {is_in} THEN '{Kind.WENT}' ELSE '{Kind.CHANGED}' END"


def of_the_learner(since: datetime) -> str:
    """What the learner did or what befell them since the day on which the record was last brought up to date before the
    earlier report; NULL where nothing of that explains the row. A day that a source does not tell is one since."""
    begin = instant(since)
    cases = [_ended(reason, dates, begin) for reason, dates in _ENDS.items()]
    same_place = _same(("is_active", *STRUCTURE))
    cases.append(
        f"WHEN n.status = 'in-progress' AND t.status = 'not-started' AND {same_place} "
        f"AND coalesce(n.started_at >= {begin}, true) THEN '{Reason.STARTED}'"
    )
    # Who was taken out and is in again without a new day has been put right; who was never there is new without one.
    cases.append(
        f"WHEN n.is_active AND ((t.id IS NULL AND coalesce(n.enrolled_at >= {begin}, true)) "
        f"OR (NOT t.is_active AND n.enrolled_at >= {begin})) THEN '{Reason.ENROLLED}'"
    )
    return f"CASE {' '.join(cases)} END"


def _ended(reason: Reason, dates: tuple[str, ...], begin: str) -> str:
    when = f"coalesce({', '.join(f'n.{each}' for each in dates)})"
    became = f"n.status = '{reason}' AND t.status IS DISTINCT FROM '{reason}'"
    # Of an enrollment that was not known before, only a date tells that it ended since.
    told = f"coalesce({when} >= {begin}, t.id IS NOT NULL)"
    return f"WHEN {became} AND (t.id IS NULL OR {_same(STRUCTURE)}) AND {told} THEN '{reason}'"


def of_time(overdue: Overdue, then: datetime, now: datetime) -> str:
    """Whether the row would be in the later report (or not) although the record had stayed as it was (`in_time`); and
    of one that is in both and the same, whether it has become overdue. NULL where not."""
    newly = f"{overdue.sql('n', now)} AND t.id IS NOT NULL AND NOT {overdue.sql('t', then)}"
    return (
        f"CASE WHEN was_in AND is_in THEN CASE WHEN NOT {differs()} AND {newly} THEN '{Reason.OVERDUE}' END "
        f"WHEN in_time = is_in THEN CASE WHEN is_in AND {newly} THEN '{Reason.OVERDUE}' ELSE '{Reason.TIME}' END END"
    )


def of_imports() -> str:
    return f"CASE WHEN {differs()} THEN '{Reason.CORRECTED}' WHEN was_in <> is_in THEN '{Reason.IMPORT}' END"


def differs() -> str:
    """Whether the record says something else of it now; also when one of the two is not there."""
    return f"((t.id IS NULL) <> (n.id IS NULL) OR NOT {_same(CONTENT)})"


def state(row: str) -> str:
    """Equal for equal contents."""
    return "md5(concat_ws('|', " + ", ".join(f"coalesce('=' || {row}.{each}::VARCHAR, '-')" for each in CONTENT) + "))"


def within(scopes: tuple[Scope, ...], row: str, of_class: str = "class_id") -> str:
    """Whether a row may be read under every one of `scopes`. What is not known to be so, is not."""
    conditions = ["true"]
    for scope in (each for several in scopes for each in several.each):
        departments = _one_of(f"{row}.department_id", scope.department_ids)
        conditions.append(f"({departments} OR {_one_of(f'{row}.{of_class}', scope.class_ids)})")
    return f"coalesce({' AND '.join(conditions)}, false)"


def instant(moment: datetime) -> str:
    """As SQL writes it: UTC, without a zone, as the record keeps instants."""
    return f"TIMESTAMP {literal(naive(moment).isoformat(sep=' '))}"


def _one_of(value: str, ids: tuple[str, ...] | None) -> str:
    return f"coalesce({value} IN ({', '.join(map(literal, ids))}), false)" if ids else "false"


def _same(columns: tuple[str, ...]) -> str:
    return "(" + " AND ".join(f"t.{each} IS NOT DISTINCT FROM n.{each}" for each in columns) + ")"
