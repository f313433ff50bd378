"""Documents for tests, whole and valid, with what a test cares about given by name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId

from webapp import clock, record
from webapp.documents import Department, Membership, Output, Parameters, ReportJob, Team, User
from webapp.record import RecordVersion
from webapp.services.people import passwords
from webapp.services.permissions import is_global
from webapp.services.record import kept, reading

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


def make_department(
    name: str, code: str, parent: Department | None = None, *, external_id: str | None = None
) -> Department:
    return _department(name, code, parent, external_id=external_id).save()


def _department(
    name: str, code: str, parent: Department | None = None, *, external_id: str | None = None
) -> Department:
    above = parent.id if parent else None
    return Department(id=ObjectId(), name=name, code=code, external_id=external_id or code, parent_id=above)


def make_user(name: str, roles: list[str], departments: list[Department], teams: list[Team] | None = None) -> User:
    """Somebody with these roles, those of a department in each of these; in the record a person with the same id."""
    return _user(name, roles, departments, teams).save()


def _user(name: str, roles: list[str], departments: list[Department], teams: list[Team] | None = None) -> User:
    user_id = ObjectId()
    user = User(
        id=user_id,
        person_id=user_id,
        name=name.title(),
        email=f"{name.replace(' ', '.')}@staff.example",
        password_hash=_password_hash(),
        team_ids=[team.id for team in teams or []],
    )
    return hold(user, roles, departments)


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


@dataclass(frozen=True)
class Taught:
    """A class of the record."""

    id: ObjectId
    name: str
    department_id: ObjectId | None


def make_learner(
    name: str, number: str | None = None, email: str | None = None, *, of: Taught | None = None
) -> Learner:
    """A person whom a source calls a learner; enrolled in the class `of`."""
    learner = Learner(ObjectId(), name)
    person = {"id": learner.id, "name": name, "number": number, "email": email, "roles": ["learner"]}
    rosters = [{"learner_id": learner.id, "class_id": of.id, "status": "in-progress"}] if of else []
    make_record(persons=[person], rosters=rosters)
    return learner


def make_class(
    name: str, *, department: Department | None = None, instructors: Iterable[ObjectId] = (), **columns: Any
) -> Taught:
    """A class of the record, with the persons who teach it."""
    found = Taught(ObjectId(), name, department.id if department else None)
    row = {"id": found.id, "name": name, "department_id": found.department_id, **columns}
    make_record(classes=[row], teachings=[{"class_id": found.id, "person_id": each} for each in instructors])
    return found


def make_spring(people: People, *statuses: str) -> Taught:
    """The class HIS1-S of the course HIS1 in the owner's department, with a learner's enrollment of each status."""
    course = {"id": ObjectId(), "name": "History I", "code": "HIS1", "department_id": people.department.id}
    found = Taught(ObjectId(), "Spring", people.department.id)
    of_class = {"id": found.id, "name": "Spring", "code": "HIS1-S", "course_id": course["id"]}
    rosters = [{"learner_id": new_id(), "class_id": found.id, "status": status} for status in statuses]
    make_record(courses=[course], classes=[of_class], rosters=rosters)
    return found


def end_teachings(of_class: Taught) -> None:
    """Nobody teaches it any more."""
    found = record.select(record.current(), "teachings", ["id", "key", "person_id", "class_id"]).to_pylist()
    make_record(teachings=[{**row, "is_active": False} for row in found if row["class_id"] == str(of_class.id)])


def make_people() -> People:
    faculty = _department("Faculty of Arts", "arts")
    department = _department("History", "history", faculty)
    other_department = _department("Physics", "physics")
    team = Team(id=ObjectId(), name="Exam office", department_id=department.id)
    people = People(
        owner=_user("olivia owner", ["staff"], [department], [team]),
        colleague=_user("colin colleague", ["staff"], [department], [team]),
        neighbour=_user("nora neighbour", ["staff"], [department]),
        manager=_user("martha manager", ["department-admin"], [faculty]),
        other_manager=_user("otto other manager", ["department-admin"], [other_department]),
        stranger=_user("stefan stranger", ["staff"], [other_department]),
        administrator=_user("ada administrator", ["system-admin"], []),
        faculty=faculty,
        department=department,
        other_department=other_department,
        team=team,
    )
    # All of a kind in one write, because every test makes them.
    for kind in (Department, Team, User):
        members = [each for each in vars(people).values() if isinstance(each, kind)]
        kind.objects.insert(members, load_bulk=False)
        for each in members:
            # As `save()` leaves it.
            each._created = False
            each._clear_changed_fields()
    return people


def new_id() -> str:
    """An id as rows of the record have them."""
    return str(ObjectId())


def make_record(*, source: str = "test", **tables: Iterable[dict[str, Any]]) -> RecordVersion:
    """Rows by table (`rosters=[{"learner_id": …}]`), published in one import; and the departments that there are.

    Ids may be ObjectIds. A row without key is called by its id; `enrollments` are given as `rosters`, instructors of a
    class as `teachings`. Persons and classes that rows name and nobody gives are made, because a row of nobody is
    refused.
    """
    given = {table: [_row(row) for row in rows] for table, rows in tables.items()}
    given["departments"] = [*given.get("departments", ()), *_departments_there(given.get("departments", ()))]
    before = record.current()
    for table, columns in (("persons", ("learner_id", "person_id")), ("classes", ("class_id",))):
        known = {row["id"] for row in given.get(table, ())}
        if before.number:
            known |= set(record.select(before, table, ["id"])["id"].to_pylist())
        named = {row[column] for rows in given.values() for row in rows for column in columns if row.get(column)}
        made = [{"id": each, "key": each, "name": each} for each in sorted(named - known)]
        given[table] = [*given.get(table, ()), *made]
    with record.importing(source=source, what="a test's own", import_id=new_id(), by="test") as staging:
        for table, rows in given.items():
            staging.add(table, rows)
        comparison = staging.compare()
        assert not comparison.summary.refused, comparison.summary.refusals
        version = staging.publish()
    reading.forget()
    kept.forget_everything()
    return version


def _row(row: dict[str, Any]) -> dict[str, Any]:
    plain = {name: _plain(value) for name, value in row.items()}
    plain.setdefault("id", new_id())
    return {"key": plain["id"], **plain}


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, ObjectId) else value


def _departments_there(given: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    known = {row["id"] for row in given}
    return [
        _row(
            {
                "id": each.id,
                "name": each.name,
                "code": each.code,
                "parent_id": each.parent_id,
                "is_active": each.is_active,
            }
        )
        for each in Department.objects
        if str(each.id) not in known
    ]


def make_numbers_known(*names: str) -> None:
    """An event that has these numbers in its data."""
    data = dict.fromkeys(names, 1.0)
    make_record(
        events=[{"learner_id": new_id(), "event_type": "content-viewed", "timestamp": clock.utcnow(), "data": data}]
    )


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
