"""No roster changes an account; whose scope changes by what it says of classes and departments is in the trail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from tests.factories import hold, make_user
from tests.sources.oneroster import school
from webapp.documents import AdminEvent, Department, User
from webapp.record.ids import id_of
from webapp.services.orders import imports
from webapp.services.permissions import TERMINAL
from webapp.services.rights import data_scope, record_changes

pytestmark = pytest.mark.usefixtures("database")
ELM = ObjectId(id_of("oneroster", "departments", "elm"))
VALE = ObjectId(id_of("oneroster", "departments", "vale"))
MAY = ObjectId(id_of("oneroster", "persons", "t1"))
IVA = ObjectId(id_of("oneroster", "persons", "p1"))


def bring(path: Path) -> None:
    with imports.importing(TERMINAL, {file: file.name for file in sorted(path.iterdir())}):
        pass


def changed(path: Path, file: str, was: str, now: str) -> Path:
    found = path / file
    text = found.read_text()
    assert was in text
    found.write_text(text.replace(was, now))
    return path


def events() -> dict[str, dict[str, Any]]:
    found = AdminEvent.objects(action="scope changed by the record").order_by("id")
    return {each.subject: each.to_mongo().to_dict().get("changes", {}) for each in found}


def accounts() -> list[dict[str, Any]]:
    return list(User._get_collection().find({}).sort("_id"))


def test_a_roster_that_makes_somebody_the_teacher_of_everything_changes_a_scope_and_says_so(tmp_path: Path) -> None:
    bundle = school.school(tmp_path / "school")
    bring(bundle)
    teacher, idle = make_user("may orr", ["instructor"], []), make_user("iva idle", ["instructor"], [])
    for user, person in ((teacher, MAY), (idle, IVA)):
        hold(user, ["instructor"], [Department.objects.get(id=ELM)])
        user.person_id = person
        user.save()
    before = accounts()
    changed(bundle, "enrollments.csv", "elm,p1,student", "elm,p1,teacher")
    changed(bundle, "users.csv", "true,elm,teacher", "false,elm,administrator")
    bring(bundle)
    assert accounts() == before
    assert list(events()) == ["Iva Idle"]
    assert events()["Iva Idle"]["classes"] == ["0", "1: B1"]
    assert data_scope.data_scope(idle).class_ids == (id_of("oneroster", "classes", "bio-1"),)


def test_a_roster_that_moves_a_department_below_another_says_whose_scope_grows_and_an_undo_takes_it_back(
    tmp_path: Path,
) -> None:
    bundle = school.school(tmp_path / "school")
    bring(bundle)
    hold(make_user("bo boss", ["department-admin"], []), ["department-admin"], [Department.objects.get(id=ELM)]).save()
    changed(bundle, "orgs.csv", "vale,,,Vale District,district,VD,", "vale,,,Vale District,district,VD,elm")
    changed(bundle, "orgs.csv", "school,EL,vale", "school,EL,")
    with (bundle / "orgs.csv").open("a") as file:
        file.write("far,,,Far House,school,FH,elm\n")
    bring(bundle)
    assert events()["Bo Boss"]["departments"] == ["1", "3: FH, VD"]
    record_changes.undo(1, by=TERMINAL)
    assert events()["Bo Boss"]["departments"][1] == "1"
    assert Department.objects.get(code="FH").is_active is False
    assert Department.objects.get(id=VALE).parent_id is None
