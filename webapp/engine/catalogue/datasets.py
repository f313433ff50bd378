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
        ),
    ),
    measures=_by_key(measures.ENROLLMENT_MEASURES),
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

DATASETS: dict[str, Dataset] = {
    dataset.key: dataset for dataset in (ENROLLMENTS, ACTIVITY, ASSESSMENTS, SCORM_ATTEMPTS, CERTIFICATES, CLASSES)
}
