"""What a person asks for, as one value (DESIGN §8).

Each field says once how it is written elsewhere: its place in the job document, its name in an address (which is the
form's), its option in the terminal. `ways` reads these declarations; a new field is one more line here.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from bson import ObjectId
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from webapp.renderers import FORMATS
from webapp.services.questions.period import Period
from webapp.settings import get_settings

# Also halves of characters (lone surrogates), which no database, no address and no file can hold.
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


class Kind(StrEnum):
    """How the values of a field are written as texts."""

    TEXT = "text"
    TEXTS = "texts"
    ID = "id"
    IDS = "ids"
    NUMBER = "number"
    FLAG = "flag"
    MOMENT = "moment"
    PERIOD = "period"
    CONDITIONS = "conditions"
    OPTIONS = "options"


@dataclass(frozen=True)
class Written:
    """How one field is written: its path in the job document, its name in an address, its option in a terminal."""

    document: str
    address: str
    option: str
    help: str
    kind: Kind = Kind.TEXT
    #: The address and the option say the opposite, because what is not said there is the usual: `--no-totals`.
    is_denied: bool = False


def _carried(text: str) -> str:
    """Without what some way could not carry, and without the spaces around it."""
    return CONTROL.sub("", text).strip()


def _each_once(given: Any) -> Any:
    return tuple(dict.fromkeys(each for each in given if each not in ("", None))) if given is not None else ()


def _in_utc(moment: datetime) -> datetime:
    """Whole seconds: more precise than that nobody asks. Raises ValueError for an instant without a zone."""
    if moment.tzinfo is None:
        raise ValueError("an instant needs a zone")
    return moment.astimezone(UTC).replace(microsecond=0)


def _plain(value: Any) -> Any:
    """A value to compare with: ids and instants as texts, whole numbers as integers."""
    if isinstance(value, ObjectId):
        return str(value)
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("a number must be finite")
        return int(value) if value.is_integer() else value
    return "".join(letter for letter in value if letter.isprintable()) if isinstance(value, str) else value


def _plain_values(value: Any) -> Any:
    return tuple(map(_plain, value)) if isinstance(value, list | tuple) else _plain(value)


Text = Annotated[str, AfterValidator(_carried)]
Texts = Annotated[tuple[Text, ...], AfterValidator(_each_once), BeforeValidator(_each_once)]
Ids = Annotated[tuple[ObjectId, ...], BeforeValidator(_each_once)]
Scalar = bool | int | float | str | None


class Condition(BaseModel):
    """A filter of one's own: `field` is a dimension or a field of the rows; `operator` as `engine.query` knows them."""

    model_config = ConfigDict(frozen=True)

    field: Text
    operator: Text
    value: Annotated[Scalar | tuple[Scalar, ...], BeforeValidator(_plain_values)] = None

    @property
    def values(self) -> tuple[Scalar, ...]:
        """One value, several, or none."""
        if isinstance(self.value, tuple):
            return self.value
        return () if self.value is None else (self.value,)


class ReportRequest(BaseModel):
    """The whole request. Whether it can be answered, and whether this person may ask it, is for `requests.rules`.

    `scheduled_for` None means now. Everything left empty is the report type's own, or the usual.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    report_type: Annotated[Text, Written("reportType", "type", "--type", "A report type, such as completion-rates.")]
    period: Annotated[
        Period,
        Written(
            "parameters.period", "period", "--period",
            "all, last-30-days, previous-month, last-term, …; or give the days by --from and --to.",
            Kind.PERIOD,
        ),
    ] = Period()  # fmt: skip
    date_field: Annotated[
        Text,
        Written(
            "parameters.dateField", "date_field", "--date-field",
            "Which date the period is about, such as completed-at.",
        ),
    ] = ""  # fmt: skip
    time_zone: Annotated[
        Text,
        Written(
            "parameters.timeZone", "time_zone", "--time-zone",
            "Whose days and hours are meant, such as Europe/Madrid.",
        ),
    ] = Field(default_factory=lambda: get_settings().time_zone)  # fmt: skip
    department_ids: Annotated[
        Ids,
        Written(
            "parameters.filters.departmentIds", "department", "--department",
            "A department's code or id; those below it are included.", Kind.IDS,
        ),
    ] = ()  # fmt: skip
    course_ids: Annotated[
        Ids,
        Written("parameters.filters.courseIds", "course", "--course", "A course's code or id.", Kind.IDS),
    ] = ()
    class_ids: Annotated[
        Ids,
        Written("parameters.filters.classIds", "class_", "--class", "A class's code or id.", Kind.IDS),
    ] = ()
    learner_ids: Annotated[
        Ids,
        Written(
            "parameters.filters.learnerIds", "learner", "--learner",
            "A learner's number, e-mail address or id.", Kind.IDS,
        ),
    ] = ()  # fmt: skip
    content_ids: Annotated[
        Ids,
        Written(
            "parameters.filters.contentIds", "content", "--content", "A content's key or id.", Kind.IDS
        ),
    ] = ()  # fmt: skip
    part: Annotated[
        Text,
        Written(
            "parameters.part", "part", "--part",
            "Only the rows of a part: department:ID (with those below it), class:ID, or instructor:ID (their classes).",
        ),
    ] = ""  # fmt: skip
    terms: Annotated[
        Texts,
        Written("parameters.filters.terms", "term", "--term", "The name of a term, such as 2026-A3.", Kind.TEXTS),
    ] = ()
    event_types: Annotated[
        Texts,
        Written(
            "parameters.filters.eventTypes", "event", "--event-type",
            "An event, such as content-viewed.", Kind.TEXTS,
        ),
    ] = ()  # fmt: skip
    statuses: Annotated[
        Texts,
        Written(
            "parameters.filters.statuses", "status", "--status", "A status, such as completed.", Kind.TEXTS
        ),
    ] = ()  # fmt: skip
    conditions: Annotated[
        tuple[Condition, ...],
        Written(
            "parameters.filters.conditions", "where", "--where",
            "A field, how it is compared (eq, gte, between, …) and with what, times in hours or, long ones, in days: "
            "score gte 60.", Kind.CONDITIONS,
        ),
    ] = ()  # fmt: skip
    group_by: Annotated[
        Texts,
        Written(
            "parameters.groupBy", "group", "--group-by",
            "A dimension, such as class or month; may be given more than once.", Kind.TEXTS,
        ),
    ] = ()  # fmt: skip
    slicers: Annotated[
        Texts,
        Written(
            "parameters.slicers", "slicer", "--slicer",
            "A dimension whose values become columns (at most 3).", Kind.TEXTS,
        ),
    ] = ()  # fmt: skip
    measures: Annotated[
        Texts,
        Written(
            "parameters.measures", "measure", "--measure",
            "A measure, or measure:field, such as sum:data.clicks.", Kind.TEXTS,
        ),
    ] = ()  # fmt: skip
    columns: Annotated[
        Texts,
        Written(
            "parameters.columns", "column", "--show",
            "A column of rows one by one, such as enrolled-at; may be given more than once, in their order.",
            Kind.TEXTS,
        ),
    ] = ()  # fmt: skip
    results: Annotated[
        tuple[Condition, ...],
        Written(
            "parameters.results", "result", "--only-groups",
            "A measure, how it is compared and with what, rates in percent, times in hours or, long ones, in days: "
            "completion-rate lt 60.", Kind.CONDITIONS,
        ),
    ] = ()  # fmt: skip
    sort: Annotated[
        Texts,
        Written(
            "parameters.sort", "sort", "--sort",
            "A column to sort by; -column for the highest first; may be given more than once.", Kind.TEXTS,
        ),
    ] = ()  # fmt: skip
    top: Annotated[
        int | None,
        Written(
            "parameters.top", "top", "--top", "Only the first so many groups, the others as one.", Kind.NUMBER
        ),
    ] = None  # fmt: skip
    limit: Annotated[
        int | None,
        Written("parameters.limit", "limit", "--limit", "At most so many rows.", Kind.NUMBER),
    ] = None
    totals: Annotated[
        bool,
        Written(
            "parameters.totals", "no_totals", "--no-totals", "Without the row of totals.", Kind.FLAG,
            is_denied=True,
        ),
    ] = True  # fmt: skip
    subtotals: Annotated[
        bool,
        Written(
            "parameters.subtotals", "subtotals", "--subtotals",
            "A row for each value of all groupings but the last.", Kind.FLAG,
        ),
    ] = False  # fmt: skip
    detail: Annotated[
        bool,
        Written(
            "parameters.detail", "detail", "--detail",
            "Every row by itself, in place of the summary.", Kind.FLAG,
        ),
    ] = False  # fmt: skip
    include_inactive: Annotated[
        bool,
        Written(
            "parameters.includeInactive", "inactive", "--include-inactive",
            "Count deactivated records too.", Kind.FLAG,
        ),
    ] = False  # fmt: skip
    as_of_job_id: Annotated[
        ObjectId | None,
        Written(
            "parameters.asOfJobId", "as_of", "--as-of",
            "Answer from the data that an earlier report saw: its id.", Kind.ID,
        ),
    ] = None  # fmt: skip
    format: Annotated[
        Text,
        Written("output.format", "format", "--format", f"{', '.join(FORMATS)}; usually csv."),
    ] = "excel"
    chart: Annotated[
        Text,
        Written(
            "output.chart", "chart", "--chart",
            "bar, stacked-bar, line or none; usually what suits the report.",
        ),
    ] = ""  # fmt: skip
    options: Annotated[
        frozenset[Text],
        Written(
            "output.options", "with", "--with",
            "zip; meta (a file that says what it means, both in a zip); "
            "changes (what changed since the report before, on a sheet of its own); "
            "bom (CSV with a byte order mark); words (CSV, JSON, Parquet: a column of words beside each of keys).",
            Kind.OPTIONS,
        ),
    ] = frozenset()  # fmt: skip
    name: Annotated[Text, Written("name", "name", "--name", "What the report is called; usually as its type.")] = ""
    description: Annotated[
        Text, Written("description", "description", "--description", "What it is for, in your words.")
    ] = ""
    filename: Annotated[
        Text,
        Written(
            "output.filename", "filename", "--filename",
            "The file's name for those who download it; {name}, {date}, {period} and {department} are filled in.",
        ),
    ] = ""  # fmt: skip
    visibility: Annotated[
        Text,
        Written(
            "visibility", "visibility", "--visibility",
            "Who may see it: private, team, department or organization.",
        ),
    ] = "private"  # fmt: skip
    priority: Annotated[
        Text, Written("priority", "priority", "--priority", "critical, high, normal, low or scheduled.")
    ] = "normal"
    department_id: Annotated[
        ObjectId | None,
        Written(
            "departmentId", "filed_under", "--filed-under",
            "The code or id of the department whose managers follow it.", Kind.ID,
        ),
    ] = None  # fmt: skip
    scheduled_for: Annotated[
        Annotated[datetime, AfterValidator(_in_utc)] | None,
        Written(
            "scheduledFor", "scheduled", "--not-before",
            "When it may begin, such as 2026-09-01T06:00; the command waits until then.", Kind.MOMENT,
        ),
    ] = None  # fmt: skip

    def meant_on(self, today: date) -> Self:
        """The same request, its period as it is meant on `today`. Raises InvalidRequestError where it means nothing."""
        return self.model_copy(update={"period": self.period.meant_on(today)})


def _declared() -> dict[str, Written]:
    """How each field is written. Raises TypeError for one that does not say it."""
    found: dict[str, Written] = {}
    for name, info in ReportRequest.model_fields.items():
        ways = [each for each in info.metadata if isinstance(each, Written)]
        if len(ways) != 1:
            raise TypeError(f"ReportRequest.{name} does not say how it is written")
        found[name] = ways[0]
    return found


#: Every field of a request, in order, with how it is written.
FIELDS: dict[str, Written] = _declared()


def fault_name(name: str) -> str:
    """Under which name a fault of this field is told: `parameters.filters.course_ids` for `course_ids`."""
    if name == "period":
        return "parameters.date_range"
    *places, _ = FIELDS[name].document.split(".")
    return ".".join([*places, name]) if places[:1] == ["parameters"] else name
