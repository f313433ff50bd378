"""The twelve questions of the bench, each three times: as the engine takes it, as SQL by hand, as a MongoDB pipeline.

The SQL is what somebody who knows DuckDB and these files would write for the same rows and the same totals, columns in
the order of the report. The pipelines give the numbers by id, without labels, order and totals.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId

from tests.bench.engine_data import CLASSES, DEPARTMENTS, EVENT_TYPES
from webapp.engine.catalogue.report_types import REPORT_TYPES
from webapp.engine.query import DateRange, Filter, Query, Scope, Sort

Stages = list[dict[str, Any]]

MOMENT = datetime(2025, 7, 1, tzinfo=UTC)
START, END = datetime(2024, 3, 1, tzinfo=UTC), datetime(2024, 6, 1, tzinfo=UTC)
_DEPARTMENT_IDS = [f"1{n:023x}" for n in range(DEPARTMENTS)]
SCOPE = tuple(_DEPARTMENT_IDS[10:20])
ONE_CLASS = f"4{CLASSES // 2:023x}"
_SCORED = ("assessment-submitted", "assessment-graded")
_ACTIVE: dict[str, Any] = {"isActive": {"$ne": False}}

#: Labels and order as the report has them; `KIND` is the table that `g.key` refers to.
_NAMED = "coalesce(nullif(l.name, ''), l.id, g.key)"
_LABEL = f"LEFT JOIN {{table}} l ON l.id = g.key ORDER BY strip_accents(lower({_NAMED})), {_NAMED}, g.key"
_CLASS_LABEL = (
    "LEFT JOIN classes l ON l.id = g.key "
    "ORDER BY strip_accents(lower(coalesce(nullif(l.code, ''), l.name, l.id, g.key))), 1, g.key"
)
KINDS_SQL = ", ".join(f"count(*) FILTER (event_type = '{kind}')" for kind in sorted(EVENT_TYPES))
RATES_SQL = (
    "count(*), count(DISTINCT learner_id), "
    "count(DISTINCT learner_id) FILTER (engaged) / count(DISTINCT learner_id), "
    "avg((status = 'completed')::INT), avg((status = 'withdrawn')::INT), avg(score)"
)
ACTIVE_SQL = (
    "active AS (SELECT DISTINCT class_id, learner_id, true AS engaged FROM events "
    "WHERE is_active IS NOT FALSE AND NOT event_type LIKE 'enrollment-%')"
)
CHOSEN_SQL = (
    f"is_active IS NOT FALSE AND event_type IN {_SCORED} AND score >= 50 AND department_id IN {SCOPE} "
    f"AND timestamp >= '{START:%Y-%m-%d}' AND timestamp < '{END:%Y-%m-%d}'"
)


@dataclass(frozen=True)
class BenchQuestion:
    """`totals` is SQL for the row of totals; None for detail rows, which have none."""

    name: str
    query: Query
    rows: str
    totals: str | None
    pipeline: tuple[str, Stages]  # collection, stages


def _query(report_type: str, **more: Any) -> Query:
    declared = REPORT_TYPES[report_type]
    given = {"dimensions": declared.group_by, "measures": declared.measures} | more
    return Query(report_type=report_type, dataset=declared.dataset, moment=MOMENT, **given)


def _activity(dimensions: tuple[str, ...], measures: tuple[str, ...], **more: Any) -> Query:
    return _query("learner-activity", dimensions=dimensions, measures=measures, **more)


def _group(key: Any, **values: Any) -> Stages:
    return [{"$match": _ACTIVE}, {"$group": {"_id": key, **values}}]


_COUNT = {"$sum": 1}

QUESTIONS = [
    BenchQuestion(
        "events and learners of each class",
        _activity(("class",), ("event-count", "count-distinct:learner")),
        "WITH g AS (SELECT class_id AS key, count(*) AS n, count(DISTINCT learner_id) AS learners FROM events "
        "WHERE is_active IS NOT FALSE GROUP BY 1) "
        f"SELECT coalesce(nullif(l.code, ''), l.name, l.id, g.key), n, learners FROM g {_CLASS_LABEL}",
        "SELECT count(*), count(DISTINCT learner_id) FROM events WHERE is_active IS NOT FALSE",
        (
            "events",
            [
                *_group({"key": "$classId", "learner": "$learnerId"}, n=_COUNT),
                {"$group": {"_id": "$_id.key", "n": {"$sum": "$n"}, "learners": {"$sum": 1}}},
            ],
        ),
    ),
    BenchQuestion(
        "clicks by content type",
        _activity(("content-type",), ("sum:data.clicks", "average:data.clicks"), sort=(Sort("sum:data.clicks", True),)),
        "SELECT nullif(c.content_type, ''), sum(data_clicks), avg(data_clicks) FROM events e "
        "LEFT JOIN contents c ON c.id = e.content_id WHERE e.is_active IS NOT FALSE GROUP BY 1 "
        "ORDER BY 2 DESC NULLS LAST",
        "SELECT sum(data_clicks), avg(data_clicks) FROM events WHERE is_active IS NOT FALSE",
        (
            "events",
            [
                # Contents are few: the sums of each first, then their types.
                *_group(
                    "$contentId",
                    total={"$sum": "$data.clicks"},
                    known={"$sum": {"$cond": [{"$gt": ["$data.clicks", None]}, 1, 0]}},
                ),
                {"$lookup": {"from": "contents", "localField": "_id", "foreignField": "_id", "as": "content"}},
                {
                    "$group": {
                        "_id": {"$first": "$content.contentType"},
                        "total": {"$sum": "$total"},
                        "known": {"$sum": "$known"},
                    }
                },
                {"$project": {"total": 1, "mean": {"$divide": ["$total", "$known"]}}},
            ],
        ),
    ),
    BenchQuestion(
        "events and time of each day in Madrid",
        _activity(("day",), ("event-count", "sum:duration"), time_zone="Europe/Madrid"),
        # One who knows the files knows when the clocks change in them.
        "SELECT CAST(timestamp + CASE WHEN timestamp < '2023-10-29 01:00' THEN INTERVAL 2 HOUR "
        "WHEN timestamp < '2024-03-31 01:00' THEN INTERVAL 1 HOUR WHEN timestamp < '2024-10-27 01:00' THEN INTERVAL 2 HOUR "
        "WHEN timestamp < '2025-03-30 01:00' THEN INTERVAL 1 HOUR ELSE INTERVAL 2 HOUR END AS DATE), "
        "count(*), sum(duration) FROM events WHERE is_active IS NOT FALSE GROUP BY 1 ORDER BY 1",
        "SELECT count(*), sum(duration) FROM events WHERE is_active IS NOT FALSE",
        (
            "events",
            _group(
                {"$dateTrunc": {"date": "$timestamp", "unit": "day", "timezone": "Europe/Madrid"}},
                n=_COUNT,
                seconds={"$sum": "$duration"},
            ),
        ),
    ),
    BenchQuestion(
        "median of clicks in each month",
        _activity(("month",), ("median:data.clicks",)),
        "SELECT strftime(date_trunc('month', timestamp), '%Y-%m'), median(data_clicks) FROM events "
        "WHERE is_active IS NOT FALSE GROUP BY date_trunc('month', timestamp) ORDER BY 1",
        "SELECT median(data_clicks) FROM events WHERE is_active IS NOT FALSE",
        (
            "events",
            _group(
                {"$dateTrunc": {"date": "$timestamp", "unit": "month"}},
                middle={"$percentile": {"input": "$data.clicks", "p": [0.5], "method": "approximate"}},
            ),
        ),
    ),
    BenchQuestion(
        "each learner's activity, the most active first",
        _query("learner-activity", sort=(Sort("event-count", descending=True),)),
        "WITH g AS (SELECT learner_id AS key, count(*) AS n, sum(duration) AS seconds, "
        "count(DISTINCT content_id) AS contents, max(timestamp) AS newest FROM events WHERE is_active IS NOT FALSE GROUP BY 1) "
        f"SELECT {_NAMED}, l.key, n, seconds, contents, newest FROM g LEFT JOIN persons l ON l.id = g.key "
        f"ORDER BY n DESC, strip_accents(lower({_NAMED})), {_NAMED}, g.key",
        "SELECT count(*), sum(duration), count(DISTINCT content_id), max(timestamp) FROM events "
        "WHERE is_active IS NOT FALSE",
        (
            "events",
            [
                *_group(
                    "$learnerId",
                    n=_COUNT,
                    seconds={"$sum": "$duration"},
                    contents={"$addToSet": "$contentId"},
                    newest={"$max": "$timestamp"},
                ),
                {"$project": {"n": 1, "seconds": 1, "contents": {"$size": "$contents"}, "newest": 1}},
            ],
        ),
    ),
    BenchQuestion(
        "events of each course, a column for each kind",
        _activity(("course",), ("event-count",), slicers=("event-type",)),
        f"WITH g AS (SELECT course_id AS key, count(*) AS n, {KINDS_SQL} FROM events WHERE is_active IS NOT FALSE GROUP BY 1) "
        f"SELECT {_NAMED}, g.* EXCLUDE (key) FROM g {_LABEL.format(table='courses')}",
        f"SELECT count(*), {KINDS_SQL} FROM events WHERE is_active IS NOT FALSE",
        ("events", _group({"course": "$courseId", "kind": "$eventType"}, n=_COUNT)),
    ),
    BenchQuestion(
        "departments with those below them",
        _activity(("department-tree",), ("event-count", "count-distinct:learner", "avg-score", "std-dev:score")),
        "WITH RECURSIVE tree AS (SELECT id AS member, id AS above FROM departments UNION "
        "SELECT member, parent_id FROM tree JOIN departments d ON d.id = tree.above WHERE parent_id IS NOT NULL), "
        "g AS (SELECT tree.above AS key, count(*) AS n, count(DISTINCT learner_id) AS learners, avg(score) AS mean, "
        "stddev_samp(score) AS deviation FROM events e LEFT JOIN tree ON tree.member = e.department_id "
        "WHERE e.is_active IS NOT FALSE GROUP BY 1) "
        f"SELECT {_NAMED}, n, learners, mean, deviation FROM g {_LABEL.format(table='departments')}",
        "SELECT count(*), count(DISTINCT learner_id), avg(score), stddev_samp(score) FROM events "
        "WHERE is_active IS NOT FALSE",
        (
            "events",
            [
                {"$match": _ACTIVE},
                {
                    "$graphLookup": {
                        "from": "departments",
                        "startWith": "$departmentId",
                        "connectFromField": "parentId",
                        "connectToField": "_id",
                        "as": "above",
                    }
                },
                {"$unwind": "$above"},
                {
                    "$group": {
                        "_id": "$above._id",
                        "n": _COUNT,
                        "learners": {"$addToSet": "$learnerId"},
                        "mean": {"$avg": "$score"},
                        "deviation": {"$stdDevSamp": "$score"},
                    }
                },
                {"$project": {"n": 1, "learners": {"$size": "$learners"}, "mean": 1, "deviation": 1}},
            ],
        ),
    ),
    BenchQuestion(
        "courses side by side, with engagement",
        _query("course-analytics"),
        f"WITH {ACTIVE_SQL}, g AS (SELECT course_id AS key, {RATES_SQL} FROM enrollments e LEFT JOIN active a USING (class_id, learner_id) "
        "WHERE e.is_active IS NOT FALSE GROUP BY 1) "
        f"SELECT {_NAMED}, g.* EXCLUDE (key) FROM g {_LABEL.format(table='courses')}",
        f"WITH {ACTIVE_SQL} SELECT {RATES_SQL} FROM enrollments e LEFT JOIN active a USING (class_id, learner_id) WHERE e.is_active IS NOT FALSE",
        (
            "events",
            [
                {"$match": {**_ACTIVE, "eventType": {"$not": {"$regex": "^enrollment-"}}}},
                {"$group": {"_id": "$enrollmentId", "engaged": {"$max": 1}}},
                {"$unionWith": {"coll": "enrollments", "pipeline": [{"$match": _ACTIVE}]}},
                {
                    "$group": {
                        "_id": "$_id",
                        "engaged": {"$max": "$engaged"},
                        **{name: {"$max": f"${name}"} for name in ("courseId", "learnerId", "status", "score")},
                    }
                },
                {"$match": {"courseId": {"$ne": None}}},
                {
                    "$group": {
                        "_id": {"course": "$courseId", "learner": "$learnerId"},
                        "n": _COUNT,
                        "engaged": {"$max": "$engaged"},
                        "completed": {"$sum": {"$cond": [{"$eq": ["$status", "completed"]}, 1, 0]}},
                        "withdrawn": {"$sum": {"$cond": [{"$eq": ["$status", "withdrawn"]}, 1, 0]}},
                        "score": {"$sum": "$score"},
                        "scored": {"$sum": {"$cond": [{"$gt": ["$score", None]}, 1, 0]}},
                    }
                },
                {
                    "$group": {
                        "_id": "$_id.course",
                        "learners": _COUNT,
                        **{name: {"$sum": f"${name}"} for name in ("n", "engaged", "completed", "withdrawn")},
                        **{name: {"$sum": f"${name}"} for name in ("score", "scored")},
                    }
                },
            ],
        ),
    ),
    BenchQuestion(
        "good scores of three months by week in New York, within a scope",
        _activity(
            ("week",),
            ("event-count", "avg-score"),
            time_zone="America/New_York",
            date_range=DateRange(START, END),
            filters=(Filter("event-type", "in", _SCORED), Filter("score", "gte", (50.0,))),
            scope=Scope(SCOPE, ()),
        ),
        "SELECT strftime(date_trunc('week', local), '%G-W%V'), count(*), avg(score) FROM (SELECT *, timestamp - "
        "CASE WHEN timestamp < '2024-03-10 07:00' THEN INTERVAL 5 HOUR ELSE INTERVAL 4 HOUR END AS local FROM events) "
        f"WHERE {CHOSEN_SQL} GROUP BY date_trunc('week', local) ORDER BY date_trunc('week', local)",
        f"SELECT count(*), avg(score) FROM events WHERE {CHOSEN_SQL}",
        (
            "events",
            [
                {
                    "$match": {
                        **_ACTIVE,
                        "eventType": {"$in": list(_SCORED)},
                        "score": {"$gte": 50},
                        "timestamp": {"$gte": START, "$lt": END},
                        "departmentId": {"$in": [ObjectId(each) for each in SCOPE]},
                    }
                },
                {
                    "$group": {
                        "_id": {
                            "$dateTrunc": {
                                "date": "$timestamp",
                                "unit": "week",
                                "startOfWeek": "monday",
                                "timezone": "America/New_York",
                            }
                        },
                        "n": _COUNT,
                        "mean": {"$avg": "$score"},
                    }
                },
            ],
        ),
    ),
    BenchQuestion(
        "the ten contents used most, and all others as one",
        _activity(("content",), ("event-count", "sum:data.clicks"), top=10, sort=(Sort("event-count", True),)),
        "WITH g AS (SELECT content_id AS key, count(*) AS n, sum(data_clicks) AS clicks FROM events "
        "WHERE is_active IS NOT FALSE GROUP BY 1), "
        f"named AS (SELECT {_NAMED} AS name, g.*, row_number() OVER (ORDER BY n DESC, strip_accents(lower({_NAMED})), "
        f"{_NAMED}, g.key) AS place FROM g LEFT JOIN contents l ON l.id = g.key) "
        "SELECT CASE WHEN place <= 10 THEN name ELSE 'Other' END, CASE WHEN place <= 10 THEN 'group' ELSE 'other' END, "
        "sum(n), sum(clicks) FROM named GROUP BY least(place, 11), 1, 2 ORDER BY least(place, 11)",
        "SELECT count(*), sum(data_clicks) FROM events WHERE is_active IS NOT FALSE",
        (
            "events",
            [*_group("$contentId", n=_COUNT, clicks={"$sum": "$data.clicks"}), {"$sort": {"n": -1}}, {"$limit": 10}],
        ),
    ),
    BenchQuestion(
        "study time of departments and months, with subtotals",
        _activity(("department", "month"), ("avg-study-time", "event-count"), subtotals=True),
        "WITH g AS (SELECT key, month, GROUPING(month) AS level, "
        "sum(duration) / count(DISTINCT learner_id) FILTER (duration IS NOT NULL) AS study, count(*) AS n FROM "
        "(SELECT department_id AS key, date_trunc('month', timestamp) AS month, duration, learner_id FROM events "
        "WHERE is_active IS NOT FALSE) GROUP BY GROUPING SETS ((key, month), (key))) "
        f"SELECT {_NAMED}, strftime(month, '%Y-%m'), CASE level WHEN 0 THEN 'group' ELSE 'subtotal' END, study, n "
        f"FROM g LEFT JOIN departments l ON l.id = g.key "
        f"ORDER BY strip_accents(lower({_NAMED})), {_NAMED}, g.key, level, month",
        "SELECT sum(duration) / count(DISTINCT learner_id) FILTER (duration IS NOT NULL), count(*) FROM events "
        "WHERE is_active IS NOT FALSE",
        (
            "events",
            [
                {"$match": _ACTIVE},
                {
                    "$group": {
                        "_id": {
                            "department": "$departmentId",
                            "month": {"$dateTrunc": {"date": "$timestamp", "unit": "month"}},
                            "learner": "$learnerId",
                        },
                        "n": _COUNT,
                        "seconds": {"$sum": "$duration"},
                        "timed": {"$max": {"$cond": [{"$gt": ["$duration", None]}, 1, 0]}},
                    }
                },
                {
                    "$group": {
                        "_id": {"department": "$_id.department", "month": "$_id.month"},
                        "study": {"$sum": "$seconds"},
                        "timed": {"$sum": "$timed"},
                        "n": {"$sum": "$n"},
                    }
                },
                {"$project": {"study": {"$divide": ["$study", "$timed"]}, "n": 1}},
            ],
        ),
    ),
    BenchQuestion(
        "the events of one class in three months, row by row",
        _query(
            "learner-activity",
            dimensions=(),
            measures=(),
            fields=REPORT_TYPES["learner-activity"].detail,
            sort=(Sort("timestamp"), Sort("learner")),
            date_range=DateRange(START, END),
            filters=(Filter("class", "eq", (ONE_CLASS,)),),
        ),
        "SELECT e.timestamp, coalesce(nullif(u.name, ''), u.id, e.learner_id), u.key, "
        "coalesce(nullif(c.code, ''), c.name, c.id, e.class_id), e.event_type, coalesce(nullif(o.name, ''), o.id, e.content_id), "
        "e.duration, e.score FROM events e LEFT JOIN persons u ON u.id = e.learner_id LEFT JOIN classes c ON c.id = e.class_id "
        f"LEFT JOIN contents o ON o.id = e.content_id WHERE e.is_active IS NOT FALSE AND e.class_id = '{ONE_CLASS}' "
        f"AND e.timestamp >= '{START:%Y-%m-%d}' AND e.timestamp < '{END:%Y-%m-%d}' "
        "ORDER BY e.timestamp, strip_accents(lower(coalesce(nullif(u.name, ''), u.id))), e.id",
        None,
        (
            "events",
            [
                {"$match": {**_ACTIVE, "classId": ObjectId(ONE_CLASS), "timestamp": {"$gte": START, "$lt": END}}},
                {"$sort": {"timestamp": 1, "learnerId": 1}},
            ],
        ),
    ),
]
