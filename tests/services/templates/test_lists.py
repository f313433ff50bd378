"""The list of templates: whose, found by which words, in which order."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.factories import People, make_learner
from tests.services.templates.made import QUESTION, make_template
from webapp.documents import LookupValue, User
from webapp.messages import Message
from webapp.services.templates import lists, seeding, sharing, using
from webapp.services.templates.lists import PAGE_SIZE, TemplateQuery, Whose


def names(who: User, **query: object) -> list[str]:
    return [each.name for each in lists.page(who, TemplateQuery(**query)).templates]  # type: ignore[arg-type]


def test_each_list_holds_what_it_says(people: People) -> None:
    make_template(people.owner, "Ours", visibility="organization")
    make_template(people.colleague, "Théirs", visibility="team")
    make_template(people.stranger, "Hidden")
    old = make_template(people.owner, "Old")
    sharing.retire(people.owner, old.id)
    seeding.seed()
    assert names(people.owner, whose=Whose.MINE) == ["Ours"]
    assert names(people.owner, whose=Whose.SHARED) == ["Théirs"]
    assert names(people.owner, whose=Whose.RETIRED) == ["Old"]
    assert names(people.owner, whose=Whose.FAVOURITES) == []
    system = names(people.owner, whose=Whose.SYSTEM)
    assert "Transcript" in system
    assert names(people.owner) == ["Ours", "Théirs", *system]
    assert names(people.stranger, whose=Whose.SHARED) == ["Ours"]


def test_favourites_come_first_and_then_all_by_name(people: People) -> None:
    made = {name: make_template(people.owner, name) for name in ("Beta", "alpha", "Ärger", "gamma")}
    for name in ("gamma", "Beta"):
        using.set_favourite(people.owner, made[name].id, True)
    assert names(people.owner.reload()) == ["Beta", "gamma", "alpha", "Ärger"]
    assert names(people.owner, whose=Whose.FAVOURITES) == ["Beta", "gamma"]


@pytest.mark.parametrize(
    "text",
    ["BOARD", "fallé", "monthly", "completion rate", "class", "olivia board", "rates of"],
)
def test_it_is_found_by_its_own_words_and_those_of_its_question(people: People, text: str) -> None:
    make_template(people.owner, "Rates of classes", description="For the board, monthly", tags=("Fälle",))
    make_template(
        people.owner, "Other", QUESTION.model_copy(update={"report_type": "transcript", "group_by": (), "measures": ()})
    )
    assert names(people.owner, text=text) == ["Rates of classes"]
    assert names(people.owner, text=f"{text} zzz") == []


def test_nobody_finds_learners_by_the_templates_that_name_them(people: People) -> None:
    lee = make_learner("Zebulon")
    make_template(people.administrator, "One learner", QUESTION.model_copy(update={"learner_ids": (lee.id,)}))
    assert names(people.administrator, text="one learner") == ["One learner"]
    assert names(people.administrator, text="zebulon") == []


def test_the_desk_s_own_are_found_in_the_reader_s_language(people: People) -> None:
    seeding.seed()
    spanish: Callable[[str], str] = lambda text: "Expediente" if text == "Transcript" else str(text)  # noqa: E731
    found = lists.page(people.owner, TemplateQuery("expediente"), spanish).templates
    assert [each.report_type for each in found] == ["transcript"]
    assert isinstance(found[0].name, str)
    assert not isinstance(found[0].name, Message)


def test_tags_are_counted_over_the_whole_list_whatever_their_case(people: People) -> None:
    make_template(people.owner, "A", tags=("Board", "year"))
    make_template(people.owner, "B", tags=("board",))
    page = lists.page(people.owner, TemplateQuery(tag="BOARD"))
    assert [each.name for each in page.templates] == ["A", "B"]
    assert page.tags == [("Board", 2), ("year", 1)]
    assert names(people.owner, tag="year") == ["A"]


def test_what_cannot_be_used_is_marked(people: People) -> None:
    template = make_template(people.owner)
    assert lists.page(people.owner, TemplateQuery()).problems == {}
    LookupValue.objects(key="completion-rate").update(set__is_active=False)
    found = lists.page(people.owner, TemplateQuery()).problems
    assert found == {template.id: ["The measure “Completion rate” is not offered any more."]}


def test_the_pages_of_a_list_hold_each_template_once(people: People) -> None:
    for number in range(PAGE_SIZE + 3):
        make_template(people.owner, f"T{number:02}")
    pages = [lists.page(people.owner, TemplateQuery(page=number)) for number in (1, 2, 3)]
    assert [each.pages for each in pages] == [2, 2, 2]
    assert [each.number for each in pages] == [1, 2, 2]
    assert [each.name for page in pages[:2] for each in page.templates] == [f"T{n:02}" for n in range(PAGE_SIZE + 3)]


def test_a_template_changed_by_another_process_is_known_at_the_next_look(people: People) -> None:
    template = make_template(people.owner, "Before")
    assert names(people.owner) == ["Before"]
    other = type(template).objects.get(id=template.id)
    other.name = "After"
    other.save()
    assert names(people.owner) == ["After"]
