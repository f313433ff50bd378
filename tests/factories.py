"""Documents for tests, whole and valid, with what a test cares about given by name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId

from webapp import clock, extract
from webapp.documents import Department, LearningEvent, Membership, Output, Parameters, ReportJob, Team, User
from webapp.services.people import passwords
from webapp.services.permissions import is_global

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class People:
    """The cast. Everyone signs in with `PASSWORD`."""

    owner: User  # staff of `department`, in `team`
    colleague: User  # staff of `department`, in `team`
    neighbour: User  # staff of `department`, in no team
    manager: User  # manages `faculty`, and so `department` below it
    other_manager: User  # manages `other_department`
    stranger: User  # staff of `other_department`
    administrator: User
    faculty: Department
    department: Department
    other_department: Department
    team: Team


def make_department(name: str, code: str, parent: Department | None = None) -> Department:
    return Department(name=name, code=code, external_id=code, parent_id=parent.id if parent else None).save()


def make_user(name: str, roles: list[str], departments: list[Department], teams: list[Team] | None = None) -> User:
    """Somebody with these roles, those of a department in each of these; in the record a person with the same id."""
    user_id = ObjectId()
    user = User(
        id=user_id,
        person_id=user_id,
        name=name.title(),
        email=f"{name.replace(' ', '.')}@staff.example",
        password_hash=_password_hash(),
        team_ids=[team.id for team in teams or []],
    )
    return hold(user, roles, departments).save()


def hold(user: User, roles: list[str], departments: list[Department] | None = None) -> User:
    """Give the account these roles in place of all it has, in these departments or those that it is in. Not saved."""
    places = [each.department_id for each in user.memberships] if departments is None else [d.id for d in departments]
    user.roles = [role for role in roles if is_global(role)]
    here = [role for role in roles if not is_global(role)]
    user.memberships = [Membership(department_id=each, roles=here, is_primary=not n) for n, each in enumerate(places)]
    return user


@dataclass(frozen=True)
class Learner:
    """A person of the learning record, who has no account."""

    id: ObjectId
    name: str


def make_learner(name: str, number: str | None = None, email: str | None = None) -> Learner:
    now, learner = clock.utcnow(), Learner(ObjectId(), name)
    told = {"name": name, "externalId": number, "email": email}
    User._get_collection().insert_one(
        {"_id": learner.id, "roles": ["learner"], "isActive": True, "createdAt": now, "updatedAt": now}
        | {field: value for field, value in told.items() if value is not None}
    )
    return learner


def make_people() -> People:
    faculty = make_department("Faculty of Arts", "arts")
    department = make_department("History", "history", faculty)
    other_department = make_department("Physics", "physics")
    team = Team(name="Exam office", department_id=department.id).save()
    return People(
        owner=make_user("olivia owner", ["staff"], [department], [team]),
        colleague=make_user("colin colleague", ["staff"], [department], [team]),
        neighbour=make_user("nora neighbour", ["staff"], [department]),
        manager=make_user("martha manager", ["department-admin"], [faculty]),
        other_manager=make_user("otto other manager", ["department-admin"], [other_department]),
        stranger=make_user("stefan stranger", ["staff"], [other_department]),
        administrator=make_user("ada administrator", ["system-admin"], []),
        faculty=faculty,
        department=department,
        other_department=other_department,
        team=team,
    )


def make_numbers_known(*names: str) -> None:
    """An event that has these numbers in its data, read into the extract."""
    now, data = clock.utcnow(), dict.fromkeys(names, 1.0)
    events = LearningEvent._get_collection()  # its own client would refuse a name with a dot
    events.insert_one(
        {"eventType": "content-viewed", "timestamp": now, "data": data, "isActive": True, "updatedAt": now}
    )
    extract.refresh([events.name])


def build_job(requested_by: ObjectId | None = None, **fields: Any) -> ReportJob:
    """A valid job, not saved."""
    values: dict[str, Any] = {
        "report_type": "enrollment-summary",
        "name": "Enrollments by class",
        "requested_by": requested_by or ObjectId(),
        "parameters": Parameters(group_by=["class"], measures=["count"]),
        "output": Output(format="csv"),
    }
    return ReportJob(**{**values, **fields})


def make_job(requested_by: ObjectId | None = None, **fields: Any) -> ReportJob:
    """A valid job, saved."""
    return build_job(requested_by, **fields).save()


_hashes: list[str] = []


def _password_hash() -> str:
    """One hash for the whole session: argon2 is slow on purpose."""
    if not _hashes:
        _hashes.append(passwords.hash_password(PASSWORD))
    return _hashes[0]
