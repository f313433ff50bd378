"""The filters of the lists of reports, each declared once.

What an address is read for, what narrows a list, what it shows as chips, keeps in its links and forms, counts, and
acts on when “all that match” is meant: all of it goes through `FILTERS`. A filter that is not declared here does
nothing anywhere, and one that is cannot be left out of anything.

A value that says nothing (blank, no day) is as if it had not been typed. Any other is in force and is shown, also one
that no report has: it matches nothing, and can be taken away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from bson import ObjectId

from webapp.documents import LookupCategory
from webapp.documents.ids import id_or_nobody
from webapp.documents.job_status import RUNNING, WAITING, WITH_FILE, JobStatus
from webapp.messages import Message
from webapp.services.jobs.facts import JobFacts
from webapp.services.plain_text import folded
from webapp.services.rights import organisation

MOST_VALUES = 20
LONGEST_VALUE = 200
Test = Callable[[JobFacts], bool]


@dataclass(frozen=True)
class Looker:
    """Who looks: in which zone, and by which names, folded, they know learners; whom they may not know is not there."""

    time_zone: str
    learners: Callable[[], Mapping[ObjectId, str]]


Narrow = Callable[[tuple[str, ...], Looker], Test]

#: States as people think of them.
STATE_GROUPS: dict[str, tuple[str, tuple[JobStatus, ...]]] = {
    "waiting": (Message("Waiting"), WAITING),
    "running": (Message("Being made"), RUNNING),
    "ready": (Message("Ready"), WITH_FILE),
    "failed": (Message("Failed"), (JobStatus.FAILED,)),
    "ended": (Message("Cancelled or expired"), (JobStatus.CANCELLED, JobStatus.EXPIRED)),
}


class Control(StrEnum):
    """How a list's form offers a filter."""

    SEARCH = "search"
    CHOICE = "choice"
    DAY = "day"
    HIDDEN = "hidden"  # kept by the form, chosen elsewhere: by the links above a list, or those of another page


@dataclass(frozen=True)
class ListFilter:
    """`read` makes of what was typed the text that stands for it in addresses, "" where it says nothing; `narrow` makes
    of such texts the test of a job: any of them will do. Choices come from a lookup, `choices`, or whoever shows the
    list; `words` says a value as a chip does, where its choices do not."""

    name: str
    label: str
    control: Control
    narrow: Narrow
    read: Callable[[str], str]
    is_many: bool = True
    lookup: LookupCategory | None = None
    choices: Mapping[str, str] | None = None
    any_label: str = Message("Any")
    words: Callable[[str], str] = str


def _line(typed: str) -> str:
    return "".join(letter for letter in typed[:LONGEST_VALUE] if letter.isprintable()).strip()


def day_of(typed: str) -> date | None:
    try:
        day = date.fromisoformat(typed)
    except ValueError:
        return None
    # A day of asking outside these years is a slip, and the database's calendar ends before Python's.
    return day if 1970 <= day.year <= 9000 else None


def _day(typed: str) -> str:
    day = day_of(typed.strip()[:LONGEST_VALUE])
    return day.isoformat() if day else ""


def _midnight(text: str, time_zone: str, *, plus_days: int = 0) -> datetime:
    return datetime.combine(date.fromisoformat(text) + timedelta(days=plus_days), time(), tzinfo=ZoneInfo(time_zone))


def _found(values: tuple[str, ...], looker: Looker) -> Test:
    """Each word has to be in the report's name, in its question, in the name of whoever asked, or in those of learners
    whom it is about."""
    words = [word for value in values for word in folded(value).split()]

    def is_found(job: JobFacts) -> bool:
        rest = [word for word in words if word not in job.name and word not in job.words]
        if not rest or not job.learner_ids:
            return not rest
        known = looker.learners()
        named = " ".join(known.get(each, "") for each in job.learner_ids)
        return all(word in named for word in rest)

    return is_found


def _one_of(attribute: str) -> Narrow:
    return lambda values, _looker: lambda job: getattr(job, attribute) in values


def _in_states(values: tuple[str, ...], _looker: Looker) -> Test:
    wanted = {state.value for value in values for state in STATE_GROUPS.get(value, ("", ()))[1]}
    return lambda job: job.status in wanted


def _asked_by(values: tuple[str, ...], _looker: Looker) -> Test:
    people = {id_or_nobody(value) for value in values}
    return lambda job: job.requested_by in people


def _in_departments(values: tuple[str, ...], _looker: Looker) -> Test:
    below = organisation.with_departments_below([id_or_nobody(value) for value in values])
    return lambda job: job.department_id in below


def _parts_of(values: tuple[str, ...], _looker: Looker) -> Test:
    wholes = {id_or_nobody(value) for value in values}
    return lambda job: job.parent_id in wholes


def _since(values: tuple[str, ...], looker: Looker) -> Test:
    since = _midnight(values[0], looker.time_zone)
    return lambda job: job.created_at >= since


def _until(values: tuple[str, ...], looker: Looker) -> Test:
    until = _midnight(values[0], looker.time_zone, plus_days=1)
    return lambda job: job.created_at < until


#: While this filter is in force, parts are rows of their own; else they stand under their whole.
PARTS_OF = "parts_of"

FILTERS: dict[str, ListFilter] = {
    each.name: each
    for each in (
        ListFilter(
            "q", Message("Search: name, person, learner, course, words"), Control.SEARCH, _found, _line, is_many=False,
            words=lambda value: f"“{value[:40]}{'…' if len(value) > 40 else ''}”",
        ),
        ListFilter(
            "state", Message("State"), Control.HIDDEN, _in_states, _line,
            choices={key: label for key, (label, _) in STATE_GROUPS.items()},
        ),
        ListFilter(
            "status", Message("State"), Control.HIDDEN, _one_of("status"), _line, lookup=LookupCategory.REPORT_STATUS
        ),
        ListFilter(
            "type", Message("Type"), Control.CHOICE, _one_of("report_type"), _line, lookup=LookupCategory.REPORT_TYPE
        ),
        ListFilter(
            "format", Message("Format"), Control.CHOICE, _one_of("format"), _line, lookup=LookupCategory.OUTPUT_FORMAT
        ),
        ListFilter("code", Message("Error code"), Control.HIDDEN, _one_of("error_code"), _line),
        ListFilter(
            "department", Message("Department"), Control.CHOICE, _in_departments, _line,
            any_label=Message("All of mine"), words=lambda value: Message("another department"),
        ),
        ListFilter(
            "requester", Message("Asked by"), Control.CHOICE, _asked_by, _line,
            any_label=Message("Anyone"), words=lambda value: Message("asked by somebody else"),
        ),
        ListFilter(
            PARTS_OF, Message("Parts"), Control.HIDDEN, _parts_of, _line,
            words=lambda value: Message("parts of one report"),
        ),
        ListFilter(
            "since", Message("Asked from"), Control.DAY, _since, _day, is_many=False,
            words=lambda value: Message("from %(day)s", day=date.fromisoformat(value)),
        ),
        ListFilter(
            "until", Message("to"), Control.DAY, _until, _day, is_many=False,
            words=lambda value: Message("to %(day)s", day=date.fromisoformat(value)),
        ),
    )
}  # fmt: skip


def in_force(typed: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Of what was typed, by the filters' names, the values that are in force, each once and as addresses have them."""
    found: dict[str, tuple[str, ...]] = {}
    for name, each in FILTERS.items():
        values = dict.fromkeys(value for text in typed.get(name, ()) if (value := each.read(text)))
        if values:
            found[name] = tuple(values)[: MOST_VALUES if each.is_many else 1]
    return found


def tests_of(filters: Mapping[str, tuple[str, ...]], looker: Looker) -> list[Test]:
    """One test for each filter in force; a job matches when it passes all."""
    return [FILTERS[name].narrow(values, looker) for name, values in filters.items()]
