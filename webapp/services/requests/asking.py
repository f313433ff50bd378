"""Asking for a report: anew, the same again, or the same in another format.

Nothing is saved before it is whole and valid; every error stands under the name of its field.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from mongoengine.errors import NotUniqueError, ValidationError

from webapp import clock
from webapp.documents import LookupCategory, ReportJob, User
from webapp.documents.ids import id_made_of
from webapp.documents.job_status import RUNNING, WAITING, JobStatus
from webapp.documents.problems import problems_of
from webapp.errors import ConflictError, InvalidRequestError
from webapp.messages import Message
from webapp.services import audit, database_clock, permissions
from webapp.services.audit import ReportAct
from webapp.services.jobs import events as job_events
from webapp.services.jobs import lifecycle
from webapp.services.lookups import values as lookups
from webapp.services.permissions import Permission
from webapp.services.questions import ways
from webapp.services.questions.period import today_in
from webapp.services.questions.request import ReportRequest
from webapp.services.queue import promotion
from webapp.services.requests import everyone, waiting
from webapp.services.requests import rules as request_rules
from webapp.services.requests.rules import BY_ITSELF, Circumstances
from webapp.services.rights import visibility

log = logging.getLogger(__name__)


#: A finished report this young answers the same question again.
FRESH = timedelta(hours=1)


class AlreadyAskedError(ConflictError):
    """The same person has asked the same thing, and it waits, runs, or is ready and fresh. `job` is that one."""

    code = "already-asked"
    hint = Message("Open that one, or ask again anyway.")

    def __init__(self, job: ReportJob, *, now: datetime) -> None:
        minutes = max(int((now - job.created_at).total_seconds() // 60), 0)
        ago = Message.counted("%(num)s minute ago", "%(num)s minutes ago", minutes) if minutes else Message("just now")
        label = lookups.label(LookupCategory.REPORT_STATUS, job.status)
        super().__init__(
            Message("You asked for this %(ago)s: “%(name)s” is %(status_)s.", ago=ago, name=job.name, status=label)
        )
        self.job = job


def create(
    actor: User,
    request: ReportRequest,
    *,
    insist: bool = False,
    of: Circumstances = BY_ITSELF,
    agreed: bool = False,
    like: ReportJob | None = None,
    say: Callable[[str], str] = str,
) -> ReportJob:
    """Ask for a report; it is queued at once if it is due and its requester has a slot free. `like` is the report whose
    question is asked again: the audit trail tells of it. `say` tells a text in the language of whoever asks: a report
    without a name is called by what it asks.

    Raises InvalidRequestError (all fields at fault), TooManyWaitingError, ForbiddenError, unless `insist`
    AlreadyAskedError, and unless `agreed` NotAgreedError for a report that everyone would see.
    """
    permissions.require_permission(actor, Permission.REQUEST_REPORTS)
    job_id = of.job_id or _submission_key(actor, of.submission_id)
    if job_id is not None and (made := ReportJob.objects(id=job_id).first()) is not None:
        return made
    if of.schedule_id is None and of.parent_id is None:
        waiting.require_room(actor.id)
    now = database_clock.now()
    job = request_rules.checked_job(actor, request, now, of, say)
    everyone.require_agreed(job.visibility, agreed)
    if not insist and (same := find_same(actor, job, now=now)) is not None:
        if same.id == job_id:  # the other half of a double click has been made meanwhile
            return same
        raise AlreadyAskedError(same, now=now)
    if job_id is not None:
        job.id = job_id
    why = "a part" if of.parent_id else "a schedule" if of.schedule_id else "asked for"
    job.history = [lifecycle.birth_event(user_id=actor.id, at=now, why=why)]
    job.event_count = 1
    try:
        job.save(force_insert=True)
    except NotUniqueError:
        # The other half of a double click was faster; both get the one job.
        return ReportJob.objects.get(id=job_id)
    except ValidationError as error:
        raise InvalidRequestError(problems_of(error)) from error
    if of.schedule_id is None and of.parent_id is None:
        _keep_if_there_is_room(job)
    promotion.promote(job.id)
    job_events.copy([job.id])
    told = {"like": ("", f"{like.name} ({like.id})")} if like is not None else {}
    if of.template_id is not None:
        told["template"] = ("", f"{of.template_id}, version {of.template_version}")
    if of.schedule_id is not None:
        told["schedule"] = ("", str(of.schedule_id))
    if of.parent_id is not None:
        told["part of"] = ("", str(of.parent_id))
    audit.record_on_report(actor, ReportAct.ASKED, job, changes=told or None)
    log.info("job created", extra={"job_id": str(job.id), "report_type": job.report_type})
    return ReportJob.objects.get(id=job.id)


def _keep_if_there_is_room(job: ReportJob) -> None:
    """Of many asked for at the same instant, those beyond the bound go again; one that a worker has already taken up
    stays."""
    try:
        waiting.require_room(job.requested_by, besides=1)
    except waiting.TooManyWaitingError:
        if ReportJob.objects(id=job.id, status=JobStatus.PENDING.value).delete():
            raise


def find_same(actor: User, job: ReportJob, *, now: datetime) -> ReportJob | None:
    """The actor's own job that answers the same question already, or soon will."""
    if job.scheduled_for > now:
        return None
    recent = ReportJob.objects(requested_by=actor.id, question_hash=job.question_hash).order_by("-created_at")[:20]
    for other in recent:
        if other.output.options != job.output.options or (other.output.chart or "") != (job.output.chart or ""):
            continue
        if other.sibling_of != job.sibling_of or _in_parts(other) != _in_parts(job):
            continue
        if other.state in RUNNING or (other.state in WAITING and other.scheduled_for <= now):
            return other
        if other.state.has_file and other.completed_at is not None and now - other.completed_at < FRESH:
            return other
    return None


def _in_parts(job: ReportJob) -> tuple[Any, ...] | None:
    """How it is made in parts; None: not at all."""
    if job.burst is None:
        return None
    named = {each.part_id: tuple(each.addresses) for each in job.burst.named}
    return job.burst.by, job.burst.root_id, job.burst.by_mail, named


def again(actor: User, job: ReportJob, *, now: datetime | None = None) -> ReportRequest:
    """The request that asks for `job` once more, as far as `actor` may ask so; a moment that is over is not waited for.
    Its period is still that of `job`: `meant_on` takes the phrase anew. Raises InvalidRequestError."""
    return as_far_as_allowed(actor, ways.from_job(job), now=now)


def as_far_as_allowed(actor: User, request: ReportRequest, *, now: datetime | None = None) -> ReportRequest:
    """Somebody's request as `actor` may ask it: filed where they may file, with a priority that they may give; a moment
    that is over is not waited for."""
    now = now or clock.utcnow()
    changes: dict[str, Any] = {}
    department_id = request.department_id
    if department_id is not None and not request_rules.may_file_under(actor, department_id):
        changes["department_id"] = department_id = None
    filed_under = department_id or request_rules.usual_department(actor)
    if request.priority not in request_rules.usable_priorities_in(actor, filed_under):
        changes["priority"] = "normal"
    if request.scheduled_for is not None and request.scheduled_for <= now:
        changes["scheduled_for"] = None
    return request.model_copy(update=changes)


def duplicate(
    actor: User, job_id: str | ObjectId, *, submission_id: str | None = None, say: Callable[[str], str] = str
) -> ReportJob:
    """Ask for the same again, as the actor, with the rows the actor may read; private until they share it.

    The same `submission_id` again makes no second job.
    """
    job = visibility.visible_job(actor, job_id)
    request = again(actor, job)
    return create(
        actor,
        request.meant_on(today_in(request.time_zone, clock.utcnow())).model_copy(update={"visibility": "private"}),
        insist=True,
        of=Circumstances(submission_id=submission_id or None),
        like=job,
        say=say,
    )


def sibling(
    actor: User, job_id: str | ObjectId, format: str, *, chart: str | None = None, say: Callable[[str], str] = str
) -> ReportJob:
    """“Also as Excel”, or with another `chart`: the same question of the same days, from the data that the first one
    saw."""
    job = visibility.visible_job(actor, job_id)
    if not job.state.has_file:
        raise ConflictError(
            Message("“%(name)s” is not ready, so there is nothing to make another format of.", name=job.name)
        )
    request = ways.from_job(job)
    files_there = request.department_id is not None and request_rules.may_file_under(actor, request.department_id)
    other = request.model_copy(
        update={
            "as_of_job_id": job.id,
            "format": format,
            "chart": request.chart if chart is None else chart,
            "options": frozenset(),
            "priority": "normal",
            "visibility": "private",
            "department_id": request.department_id if files_there else None,
        }
    )
    return create(actor, other, of=Circumstances(sibling_of=job.id), like=job, say=say)


def _submission_key(actor: User, submission_id: str | None) -> ObjectId | None:
    """The job id that this form's submission makes, so that the index on `_id` alone keeps it from making two."""
    if not submission_id:
        return None
    return id_made_of(f"{actor.id}:{submission_id}")
