"""The independent reference: plain loops over documents. No Ibis, no SQL, nothing of the engine's code.

It answers the same questions as the engine, from lists of dictionaries whose names are those of the record's columns.
Definitions are written here a second time, from the words of the catalogue, so that a slip there shows here.
"""

from __future__ import annotations

import math
import statistics
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.engine.reference_names import ENTITY_TABLE, Row, Tables, label, labels

__all__ = ["Answer", "Question", "Row", "Tables", "answer", "bucket", "is_day", "label", "labels"]

DATES = {
    "enrollments": ["enrolled_at", "started_at", "completed_at", "withdrawn_at"],
    "activity": ["timestamp"],
    "assessments": ["submitted_at", "graded_at"],
    "scorm-attempts": ["started_at", "completed_at"],
    "certificates": ["issued_at", "expires_at", "revoked_at"],
    "classes": ["starts_at", "ends_at"],
    "submissions": ["enrolled_at", "due_at", "submitted_at"],
    "persons": ["enrolled_at", "last_activity"],
}
TABLE = {
    "enrollments": "enrollments",
    "activity": "events",
    "assessments": "results",
    "scorm-attempts": "attempts",
    "certificates": "certificates",
    "classes": "classes",
    "submissions": "enrollments",
    "persons": "enrollments",
}
ENTITY_COLUMN = {
    "department": "department_id",
    "program": "program_id",
    "course": "course_id",
    "class": "class_id",
    "learner": "learner_id",
    "content": "content_id",
    "activity": "content_id",
    "assessment": "content_id",
}
BUCKETS = {"hour", "day", "week", "month", "quarter", "year"}


@dataclass
class Question:
    """As the engine's `Query`, in plain values."""

    dataset: str
    dimensions: Sequence[str] = ()
    slicers: Sequence[str] = ()
    measures: Sequence[str] = ("count",)
    filters: Sequence[tuple[str, str, tuple[Any, ...]]] = ()
    start: datetime | None = None
    end: datetime | None = None
    date_field: str | None = None
    time_zone: str = "UTC"
    include_inactive: bool = False
    departments: Sequence[str] | None = None
    classes: Sequence[str] | None = None
    moment: datetime = datetime(2000, 1, 1, tzinfo=UTC)
    results: Sequence[tuple[str, str, tuple[Any, ...]]] = ()


@dataclass
class Answer:
    """`groups`: keys (ids, texts or buckets; slicers after dimensions) to values in the order of the measures."""

    groups: dict[tuple[Any, ...], list[Any]] = field(default_factory=dict)
    totals: list[Any] = field(default_factory=list)
    matched: int = 0


def answer(question: Question, tables: Tables) -> Answer:
    rows = _rows(question, tables)
    keys = [*question.dimensions, *question.slicers]
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        for key in _keys(question, row, keys, tables):
            groups.setdefault(key, []).append(row)
    if not keys:
        groups.setdefault((), [])
    found = Answer(matched=len({id(row["_one"]) for row in rows}))
    for key, members in groups.items():
        values = [_measure(question, text, members, tables) for text in question.measures]
        if all(
            _result_fits(values[question.measures.index(text)], how, given) for text, how, given in question.results
        ):
            found.groups[key] = values
    found.totals = [_measure(question, text, rows, tables) for text in question.measures]
    return found


def _result_fits(value: Any, operator: str, given: tuple[Any, ...]) -> bool:
    return value is not None and _compare(value, operator, given) if operator != "is-null" else value is None


# --- rows -------------------------------------------------------------------------------------------------------------


def _rows(question: Question, tables: Tables) -> list[Row]:
    """One row for each record; for classes one for each enrollment (`_one` is what counts once)."""
    found: list[Row] = []
    made = {"submissions": lambda: _expected(tables, question.moment), "persons": lambda: _learners(question, tables)}
    for source in made.get(question.dataset, lambda: tables[TABLE[question.dataset]])():
        record = dict(source)
        if question.dataset == "enrollments":
            record |= _absence(record, question.moment, tables)
        if question.dataset == "certificates":
            record["status"] = _certificate_status(record, question.moment)
        if question.dataset == "classes":
            record["class_id"] = record["id"]
            places = [e for e in tables["enrollments"] if e["class_id"] == record["id"]]
            active = [e for e in places if e["is_active"] is not False]
            record["enrollments"] = len(active)
            record["learners"] = len({e["learner_id"] for e in active if e["learner_id"] is not None})
            record["completed"] = sum(e["status"] == "completed" for e in active)
            record["withdrawn"] = sum(e["status"] == "withdrawn" for e in active)
            record["_learners"] = [e["learner_id"] for e in active]
        if not _in_scope(question, record) or (record["is_active"] is False and not question.include_inactive):
            continue
        at = record[question.date_field.replace("-", "_") if question.date_field else DATES[question.dataset][0]]
        if question.start is not None and (at is None or at < question.start):
            continue
        if question.end is not None and (at is None or at >= question.end):
            continue
        if all(_fits(question, record, each, tables) for each in question.filters):
            record["_one"] = record
            found.append(record)
    return found


def _learners(question: Question, tables: Tables) -> list[Row]:
    """Everyone's enrollments, what they did elsewhere, and who has neither, all within what may be counted."""

    def counts(row: Row) -> bool:
        return _in_scope(question, row) and (row["is_active"] is not False or question.include_inactive)

    nothing = dict.fromkeys(tables["enrollments"][0] if tables["enrollments"] else _OF_ENROLLMENTS)
    others = {p["id"] for p in tables["persons"] if p.get("roles") and "learner" not in p["roles"]}
    enrolled = [
        row | _absence(row, question.moment, tables) | {"enrollments": 1}
        for row in tables["enrollments"]
        if counts(row)
    ]
    in_class = {(row["learner_id"], row["class_id"]) for row in enrolled if row["class_id"] is not None}
    places: dict[tuple[Any, ...], list[Row]] = {}
    for event in tables["events"]:
        if event["is_active"] is False or str(event["event_type"] or "").startswith("enrollment-"):
            continue
        if event["learner_id"] is not None and event["learner_id"] not in others:
            key = tuple(event[name] for name in ("learner_id", "class_id", "course_id", "department_id", "program_id"))
            places.setdefault(key, []).append(event)
    active = []
    for (learner, of_class, course, department, program), events in places.items():
        row = nothing | {"id": f"{learner} {of_class} {department}", "learner_id": learner, "is_active": True}
        row |= {"class_id": of_class, "course_id": course, "department_id": department, "program_id": program}
        last = max((e["timestamp"] for e in events if e["timestamp"] is not None), default=None)
        row |= {"events": len(events), "last_activity": last, "days_since_activity": _days(last, question.moment)}
        row |= {"results": len(_of_learner(row, tables["results"])), "days_enrolled": None, "enrollments": 0}
        if counts(row) and (learner, of_class) not in in_class:
            active.append(row)
    anywhere = {row["learner_id"] for row in [*enrolled, *active]}
    absent = []
    for person in tables["persons"]:
        if person["id"] in anywhere or "learner" not in (person.get("roles") or ()):
            continue
        for department in person.get("department_ids") or [None]:
            row = nothing | {
                "id": f"{person['id']} {department}",
                "learner_id": person["id"],
                "events": 0,
                "results": 0,
            }
            row |= {"department_id": department, "is_active": person["is_active"], "enrollments": 0}
            row |= {"last_activity": None, "days_since_activity": None, "days_enrolled": None}
            if counts(row):
                absent.append(row)
    return [*enrolled, *active, *absent]


#: What an enrollment has, where there is none to look at.
_OF_ENROLLMENTS = (
    *("id", "key", "is_active", "learner_id", "class_id", "course_id", "department_id", "program_id", "status"),
    *("score", "passed", "enrolled_at", "started_at", "completed_at", "withdrawn_at"),
)


def _absence(record: Row, moment: datetime, tables: Tables) -> Row:
    """What the learner did in the class, and how long ago."""
    done = [
        e for e in _of_learner(record, tables["events"]) if not str(e["event_type"] or "").startswith("enrollment-")
    ]
    last = max((e["timestamp"] for e in done if e["timestamp"] is not None), default=None)
    return {
        "events": len(done),
        "results": len(_of_learner(record, tables["results"])),
        "last_activity": last,
        "days_since_activity": _days(last or record["enrolled_at"] or record["started_at"], moment),
        "days_enrolled": _days(record["enrolled_at"], moment),
    }


def _of_learner(record: Row, rows: list[Row]) -> list[Row]:
    """Those of the same learner in the same class."""
    if record["class_id"] is None or record["learner_id"] is None:
        return []
    same = (record["class_id"], record["learner_id"])
    return [row for row in rows if row["is_active"] is not False and (row["class_id"], row["learner_id"]) == same]


def _days(begin: datetime | None, end: datetime) -> int | None:
    return None if begin is None else max((math.floor(end.timestamp()) - math.floor(begin.timestamp())) // 86_400, 0)


def _expected(tables: Tables, moment: datetime) -> list[Row]:
    """Every enrollment with every assessment that is of its class, or of its course and of no class."""
    found = []
    for enrollment in tables["enrollments"]:
        for content in tables["contents"]:
            if content["content_type"] != "assessment" or content["is_active"] is False:
                continue
            of_class = content["class_id"] is not None and content["class_id"] == enrollment["class_id"]
            of_course = content["class_id"] is None and content["course_id"] is not None
            if not of_class and not (of_course and content["course_id"] == enrollment["course_id"]):
                continue
            tries = [r for r in _of_learner(enrollment, tables["results"]) if r["content_id"] == content["id"]]
            handed_in = [r for r in tries if r["status"] in ("submitted", "graded") or r["score"] is not None]
            is_open = enrollment["status"] in ("not-started", "in-progress")
            is_due = content.get("due_at") is None or content.get("due_at") <= moment
            status = "not-expected" if not is_open else "not-submitted" if is_due else "not-due"
            if any(r["status"] == "exempt" for r in tries):
                status = "exempt"
            if handed_in:
                status = "submitted"
            row = {name: value for name, value in enrollment.items() if name != "passed"}
            days = [r["submitted_at"] for r in handed_in if r["submitted_at"] is not None]
            scores = [r["score"] for r in tries if r["score"] is not None]
            found.append(
                row
                | {"content_id": content["id"], "status": status, "submitted_at": max(days, default=None)}
                | {"score": max(scores, default=None), "due_at": content.get("due_at")}
            )
    return found


def _in_scope(question: Question, record: Row) -> bool:
    if question.departments is None and question.classes is None:
        return True
    return record["department_id"] in (question.departments or ()) or record["class_id"] in (question.classes or ())


def _certificate_status(record: Row, moment: datetime) -> str:
    if record["revoked_at"] is not None and record["revoked_at"] <= moment:
        return "revoked"
    if record["expires_at"] is not None and record["expires_at"] <= moment:
        return "expired"
    if record["expires_at"] is not None and record["expires_at"] <= moment + timedelta(days=90):
        return "expiring"
    return "valid"


# --- keys -------------------------------------------------------------------------------------------------------------


def _keys(question: Question, row: Row, dimensions: Sequence[str], tables: Tables) -> list[tuple[Any, ...]]:
    """All groups that a row belongs to."""
    found: list[tuple[Any, ...]] = [()]
    for dimension in dimensions:
        values = _values(question, row, dimension, tables)
        found = [(*key, value) for key in found for value in values]
    return found


def _values(question: Question, row: Row, dimension: str, tables: Tables) -> list[Any]:
    if dimension == "department-tree":
        return _ancestors(row["department_id"], tables) or [None]
    if dimension == "instructor":
        of_class = [c for c in tables["classes"] if c["id"] == row["class_id"] and row["class_id"] is not None]
        people = [person for c in of_class for person in (c["instructor_ids"] or ())]
        return people or [None]
    return [_value(question, row, dimension, tables)]


def _ancestors(department_id: str | None, tables: Tables) -> list[str]:
    parents = {d["id"]: d["parent_id"] for d in tables["departments"]}
    found: list[str] = []
    while department_id in parents and department_id not in found:
        found.append(department_id)  # type: ignore[arg-type]
        department_id = parents[department_id]
    return found


def _value(question: Question, row: Row, dimension: str, tables: Tables) -> Any:
    if dimension in ENTITY_COLUMN:
        return row[ENTITY_COLUMN[dimension]]
    if dimension in BUCKETS:
        name = question.date_field.replace("-", "_") if question.date_field else DATES[question.dataset][0]
        return bucket(dimension, row[name], question.time_zone)
    if dimension == "content-type":
        return _of(tables["contents"], row["content_id"], "content_type")
    if dimension == "term":
        return _of(tables["classes"], row["class_id"], "term")
    if dimension == "event-type":
        return row["event_type"] or None
    if dimension == "status":
        return row["status"] or None
    if dimension == "grade-range":
        return _grade_range(row["score"])
    if dimension == "completion-status":
        words = {"completed": "completed", "in-progress": "in progress", "not-started": "not started"}
        words |= dict.fromkeys(["failed", "withdrawn", "expired"], "not completed")
        return words.get(row["status"])
    if dimension in ("enrollment", "scorm-attempt"):
        return row["key"] or row["id"]
    if dimension == "certificate":
        return row["name"] or row["key"] or row["id"]
    raise KeyError(dimension)


def _of(table: list[Row], record_id: str | None, column: str) -> Any:
    return next((r[column] or None for r in table if r["id"] == record_id and record_id is not None), None)


def bucket(unit: str, instant: datetime | None, zone: str) -> Any:
    if instant is None:
        return None
    try:
        local = instant.astimezone(ZoneInfo(zone))
    except OverflowError:  # no clock shows a year before 1 or after 9999
        ends = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
        local = ends[instant.year > 5_000]
    match unit:
        case "hour":
            return f"{local.date().isoformat()} {local.hour:02}:00"
        case "day":
            return local.date()
        case "week":
            year, week, _ = local.isocalendar()
            return f"{year:04}-W{week:02}"
        case "month":
            return local.date().isoformat()[:7]
        case "quarter":
            return f"{local.year:04}-Q{(local.month + 2) // 3}"
    return f"{local.year:04}"


def _grade_range(score: float | None) -> str | None:
    if score is None:
        return None
    for low in (90, 80, 70, 60, 50, 40):
        if score >= low:
            return f"{low}–{100 if low == 90 else low + 9}"
    return "0–39"


# --- filters ----------------------------------------------------------------------------------------------------------


def _fits(question: Question, row: Row, condition: tuple[str, str, tuple[Any, ...]], tables: Tables) -> bool:
    name, operator, values = condition
    if name in ("department-tree", "instructor"):
        found = [value for value in _values(question, row, name, tables) if value is not None]
        positive = {"ne": "eq", "not-in": "in", "is-null": "is-not-null"}.get(operator, operator)
        hit = any(_compare(value, positive, values) for value in found)
        return not hit if positive != operator else hit
    if name in row and name not in ENTITY_COLUMN and name != "status":
        return _compare(row[name], operator, values)
    if name.replace("-", "_") in row and name not in ENTITY_COLUMN and name not in BUCKETS and name != "status":
        return _compare(row[name.replace("-", "_")], operator, values)
    if name == "data.clicks":
        return _compare(row.get("data_clicks"), operator, values)
    if name in ("learner-email", "instructors"):
        return _compare((_email if name == "learner-email" else _instructors)(row, tables), operator, values)
    value = _value(question, row, name, tables)
    if operator in ("contains", "starts-with") and name in ENTITY_TABLE:
        known = any(r["id"] == value for r in tables[ENTITY_TABLE[name]])
        value = label(name, value, tables) if known else None
    return _compare(value, operator, values)


def _compare(value: Any, operator: str, given: tuple[Any, ...]) -> bool:
    if operator == "is-null":
        return value is None
    if operator == "is-not-null":
        return value is not None
    if value is None:
        return operator in ("ne", "not-in")
    if isinstance(value, str):
        value, given = _plain(value), tuple(_plain(str(each)) for each in given)
    first = given[0] if given else None
    checks: dict[str, Callable[[], bool]] = {
        "eq": lambda: value == first,
        "ne": lambda: value != first,
        "in": lambda: value in given,
        "not-in": lambda: value not in given,
        "gt": lambda: value > first,
        "gte": lambda: value >= first,
        "lt": lambda: value < first,
        "lte": lambda: value <= first,
        "between": lambda: first <= value <= given[1],
        "contains": lambda: str(first) in str(value),
        "starts-with": lambda: str(value).startswith(str(first)),
    }
    return bool(checks[operator]())


def _plain(text: str) -> str:
    """Without case, accents and the two i's of Turkish."""
    apart = unicodedata.normalize("NFD", text.casefold())
    return "".join(letter for letter in apart if not unicodedata.combining(letter)).replace("ı", "i")


# --- measures ---------------------------------------------------------------------------------------------------------


def _measure(question: Question, text: str, rows: Sequence[Row], tables: Tables) -> Any:
    key, _, name = text.partition(":")
    if key == "count-distinct":
        return len(set(_field_values(question, name, rows, tables, everything=True)))
    if name:
        return _aggregate(key, _field_values(question, name, rows, tables))
    return _PLAIN[key](question, rows, tables)


def _field_values(
    question: Question, name: str, rows: Iterable[Row], tables: Tables, *, everything: bool = False
) -> list[Any]:
    found: list[Any] = []
    for row in rows:
        if name == "learner" and question.dataset == "classes":
            found += [person for person in row["_learners"] if person is not None]
        elif name == "learner-email":
            found.append(_email(row, tables))
        elif name == "instructors":
            found.append(_instructors(row, tables))
        elif name == "data.clicks":
            found.append(row.get("data_clicks"))
        elif name == "time-to-complete":
            found.append(_seconds(row["started_at"] or row["enrolled_at"], row["completed_at"]))
        elif everything and _is_dimension(name, row):
            found.append(_value(question, row, name, tables))
        else:
            found.append(row[name.replace("-", "_")])
    return [value for value in found if value is not None]


def _email(row: Row, tables: Tables) -> str | None:
    return _of(tables["persons"], row["learner_id"], "email")


def _instructors(row: Row, tables: Tables) -> str | None:
    """The names of those who teach the class, in their order; who is not in the record by the id."""
    of_class = [c for c in tables["classes"] if c["id"] == row["class_id"] and row["class_id"] is not None]
    people = [person for c in of_class for person in (c["instructor_ids"] or ())]
    return ", ".join(sorted(label("instructor", each, tables) for each in people)) or None


def _is_dimension(name: str, row: Row) -> bool:
    own_texts = ("status", "certificate", "enrollment", "scorm-attempt")
    return name in ENTITY_COLUMN or name in BUCKETS or name in own_texts or name.replace("-", "_") not in row


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else float(math.floor(end.timestamp()) - math.floor(start.timestamp()))


def _aggregate(key: str, values: list[Any]) -> Any:
    if not values:
        return None
    match key:
        case "sum":
            return math.fsum(values)
        case "average":
            return math.fsum(values) / len(values)
        case "median":
            return statistics.median(float(value) for value in values)
        case "min":
            return min(values)
        case "max":
            return max(values)
        case "std-dev":
            return statistics.stdev(values) if len(values) > 1 else None
        case "variance":
            return statistics.variance(values) if len(values) > 1 else None
    raise KeyError(key)


def _rate(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _status_count(rows: Sequence[Row], *statuses: str) -> int:
    return sum(row["status"] in statuses for row in rows)


def _pass_rate(question: Question, rows: Sequence[Row], _: Tables) -> float | None:
    if question.dataset == "enrollments":
        return _rate(_status_count(rows, "completed"), _status_count(rows, "completed", "failed"))
    verdicts = [verdict for row in rows if (verdict := _verdict(question, row)) is not None]
    return _rate(sum(verdicts), len(verdicts))


def _fail_rate(question: Question, rows: Sequence[Row], _: Tables) -> float | None:
    if question.dataset == "enrollments":
        return _rate(_status_count(rows, "failed"), len(rows))
    verdicts = [verdict for row in rows if (verdict := _verdict(question, row)) is not None]
    return _rate(sum(not verdict for verdict in verdicts), len(verdicts))


def _verdict(question: Question, row: Row) -> bool | None:
    if row["passed"] is not None:
        return bool(row["passed"])
    if question.dataset == "scorm-attempts" and row["status"] in ("passed", "failed"):
        return bool(row["status"] == "passed")
    return None


def _completion_rate(question: Question, rows: Sequence[Row], _: Tables) -> float | None:
    done = ("completed",) if question.dataset == "enrollments" else ("completed", "passed")
    return _rate(_status_count(rows, *done), len(rows))


def _engagement_rate(question: Question, rows: Sequence[Row], tables: Tables) -> float | None:
    active = set()
    for event in tables["events"]:
        if event["is_active"] is False or str(event["event_type"] or "").startswith("enrollment-"):
            continue
        at = event["timestamp"]
        if question.start is not None and (at is None or at < question.start):
            continue
        if question.end is not None and (at is None or at >= question.end):
            continue
        if event["class_id"] is not None:
            active.add((event["class_id"], event["learner_id"]))
    engaged = {row["learner_id"] for row in rows if (row["class_id"], row["learner_id"]) in active}
    return _rate(len(engaged - {None}), len({row["learner_id"] for row in rows} - {None}))


def _time_to_complete(question: Question, rows: Sequence[Row], _: Tables) -> float | None:
    if question.dataset == "enrollments":
        done = [row for row in rows if row["status"] == "completed"]
        spans = [_seconds(row["started_at"] or row["enrolled_at"], row["completed_at"]) for row in done]
    else:
        spans = [_seconds(row["started_at"], row["completed_at"]) for row in rows]
    return _aggregate("average", [span for span in spans if span is not None])


def _study_time(_question: Question, rows: Sequence[Row], _: Tables) -> float | None:
    timed = [row for row in rows if row["duration"] is not None]
    people = {row["learner_id"] for row in timed} - {None}
    return math.fsum(row["duration"] for row in timed) / len(people) if people else None


_PLAIN: dict[str, Callable[[Question, Sequence[Row], Tables], Any]] = {
    "count": lambda _, rows, __: len({id(row["_one"]) for row in rows}),
    "event-count": lambda _, rows, __: len(rows),
    "avg-score": lambda _, rows, __: _aggregate("average", [r["score"] for r in rows if r["score"] is not None]),
    "completion-rate": _completion_rate,
    "pass-rate": _pass_rate,
    "fail-rate": _fail_rate,
    "dropout-rate": lambda _, rows, __: _rate(_status_count(rows, "withdrawn"), len(rows)),
    "submission-rate": lambda _, rows, __: _rate(
        _status_count(rows, "submitted"), _status_count(rows, "submitted", "not-submitted")
    ),
    "retention-rate": lambda _, rows, __: _rate(len(rows) - _status_count(rows, "withdrawn"), len(rows)),
    "engagement-rate": _engagement_rate,
    "avg-time-to-complete": _time_to_complete,
    "avg-study-time": _study_time,
}


def is_day(value: Any) -> bool:
    return isinstance(value, date) and not isinstance(value, datetime)
