"""Requests of every shape, for properties: all that a form can ask, with values that are hard to carry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bson import ObjectId
from hypothesis import strategies as st

from tests.factories import People, make_record
from webapp import renderers
from webapp.engine.catalogue.datasets import DATASETS
from webapp.engine.catalogue.report_types import REPORT_TYPES
from webapp.engine.declarations import Unit
from webapp.services.questions.conditions import RELATIVE, TEXT_DIMENSIONS
from webapp.services.questions.period import CUSTOM, PHRASES, Period, today_in
from webapp.services.questions.request import Condition, ReportRequest

NOW = datetime(2026, 11, 24, 22, 45, tzinfo=UTC)
#: Also zones that no list offers, one where it is tomorrow already, and one whose clocks change.
ZONES = ("UTC", "Europe/Madrid", "America/New_York", "Pacific/Kiritimati", "Asia/Kathmandu", "Etc/GMT+5", "CET")
WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=30).map(str.strip)
VALUES = st.one_of(
    st.sampled_from(["2026 spring", "a; b", "a, b", '"quoted"', 'a "b" c', " both ", "", "-x", "yes", "5", '"', '""', "=1"]),
    st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=30).map(
        lambda text: "".join(letter for letter in text if letter.isprintable())
    ),
)  # fmt: skip
NUMBERS = st.one_of(
    st.integers(-(2**53) + 1, 2**53 - 1), st.floats(-1e9, 1e9, allow_subnormal=False).filter(lambda n: n == n)
)
DAYS = st.dates(date(1900, 1, 1), date(2200, 12, 30))
_OWN_DAYS = st.builds(Period, phrase=st.just(CUSTOM), first=st.none() | DAYS, last=st.none() | DAYS)


@dataclass(frozen=True)
class Records:
    """Ids that exist, by the field of a request that chooses among them; and what each named period means in each zone:
    a strategy must not ask a database."""

    ids: dict[str, list[ObjectId]]
    periods: dict[str, list[Period]]


def make_records(people: People) -> Records:
    """Two of everything that can be chosen, and classes of a term that is over and of one that is on."""
    place = people.department.id
    courses = [{"id": ObjectId(), "name": f"Course {n}", "code": f"C{n}", "department_id": place} for n in range(2)]
    terms = [
        ("2026 spring", datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)),
        ("2026 autumn", datetime(2026, 9, 1, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC)),
    ]
    classes = [
        {
            "id": ObjectId(), "name": term, "code": f"K{n}", "term": term, "starts_at": start, "ends_at": end,
            "department_id": place, "course_id": courses[n]["id"],
        }
        for n, (term, start, end) in enumerate(terms)
    ]  # fmt: skip
    learners = [
        {"id": ObjectId(), "name": f"Learner {n}", "number": f"L-{n}", "email": f"l{n}@learn.example"} for n in range(2)
    ]
    rosters = [{"learner_id": each["id"], "class_id": classes[0]["id"], "status": "not-started"} for each in learners]
    contents = [{"id": ObjectId(), "name": f"Content {n}", "key": f"content-{n}"} for n in range(2)]
    make_record(courses=courses, classes=classes, persons=learners, rosters=rosters, contents=contents)
    return Records(
        {
            "department_ids": [people.department.id, people.faculty.id],
            "course_ids": [each["id"] for each in courses],
            "class_ids": [each["id"] for each in classes],
            "learner_ids": [each["id"] for each in learners],
            "content_ids": [each["id"] for each in contents],
            "department_id": [people.department.id, people.other_department.id],
        },
        {zone: [Period.of(phrase, today_in(zone, NOW)) for phrase in PHRASES] for zone in ZONES},
    )


def _some(values: Any, most: int, least: int = 0) -> st.SearchStrategy[list[Any]]:
    values = list(values)
    if not values:
        return st.just([])
    return st.lists(st.sampled_from(values), min_size=least, max_size=most, unique=True)


@st.composite
def requests(draw: st.DrawFn, records: Records) -> ReportRequest:
    """A request that says all that it means: whose shape is not left to its report type."""
    declared = REPORT_TYPES[draw(st.sampled_from(sorted(REPORT_TYPES)))]
    dataset = DATASETS[declared.dataset]
    zone = draw(st.sampled_from(ZONES))
    values: dict[str, Any] = {"report_type": declared.key, "time_zone": zone}
    values["period"] = draw(st.sampled_from(records.periods[zone]) | _OWN_DAYS)
    values["date_field"] = draw(st.sampled_from(["", *dataset.dates]))
    for name, ids in records.ids.items():
        if name != "department_id":
            values[name] = draw(_some(ids, 2))
    values["part"] = draw(st.sampled_from(["", f"department:{records.ids['department_ids'][0]}"]))
    values["terms"] = draw(st.lists(WORDS.filter(bool) | st.just("2026 spring"), max_size=2, unique=True))
    values["event_types"] = draw(_some(["content-viewed", "login"], 2))
    values["statuses"] = draw(_some(dataset.statuses, 2))
    values["conditions"] = draw(st.lists(_conditions(dataset, ZoneInfo(zone)), max_size=4))
    if declared.detail and draw(st.booleans()):
        columns = list(declared.detail)
        values["detail"] = True
        values["columns"] = draw(_some(columns, 4))
        columns = values["columns"] or columns
    else:
        groups = draw(_some(dataset.dimensions, 5))
        aggregates = [f"average:{key}" for key, field in dataset.fields.items() if field.is_numeric]
        plain = [key for key, measure in dataset.measures.items() if not measure.requires_field]
        measures = draw(_some([*plain, *aggregates], 4, least=1))
        columns = [*groups, *measures]
        slicers = draw(_some([key for key in dataset.dimensions if key not in groups], 3))
        values |= {"group_by": groups, "measures": measures, "slicers": slicers, "totals": draw(st.booleans())}
        values["results"] = draw(st.lists(_results(measures), max_size=2)) if measures else []
        values["top"] = draw(st.none() | st.integers(1, 1_000))
        values["subtotals"] = draw(st.booleans())
        columns += ["2026 spring", "a column of a slicer"] if slicers else []
    if not values.get("subtotals"):
        values["sort"] = [draw(st.sampled_from(["", "-"])) + key for key in draw(_some(columns, 3))]
    values["limit"] = draw(st.none() | st.integers(1, 10**9))
    values["include_inactive"] = draw(st.booleans())
    values["as_of_job_id"] = draw(st.none() | st.just(ObjectId("0123456789abcdef01234567")))
    values["format"] = draw(st.sampled_from(sorted(renderers.FORMATS)))
    values["chart"] = draw(st.sampled_from(["", "bar", "stacked-bar", "line", "none"]))
    values["options"] = frozenset(draw(_some(renderers.OPTIONS, 3)))
    values |= {name: draw(WORDS) for name in ("name", "description", "filename")}
    values["visibility"] = draw(st.sampled_from(["private", "team", "department", "organization"]))
    values["priority"] = draw(st.sampled_from(["critical", "high", "normal", "low", "scheduled"]))
    values["department_id"] = draw(st.sampled_from([None, *records.ids["department_id"]]))
    values["scheduled_for"] = draw(st.none() | _moments())
    return ReportRequest(**values)


def _moments() -> st.SearchStrategy[datetime]:
    """Among them the hour that the clocks of Madrid and New York show twice, and the one that they leave out."""
    odd = [datetime(2027, 10, 31, 0, 30), datetime(2027, 10, 31, 1, 30), datetime(2027, 11, 7, 5, 59, 59)]  # noqa: DTZ001
    some = st.datetimes(NOW.replace(tzinfo=None) + timedelta(seconds=1), datetime(2099, 1, 1))  # noqa: DTZ001
    return (st.sampled_from(odd) | some).map(lambda moment: moment.replace(tzinfo=UTC, microsecond=0))


@st.composite
def _results(draw: st.DrawFn, measures: list[str]) -> Condition:
    measure, operator = draw(st.sampled_from(measures)), draw(st.sampled_from(["lt", "gte", "between", "is-null"]))
    value = {"between": (draw(NUMBERS), draw(NUMBERS)), "is-null": None}.get(operator, draw(NUMBERS))
    return Condition(field=measure, operator=operator, value=value)


@st.composite
def _conditions(draw: st.DrawFn, dataset: Any, zone: ZoneInfo) -> Condition:
    texts = [key for key in TEXT_DIMENSIONS if key in dataset.dimensions]
    field = draw(st.sampled_from([*dataset.fields, *texts]))
    unit = dataset.fields[field].unit if field in dataset.fields else Unit.TEXT
    if draw(st.booleans()):
        return Condition(field=field, operator=draw(st.sampled_from(["is-null", "is-not-null"])))
    if unit in (Unit.INSTANT, Unit.DATE):
        if draw(st.booleans()):
            return Condition(field=field, operator=draw(st.sampled_from(RELATIVE)), value=draw(st.integers(0, 36_500)))
        begins = DAYS.map(lambda day: datetime.combine(day, time(), tzinfo=zone))
        ends = begins.map(lambda begin: begin + timedelta(days=1) - timedelta(microseconds=1))
        instants = (begins | ends | _moments()).map(datetime.isoformat)
        operator = draw(st.sampled_from(["gte", "lt", "gt", "lte", "eq", "between", "in"]))
        one = instants
    elif unit is Unit.FLAG:
        operator, one = draw(st.sampled_from(["eq", "ne"])), st.booleans()
    elif field in dataset.fields and dataset.fields[field].is_numeric:
        operator, one = draw(st.sampled_from(["eq", "gte", "in", "between"])), NUMBERS
    else:
        operator, one = draw(st.sampled_from(["eq", "contains", "in", "not-in"])), VALUES
    if operator == "between":
        return Condition(field=field, operator=operator, value=(draw(one), draw(one)))
    if operator in ("in", "not-in"):
        return Condition(field=field, operator=operator, value=tuple(draw(st.lists(one, min_size=1, max_size=4))))
    return Condition(field=field, operator=operator, value=draw(one))
