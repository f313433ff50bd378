"""What a manager's departments have asked for."""

from __future__ import annotations

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue

from webapp.documents import User
from webapp.services import permissions
from webapp.services.jobs import lists as job_lists
from webapp.services.jobs import workload
from webapp.services.jobs.lists import JobList
from webapp.services.people import departments
from webapp.services.people.departments import Node
from webapp.services.rights import organisation, visibility
from webapp.services.rights.organisation import DepartmentFacts
from webapp.web.access import current_actor, permission_required
from webapp.web.jobs.list_views import bulk as act_on_many
from webapp.web.jobs.list_views import show_list

#: Options of a list cannot be indented otherwise.
EM_SPACE = "\u2003"

department = Blueprint("department", __name__, url_prefix="/department")


@department.get("/")
@permission_required("manage-department")
def index() -> ResponseReturnValue:
    """Reports of the departments one manages, the tree below included."""
    tree, asked = _tree(current_actor()), job_lists.requesters(current_actor(), JobList.DEPARTMENT)
    return show_list(
        JobList.DEPARTMENT,
        "department/index.html",
        bulk_address=url_for("department.bulk"),
        choices={
            "department": {str(each.department.id): EM_SPACE * each.depth + each.department.name for each in tree},
            "requester": {str(person): name for person, name in asked},
        },
        load=workload.load_by_person(current_actor()),
    )


@department.post("/bulk")
@permission_required("manage-department")
def bulk() -> ResponseReturnValue:
    """Act on many reports at once."""
    return act_on_many(JobList.DEPARTMENT)


def _tree(actor: User) -> list[Node[DepartmentFacts]]:
    """Departments one manages, parents before children."""
    everything = permissions.is_administrator(actor)
    managed = visibility.managed_department_ids(actor)
    known = [each for each in organisation.departments().values() if everything or each.id in managed]
    return departments.tree(known)
