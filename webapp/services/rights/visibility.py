"""Who may know about which report (DESIGN §4): a filter on jobs, applied first, everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, reduce
from operator import or_
from typing import Protocol

from bson import ObjectId
from mongoengine import Q, QuerySet

from webapp.documents import LookupCategory, ReportJob, User
from webapp.documents.ids import id_or_nobody
from webapp.documents.lookup_value import active_lookups
from webapp.errors import NotFoundError
from webapp.messages import Message
from webapp.services.permissions import Permission, is_administrator, may_ask, permissions_of
from webapp.services.rights import organisation
from webapp.services.rights.organisation import with_departments_below

#: The visibility that reaches everyone who may ask for reports.
EVERYONE = "organization"


class JobNotFoundError(NotFoundError):
    """No such job, or not for this person: the two are told alike."""

    def __init__(self, job_id: str) -> None:
        super().__init__(Message("There is no report job %(id)s.", id=job_id[:24]))


def managed_department_ids(actor: User) -> frozenset[ObjectId]:
    """Departments whose jobs `actor` follows and steers, the tree below included."""
    managed = organisation.departments_of(actor, lambda held: Permission.MANAGE_DEPARTMENT in held.permissions)
    return with_departments_below(managed)


def visible_jobs(actor: User) -> QuerySet:
    """Jobs `actor` may know about, as a query. Lists ask `Reach`, which is the same rule."""
    if not actor.is_active:
        return ReportJob.objects.none()
    allowed = permissions_of(actor)
    if Permission.ADMINISTER in allowed:
        return ReportJob.objects
    grants = [Q(requested_by=actor.id)]
    if Permission.REQUEST_REPORTS in allowed:
        grants.append(Q(visibility=EVERYONE))
    # Where their roles allow nothing people may be in departments too; nothing is shared with them there.
    if own := organisation.departments_of(actor):
        grants.append(Q(visibility="department", department_id__in=own))
    if allowed and (teammates := organisation.teammates(actor.team_ids)):
        grants.append(Q(visibility="team", requested_by__in=list(teammates)))
    if allowed:
        grants.append(Q(reader_ids=actor.id))
    if managed := managed_department_ids(actor):
        grants.append(Q(department_id__in=list(managed)))
    return ReportJob.objects(reduce(or_, grants))


def visible_job(actor: User, job_id: str | ObjectId) -> ReportJob:
    """The job, if `actor` may know about it. Raises JobNotFoundError otherwise, and for an id that is none."""
    job = ReportJob.objects(id=id_or_nobody(job_id)).first()
    if job is None or not may_see(actor, job):
        raise JobNotFoundError(str(job_id))
    return job


class HasVisibility(Protocol):
    """What the rule needs to know of a job: the document has it, and so have the facts that lists go through."""

    @property
    def requested_by(self) -> ObjectId | None: ...
    @property
    def department_id(self) -> ObjectId | None: ...
    @property
    def visibility(self) -> str: ...
    @property
    def reader_ids(self) -> Sequence[ObjectId]: ...


class Reach:
    """What one person may know about, for asking of many jobs: each right is looked up when the first job needs it."""

    def __init__(self, actor: User) -> None:
        self._actor = actor

    def sees(self, job: HasVisibility) -> bool:
        """The rule of `visible_jobs` for a job already read; a test holds the two together."""
        if not self._actor.is_active:
            return False
        if job.requested_by == self._actor.id or self._is_administrator:
            return True
        return self.is_for_actor(job) or self._is_shared_with_actor(job) or self.manages(job)

    def is_for_actor(self, job: HasVisibility) -> bool:
        """Was it made for them, by name? For somebody whose roles allow nothing, nothing is."""
        return self._actor.id in job.reader_ids and bool(self._permissions)

    def _is_shared_with_actor(self, job: HasVisibility) -> bool:
        if job.visibility == EVERYONE:
            return Permission.REQUEST_REPORTS in self._permissions
        if job.visibility == "department":
            return job.department_id in self._departments
        return job.visibility == "team" and bool(self._permissions) and job.requested_by in self._teammates

    def manages(self, job: HasVisibility) -> bool:
        """Is it a job of a department that the person manages?"""
        return job.department_id is not None and job.department_id in self._managed

    def steers(self, job: HasVisibility) -> bool:
        """Does it belong to the person's work as a manager or an administrator, whoever has asked for it?"""
        return self._is_administrator or self.manages(job)

    @cached_property
    def _permissions(self) -> frozenset[str]:
        return permissions_of(self._actor)

    @property
    def _is_administrator(self) -> bool:
        return Permission.ADMINISTER in self._permissions

    @cached_property
    def _departments(self) -> frozenset[ObjectId]:
        return frozenset(organisation.departments_of(self._actor))

    @cached_property
    def _managed(self) -> frozenset[ObjectId]:
        return managed_department_ids(self._actor)

    @cached_property
    def _teammates(self) -> frozenset[ObjectId]:
        return organisation.teammates(self._actor.team_ids)


def may_see(actor: User, job: HasVisibility) -> bool:
    """May `actor` know about `job`?"""
    return Reach(actor).sees(job)


def may_manage(actor: User, job: ReportJob) -> bool:
    """May `actor` cancel or re-prioritise `job`? Its requester while they may ask for reports, a manager of its
    department, an administrator."""
    return (
        (job.requested_by == actor.id and may_ask(actor))
        or is_administrator(actor)
        or (job.department_id is not None and job.department_id in managed_department_ids(actor))
    )


def may_edit(actor: User, job: ReportJob) -> bool:
    """May `actor` rename, share, retry or delete `job`? Its requester while they may ask for reports, and
    administrators."""
    return (job.requested_by == actor.id and may_ask(actor)) or is_administrator(actor)


def people_of_everyone() -> int:
    """How many people may ask for reports, and so see what is shared with everyone."""
    return sum(each.may_ask for each in organisation.staff())


def audience(requester: User, visibility: str, department_id: ObjectId | None) -> tuple[int, str]:
    """How many people besides the managers would see such a job, and who they are in words ("Registry")."""
    if visibility == EVERYONE:
        return people_of_everyone(), Message("everyone who may ask for reports")
    if visibility == "department" and department_id is not None:
        department = organisation.departments().get(department_id)
        if department is not None and not department.is_active:
            return 1, Message("nobody, because the department is closed")
        people = sum(department_id in each.department_ids for each in organisation.staff())
        return people, department.name if department else Message("the department")
    if visibility == "team":
        teams = organisation.active_teams(requester.team_ids)
        people = sum(not each.team_ids.isdisjoint(teams) for each in organisation.staff()) if teams else 1
        return people, ", ".join(teams.values()) or Message("no team yet, so only you")
    return 1, Message("only you")


def audiences(actor: User, owner_id: ObjectId, department_id: ObjectId | None) -> dict[str, tuple[int, str]]:
    """`audience` of each visibility, by key, for what `owner_id` has asked for or made; none when they are gone."""
    owner = actor if owner_id == actor.id else User.objects(id=owner_id).first()
    if owner is None:
        return {}
    return {key: audience(owner, key, department_id) for key in active_lookups(LookupCategory.REPORT_VISIBILITY)}
