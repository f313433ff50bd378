"""The kinds of rows a report can be about."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import ibis

from webapp import statuses
from webapp.engine.catalogue import measures
from webapp.engine.catalogue.dimensions import TIME_BUCKETS
from webapp.engine.catalogue.measures import seconds_between
from webapp.engine.catalogue.persons import PERSONS
from webapp.engine.catalogue.row_fields import (
    ABSENCE,
    ATTEMPT,
    CLASS_DIMENSIONS,
    DURATION,
    INSTRUCTORS,
    PASSED,
    PEOPLE,
    SCORE,
    by_key,
    dates,
    fields,
    own,
)
from webapp.engine.declarations import Dataset, Field, Table, Unit, Value
from webapp.messages import Message

EXPIRING_WITHIN = timedelta(days=90)

ENROLLMENTS = Dataset(
    key="enrollments",
    label=Message("Enrollments"),
    table="enrollments",
    dates=dates(
        enrolled_at="enrolled_at", started_at="started_at", completed_at="completed_at", withdrawn_at="withdrawn_at"
    ),
    statuses=tuple(statuses.ENROLLMENT),
    dimensions=(
        *CLASS_DIMENSIONS,
        "learner",
        "enrollment",
        "status",
        "completion-status",
        "grade-range",
        *TIME_BUCKETS,
    ),
    fields=fields(
        SCORE,
        PASSED,
        own("enrolled-at", Message("Enrolled"), Unit.INSTANT),
        own("started-at", Message("Started"), Unit.INSTANT),
        own("completed-at", Message("Completed"), Unit.INSTANT),
        own("withdrawn-at", Message("Withdrawn"), Unit.INSTANT),
        Field(
            "time-to-complete",
            Message("Time to complete"),
            Unit.SECONDS,
            lambda table: seconds_between(ibis.coalesce(table.started_at, table.enrolled_at), table.completed_at),
            Message("From the start (from enrolling, where no start is known) to completion."),
            is_long=True,
        ),
    )
    | ABSENCE
    | PEOPLE,
    measures=by_key(measures.ENROLLMENT_MEASURES),
    has_moment=True,
)

ACTIVITY = Dataset(
    key="activity",
    label=Message("Activity"),
    table="events",
    dates=dates(timestamp="timestamp"),
    dimensions=(*CLASS_DIMENSIONS, "learner", "content", "activity", "content-type", "event-type", *TIME_BUCKETS),
    fields=fields(
        SCORE,
        PASSED,
        DURATION,
        own("timestamp", Message("Time"), Unit.INSTANT),
        own("verb", Message("Verb"), Unit.TEXT),
    )
    | PEOPLE,
    measures=by_key(measures.ACTIVITY_MEASURES),
    has_data=True,
)

ASSESSMENTS = Dataset(
    key="assessments",
    label=Message("Assessment results"),
    table="results",
    dates=dates(submitted_at="submitted_at", graded_at="graded_at"),
    statuses=tuple(statuses.ASSESSMENT),
    dimensions=(
        *CLASS_DIMENSIONS,
        *("learner", "content", "assessment", "content-type", "status", "grade-range"),
        *TIME_BUCKETS,
    ),
    fields=fields(
        SCORE,
        PASSED,
        DURATION,
        ATTEMPT,
        own("submitted-at", Message("Submitted"), Unit.INSTANT),
        own("graded-at", Message("Graded"), Unit.INSTANT),
    )
    | PEOPLE,
    measures=by_key(measures.ASSESSMENT_MEASURES),
)

SCORM_ATTEMPTS = Dataset(
    key="scorm-attempts",
    label=Message("SCORM attempts"),
    table="attempts",
    dates=dates(started_at="started_at", completed_at="completed_at"),
    statuses=tuple(statuses.SCORM),
    dimensions=(
        *CLASS_DIMENSIONS,
        *("learner", "content", "activity", "content-type", "scorm-attempt", "status", "grade-range"),
        *TIME_BUCKETS,
    ),
    fields=fields(
        SCORE,
        PASSED,
        DURATION,
        ATTEMPT,
        own("started-at", Message("Started"), Unit.INSTANT),
        own("completed-at", Message("Completed"), Unit.INSTANT),
    )
    | PEOPLE,
    measures=by_key(measures.SCORM_MEASURES),
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
    dates=dates(issued_at="issued_at", expires_at="expires_at", revoked_at="revoked_at"),
    statuses=tuple(statuses.CERTIFICATE),
    dimensions=(*CLASS_DIMENSIONS, "learner", "certificate", "status", *TIME_BUCKETS),
    fields=fields(
        own("name", Message("Certificate"), Unit.TEXT),
        own("issued-at", Message("Issued"), Unit.INSTANT),
        own("expires-at", Message("Expires"), Unit.INSTANT),
        own("revoked-at", Message("Revoked"), Unit.INSTANT),
    )
    | PEOPLE,
    measures=by_key(measures.CERTIFICATE_MEASURES),
    prepare=_prepare_certificates,
    has_moment=True,
)


def _prepare_submissions(tables: dict[str, Table]) -> Table:
    """Each enrollment with each assessment of its class, or of its course for all its classes. What has no due date (no
    source gave one, or it was imported before the record kept them) is expected at any time."""
    enrollments, contents, results = tables["enrollments"], tables["contents"], tables["results"]
    asked = contents.filter(contents.content_type == "assessment", contents.is_active.fill_null(True)).select(
        "due_at", content_id="id", of_class="class_id", of_course="course_id"
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
            (is_open & (rows.due_at > rows.moment), "not-due"),
            (is_open, "not-submitted"),
            else_="not-expected",
        ),
    ).drop("has_submitted", "is_exempt")


SUBMISSIONS = Dataset(
    key="submissions",
    label=Message("Expected submissions"),
    table="enrollments",
    dates=dates(enrolled_at="enrolled_at", due_at="due_at", submitted_at="submitted_at"),
    statuses=tuple(statuses.SUBMISSION),
    dimensions=(
        *CLASS_DIMENSIONS,
        *("learner", "content", "assessment", "content-type", "status", "grade-range"),
        *TIME_BUCKETS,
    ),
    fields=fields(
        own("score", Message("Score"), Unit.SCORE, definition=Message("The best of the attempts.")),
        own("enrolled-at", Message("Enrolled"), Unit.INSTANT),
        own(
            "due-at",
            Message("Due"),
            Unit.INSTANT,
            definition=Message("By when it is to be handed in; empty where the record does not know it."),
        ),
        own("submitted-at", Message("Submitted"), Unit.INSTANT),
    )
    | PEOPLE,
    measures=by_key(measures.SUBMISSION_MEASURES),
    needs=("contents", "results"),
    prepare=_prepare_submissions,
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
    dates=dates(starts_at="starts_at", ends_at="ends_at"),
    dimensions=(*CLASS_DIMENSIONS, *TIME_BUCKETS),
    fields=fields(
        own("enrollments", Message("Enrollments"), Unit.COUNT),
        own("learners", Message("Learners"), Unit.COUNT, definition=Message("Different learners of one class.")),
        own("completed", Message("Completed"), Unit.COUNT),
        own("withdrawn", Message("Withdrawn"), Unit.COUNT),
        own("learner", Message("Learners"), Unit.TEXT, "learner_id"),
        own("starts-at", Message("Starts"), Unit.INSTANT),
        own("ends-at", Message("Ends"), Unit.INSTANT),
        INSTRUCTORS,
    ),
    measures=by_key(measures.CLASS_MEASURES),
    needs=("enrollments",),
    prepare=_prepare_classes,
    once="id",
)

_ALL = (ENROLLMENTS, PERSONS, ACTIVITY, ASSESSMENTS, SCORM_ATTEMPTS, CERTIFICATES, CLASSES, SUBMISSIONS)
DATASETS: dict[str, Dataset] = {dataset.key: dataset for dataset in _ALL}
