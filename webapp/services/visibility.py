"""Who may know about which report, and which rows a person's reports may count (DESIGN §4).

Two separate rules. *Visibility* is a filter on jobs, applied first, everywhere. *Data scope* is a filter on the
learning record, taken when a report is asked for, and one the requester cannot remove.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from bson import ObjectId
from bson.errors import InvalidId
from mongoengine import Q, QuerySet

from webapp.documents import Class, Department, ReportJob, Team, User
from webapp.errors import ForbiddenError, NotFoundError
from webapp.messages import Message
from webapp.services.lookups import permissions_of

ADMINISTER = "administer"
MANAGE_DEPARTMENT = "manage-department"
MANAGE_CONTENT = "manage-content"
REQUEST_REPORTS = "request-reports"


class JobNotFoundError(NotFoundError):
    """No such job, or not for this person: the two are told alike."""

    def __init__(self, job_id: str) -> None:
        super().__init__(Message("There is no report job %(id)s.", id=job_id[:24]))


@dataclass(frozen=True)
class DataScope:
    """Whose rows a report may count, as hex ids. Both None: all rows. Both given: rows of either."""

    department_ids: tuple[str, ...] | None = None
    class_ids: tuple[str, ...] | None = None

    @property
    def is_everything(self) -> bool:
        return self.department_ids is None and self.class_ids is None

    def covers(self, other: DataScope) -> bool:
        """Does this scope reach at least as far as `other`?"""
        if self.is_everything:
            return True
        if other.is_everything:
            return False
        return set(other.department_ids or ()) <= set(self.department_ids or ()) and set(other.class_ids or ()) <= set(
            self.class_ids or ()
        )

    def to_document(self) -> dict[str, list[str] | None]:
        """As `provenance.scope` keeps it."""
        return {
            "departmentIds": None if self.department_ids is None else list(self.department_ids),
            "classIds": None if self.class_ids is None else list(self.class_ids),
        }

    @classmethod
    def from_document(cls, stored: dict[str, Any]) -> DataScope:
        """Raises KeyError for a document that is no scope: a missing scope must never read as “everything”."""
        departments, classes = stored["departmentIds"], stored["classIds"]
        return cls(
            None if departments is None else tuple(departments),
            None if classes is None else tuple(classes),
        )


def is_administrator(actor: User) -> bool:
    return ADMINISTER in permissions_of(actor)


def require_permission(actor: User, permission: str) -> None:
    """Raises ForbiddenError when no role of `actor` allows `permission`."""
    if permission not in permissions_of(actor):
        raise ForbiddenError(
            Message("Your account may not do this: it lacks the permission “%(permission)s”.", permission=permission)
        )


def with_departments_below(department_ids: Iterable[ObjectId]) -> frozenset[ObjectId]:
    """These departments and all below them in the tree. One read; a cycle in the tree does no harm."""
    wanted = list(department_ids)
    if not wanted:
        return frozenset()
    below: dict[ObjectId | None, list[ObjectId]] = defaultdict(list)
    for department_id, parent_id in Department.objects.scalar("id", "parent_id"):
        below[parent_id].append(department_id)
    reached: set[ObjectId] = set()
    while wanted:
        department_id = wanted.pop()
        if department_id not in reached:
            reached.add(department_id)
            wanted.extend(below[department_id])
    return frozenset(reached)


def managed_department_ids(actor: User) -> frozenset[ObjectId]:
    """Departments whose jobs `actor` follows and steers, the tree below included."""
    if MANAGE_DEPARTMENT not in permissions_of(actor):
        return frozenset()
    return with_departments_below(actor.department_ids)


def visible_jobs(actor: User) -> QuerySet:
    """Jobs `actor` may know about. Every list, page, count and download starts here."""
    if not actor.is_active:
        return ReportJob.objects.none()
    if is_administrator(actor):
        return ReportJob.objects
    grants = [Q(requested_by=actor.id), Q(visibility="organization")]
    if actor.department_ids:
        grants.append(Q(visibility="department", department_id__in=actor.department_ids))
    if teammates := teammate_ids(actor):
        grants.append(Q(visibility="team", requested_by__in=teammates))
    if managed := managed_department_ids(actor):
        grants.append(Q(department_id__in=list(managed)))
    return ReportJob.objects(reduce(or_, grants))


def visible_job(actor: User, job_id: str | ObjectId) -> ReportJob:
    """The job, if `actor` may know about it. Raises JobNotFoundError otherwise, and for an id that is none."""
    try:
        wanted = ObjectId(job_id)
    except (InvalidId, TypeError) as error:
        raise JobNotFoundError(str(job_id)) from error
    job = ReportJob.objects(id=wanted).first()
    if job is None or not may_see(actor, job):
        raise JobNotFoundError(str(job_id))
    return job


def may_see(actor: User, job: ReportJob) -> bool:
    """The rule of `visible_jobs` for a job already read: one read by `_id` instead of a query over all grants.

    A test holds the two together.
    """
    if not actor.is_active:
        return False
    if job.requested_by == actor.id or job.visibility == "organization" or is_administrator(actor):
        return True
    if job.visibility == "department" and job.department_id in actor.department_ids:
        return True
    if job.visibility == "team" and actor.team_ids:
        requester_teams = User.objects(id=job.requested_by).scalar("team_ids").first()
        active = Team.objects(id__in=actor.team_ids, is_active=True).scalar("id")
        if set(requester_teams or ()) & set(active):
            return True
    return job.department_id is not None and job.department_id in managed_department_ids(actor)


def may_manage(actor: User, job: ReportJob) -> bool:
    """May `actor` cancel or re-prioritise `job`? Its requester, a manager of its department, an administrator."""
    return (
        job.requested_by == actor.id
        or is_administrator(actor)
        or (job.department_id is not None and job.department_id in managed_department_ids(actor))
    )


def may_edit(actor: User, job: ReportJob) -> bool:
    """May `actor` rename, share, retry or delete `job`? Its requester and administrators."""
    return job.requested_by == actor.id or is_administrator(actor)


def teammate_ids(actor: User) -> list[ObjectId]:
    """Everyone who shares an active team with `actor`, `actor` included."""
    if not actor.team_ids:
        return []
    teams = list(Team.objects(id__in=actor.team_ids, is_active=True).scalar("id"))
    return list(User.objects(team_ids__in=teams).scalar("id")) if teams else []


def audience(requester: User, visibility: str, department_id: ObjectId | None) -> tuple[int, str]:
    """How many people besides the managers would see such a job, and who they are in words ("Registry")."""
    staff = Q(is_active=True, password_hash__exists=True)
    if visibility == "organization":
        return User.objects(staff).count(), Message("everyone who can sign in")
    if visibility == "department" and department_id is not None:
        department = Department.objects(id=department_id).first()
        people = User.objects(staff & Q(department_ids=department_id)).count()
        return people, department.name if department else Message("the department")
    if visibility == "team":
        teams = list(Team.objects(id__in=requester.team_ids, is_active=True))
        people = User.objects(staff & Q(team_ids__in=[team.id for team in teams])).count() if teams else 1
        return people, ", ".join(team.name for team in teams) or Message("no team yet, so only you")
    return 1, Message("only you")


def scope_in_words(scope: DataScope) -> str:
    """Whose rows a report counts, for people."""
    if scope.is_everything:
        return "everything"
    names = list(Department.objects(id__in=list(scope.department_ids or ())).scalar("name"))
    told = [f"departments: {', '.join(sorted(names))}"] if names else []
    classes = list(Class.objects(id__in=list(scope.class_ids or ())).only("code", "name"))
    told += [f"classes: {', '.join(sorted(each.code or each.name for each in classes))}"] if classes else []
    return "; ".join(told) or "nothing"


def data_scope(actor: User) -> DataScope:
    """The rows that reports of `actor` may count.

    Administrators: all. Staff and managers: their departments and those below. Instructors: the classes they teach.
    Someone who is both gets both. Anyone else, and every inactive person: none.
    """
    permissions = permissions_of(actor) if actor.is_active else frozenset()
    if ADMINISTER in permissions:
        return DataScope()
    department_ids: frozenset[ObjectId] = frozenset()
    class_ids: list[ObjectId] = []
    if REQUEST_REPORTS in permissions:
        if set(actor.roles) - {"instructor", "learner"}:
            department_ids = with_departments_below(actor.department_ids)
        if "instructor" in actor.roles:
            class_ids = list(Class.objects(instructor_ids=actor.id).scalar("id"))
    return DataScope(
        tuple(sorted(str(department_id) for department_id in department_ids)),
        tuple(sorted(str(class_id) for class_id in class_ids)),
    )
