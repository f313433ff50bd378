"""The kinds of rows a report can be about."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import ibis

from webapp import statuses
from webapp.engine.catalogue import measures
from webapp.engine.catalogue.dimensions import TIME_BUCKETS
from webapp.engine.catalogue.measures import seconds_between
from webapp.engine.declarations import Dataset, Field, Measure, Table, Unit, Value
from webapp.messages import Message

EXPIRING_WITHIN = timedelta(days=90)

_CLASS_DIMENSIONS = ("department", "department-tree", "program", "course", "class", "term", "instructor")


def _field(key: str, label: str, unit: Unit, column: str | None = None, definition: str = "") -> Field:
    name = column or key.replace("-", "_")
    return Field(key, label, unit, lambda table: table[name], definition)


def _fields(*fields: Field) -> dict[str, Field]:
    return {field.key: field for field in fields}


def _by_key(found: tuple[Measure, ...]) -> dict[str, Measure]:
    return {measure.key: measure for measure in found}


SCORE = _field("score", Message("Score"), Unit.SCORE)
PASSED = _field("passed", Message("Passed"), Unit.FLAG)
DURATION = _field("duration", Message("Recorded time"), Unit.SECONDS)
ATTEMPT = _field("attempt", Message("Attempt"), Unit.COUNT)


def _dates(**dates: str) -> dict[str, str]:
    return {key.replace("_", "-"): column for key, column in dates.items()}


def _with_activity(rows: Table, tables: dict[str, Table]) -> Table:
    """What the learner did in the class. Who did nothing stays, with nothing."""
    events = tables["events"]
    done = events.filter(
        events.is_active.fill_null(True), ~events.event_type.startswith("enrollment-").fill_null(False)
    )
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


def _whole_days(begin: Value, end: Value) -> Value:
    """Never fewer than none; empty where one of them is."""
    days = (seconds_between(begin, end) / 86_400).floor().cast("int64")
    return (days < 0).ifelse(0, days)


_SINCE_ACTIVITY = Message(
    "Whole days from the learner's last activity in the class to the moment of the report; from enrolling, where there "
    "was none."
)
_ACTIVITY: dict[str, Any] = {"prepare": _with_activity, "needs": ("events",)}
ABSENCE = _fields(
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
        lambda table: _whole_days(
            ibis.coalesce(table.last_activity, table.enrolled_at, table.started_at), table.moment
        ),
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
        lambda table: _whole_days(table.enrolled_at, table.moment),
        Message("Whole days from enrolling to the moment of the report."),
    ),
)

ENROLLMENTS = Dataset(
    key="enrollments",
    label=Message("Enrollments"),
    table="enrollments",
    dates=_dates(
        enrolled_at="enrolled_at", started_at="started_at", completed_at="completed_at", withdrawn_at="withdrawn_at"
    ),
    statuses=tuple(statuses.ENROLLMENT),
    dimensions=(
        *_CLASS_DIMENSIONS,
        "learner",
        "enrollment",
        "status",
        "completion-status",
        "grade-range",
        *TIME_BUCKETS,
    ),
    fields=_fields(
        SCORE,
        PASSED,
        _field("enrolled-at", Message("Enrolled"), Unit.INSTANT),
        _field("started-at", Message("Started"), Unit.INSTANT),
        _field("completed-at", Message("Completed"), Unit.INSTANT),
        _field("withdrawn-at", Message("Withdrawn"), Unit.INSTANT),
        Field(
            "time-to-complete",
            Message("Time to complete"),
            Unit.SECONDS,
            lambda table: seconds_between(ibis.coalesce(table.started_at, table.enrolled_at), table.completed_at),
            Message("From the start (from enrolling, where no start is known) to completion."),
            is_long=True,
        ),
    )
    | ABSENCE,
    measures=_by_key(measures.ENROLLMENT_MEASURES),
    has_moment=True,
)

ACTIVITY = Dataset(
    key="activity",
    label=Message("Activity"),
    table="events",
    dates=_dates(timestamp="timestamp"),
    dimensions=(*_CLASS_DIMENSIONS, "learner", "content", "activity", "content-type", "event-type", *TIME_BUCKETS),
    fields=_fields(
        SCORE,
        PASSED,
        DURATION,
        _field("timestamp", Message("Time"), Unit.INSTANT),
        _field("verb", Message("Verb"), Unit.TEXT),
    ),
    measures=_by_key(measures.ACTIVITY_MEASURES),
    has_data=True,
)

ASSESSMENTS = Dataset(
    key="assessments",
    label=Message("Assessment results"),
    table="results",
    dates=_dates(submitted_at="submitted_at", graded_at="graded_at"),
    statuses=tuple(statuses.ASSESSMENT),
    dimensions=(
        *_CLASS_DIMENSIONS,
        *("learner", "content", "assessment", "content-type", "status", "grade-range"),
        *TIME_BUCKETS,
    ),
    fields=_fields(
        SCORE,
        PASSED,
        DURATION,
        ATTEMPT,
        _field("submitted-at", Message("Submitted"), Unit.INSTANT),
        _field("graded-at", Message("Graded"), Unit.INSTANT),
    ),
    measures=_by_key(measures.ASSESSMENT_MEASURES),
)

SCORM_ATTEMPTS = Dataset(
    key="scorm-attempts",
    label=Message("SCORM attempts"),
    table="attempts",
    dates=_dates(started_at="started_at", completed_at="completed_at"),
    statuses=tuple(statuses.SCORM),
    dimensions=(
        *_CLASS_DIMENSIONS,
        *("learner", "content", "activity", "content-type", "scorm-attempt", "status", "grade-range"),
        *TIME_BUCKETS,
    ),
    fields=_fields(
        SCORE,
        PASSED,
        DURATION,
        ATTEMPT,
        _field("started-at", Message("Started"), Unit.INSTANT),
        _field("completed-at", Message("Completed"), Unit.INSTANT),
    ),
    measures=_by_key(measures.SCORM_MEASURES),
)


def _certificate_status(certificate: Table) -> Value:
    """valid, expiring (within 90 days), expired or revoked, at the moment of the report."""
    soon = certificate.moment + ibis.interval(days=EXPIRING_WITHIN.days)
    return ibis.cases(
        (certificate.revoked_at <= certificate.moment, "revoked"),
        (certificate.expires_at <= certificate.moment, "expired"),
        (certificate.expires_at <= soon, "expiring"),
        else_="valid",
    )


def _prepare_certificates(tables: dict[str, Table]) -> Table:
    return tables["certificates"].mutate(status=_certificate_status(tables["certificates"]))


CERTIFICATES = Dataset(
    key="certificates",
    label=Message("Certificates"),
    table="certificates",
    dates=_dates(issued_at="issued_at", expires_at="expires_at", revoked_at="revoked_at"),
    statuses=tuple(statuses.CERTIFICATE),
    dimensions=(*_CLASS_DIMENSIONS, "learner", "certificate", "status", *TIME_BUCKETS),
    fields=_fields(
        _field("name", Message("Certificate"), Unit.TEXT),
        _field("issued-at", Message("Issued"), Unit.INSTANT),
        _field("expires-at", Message("Expires"), Unit.INSTANT),
        _field("revoked-at", Message("Revoked"), Unit.INSTANT),
    ),
    measures=_by_key(measures.CERTIFICATE_MEASURES),
    prepare=_prepare_certificates,
    has_moment=True,
)


def _prepare_submissions(tables: dict[str, Table]) -> Table:
    """Each enrollment with each assessment of its class, or of its course for all its classes."""
    enrollments, contents, results = tables["enrollments"], tables["contents"], tables["results"]
    asked = contents.filter(contents.content_type == "assessment", contents.is_active.fill_null(True)).select(
        content_id="id", of_class="class_id", of_course="course_id"
    )
    for_course = asked.of_class.isnull() & (asked.of_course == enrollments.course_id)
    rows = enrollments.inner_join(asked, (asked.of_class == enrollments.class_id) | for_course)
    rows = rows.drop("of_class", "of_course", "score", "passed")
    done = results.filter(results.is_active.fill_null(True))
    handed_in = (done.status.isin(["submitted", "graded"]) | done.score.notnull()).fill_null(False)
    found = done.group_by(by="learner_id", within="class_id", about="content_id").aggregate(
        has_submitted=handed_in.any(),
        is_exempt=(done.status == "exempt").fill_null(False).any(),
        submitted_at=done.submitted_at.max(where=handed_in),
        score=done.score.max(),
    )
    same = [rows.learner_id == found.by, rows.class_id == found.within, rows.content_id == found.about]
    rows = rows.left_join(found, same).drop("by", "within", "about")
    is_open = rows.status.isin(["not-started", "in-progress"]).fill_null(False)
    return rows.mutate(
        id=rows.id + rows.content_id,
        status=ibis.cases(
            (rows.has_submitted.fill_null(False), "submitted"),
            (rows.is_exempt.fill_null(False), "exempt"),
            (is_open, "not-submitted"),
            else_="not-expected",
        ),
    ).drop("has_submitted", "is_exempt")


SUBMISSIONS = Dataset(
    key="submissions",
    label=Message("Expected submissions"),
    table="enrollments",
    dates=_dates(enrolled_at="enrolled_at", submitted_at="submitted_at"),
    statuses=tuple(statuses.SUBMISSION),
    dimensions=(
        *_CLASS_DIMENSIONS,
        *("learner", "content", "assessment", "content-type", "status", "grade-range"),
        *TIME_BUCKETS,
    ),
    fields=_fields(
        _field("score", Message("Score"), Unit.SCORE, definition=Message("The best of the attempts.")),
        _field("enrolled-at", Message("Enrolled"), Unit.INSTANT),
        _field("submitted-at", Message("Submitted"), Unit.INSTANT),
    ),
    measures=_by_key(measures.SUBMISSION_MEASURES),
    needs=("contents", "results"),
    prepare=_prepare_submissions,
)


def _prepare_classes(tables: dict[str, Table]) -> Table:
    """Classes, each once for every enrollment in it and at least once: their learners can be counted across classes."""
    enrollments = tables["enrollments"]
    enrollments = enrollments.filter(enrollments.is_active.fill_null(True))
    sizes = enrollments.group_by(of_class="class_id").aggregate(
        enrollments=enrollments.count(),
        learners=enrollments.learner_id.nunique(),
        completed=(enrollments.status == "completed").fill_null(False).ifelse(1, 0).sum(),
        withdrawn=(enrollments.status == "withdrawn").fill_null(False).ifelse(1, 0).sum(),
    )
    classes = tables["classes"]
    sized = classes.left_join(sizes, classes.id == sizes.of_class).drop("of_class")
    numbers: dict[str, Any] = {
        name: sized[name].fill_null(0) for name in ("enrollments", "learners", "completed", "withdrawn")
    }
    sized = sized.mutate(class_id=sized.id, **numbers)
    places = enrollments.select(place_class="class_id", learner_id="learner_id")
    return sized.left_join(places, sized.id == places.place_class).drop("place_class")


CLASSES = Dataset(
    key="classes",
    label=Message("Classes"),
    table="classes",
    dates=_dates(starts_at="starts_at", ends_at="ends_at"),
    dimensions=(*_CLASS_DIMENSIONS, *TIME_BUCKETS),
    fields=_fields(
        _field("enrollments", Message("Enrollments"), Unit.COUNT),
        _field("learners", Message("Learners"), Unit.COUNT, definition=Message("Different learners of one class.")),
        _field("completed", Message("Completed"), Unit.COUNT),
        _field("withdrawn", Message("Withdrawn"), Unit.COUNT),
        _field("learner", Message("Learners"), Unit.TEXT, "learner_id"),
        _field("starts-at", Message("Starts"), Unit.INSTANT),
        _field("ends-at", Message("Ends"), Unit.INSTANT),
    ),
    measures=_by_key(measures.CLASS_MEASURES),
    needs=("enrollments",),
    prepare=_prepare_classes,
    once="id",
)

_ALL = (ENROLLMENTS, ACTIVITY, ASSESSMENTS, SCORM_ATTEMPTS, CERTIFICATES, CLASSES, SUBMISSIONS)
DATASETS: dict[str, Dataset] = {dataset.key: dataset for dataset in _ALL}
