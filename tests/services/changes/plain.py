"""What came, went and changed between two lists of enrollments, and why, in plain Python: it shares nothing with the
program but the names of kinds and reasons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

Row = Mapping[str, Any]
Rows = Mapping[str, Row]
Told = tuple[str, str, tuple[int, ...]]

STAMPS = ("import_id", "changed_at", "key", "source")
PLACE = ("learner_id", "class_id", "course_id", "department_id", "program_id")


@dataclass(frozen=True)
class Question:
    """`fits(row, now)` is the question without its scope; `departments` None: all."""

    fits: Callable[[Row, datetime], bool]
    departments: frozenset[str] | None = None


def differences(
    question: Question,
    states: Mapping[int, Rows],
    then: tuple[int, datetime],
    now: tuple[int, datetime],
    *,
    known_since: datetime,
    days: int = 60,
) -> dict[str, Told]:
    """(kind, reason, versions) by the id of each row that became another. `states` are the rows of every version."""

    def seen(version: int) -> dict[str, Row]:
        readable = question.departments
        return {
            key: row for key, row in states[version].items() if readable is None or row["department_id"] in readable
        }

    def counted(version: int, moment: datetime) -> set[str]:
        return {key for key, row in seen(version).items() if row["is_active"] and question.fits(row, moment)}

    before, after = counted(*then), counted(*now)
    only_time = counted(then[0], now[1])
    found: dict[str, Told] = {}
    for key in before | after:
        was, is_now = seen(then[0]).get(key), seen(now[0]).get(key)
        kind = "changed" if key in before and key in after else "came" if key in after else "went"
        other = content(was) != content(is_now)
        why = done(was, is_now, known_since)
        if why is None and kind != "changed" and (key in only_time) == (key in after):
            why = "overdue" if key in after and newly_overdue(was, is_now, then[1], now[1], days) else "time"
        if why is None and kind == "changed" and not other and newly_overdue(was, is_now, then[1], now[1], days):
            why = "overdue"
        if why is None and other:
            why = "corrected"
        if why is None and kind != "changed":
            why = "import"
        if why is not None:
            found[key] = (kind, why, touching(key, states, seen, then[0], now[0]) if why == "corrected" else ())
    return found


def touching(
    key: str, states: Mapping[int, Rows], seen: Callable[[int], Mapping[str, Row]], then: int, now: int
) -> tuple[int, ...]:
    """The versions at which the row became another."""
    steps = [number for number in sorted(states) if then <= number <= now]
    return tuple(
        later for earlier, later in pairwise(steps) if content(seen(earlier).get(key)) != content(seen(later).get(key))
    )


def content(row: Row | None) -> dict[str, Any] | None:
    return None if row is None else {name: value for name, value in row.items() if name not in STAMPS}


def done(was: Row | None, now: Row | None, since: datetime) -> str | None:
    """What the learner did, or what befell them, since that day."""
    if now is None:
        return None
    is_same_place = was is None or all(was[name] == now[name] for name in PLACE)
    ends = {
        "completed": now["completed_at"] or now["outcome_at"],
        "withdrawn": now["withdrawn_at"] or now["outcome_at"],
        "failed": now["outcome_at"],
        "expired": now["outcome_at"],
    }
    for status, day in ends.items():
        has_become = now["status"] == status and (was is None or was["status"] != status)
        is_since = was is not None if day is None else day >= since
        if has_become and is_same_place and is_since:
            return status
    if was is not None and (was["status"], now["status"]) == ("not-started", "in-progress") and is_same_place:
        day = now["started_at"]
        if was["is_active"] == now["is_active"] and (day is None or day >= since):
            return "started"
    if now["is_active"]:
        day = now["enrolled_at"]
        if was is None and (day is None or day >= since):
            return "enrolled"
        if was is not None and not was["is_active"] and day is not None and day >= since:
            return "enrolled"
    return None


def newly_overdue(was: Row | None, now: Row | None, then_at: datetime, now_at: datetime, days: int) -> bool:
    def is_overdue(row: Row, moment: datetime) -> bool:
        is_open = row["is_active"] and row["status"] in ("not-started", "in-progress")
        return is_open and row["enrolled_at"] is not None and (moment - row["enrolled_at"]) // timedelta(days=1) > days

    return was is not None and now is not None and is_overdue(now, now_at) and not is_overdue(was, then_at)
