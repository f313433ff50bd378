"""What a database must have before anyone uses it: today's documents, indexes and lookup values. Doing it again changes
nothing."""

from __future__ import annotations

from webapp import documents
from webapp.documents import indexes
from webapp.services import migrations
from webapp.services.lookups import values as lookups
from webapp.services.templates import seeding as templates

INDEXED = (
    documents.LookupValue,
    documents.Department,
    documents.Team,
    documents.User,
    documents.ReportJob,
    documents.JobEvent,
    documents.WorkerRecord,
    documents.AdminEvent,
    documents.Order,
    documents.RateLimit,
    documents.Session,
    documents.PasswordReset,
    documents.Act,
    documents.Calendar,
    documents.ReportSchedule,
    documents.ScheduleFire,
    documents.ScheduleFeed,
    documents.Notice,
    documents.Delivery,
    documents.DeliveryHost,
    documents.Unsubscribe,
    documents.WebhookEndpoint,
    documents.ReportTemplate,
)


def prepare() -> int:
    """Bring stored documents up to date, make the indexes, add missing lookup values and the desk's own templates;
    returns how many values were added.

    Raises IndexConflictError.
    """
    migrations.run()
    for document in INDEXED:
        indexes.ensure(document)
    added = lookups.seed()
    templates.seed()
    return added
