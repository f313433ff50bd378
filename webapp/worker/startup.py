"""What a worker checks before it takes its first job: a wrong database must not be worked on."""

from __future__ import annotations

import contextlib

from pymongo.errors import OperationFailure, PyMongoError

from webapp.documents import (
    Delivery,
    JobEvent,
    JobStatus,
    LookupCategory,
    Order,
    ReportJob,
    ReportSchedule,
    ScheduleFire,
    WorkerRecord,
    indexes,
)
from webapp.documents.connection import current_database
from webapp.documents.lookup_value import active_lookups
from webapp.errors import ReportdeskError

PROBE = "startup-probe"


class UnusableDatabaseError(ReportdeskError):
    """The worker refuses to start."""

    code = "unusable-database"
    hint = "Check REPORTDESK_MONGODB_URI and REPORTDESK_MONGODB_DATABASE."


def check_database() -> None:
    """Raises UnusableDatabaseError: not writable, without the database's clock, without lookup values or indexes; and
    IndexConflictError."""
    database = current_database()
    try:
        hello = database.client.admin.command("hello")
    except PyMongoError as error:
        raise UnusableDatabaseError(f"The database does not answer: {type(error).__name__}.") from error
    if not hello.get("isWritablePrimary"):
        raise UnusableDatabaseError("This database server takes no writes: it is not the primary.")
    if "localTime" not in hello:
        raise UnusableDatabaseError("This database server does not tell the time, which the queue needs.")
    _check_pipeline_updates()
    statuses = set(active_lookups(LookupCategory.REPORT_STATUS))
    if missing := {status.value for status in JobStatus} - statuses:
        raise UnusableDatabaseError(
            f"The database “{database.name}” is not set up for Reportdesk: "
            f"the report states {', '.join(sorted(missing))} are missing.",
            hint="Is it the right database? If so, run `reportdesk lookups seed` first.",
        )
    _check_indexes()


def _check_pipeline_updates() -> None:
    """Leases are written by the database's clock: MongoDB can since 4.2."""
    workers = WorkerRecord._get_collection()
    try:
        workers.update_one({"_id": PROBE}, [{"$set": {"lastBeatAt": "$$NOW", "stoppedAt": "$$NOW"}}], upsert=True)
    except OperationFailure as error:
        raise UnusableDatabaseError(
            f"This database cannot be used as the queue: {error.details.get('errmsg') if error.details else error}",
            hint="Reportdesk needs MongoDB 4.2 or newer, and an account that may read and write.",
        ) from error
    finally:
        with contextlib.suppress(OperationFailure):  # told above already
            workers.delete_one({"_id": PROBE})


def _check_indexes() -> None:
    try:
        for document in (ReportJob, JobEvent, WorkerRecord, Order, Delivery, ReportSchedule, ScheduleFire):
            indexes.ensure(document)
    except OperationFailure as error:
        raise UnusableDatabaseError(f"The queue's indexes cannot be made: {error}") from error
