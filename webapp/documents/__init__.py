"""What MongoDB stores: the shape of each document and whether it agrees with itself."""

from webapp.documents.accounts import Department, Membership, Team, User
from webapp.documents.act import Act
from webapp.documents.admin_event import AdminArea, AdminEvent
from webapp.documents.burst import Burst, MadeInParts, NamedForPart, PartBy, PartMade, PartsState
from webapp.documents.calendar import Calendar, ClosedDay
from webapp.documents.connection import connect, disconnect
from webapp.documents.delivery import Channel, Delivery, DeliveryState, DeliveryWish, When
from webapp.documents.delivery_host import DeliveryHost
from webapp.documents.job_event import JobEvent
from webapp.documents.job_status import JobStatus
from webapp.documents.lease import Lease
from webapp.documents.letterhead import Letterhead
from webapp.documents.lookup_value import LookupCategory, LookupValue
from webapp.documents.notice import Notice
from webapp.documents.order import Order, OrderKind, OrderState, Settled
from webapp.documents.rate_limit import RateLimit
from webapp.documents.report_job import (
    Attempt,
    Condition,
    DateRange,
    JobError,
    Output,
    Parameters,
    Progress,
    ReportFilters,
    ReportJob,
    StoredFile,
)
from webapp.documents.report_schedule import ReportSchedule, ScheduleFire
from webapp.documents.report_template import (
    DefaultOutput,
    ReportDefaults,
    ReportTemplate,
    SharedWith,
)
from webapp.documents.schedule_feed import ScheduleFeed
from webapp.documents.session import PasswordReset, Session
from webapp.documents.sweep_figures import SweepFigures
from webapp.documents.unsubscribe import Unsubscribe
from webapp.documents.webhook_endpoint import WebhookEndpoint
from webapp.documents.worker_record import WorkerRecord

__all__ = [
    "Act",
    "AdminArea",
    "AdminEvent",
    "Attempt",
    "Burst",
    "Calendar",
    "Channel",
    "ClosedDay",
    "Condition",
    "DateRange",
    "DefaultOutput",
    "Delivery",
    "DeliveryHost",
    "DeliveryState",
    "DeliveryWish",
    "Department",
    "JobError",
    "JobEvent",
    "JobStatus",
    "Lease",
    "Letterhead",
    "LookupCategory",
    "LookupValue",
    "MadeInParts",
    "Membership",
    "NamedForPart",
    "Notice",
    "Order",
    "OrderKind",
    "OrderState",
    "Output",
    "Parameters",
    "PartBy",
    "PartMade",
    "PartsState",
    "PasswordReset",
    "Progress",
    "RateLimit",
    "ReportDefaults",
    "ReportFilters",
    "ReportJob",
    "ReportSchedule",
    "ReportTemplate",
    "ScheduleFeed",
    "ScheduleFire",
    "Session",
    "Settled",
    "SharedWith",
    "StoredFile",
    "SweepFigures",
    "Team",
    "Unsubscribe",
    "User",
    "WebhookEndpoint",
    "When",
    "WorkerRecord",
    "connect",
    "disconnect",
]
