"""The learning record: what reports are about. References are plain ObjectIds.

`updatedAt` is indexed everywhere: it is the watermark by which the extract asks for what is new.
"""

from __future__ import annotations

from typing import Any

import mongoengine as me

from webapp import statuses
from webapp.documents.base import Stamped, Stored

EXTERNAL_ID = {"fields": ["external_id"], "unique": True, "sparse": True}


class LearningRecordDocument(Stamped):
    """`external_id` is the source's own name: a OneRoster sourcedId, or the last segment of an xAPI activity id."""

    meta: dict[str, Any] = {"abstract": True}

    external_id = me.StringField(db_field="externalId", max_length=255)
    is_active = me.BooleanField(db_field="isActive", default=True)


class Program(LearningRecordDocument):
    meta = {"collection": "programs", "indexes": [EXTERNAL_ID, "updated_at"]}

    name = me.StringField(required=True, max_length=255)
    code = me.StringField(max_length=100)
    department_id = me.ObjectIdField(db_field="departmentId")


class Course(LearningRecordDocument):
    meta = {"collection": "courses", "indexes": [EXTERNAL_ID, "code", "updated_at"]}

    name = me.StringField(required=True, max_length=255)
    code = me.StringField(max_length=100)
    department_id = me.ObjectIdField(db_field="departmentId")
    program_id = me.ObjectIdField(db_field="programId")


class Class(LearningRecordDocument):
    """One presentation of a course, with its instructors and its term; `ends_at` is the first instant after it."""

    meta = {
        "collection": "classes",
        "indexes": [EXTERNAL_ID, "code", "department_id", "instructor_ids", "term", "updated_at"],
    }

    name = me.StringField(required=True, max_length=255)
    code = me.StringField(max_length=100)
    course_id = me.ObjectIdField(db_field="courseId")
    department_id = me.ObjectIdField(db_field="departmentId")
    program_id = me.ObjectIdField(db_field="programId")
    instructor_ids = me.ListField(me.ObjectIdField(), db_field="instructorIds")
    term = me.StringField(max_length=100)
    starts_at = me.DateTimeField(db_field="startsAt")
    ends_at = me.DateTimeField(db_field="endsAt")


class Content(LearningRecordDocument):
    """What a learner opens or sits: a page, a video, a SCORM package, an assessment (`content_type: assessment`)."""

    meta = {"collection": "contents", "indexes": [EXTERNAL_ID, "updated_at"]}

    name = me.StringField(required=True, max_length=500)
    content_type = me.StringField(db_field="contentType", max_length=100)
    course_id = me.ObjectIdField(db_field="courseId")
    class_id = me.ObjectIdField(db_field="classId")
    department_id = me.ObjectIdField(db_field="departmentId")
    result_range = me.ListField(me.StringField(), db_field="resultRange")  # of an assessment: the least and the most


class ClassRecord(LearningRecordDocument):
    """What one learner did in one class. Course, department and program are written beside the class, so that a
    report never has to join to know whose row it is."""

    meta: dict[str, Any] = {"abstract": True}

    learner_id = me.ObjectIdField(db_field="learnerId")
    class_id = me.ObjectIdField(db_field="classId")
    course_id = me.ObjectIdField(db_field="courseId")
    department_id = me.ObjectIdField(db_field="departmentId")
    program_id = me.ObjectIdField(db_field="programId")
    enrollment_id = me.ObjectIdField(db_field="enrollmentId")


class Enrollment(LearningRecordDocument):
    meta = {
        "collection": "enrollments",
        "indexes": [EXTERNAL_ID, ["class_id", "learner_id"], "learner_id", "updated_at"],
    }

    STATUSES = tuple(statuses.ENROLLMENT)

    learner_id = me.ObjectIdField(db_field="learnerId", required=True)
    class_id = me.ObjectIdField(db_field="classId")
    course_id = me.ObjectIdField(db_field="courseId")
    department_id = me.ObjectIdField(db_field="departmentId")
    program_id = me.ObjectIdField(db_field="programId")
    status = me.StringField(required=True, choices=STATUSES, default="not-started")
    enrolled_at = me.DateTimeField(db_field="enrolledAt")
    started_at = me.DateTimeField(db_field="startedAt")
    completed_at = me.DateTimeField(db_field="completedAt")
    withdrawn_at = me.DateTimeField(db_field="withdrawnAt")
    # What the roster gives, whatever statements say beside it; `importers.outcomes` puts the two together.
    given_status = me.StringField(db_field="givenStatus")
    given_withdrawn_at = me.DateTimeField(db_field="givenWithdrawnAt")
    outcomes = me.ListField(me.DictField())  # what each statement about the class says: {event, effect, at, score}
    source = me.StringField()  # "xapi": only statements tell of it
    # When the statement was made that decided how it ended.
    outcome_at = me.DateTimeField(db_field="outcomeAt")
    score = me.FloatField()  # 0-100
    passed = me.BooleanField()


class VoidedStatement(Stored):
    """A statement that another has voided, also one that has not come yet. `_id` is that of the event it makes."""

    meta = {"collection": "voidedstatements"}

    at = me.DateTimeField()


class LearningEvent(Stored):
    """One thing a learner did. Its `_id` is the LMS's own, or the first 12 bytes of the SHA-256 of the statement id.

    Only `_id` and `updatedAt` are indexed: analytics read the extract, never this collection.
    """

    meta = {"collection": "learningevents", "indexes": ["updated_at"]}

    learner_id = me.ObjectIdField(db_field="learnerId")
    class_id = me.ObjectIdField(db_field="classId")
    course_id = me.ObjectIdField(db_field="courseId")
    content_id = me.ObjectIdField(db_field="contentId")
    department_id = me.ObjectIdField(db_field="departmentId")
    program_id = me.ObjectIdField(db_field="programId")
    enrollment_id = me.ObjectIdField(db_field="enrollmentId")
    event_type = me.StringField(db_field="eventType")  # None while nobody has said what `verb` means
    verb = me.StringField()  # the xAPI verb's id, kept only while it has no event type
    timestamp = me.DateTimeField(required=True)
    duration = me.FloatField()  # seconds
    score = me.FloatField()  # 0-100
    passed = me.BooleanField()
    data = me.DictField()  # numbers by name, such as clicks
    is_active = me.BooleanField(db_field="isActive", default=True)
    updated_at = me.DateTimeField(db_field="updatedAt")


class AssessmentResult(ClassRecord):
    """One attempt at an assessment. `submitted` without a score is an ungraded attempt: counted, never averaged."""

    meta = {
        "collection": "assessmentresults",
        "indexes": [EXTERNAL_ID, "updated_at"],
    }

    STATUSES = tuple(statuses.ASSESSMENT)

    content_id = me.ObjectIdField(db_field="contentId")  # the assessment
    attempt = me.IntField(min_value=1, default=1)
    status = me.StringField(choices=STATUSES, default="submitted")
    score = me.FloatField()  # 0-100, scaled
    passed = me.BooleanField()
    submitted_at = me.DateTimeField(db_field="submittedAt")
    graded_at = me.DateTimeField(db_field="gradedAt")
    duration = me.FloatField()  # seconds


class ScormAttempt(ClassRecord):
    meta = {"collection": "scormattempts", "indexes": [EXTERNAL_ID, "updated_at"]}

    STATUSES = tuple(statuses.SCORM)

    content_id = me.ObjectIdField(db_field="contentId")
    attempt = me.IntField(min_value=1, default=1)
    status = me.StringField(choices=STATUSES, default="incomplete")
    score = me.FloatField()  # 0-100, scaled
    passed = me.BooleanField()
    started_at = me.DateTimeField(db_field="startedAt")
    completed_at = me.DateTimeField(db_field="completedAt")
    duration = me.FloatField()  # seconds, SCORM's total time


class Certificate(ClassRecord):
    meta = {"collection": "certificates", "indexes": [EXTERNAL_ID, "updated_at"]}

    name = me.StringField(max_length=255)
    issued_at = me.DateTimeField(db_field="issuedAt")
    expires_at = me.DateTimeField(db_field="expiresAt")
    revoked_at = me.DateTimeField(db_field="revokedAt")
