"""The fields that rows of several kinds have, and how those are worked out that their own table does not hold: what a
learner did or did not do, and who the people of a row are."""

from __future__ import annotations

from typing import Any

import ibis

from webapp.engine.catalogue.measures import seconds_between
from webapp.engine.declarations import Field, Measure, Table, Unit, Value
from webapp.messages import Message

CLASS_DIMENSIONS = ("department", "department-tree", "program", "course", "class", "term", "instructor")


def own(key: str, label: str, unit: Unit, column: str | None = None, definition: str = "") -> Field:
    name = column or key.replace("-", "_")
    return Field(key, label, unit, lambda table: table[name], definition)


def fields(*given: Field) -> dict[str, Field]:
    return {field.key: field for field in given}


def by_key(found: tuple[Measure, ...]) -> dict[str, Measure]:
    return {measure.key: measure for measure in found}


SCORE = own("score", Message("Score"), Unit.SCORE)
PASSED = own("passed", Message("Passed"), Unit.FLAG)
DURATION = own("duration", Message("Recorded time"), Unit.SECONDS)
ATTEMPT = own("attempt", Message("Attempt"), Unit.COUNT)


def dates(**given: str) -> dict[str, str]:
    return {key.replace("_", "-"): column for key, column in given.items()}


def done_in(tables: dict[str, Table]) -> Table:
    """What learners did, other than enrolling."""
    events = tables["events"]
    return events.filter(
        events.is_active.fill_null(True), ~events.event_type.startswith("enrollment-").fill_null(False)
    )


def _with_activity(rows: Table, tables: dict[str, Table]) -> Table:
    """What the learner did in the class. Who did nothing stays, with nothing."""
    done = done_in(tables)
    return _joined(rows, done, events_done=done.count(), last_activity=done.timestamp.max())


def _with_results(rows: Table, tables: dict[str, Table]) -> Table:
    results = tables["results"]
    active = results.filter(results.is_active.fill_null(True))
    return _joined(rows, active, results_done=active.count())


def _joined(rows: Table, others: Table, **columns: Value) -> Table:
    """`rows` with these aggregates of the same learner's `others` in the same class."""
    found = others.group_by(of_class="class_id", of_learner="learner_id").aggregate(**columns)
    same = [rows.class_id == found.of_class, rows.learner_id == found.of_learner]
    return rows.left_join(found, same).drop("of_class", "of_learner")


def whole_days(begin: Value, end: Value) -> Value:
    """Never fewer than none; empty where one of them is."""
    days = (seconds_between(begin, end) / 86_400).floor().cast("int64")
    return (days < 0).ifelse(0, days)


_SINCE_ACTIVITY = Message(
    "Whole days from the learner's last activity in the class to the moment of the report; from enrolling, where there "
    "was none."
)
_ACTIVITY: dict[str, Any] = {"prepare": _with_activity, "needs": ("events",)}
ABSENCE = fields(
    Field(
        "last-activity",
        Message("Last activity"),
        Unit.INSTANT,
        lambda table: table.last_activity,
        Message("The learner's last event in the class other than enrolling; empty for those who did nothing."),
        **_ACTIVITY,
    ),
    Field(
        "days-since-activity",
        Message("Days without activity"),
        Unit.COUNT,
        lambda table: whole_days(ibis.coalesce(table.last_activity, table.enrolled_at, table.started_at), table.moment),
        _SINCE_ACTIVITY,
        **_ACTIVITY,
    ),
    Field(
        "events",
        Message("Events"),
        Unit.COUNT,
        lambda table: table.events_done.fill_null(0),
        Message("The learner's events in the class other than enrolling; 0 for those who did nothing."),
        **_ACTIVITY,
    ),
    Field(
        "results",
        Message("Results"),
        Unit.COUNT,
        lambda table: table.results_done.fill_null(0),
        Message("The learner's assessment results in the class."),
        prepare=_with_results,
        needs=("results",),
    ),
    Field(
        "days-enrolled",
        Message("Days since enrolling"),
        Unit.COUNT,
        lambda table: whole_days(table.enrolled_at, table.moment),
        Message("Whole days from enrolling to the moment of the report."),
    ),
)


def _with_email(rows: Table, tables: dict[str, Table]) -> Table:
    persons = tables["persons"]
    found = persons.select(of_learner="id", learner_email=persons.email.nullif(""))
    return rows.left_join(found, rows.learner_id == found.of_learner).drop("of_learner")


def _with_instructors(rows: Table, tables: dict[str, Table]) -> Table:
    classes, persons = tables["classes"], tables["persons"]
    taught = classes.select(of_class="id", by=classes.instructor_ids.unnest())
    known = persons.select(person="id", called=persons.name.nullif(""))
    named = taught.left_join(known, taught.by == known.person)
    named = named.mutate(text=ibis.coalesce(named.called, named.by))
    found = named.group_by("of_class").aggregate(instructors=named.text.group_concat(", ", order_by=named.text))
    return rows.left_join(found, rows.class_id == found.of_class).drop("of_class")


EMAIL = Field(
    "learner-email",
    Message("Learner's e-mail"),
    Unit.TEXT,
    lambda table: table.learner_email,
    Message("The learner's e-mail address, where the record has one."),
    prepare=_with_email,
    needs=("persons",),
)
INSTRUCTORS = Field(
    "instructors",
    Message("Instructors"),
    Unit.TEXT,
    lambda table: table.instructors,
    Message("Who teaches the class, by name."),
    prepare=_with_instructors,
    needs=("classes", "persons"),
)
#: Whom a row is about, beside the name: for whoever may count the row. The record knows no advisors.
PEOPLE = fields(EMAIL, INSTRUCTORS)
