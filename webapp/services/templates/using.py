"""Using a template: asking its question with one click, or with changes; and who has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from bson import ObjectId

from webapp import clock
from webapp.documents import ReportJob, ReportTemplate, User
from webapp.errors import ConflictError, InvalidRequestError, NotFoundError
from webapp.messages import Message
from webapp.services import permissions
from webapp.services.jobs import facts as job_facts
from webapp.services.permissions import Permission
from webapp.services.questions.period import today_in
from webapp.services.questions.request import ReportRequest
from webapp.services.requests import asking
from webapp.services.requests.rules import BY_ITSELF, Circumstances
from webapp.services.rights.visibility import Reach
from webapp.services.templates import kept, seeing, standing
from webapp.settings import get_settings

#: Nobody keeps so many at hand.
MOST_FAVOURITES = 200
Say = Callable[[str], str]


@dataclass(frozen=True)
class UsedBy:
    """Reports of one person that were asked for by a template. `newest` is the last of them."""

    requested_by: ObjectId | None
    count: int
    newest: ObjectId
    asked_at: datetime


def question_of(template_id: str | ObjectId, version: int | None = None) -> ReportRequest:
    """What a template asks, in its newest version or a pinned one, for whoever asks it by themselves: its period is
    still to be meant (`meant_on`) on the day of use, by its zone.

    Raises TemplateNotFoundError, VersionNotFoundError, TemplateRetiredError and TemplateOutdatedError.
    """
    template = seeing.find(template_id)
    chosen = seeing.version_of(template, version)
    request = kept.request_of(chosen)
    standing.require_usable(template, chosen, request)
    return request


def request_for(actor: User, template: ReportTemplate, version: ReportTemplate) -> ReportRequest:
    """What `version` asks, as `actor` may ask it today. Raises InvalidRequestError for a period without meaning."""
    request = unmeant_for(actor, template, version)
    return request.meant_on(today_in(request.time_zone, clock.utcnow()))


def unmeant_for(actor: User, template: ReportTemplate, version: ReportTemplate) -> ReportRequest:
    """As `request_for`, its period still to be meant.

    What others ask is theirs alone until they share it: who may see the author's reports is the author's to say.
    """
    request = asking.as_far_as_allowed(actor, kept.request_of(version))
    changes: dict[str, str] = {}
    if not kept.names_a_zone(version):
        changes["time_zone"] = actor.time_zone or get_settings().time_zone
    if template.created_by != actor.id:
        changes["visibility"] = "private"
    return request.model_copy(update=changes)


def use(
    actor: User,
    template_id: str | ObjectId,
    version: int | None = None,
    *,
    submission_id: str | None = None,
    insist: bool = False,
    agreed: bool = False,
    say: Say = str,
) -> ReportJob:
    """Ask for the report as the template stands, with the rows that `actor` may read today.

    Raises TemplateNotFoundError, VersionNotFoundError, TemplateRetiredError, TemplateOutdatedError, and what
    `asking.create` raises.
    """
    template = seeing.visible_template(actor, template_id)
    permissions.require_permission(actor, Permission.REQUEST_REPORTS)
    chosen = seeing.version_of(template, version)
    standing.require_usable(template, chosen, kept.request_of(chosen))
    request = request_for(actor, template, chosen)
    of = Circumstances(submission_id=submission_id or None, template_id=template.id, template_version=chosen.version)
    return _asked(actor, request, of, insist=insist, agreed=agreed, say=say)


def use_with_changes(
    actor: User,
    template_id: str,
    version: str,
    request: ReportRequest,
    *,
    of: Circumstances = BY_ITSELF,
    insist: bool = False,
    agreed: bool = False,
    say: Say = str,
) -> ReportJob:
    """Ask for `request`, which began as this version of a template. The question is whole without it: where `actor` may
    not use the template (any more), it is asked by itself. Raises as `asking.create`."""
    try:
        template = seeing.visible_template(actor, template_id)
        chosen = seeing.version_of(template, int(version) if version.isdecimal() and len(version) < 10 else None)
    except NotFoundError:
        return asking.create(actor, request, insist=insist, agreed=agreed, of=of, say=say)
    if template.is_active:
        of = replace(of, template_id=template.id, template_version=chosen.version)
    return _asked(actor, request, of, insist=insist, agreed=agreed, say=say)


def _asked(
    actor: User, request: ReportRequest, of: Circumstances, *, insist: bool, agreed: bool, say: Say
) -> ReportJob:
    job = asking.create(actor, request, insist=insist, agreed=agreed, of=of, say=say)
    if of.template_id is not None:
        now = clock.utcnow()
        used = {"lastUsedAt": now, "lastUsedBy": actor.id, "lastJobId": job.id, "updatedAt": now}
        # A form that is sent twice makes one report, and is one use.
        ReportTemplate._get_collection().update_one(
            {"_id": of.template_id, "lastJobId": {"$ne": job.id}},
            {"$inc": {"usageCount": 1}, "$set": used},
            hint="_id_",
        )
    return job


def used_by(actor: User, template: ReportTemplate) -> list[UsedBy]:
    """Whose reports were asked for by the template, as far as `actor` may know of them; who did so last first."""
    reach = Reach(actor)
    jobs = [job for job in job_facts.every() if job.template_id == template.id and reach.sees(job)]
    found: dict[ObjectId | None, UsedBy] = {}
    for job in jobs:  # the oldest first
        known = found.pop(job.requested_by, None)
        count = known.count + 1 if known else 1
        found[job.requested_by] = UsedBy(job.requested_by, count, job.id, job.created_at)
    return list(reversed(found.values()))


def set_favourite(actor: User, template_id: str | ObjectId, is_favourite: bool) -> None:
    """Keep it at the front of this person's list, or no more. Raises TemplateNotFoundError and ConflictError."""
    template = seeing.visible_template(actor, template_id)
    permissions.require_permission(actor, Permission.REQUEST_REPORTS)
    if not is_favourite:
        User.objects(id=actor.id).update_one(pull__favourite_template_ids=template.id)
        return
    if len(actor.favourite_template_ids) >= MOST_FAVOURITES:
        raise ConflictError(
            Message("You have %(most)s favourites already.", most=MOST_FAVOURITES), hint=Message("Take one away first.")
        )
    User.objects(id=actor.id).update_one(add_to_set__favourite_template_ids=template.id)


def problems_of(actor: User, template: ReportTemplate, version: ReportTemplate) -> list[str]:
    """What keeps `actor` from using the version as it stands, each in a sentence; none where nothing does."""
    try:
        request = kept.request_of(version)
        standing.require_usable(template, version, request)
        request_for(actor, template, version)
    except standing.TemplateOutdatedError as error:
        return error.problems
    except InvalidRequestError as error:
        return list(error.fields.values())
    except standing.TemplateRetiredError as error:
        return [str(error)]
    return []
