"""Learners by their classes, those included who are in none and did nothing: absence can be asked.

A row is a learner in a class where they are enrolled, or where they did something without being enrolled; what they did
outside of all classes is a row without one. Who has none of these has an empty row for each of their departments. All
of it is seen within what the requester may count: who is enrolled elsewhere only is, for them, nowhere.
"""

from __future__ import annotations

import ibis

from webapp import statuses
from webapp.engine.catalogue import measures
from webapp.engine.catalogue.dimensions import TIME_BUCKETS
from webapp.engine.catalogue.row_fields import (
    ABSENCE,
    CLASS_DIMENSIONS,
    PASSED,
    PEOPLE,
    SCORE,
    by_key,
    dates,
    done_in,
    fields,
    own,
    whole_days,
)
from webapp.engine.catalogue.tables import TABLES, TYPES
from webapp.engine.declarations import Dataset, Field, Table, Unit
from webapp.messages import Message

LEARNS = "learner"
#: Why a row is there: enrolled, active without that, or neither.
_ENROLLED, _ACTIVE, _ABSENT = range(3)
_OF_CLASS = ("learner_id", "class_id", "course_id", "department_id", "program_id")
_COLUMNS = {
    name: TYPES[kind] for name, kind in TABLES["enrollments"].items() if name not in ("key", "changed_at", "outcome_at")
} | {"why": "int8", "events_done": "int64", "last_activity": TYPES[TABLES["events"]["timestamp"]]}


def _prepare_persons(tables: dict[str, Table]) -> Table:
    done = done_in(tables)
    done = done.filter(done.learner_id.notnull())
    places = done.group_by(*_OF_CLASS).aggregate(events_done=done.count(), last_activity=done.timestamp.max())
    persons = tables["persons"]
    return ibis.union(_enrolled(tables, places), _active(places, persons), *_absent(persons))


def _enrolled(tables: dict[str, Table], places: Table) -> Table:
    rows = tables["enrollments"]
    found = places.group_by(of_class="class_id", of_learner="learner_id").aggregate(
        events_done=places.events_done.sum(), last_activity=places.last_activity.max()
    )
    same = [rows.class_id == found.of_class, rows.learner_id == found.of_learner]
    return _row(rows.left_join(found, same), _ENROLLED)


def _active(places: Table, persons: Table) -> Table:
    """What was done, but for what was done by those who are known to do something else than to learn."""
    others = persons.filter((persons.roles.length() > 0) & ~persons.roles.contains(LEARNS)).select(other="id")
    places = places.anti_join(others, places.learner_id == others.other)
    parts = [places[name].fill_null("") for name in ("learner_id", "class_id", "department_id")]
    return _row(places.mutate(id=parts[0] + "-" + parts[1] + "-" + parts[2], is_active=True), _ACTIVE)


def _absent(persons: Table) -> tuple[Table, Table]:
    """Those whom a source calls learners, by their departments, and those of no department."""
    learners = persons.filter(persons.roles.contains(LEARNS).fill_null(False))
    placed = learners.select("id", "is_active", department_id=learners.department_ids.unnest())
    nowhere = learners.filter((learners.department_ids.length() == 0).fill_null(True))
    made = (
        placed.mutate(id=placed.id + "-" + placed.department_id, learner_id=placed.id),
        nowhere.select("id", "is_active", learner_id=nowhere.id),
    )
    first, second = (_row(each, _ABSENT) for each in made)
    return first, second


def _row(found: Table, why: int) -> Table:
    """The columns of a row, empty where `found` has none of them."""
    given = {name: found[name].cast(kind) for name, kind in _COLUMNS.items() if name in found.columns}
    return found.select(
        **{name: given.get(name, ibis.null(kind)) for name, kind in _COLUMNS.items()}
        | {"why": ibis.literal(why, "int8")}
    )


def _settled(rows: Table) -> Table:
    """Of the rows that may be counted, those that stand: what was done where somebody is enrolled is that enrollment's,
    and who is anywhere is not absent."""
    rows = rows.mutate(
        why_there=rows.why.min().over(group_by=[rows.learner_id, rows.class_id]),
        why_at_all=rows.why.min().over(group_by=rows.learner_id),
    )
    is_told = (rows.why == _ACTIVE) & rows.class_id.notnull() & (rows.why_there == _ENROLLED)
    is_anywhere = (rows.why == _ABSENT) & (rows.why_at_all != _ABSENT)
    return rows.filter(~is_told, ~is_anywhere).drop("why_there", "why_at_all")


PERSONS = Dataset(
    key="persons",
    label=Message("Learners and their classes"),
    table="enrollments",
    dates=dates(enrolled_at="enrolled_at", last_activity="last_activity"),
    statuses=tuple(statuses.ENROLLMENT),
    dimensions=(*CLASS_DIMENSIONS, "learner", "status", "completion-status", "grade-range", *TIME_BUCKETS),
    fields=fields(
        own(
            "last-activity",
            Message("Last activity"),
            Unit.INSTANT,
            definition=Message("The learner's last event there other than enrolling; empty for those who did nothing."),
        ),
        Field(
            "days-since-activity",
            Message("Days without activity"),
            Unit.COUNT,
            lambda table: whole_days(
                ibis.coalesce(table.last_activity, table.enrolled_at, table.started_at), table.moment
            ),
            Message(
                "Whole days from the learner's last activity there to the moment of the report; from enrolling, where "
                "there was none; empty for those who neither enrolled nor did anything."
            ),
        ),
        Field(
            "events",
            Message("Events"),
            Unit.COUNT,
            lambda table: table.events_done.fill_null(0),
            Message("The learner's events there other than enrolling; 0 for those who did nothing."),
        ),
        Field(
            "enrollments",
            Message("Enrollments"),
            Unit.COUNT,
            lambda table: (table.why == _ENROLLED).ifelse(1, 0),
            Message("1 where the learner is enrolled, 0 where they are not."),
        ),
        ABSENCE["results"],
        ABSENCE["days-enrolled"],
        SCORE,
        PASSED,
        own("enrolled-at", Message("Enrolled"), Unit.INSTANT),
        own("started-at", Message("Started"), Unit.INSTANT),
        own("completed-at", Message("Completed"), Unit.INSTANT),
        own("withdrawn-at", Message("Withdrawn"), Unit.INSTANT),
    )
    | PEOPLE,
    measures=by_key((*measures.GENERAL, measures.AVG_SCORE)),
    needs=("persons", "events"),
    prepare=_prepare_persons,
    settle=_settled,
    has_moment=True,
)
