"""What a manager's departments have asked for."""

from __future__ import annotations

from bson import ObjectId
from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue

from webapp.documents import Department, User
from webapp.services import department_load, job_lists, visibility
from webapp.services.job_lists import JobList, JobListQuery
from webapp.web.access import current_actor, permission_required
from webapp.web.jobs.list_views import bulk as act_on_many
from webapp.web.jobs.list_views import show_list

department = Blueprint("department", __name__, url_prefix="/department")


@department.get("/")
@permission_required("manage-department")
def index() -> ResponseReturnValue:
    """Reports of the departments one manages, the tree below included."""
    return show_list(
        JobList.DEPARTMENT,
        "department/index.html",
        bulk_address=url_for("department.bulk"),
        departments=_tree(current_actor()),
        requesters=_requesters(current_actor()),
        load=department_load.load_by_person(current_actor()),
    )


@department.post("/bulk")
@permission_required("manage-department")
def bulk() -> ResponseReturnValue:
    """Act on many reports at once."""
    return act_on_many(JobList.DEPARTMENT)


def _tree(actor: User) -> list[tuple[int, Department]]:
    """Departments one manages, each with its depth, parents before children."""
    everything = visibility.is_administrator(actor)
    managed = visibility.managed_department_ids(actor)
    known = [each for each in Department.objects.only("id", "name", "parent_id") if everything or each.id in managed]
    ids = {each.id for each in known}
    by_parent: dict[ObjectId | None, list[Department]] = {}
    for each in sorted(known, key=lambda each: each.name.casefold()):
        by_parent.setdefault(each.parent_id if each.parent_id in ids else None, []).append(each)
    ordered: list[tuple[int, Department]] = []
    waiting = [(0, each) for each in reversed(by_parent.get(None, []))]
    while waiting:
        depth, each = waiting.pop()
        ordered.append((depth, each))
        waiting.extend((depth + 1, child) for child in reversed(by_parent.pop(each.id, [])))
    return ordered


def _requesters(actor: User) -> list[tuple[ObjectId, str]]:
    """People who asked for something lately, by name."""
    recent = job_lists.matching(actor, JobList.DEPARTMENT, JobListQuery()).order_by("-created_at").limit(500)
    asked = set(recent.scalar("requested_by"))
    return sorted(User.objects(id__in=list(asked)).scalar("id", "name"), key=lambda pair: pair[1].casefold())
