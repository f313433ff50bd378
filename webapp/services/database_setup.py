"""What a database must have before anyone uses it: indexes and lookup values. Doing it again changes nothing."""

from __future__ import annotations

from webapp import documents
from webapp.services.lookups import values as lookups

INDEXED = (
    documents.LookupValue,
    documents.Department,
    documents.Team,
    documents.User,
    documents.Program,
    documents.Course,
    documents.Class,
    documents.Content,
    documents.Enrollment,
    documents.LearningEvent,
    documents.AssessmentResult,
    documents.ScormAttempt,
    documents.Certificate,
    documents.ReportJob,
    documents.JobEvent,
    documents.WorkerRecord,
    documents.AdminEvent,
    documents.Order,
    documents.RateLimit,
)


def prepare() -> int:
    """Make the indexes and add missing lookup values; returns how many values were added."""
    for document in INDEXED:
        document.ensure_indexes()
    return lookups.seed()
