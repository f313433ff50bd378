"""What a filter offers as one types: found without case and accents, never outside one's data scope."""

from __future__ import annotations

import time
from typing import Any

import pytest
from bson import ObjectId

from tests.commands import recorded, scans
from tests.factories import Learner, People, make_learner
from webapp import clock
from webapp.documents import Class, Enrollment, User
from webapp.services import database_setup
from webapp.services.questions import filter_choices
from webapp.services.rights import data_scope
from webapp.services.rights.data_scope import DataScope
from webapp.settings import get_settings

EVERYTHING = DataScope()


@pytest.fixture(autouse=True)
def anew(database: Any) -> None:
    filter_choices.forget()


def learner(name: str, number: str, email: str | None = None, of: Class | None = None) -> Learner:
    person = make_learner(name, number, email)
    if of is not None:
        Enrollment(learner_id=person.id, class_id=of.id, department_id=of.department_id).save()
    return person


def found(text: str, scope: DataScope = EVERYTHING) -> list[str]:
    return [choice.name for choice in filter_choices.search("learner", text, scope)]


def test_a_learner_is_found_by_name_number_and_address_without_case_and_accents() -> None:
    learner("Zoë Ramírez", "L-17", "zoe.ram@learn.example")
    learner("Ramón Zola", "L-18", "other@learn.example")
    for text in ("zoe", "ZOË", "ramirez zo", "l-17", "zoe.ram@", "  Zoë  Ramírez "):
        assert found(text) == ["Zoë Ramírez"], text
    assert found("nobody") == []
    assert found("") == ["Ramón Zola", "Zoë Ramírez"]


def test_those_whose_name_begins_with_what_is_typed_come_first() -> None:
    for number, name in enumerate(("Anna Leeds", "Lee Adams", "Bea Lee", "Leena Zhao")):
        learner(name, f"L{number}")
    assert found("lee") == ["Lee Adams", "Leena Zhao", "Anna Leeds", "Bea Lee"]


def test_nobody_is_offered_learners_outside_their_data_scope(people: People) -> None:
    mine = Class(name="History 1", code="H1", department_id=people.department.id).save()
    other = Class(name="Physics 1", code="P1", department_id=people.other_department.id).save()
    learner("Lee of mine", "1", of=mine)
    learner("Lee of others", "2", of=other)
    learner("Lee of nobody", "3")
    assert found("lee", data_scope.data_scope(people.owner)) == ["Lee of mine"]
    assert found("lee", data_scope.data_scope(people.stranger)) == ["Lee of others"]
    assert found("lee", DataScope((), (str(other.id),))) == ["Lee of others"]
    assert found("lee", DataScope((), ())) == []
    assert len(found("lee", data_scope.data_scope(people.administrator))) == 3


def test_a_learner_of_a_big_organisation_is_found_however_many_others_match(people: People) -> None:
    mine = Class(name="History 1", code="H1", department_id=people.department.id).save()
    _many_learners(3_000)
    learner("Zzz the only one of mine", "L-1", of=mine)
    assert found("l", data_scope.data_scope(people.owner)) == ["Zzz the only one of mine"]


def test_a_search_among_many_learners_reads_what_has_changed_by_an_index_and_is_quick(
    database: Any, settings_env: pytest.MonkeyPatch
) -> None:
    database_setup.prepare()
    settings_env.setenv("REPORTDESK_LOOKUP_CACHE_SECONDS", "60")
    get_settings.cache_clear()
    _many_learners(5_000)
    with recorded() as heard:
        assert found("learner 4321") == ["Learner 4321"]
    assert [command.name for command in heard if command.name != "getMore"] == ["find"]
    assert scans(database, heard) == []
    with recorded() as heard:
        times = []
        for text in ("l", "le", "lea", "learner", "learner 4", "learner 49", "99", "nobody"):
            begin = time.perf_counter()
            found(text)
            times.append(time.perf_counter() - begin)
    assert len(heard) <= 1, "within seconds the names are not asked for again"
    assert min(times) < 0.02
    assert sorted(times)[len(times) // 2] < 0.1
    filter_choices.forget()


@pytest.mark.parametrize("kind", filter_choices.KINDS)
def test_every_kind_can_be_searched_and_named(people: People, kind: str) -> None:
    assert isinstance(filter_choices.search(kind, "x", data_scope.data_scope(people.owner)), list)
    assert filter_choices.named(kind, [ObjectId()], EVERYTHING) == []


def _many_learners(count: int) -> None:
    now = clock.utcnow()
    User._get_collection().insert_many(
        {"name": f"Learner {n}", "externalId": f"L{n}", "roles": ["learner"], "isActive": True, "updatedAt": now}
        for n in range(count)
    )
