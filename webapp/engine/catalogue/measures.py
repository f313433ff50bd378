"""What can be counted. A group without values has an empty result, never 0, except where rows are counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import ibis

from webapp.engine.declarations import Measure, Table, Unit, Value
from webapp.engine.functions import exact_sum
from webapp.messages import Message

Condition = Callable[[Table], Value]


def total(parts: Value) -> Value:
    """Counts of several groups together."""
    return parts.sum()


def quotient(part: Value, whole: Value) -> Value:
    return part.cast("float64") / whole.nullif(0).cast("float64")


def mean_of(value: Value) -> tuple[Value, Value]:
    """Sum and number of the values: `quotient` makes their mean."""
    value = value.cast("float64")
    return exact_sum(value), value.count()


def share_of(part: Value, whole: Value) -> tuple[Value, Value]:
    """How many of the rows where `whole` holds are ones where `part` does, and how many there are."""
    return (part & whole).ifelse(1, 0).sum(), whole.ifelse(1, 0).sum()


def seconds_between(start: Value, end: Value) -> Value:
    return (end.cast("timestamp").epoch_seconds() - start.cast("timestamp").epoch_seconds()).cast("float64")


def _mean(key: str, label: str, unit: Unit | None, definition: str, of: Callable[[Table, Any], Value]) -> Measure:
    return Measure(
        key, label, unit, definition, lambda table, value: mean_of(of(table, value)), quotient, combine=exact_sum
    )


def _rate(key: str, label: str, definition: str, part: Condition, whole: Condition) -> Measure:
    return Measure(
        key,
        label,
        Unit.RATIO,
        definition,
        lambda table, _: share_of(part(table), whole(table)),
        quotient,
        combine=total,
    )


#: Key and label of what several kinds of rows have, each by its own definition.
COMPLETION_RATE = ("completion-rate", Message("Completion rate"))
PASS_RATE = ("pass-rate", Message("Pass rate"))
FAIL_RATE = ("fail-rate", Message("Fail rate"))
TIME_TO_COMPLETE = ("avg-time-to-complete", Message("Average time to complete"))


def _everything(table: Table) -> Value:
    return table.id.notnull()


STUDY_TIME = Measure(
    "avg-study-time",
    Message("Average study time"),
    Unit.SECONDS,
    Message("Recorded time / learners with recorded time; empty without any."),
    lambda table, _: (exact_sum(table.duration), table.learner_id.nunique(where=table.duration.notnull())),
    quotient,
)
COUNT = Measure(
    "count",
    Message("Count"),
    Unit.COUNT,
    Message("Number of rows; 0 where there are none."),
    lambda table, _: (table.count(),),
    zero_if_empty=True,
    combine=total,
)
COUNT_DISTINCT = Measure(
    "count-distinct",
    Message("Distinct count"),
    Unit.COUNT,
    Message("Number of different values, empty ones left out; 0 where there are none."),
    lambda _, value: (value.nunique(),),
    requires_field=True,
    of=Message("Different values of %(field_)s"),
    zero_if_empty=True,
)
SUM = Measure(
    "sum",
    Message("Sum"),
    None,
    Message("Sum of the values; empty without any."),
    lambda _, value: (exact_sum(value),),
    requires_field=True,
    of=Message("Total %(field_)s"),
    combine=exact_sum,
)
AVERAGE = replace(
    _mean(
        "average",
        Message("Average"),
        None,
        Message("Arithmetic mean of the values, empty ones left out; empty without any."),
        lambda _, value: value,
    ),
    requires_field=True,
    of=Message("Average %(field_)s"),
)
MEDIAN = Measure(
    "median",
    Message("Median"),
    None,
    Message("The middle value, or the mean of the two middle ones, empty ones left out; empty without any."),
    lambda _, value: (value.median(),),
    requires_field=True,
    of=Message("Median %(field_)s"),
)
MINIMUM = Measure(
    "min",
    Message("Minimum"),
    None,
    Message("The smallest value; empty without any."),
    lambda _, value: (value.min(),),
    requires_field=True,
    of=Message("Lowest %(field_)s"),
    combine=lambda smallest: smallest.min(),
)
MAXIMUM = Measure(
    "max",
    Message("Maximum"),
    None,
    Message("The largest value; empty without any."),
    lambda _, value: (value.max(),),
    requires_field=True,
    of=Message("Highest %(field_)s"),
    combine=lambda largest: largest.max(),
)
STD_DEV = Measure(
    "std-dev",
    Message("Standard deviation"),
    None,
    Message("Sample standard deviation (n − 1); empty below two values."),
    lambda _, value: (value.std(how="sample"),),
    requires_field=True,
    of=Message("Standard deviation of %(field_)s"),
)
VARIANCE = Measure(
    "variance",
    Message("Variance"),
    Unit.NUMBER,
    Message("Sample variance (n − 1), in squared units; empty below two values."),
    lambda _, value: (value.var(how="sample"),),
    requires_field=True,
    of=Message("Variance of %(field_)s"),
)
AVG_SCORE = _mean(
    "avg-score",
    Message("Average score"),
    Unit.SCORE,
    Message("Mean of the scores, 0–100; rows without a score are left out; empty without any score."),
    lambda table, _: table.score,
)

GENERAL = (COUNT, COUNT_DISTINCT, SUM, AVERAGE, MEDIAN, MINIMUM, MAXIMUM, STD_DEV, VARIANCE)
#: Those a run-time measure may build on.
AGGREGATES: dict[str, Measure] = {measure.key: measure for measure in GENERAL}


def _outcome(enrollment: Table) -> Value:
    return enrollment.status.isin(["completed", "failed"]).fill_null(False)


def _is(status: str) -> Condition:
    return lambda table: (table.status == status).fill_null(False)


def _mark_engaged(rows: Table, tables: dict[str, Table], start: Any, end: Any) -> Table:
    events = tables["events"]
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
    _rate(
        *COMPLETION_RATE,
        Message("Completed / all enrollments, withdrawals included; empty without enrollments."),
        _is("completed"),
        _everything,
    ),
    _rate(
        *PASS_RATE,
        Message("Completed / enrollments that ended completed or failed; empty while none has."),
        _is("completed"),
        _outcome,
    ),
    _rate(
        *FAIL_RATE,
        Message("Failed / all enrollments, withdrawals included; empty without enrollments."),
        _is("failed"),
        _everything,
    ),
    Measure(
        "engagement-rate",
        Message("Engagement rate"),
        Unit.RATIO,
        Message(
            "Learners with at least one event other than enrolling, in the class they enrolled in and within the "
            "report's dates / learners enrolled; empty without enrollments."
        ),
        lambda table, _: (table.learner_id.nunique(where=table.is_engaged), table.learner_id.nunique()),
        quotient,
        needs=("events",),
        prepare=_mark_engaged,
    ),
    _rate(
        "retention-rate",
        Message("Retention rate"),
        Message("Enrollments not withdrawn / all enrollments; empty without enrollments."),
        lambda table: ~_is("withdrawn")(table),
        _everything,
    ),
    _rate(
        "dropout-rate",
        Message("Dropout rate"),
        Message("Withdrawn / all enrollments; empty without enrollments."),
        _is("withdrawn"),
        _everything,
    ),
    replace(
        _mean(
            *TIME_TO_COMPLETE,
            Unit.SECONDS,
            Message(
                "Mean time from the start (from enrolling, where no start is known) to completion, of enrollments "
                "completed; empty while none is."
            ),
            lambda table, _: _is("completed")(table).ifelse(
                seconds_between(ibis.coalesce(table.started_at, table.enrolled_at), table.completed_at),
                ibis.null("float64"),
            ),
        ),
        is_long=True,
    ),
    AVG_SCORE,
)

ACTIVITY_MEASURES = (
    *GENERAL,
    STUDY_TIME,
    AVG_SCORE,
    replace(
        COUNT,
        key="event-count",
        label=Message("Events"),
        definition=Message("Number of learning events; 0 where there are none."),
    ),
)


def _judged(table: Table) -> Value:
    return table.passed.notnull()


ASSESSMENT_MEASURES = (
    *GENERAL,
    AVG_SCORE,
    _rate(
        *PASS_RATE,
        Message("Passed / results judged passed or failed; empty where none was judged."),
        lambda table: table.passed.fill_null(False),
        _judged,
    ),
    _rate(
        *FAIL_RATE,
        Message("Failed / results judged passed or failed; empty where none was judged."),
        lambda table: ~table.passed.fill_null(True),
        _judged,
    ),
)


def _scorm_passed(table: Table) -> Value:
    return ibis.coalesce(table.passed, _scorm_verdict(table) & (table.status == "passed").fill_null(False))


def _scorm_verdict(table: Table) -> Value:
    return table.passed.notnull() | table.status.isin(["passed", "failed"]).fill_null(False)


SCORM_MEASURES = (
    *GENERAL,
    AVG_SCORE,
    _rate(
        *COMPLETION_RATE,
        Message("Attempts completed or passed / all attempts; empty without attempts."),
        lambda table: table.status.isin(["completed", "passed"]).fill_null(False),
        _everything,
    ),
    _rate(
        *PASS_RATE,
        Message("Passed / attempts judged passed or failed; empty where none was judged."),
        _scorm_passed,
        _scorm_verdict,
    ),
    _rate(
        *FAIL_RATE,
        Message("Failed / attempts judged passed or failed; empty where none was judged."),
        lambda table: ~_scorm_passed(table),
        _scorm_verdict,
    ),
    _mean(
        *TIME_TO_COMPLETE,
        Unit.SECONDS,
        Message("Mean time from the start to the completion of an attempt; empty while none is completed."),
        lambda table, _: seconds_between(table.started_at, table.completed_at),
    ),
    STUDY_TIME,
)

SUBMISSION_MEASURES = (
    *GENERAL,
    AVG_SCORE,
    _rate(
        "submission-rate",
        Message("Submission rate"),
        Message("Submitted / submitted or missing, what is not due yet left out; empty where nothing is expected."),
        lambda table: table.status == "submitted",
        lambda table: table.status.isin(["submitted", "not-submitted"]),
    ),
)
CERTIFICATE_MEASURES = (COUNT, COUNT_DISTINCT, MINIMUM, MAXIMUM)

CLASS_MEASURES = (
    replace(
        COUNT,
        definition=Message("Number of classes; 0 where there are none."),
        parts=lambda table, _: (table.is_first.ifelse(1, 0).sum(),),
    ),
    *(measure for measure in GENERAL if measure is not COUNT),
)
