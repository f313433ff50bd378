"""What a filter offers as one types: found without case and accents, never outside one's data scope."""

from __future__ import annotations

import time
from typing import Any

import pytest
from bson import ObjectId

from tests.commands import recorded
from tests.factories import People, make_class, make_department, make_learner, make_record
from webapp.errors import InvalidRequestError, NotFoundError
from webapp.services.questions import filter_choices
from webapp.services.rights import data_scope
from webapp.services.rights.data_scope import DataScope
from webapp.settings import get_settings

EVERYTHING = DataScope()


@pytest.fixture(autouse=True)
def anew(database: Any) -> None:
    filter_choices.forget()


def found(text: str, scope: DataScope = EVERYTHING) -> list[str]:
    return [choice.name for choice in filter_choices.search("learner", text, scope)]


def test_a_learner_is_found_by_name_number_and_address_without_case_and_accents() -> None:
    make_learner("Zoë Ramírez", "L-17", "zoe.ram@learn.example")
    make_learner("Ramón Zola", "L-18", "other@learn.example")
    for text in ("zoe", "ZOË", "ramirez zo", "l-17", "zoe.ram@", "  Zoë  Ramírez "):
        assert found(text) == ["Zoë Ramírez"], text
    assert found("nobody") == []
    assert found("") == ["Ramón Zola", "Zoë Ramírez"]


def test_those_whose_name_begins_with_what_is_typed_come_first() -> None:
    for number, name in enumerate(("Anna Leeds", "Lee Adams", "Bea Lee", "Leena Zhao")):
        make_learner(name, f"L{number}")
    assert found("lee") == ["Lee Adams", "Leena Zhao", "Anna Leeds", "Bea Lee"]


def test_nobody_is_offered_learners_outside_their_data_scope(people: People) -> None:
    mine = make_class("History 1", code="H1", department=people.department)
    other = make_class("Physics 1", code="P1", department=people.other_department)
    make_learner("Lee of mine", "1", of=mine)
    make_learner("Lee of others", "2", of=other)
    make_learner("Lee of nobody", "3")
    assert found("lee", data_scope.data_scope(people.owner)) == ["Lee of mine"]
    assert found("lee", data_scope.data_scope(people.stranger)) == ["Lee of others"]
    assert found("lee", DataScope((), (str(other.id),))) == ["Lee of others"]
    assert found("lee", DataScope((), ())) == []
    assert len(found("lee", data_scope.data_scope(people.administrator))) == 3


def test_a_learner_of_ones_own_department_is_offered_before_they_are_in_any_class(people: People) -> None:
    place, elsewhere = people.department.id, people.other_department.id
    ids = [ObjectId() for _ in range(4)]
    persons = [
        {"name": "Lee New", "roles": ["learner"], "department_ids": [place]},
        {"name": "Lee Away", "roles": ["learner"], "department_ids": [elsewhere]},
        {"name": "Lee Teacher", "roles": ["instructor"], "department_ids": [place]},
        {"name": "Lee Gone", "roles": ["learner"], "department_ids": [place], "is_active": False},
    ]
    make_record(persons=[{"id": each, **person} for each, person in zip(ids, persons, strict=True)])
    for reader, offered in (
        (people.owner, ["Lee New"]),
        (people.manager, ["Lee New"]),
        (people.stranger, ["Lee Away"]),
    ):
        scope = data_scope.data_scope(reader)
        assert found("lee", scope) == offered
        assert [each.name for each in filter_choices.named("learner", ids, scope)] == offered


def test_a_learner_of_a_big_organisation_is_found_however_many_others_match(people: People) -> None:
    mine = make_class("History 1", code="H1", department=people.department)
    _many_learners(3_000)
    make_learner("Zzz the only one of mine", "L-1", of=mine)
    assert found("l", data_scope.data_scope(people.owner)) == ["Zzz the only one of mine"]


def test_a_search_among_many_learners_asks_no_database_and_is_quick(settings_env: pytest.MonkeyPatch) -> None:
    settings_env.setenv("REPORTDESK_LOOKUP_CACHE_SECONDS", "60")
    get_settings.cache_clear()
    _many_learners(5_000)
    assert found("learner 4321") == ["Learner 4321"]
    with recorded() as heard:
        times = []
        for text in ("l", "le", "lea", "learner", "learner 4", "learner 49", "99", "nobody"):
            begin = time.perf_counter()
            found(text)
            times.append(time.perf_counter() - begin)
    assert heard == []
    assert min(times) < 0.02
    assert sorted(times)[len(times) // 2] < 0.1
    filter_choices.forget()


@pytest.mark.parametrize("kind", filter_choices.KINDS)
def test_every_kind_can_be_searched_and_named(people: People, kind: str) -> None:
    assert isinstance(filter_choices.search(kind, "x", data_scope.data_scope(people.owner)), list)
    assert filter_choices.named(kind, [ObjectId()], EVERYTHING) == []


def _many_learners(count: int) -> None:
    make_record(persons=[{"name": f"Learner {n}", "number": f"L{n}", "roles": ["learner"]} for n in range(count)])


def test_one_is_found_by_code_number_address_and_id(people: People) -> None:
    of_class = make_class("History 1", code="H1", department=people.department)
    somebody = make_learner("Ana Ruiz", "L-9", "ana@learn.example", of=of_class)
    for text in ("L-9", "Ana@Learn.example", str(somebody.id)):
        assert filter_choices.find("learner", text, EVERYTHING) == somebody.id
    assert filter_choices.find("class", "H1", EVERYTHING) == of_class.id
    with pytest.raises(NotFoundError):
        filter_choices.find("learner", "L-9", DataScope((str(people.other_department.id),), ()))


def test_whoever_is_enrolled_is_a_learner_and_whoever_only_teaches_is_none(people: People) -> None:
    of_class = make_class("History 1", department=people.department)
    persons = [{"id": ObjectId(), "name": name} for name in ("Enrolled", "Teacher", "Neither")]
    make_record(
        persons=persons,
        rosters=[{"learner_id": persons[0]["id"], "class_id": of_class.id, "status": "not-started"}],
        teachings=[{"person_id": persons[1]["id"], "class_id": of_class.id}],
    )
    assert found("") == ["Enrolled"]
    assert sorted(each.name for each in filter_choices.search("person", "", EVERYTHING)) == [
        "Enrolled", "Neither", "Teacher",
    ]  # fmt: skip


def test_after_an_import_the_names_are_the_new_ones(settings_env: pytest.MonkeyPatch) -> None:
    settings_env.setenv("REPORTDESK_LOOKUP_CACHE_SECONDS", "60")
    get_settings.cache_clear()
    make_learner("First")
    assert found("") == ["First"]
    make_learner("Second")
    deadline = time.monotonic() + 10
    while found("") != ["First", "Second"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    filter_choices.forget()


def test_a_code_that_several_have_is_refused_and_names_them_with_their_ids(people: People) -> None:
    first = make_class("Algebra A", code="101-A", department=people.department)
    second = make_class("Algebra Lake", code="101-A", department=people.other_department)
    third = make_class("Geometry", code="G", key="101-A", department=people.department)
    with pytest.raises(InvalidRequestError) as told:
        filter_choices.find("class", "101-A", EVERYTHING)
    for each in (first, second, third):
        assert each.name in str(told.value)
        assert str(each.id) in str(told.value)
        assert filter_choices.find("class", str(each.id), EVERYTHING) == each.id
    # Of what one may not see nothing is said.
    mine = DataScope((str(people.other_department.id),), ())
    assert filter_choices.find("class", "101-A", mine) == second.id


@pytest.mark.parametrize("kind", ["department", "course", "learner", "content"])
def test_whatever_is_named_by_a_code_is_refused_where_two_have_it(people: People, kind: str) -> None:
    ids = [ObjectId(), ObjectId()]
    if kind == "department":
        ids = [make_department(name, "twice", external_id=name).id for name in ("Hill", "Lake")]
    else:
        table, column = {
            "course": ("courses", "code"),
            "learner": ("persons", "number"),
            "content": ("contents", "key"),
        }[kind]
        rows = [{"id": each, "name": f"N{n}", column: "twice", "source": f"s{n}"} for n, each in enumerate(ids)]
        make_record(**{table: rows})
    with pytest.raises(InvalidRequestError) as told:
        filter_choices.find(kind, "twice", EVERYTHING)
    assert all(str(each) in str(told.value) for each in ids)
