"""What can be counted. A group without values has an empty result, never 0, except where rows are counted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import ibis

from webapp.engine.declarations import Measure, Table, Unit, Value
from webapp.engine.functions import exact_mean, exact_sum
from webapp.messages import Message


def mean(value: Value) -> Value:
    return exact_mean(value.cast("float64"))


def share(part: Value, whole: Value) -> Value:
    """How many of the rows where `whole` holds are ones where `part` does; empty when there are none."""
    hits = (part & whole).ifelse(1, 0).sum()
    return hits.cast("float64") / whole.ifelse(1, 0).sum().nullif(0).cast("float64")


def seconds_between(start: Value, end: Value) -> Value:
    return (end.cast("timestamp").epoch_seconds() - start.cast("timestamp").epoch_seconds()).cast("float64")


def _everything(table: Table) -> Value:
    return table.id.notnull()


def _study_time(table: Table, _: Any) -> Value:
    return exact_sum(table.duration) / table.learner_id.nunique(where=table.duration.notnull()).nullif(0)


COUNT = Measure(
    "count",
    Message("Count"),
    Unit.COUNT,
    Message("Number of rows; 0 where there are none."),
    lambda table, _: table.count(),
    zero_if_empty=True,
    rolls_up=lambda counts: counts.sum(),
)
COUNT_DISTINCT = Measure(
    "count-distinct",
    Message("Distinct count"),
    Unit.COUNT,
    Message("Number of different values, empty ones left out; 0 where there are none."),
    lambda _, value: value.nunique(),
    requires_field=True,
    zero_if_empty=True,
)
SUM = Measure(
    "sum",
    Message("Sum"),
    None,
    Message("Sum of the values; empty without any."),
    lambda _, value: exact_sum(value),
    requires_field=True,
    rolls_up=exact_sum,
)
AVERAGE = Measure(
    "average",
    Message("Average"),
    None,
    Message("Arithmetic mean of the values, empty ones left out; empty without any."),
    lambda _, value: mean(value),
    requires_field=True,
)
MEDIAN = Measure(
    "median",
    Message("Median"),
    None,
    Message("The middle value, or the mean of the two middle ones, empty ones left out; empty without any."),
    lambda _, value: value.median(),
    requires_field=True,
)
MINIMUM = Measure(
    "min",
    Message("Minimum"),
    None,
    Message("The smallest value; empty without any."),
    lambda _, value: value.min(),
    requires_field=True,
    rolls_up=lambda smallest: smallest.min(),
)
MAXIMUM = Measure(
    "max",
    Message("Maximum"),
    None,
    Message("The largest value; empty without any."),
    lambda _, value: value.max(),
    requires_field=True,
    rolls_up=lambda largest: largest.max(),
)
STD_DEV = Measure(
    "std-dev",
    Message("Standard deviation"),
    None,
    Message("Sample standard deviation (n − 1); empty below two values."),
    lambda _, value: value.std(how="sample"),
    requires_field=True,
)
VARIANCE = Measure(
    "variance",
    Message("Variance"),
    Unit.NUMBER,
    Message("Sample variance (n − 1), in squared units; empty below two values."),
    lambda _, value: value.var(how="sample"),
    requires_field=True,
)
AVG_SCORE = Measure(
    "avg-score",
    Message("Average score"),
    Unit.SCORE,
    Message("Mean of the scores, 0–100; rows without a score are left out; empty without any score."),
    lambda table, _: mean(table.score),
)

GENERAL = (COUNT, COUNT_DISTINCT, SUM, AVERAGE, MEDIAN, MINIMUM, MAXIMUM, STD_DEV, VARIANCE)
#: Those a run-time measure may build on.
AGGREGATES: dict[str, Measure] = {measure.key: measure for measure in GENERAL}


def _outcome(enrollment: Table) -> Value:
    return enrollment.status.isin(["completed", "failed"]).fill_null(False)


def _is(status: str) -> Any:
    return lambda table: (table.status == status).fill_null(False)


def _mark_engaged(rows: Table, tables: dict[str, Table], start: Any, end: Any) -> Table:
    events = tables["learningevents"]
    keep = events.is_active.fill_null(True) & ~events.event_type.startswith("enrollment-").fill_null(False)
    if start is not None:
        keep &= events.timestamp >= start
    if end is not None:
        keep &= events.timestamp < end
    active = events.filter(keep).select(active_class="class_id", active_learner="learner_id").distinct()
    active = active.mutate(is_engaged=True)
    joined = rows.left_join(
        active, [rows.class_id == active.active_class, rows.learner_id == active.active_learner]
    ).drop("active_class", "active_learner")
    return joined.mutate(is_engaged=joined.is_engaged.fill_null(False))


ENROLLMENT_MEASURES = (
    *GENERAL,
    AVG_SCORE,
    Measure(
        "completion-rate",
        Message("Completion rate"),
        Unit.RATIO,
        Message("Completed / all enrollments, withdrawals included; empty without enrollments."),
        lambda table, _: share(_is("completed")(table), _everything(table)),
    ),
    Measure(
        "pass-rate",
        Message("Pass rate"),
        Unit.RATIO,
        Message("Completed / enrollments that ended completed or failed; empty while none has."),
        lambda table, _: share(_is("completed")(table), _outcome(table)),
    ),
    Measure(
        "fail-rate",
        Message("Fail rate"),
        Unit.RATIO,
        Message("Failed / all enrollments, withdrawals included; empty without enrollments."),
        lambda table, _: share(_is("failed")(table), _everything(table)),
    ),
    Measure(
        "dropout-rate",
        Message("Dropout rate"),
        Unit.RATIO,
        Message("Withdrawn / all enrollments; empty without enrollments."),
        lambda table, _: share(_is("withdrawn")(table), _everything(table)),
    ),
    Measure(
        "retention-rate",
        Message("Retention rate"),
        Unit.RATIO,
        Message("Enrollments not withdrawn / all enrollments; empty without enrollments."),
        lambda table, _: share(~_is("withdrawn")(table), _everything(table)),
    ),
    Measure(
        "engagement-rate",
        Message("Engagement rate"),
        Unit.RATIO,
        Message(
            "Learners with at least one event other than enrolling, in the class they enrolled in and within the "
            "report's dates / learners enrolled; empty without enrollments."
        ),
        lambda table, _: (
            table.learner_id.nunique(where=table.is_engaged).cast("float64")
            / table.learner_id.nunique().nullif(0).cast("float64")
        ),
        needs=("learningevents",),
        prepare=_mark_engaged,
    ),
    Measure(
        "avg-time-to-complete",
        Message("Average time to complete"),
        Unit.SECONDS,
        Message(
            "Mean time from the start (from enrolling, where no start is known) to completion, of enrollments "
            "completed; empty while none is."
        ),
        lambda table, _: mean(
            _is("completed")(table).ifelse(
                seconds_between(ibis.coalesce(table.started_at, table.enrolled_at), table.completed_at),
                ibis.null("float64"),
            )
        ),
    ),
)

ACTIVITY_MEASURES = (
    *GENERAL,
    AVG_SCORE,
    replace(
        COUNT,
        key="event-count",
        label=Message("Events"),
        definition=Message("Number of learning events; 0 where there are none."),
    ),
    Measure(
        "avg-study-time",
        Message("Average study time"),
        Unit.SECONDS,
        Message("Recorded time / learners with recorded time; empty without any."),
        _study_time,
    ),
)


def _judged(table: Table) -> Value:
    return table.passed.notnull()


ASSESSMENT_MEASURES = (
    *GENERAL,
    AVG_SCORE,
    Measure(
        "pass-rate",
        Message("Pass rate"),
        Unit.RATIO,
        Message("Passed / results judged passed or failed; empty where none was judged."),
        lambda table, _: share(table.passed.fill_null(False), _judged(table)),
    ),
    Measure(
        "fail-rate",
        Message("Fail rate"),
        Unit.RATIO,
        Message("Failed / results judged passed or failed; empty where none was judged."),
        lambda table, _: share(~table.passed.fill_null(True), _judged(table)),
    ),
)


def _scorm_passed(table: Table) -> Value:
    return ibis.coalesce(table.passed, _scorm_verdict(table) & (table.status == "passed").fill_null(False))


def _scorm_verdict(table: Table) -> Value:
    return table.passed.notnull() | table.status.isin(["passed", "failed"]).fill_null(False)


SCORM_MEASURES = (
    *GENERAL,
    AVG_SCORE,
    Measure(
        "completion-rate",
        Message("Completion rate"),
        Unit.RATIO,
        Message("Attempts completed or passed / all attempts; empty without attempts."),
        lambda table, _: share(table.status.isin(["completed", "passed"]).fill_null(False), _everything(table)),
    ),
    Measure(
        "pass-rate",
        Message("Pass rate"),
        Unit.RATIO,
        Message("Passed / attempts judged passed or failed; empty where none was judged."),
        lambda table, _: share(_scorm_passed(table), _scorm_verdict(table)),
    ),
    Measure(
        "fail-rate",
        Message("Fail rate"),
        Unit.RATIO,
        Message("Failed / attempts judged passed or failed; empty where none was judged."),
        lambda table, _: share(~_scorm_passed(table), _scorm_verdict(table)),
    ),
    Measure(
        "avg-time-to-complete",
        Message("Average time to complete"),
        Unit.SECONDS,
        Message("Mean time from the start to the completion of an attempt; empty while none is completed."),
        lambda table, _: mean(seconds_between(table.started_at, table.completed_at)),
    ),
    Measure(
        "avg-study-time",
        Message("Average study time"),
        Unit.SECONDS,
        Message("Recorded time / learners with recorded time; empty without any."),
        _study_time,
    ),
)

CERTIFICATE_MEASURES = (COUNT, COUNT_DISTINCT, MINIMUM, MAXIMUM)

CLASS_MEASURES = (
    replace(
        COUNT,
        definition=Message("Number of classes; 0 where there are none."),
        compute=lambda table, _: table.is_first.ifelse(1, 0).sum(),
    ),
    *(measure for measure in GENERAL if measure is not COUNT),
)
