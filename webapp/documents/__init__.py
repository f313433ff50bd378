"""What MongoDB stores: the shape of each document and whether it agrees with itself."""

from webapp.documents.accounts import Department, Team, User
from webapp.documents.admin_event import AdminArea, AdminEvent
from webapp.documents.chore import Chore, ChoreKind, ChoreState
from webapp.documents.connection import connect, disconnect
from webapp.documents.desk_figures import DeskFigures
from webapp.documents.job_event import JobEvent
from webapp.documents.learning_record import (
    AssessmentResult,
    Certificate,
    Class,
    Content,
    Course,
    Enrollment,
    LearningEvent,
    Program,
    ScormAttempt,
)
from webapp.documents.lookup_value import LookupCategory, LookupValue
from webapp.documents.report_job import (
    Attempt,
    Condition,
    DateRange,
    JobError,
    JobStatus,
    Lease,
    Output,
    Parameters,
    Progress,
    ReportFilters,
    ReportJob,
    StoredFile,
)
from webapp.documents.worker_record import WorkerRecord

__all__ = [
    "AdminArea",
    "AdminEvent",
    "AssessmentResult",
    "Attempt",
    "Certificate",
    "Chore",
    "ChoreKind",
    "ChoreState",
    "Class",
    "Condition",
    "Content",
    "Course",
    "DateRange",
    "Department",
    "DeskFigures",
    "Enrollment",
    "JobError",
    "JobEvent",
    "JobStatus",
    "LearningEvent",
    "Lease",
    "LookupCategory",
    "LookupValue",
    "Output",
    "Parameters",
    "Program",
    "Progress",
    "ReportFilters",
    "ReportJob",
    "ScormAttempt",
    "StoredFile",
    "Team",
    "User",
    "WorkerRecord",
    "connect",
    "disconnect",
]
