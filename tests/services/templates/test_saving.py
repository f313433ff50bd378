"""Saving templates: new ones, versions over versions, two at once, an earlier one again, copies."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from bson import ObjectId

from tests.factories import People, make_class, make_job, make_learner
from tests.services.templates.made import QUESTION, make_template
from webapp.documents import AdminEvent, ReportTemplate, User
from webapp.errors import ForbiddenError, InvalidRequestError
from webapp.services.questions import ways
from webapp.services.questions.period import Period
from webapp.services.questions.request import ReportRequest
from webapp.services.rights import data_scope
from webapp.services.rights.data_scope import DataScope
from webapp.services.templates import kept, saving, seeing, telling
from webapp.services.templates.saving import Texts
from webapp.services.templates.seeing import TemplateNotFoundError, VersionNotFoundError
from webapp.services.templates.versions import ChangedMeanwhileError

EVERYTHING = DataScope()


def changed(**fields: object) -> ReportRequest:
    return QUESTION.model_copy(update=fields)


def said(template: ReportTemplate, number: int) -> list[tuple[str, str, str]]:
    found = next(each for each in telling.history(template, EVERYTHING) if each.number == number)
    return [(each.what, each.before, each.after) for each in found.changes]


def test_a_template_keeps_what_was_asked_and_says_who_saved_it(people: People) -> None:
    texts = Texts(" Rates  of classes ", "For the board", ("Board", "board ", "", "Fälle"))
    saved = saving.create(people.owner, texts, QUESTION, visibility="team")
    stored = ReportTemplate._get_collection().find_one({"_id": saved.id})
    assert (stored["name"], stored["tags"]) == ("Rates of classes", ["Board", "Fälle"])
    assert (stored["createdBy"], stored["departmentId"]) == (people.owner.id, people.department.id)
    assert (stored["version"], stored["isLatest"], stored["isActive"], stored["usageCount"]) == (1, True, True, 0)
    assert stored["defaultOutput"] == {"format": "csv", "options": {}}
    assert stored["parameters"]["measures"] == ["count", "completion-rate"]
    assert kept.request_of(saved) == QUESTION
    event = AdminEvent.objects.get(area="templates")
    assert (event.action, event.user_id, event.subject_id) == ("saved", people.owner.id, str(saved.id))


def test_what_is_of_one_time_is_not_kept(people: People) -> None:
    job = make_job(people.owner.id)
    saved = make_template(people.owner, question=changed(as_of_job_id=job.id))
    assert kept.request_of(saved).as_of_job_id is None


def test_every_field_at_fault_is_told_at_once_and_nothing_is_saved(people: People) -> None:
    wrong = changed(measures=("nothing",), filename="{nmae}", name="n" * 201)
    texts = Texts("", "d" * 2001, ("t" * 41,))
    with pytest.raises(InvalidRequestError) as caught:
        saving.create(people.owner, texts, wrong, visibility="everybody")
    assert set(caught.value.fields) == {
        "template_name", "template_description", "tags", "template_visibility", "parameters.measures", "filename", "name",
    }  # fmt: skip
    assert (
        "“{nmae}” is not filled in. What is: {name}, {date}, {period}, {department}." in caught.value.fields["filename"]
    )
    with pytest.raises(InvalidRequestError, match="11 tags"):
        saving.create(people.owner, Texts("T", "", tuple(map(str, range(11)))), QUESTION)
    assert ReportTemplate.objects.count() == 0


def test_a_form_that_is_sent_twice_makes_one_template(people: People) -> None:
    first = make_template(people.owner, submission_id="one form")
    assert make_template(people.owner, submission_id="one form").id == first.id
    assert make_template(people.colleague, submission_id="one form").id != first.id
    assert ReportTemplate.objects.count() == 2


def test_a_change_is_a_new_version_and_the_one_before_stays_as_it_was(people: People) -> None:
    first = make_template(people.owner, tags=("board",))
    second = saving.edit(
        people.owner, first.id, 1, texts=Texts("Rates", "Monthly", ("board", "new")),
        request=changed(measures=("count",), period=Period.of("last-30-days", date(2026, 3, 2)), format="excel", top=5),
    )  # fmt: skip
    assert (second.id, second.version, second.is_latest) == (first.id, 2, True)
    before = seeing.version_of(second, 1)
    assert (before.name, before.tags, before.version, before.is_latest) == ("Rates of classes", ["board"], 1, False)
    assert second.previous_version_id == before.id
    assert kept.request_of(before) == QUESTION
    told = {what: (old, new) for what, old, new in said(second, 2)}
    assert told["Name"] == ("Rates of classes", "Rates")
    assert told["Description"] == ("", "Monthly")
    assert told["Tags"] == ("board", "board, new")
    assert told["Measures"] == ("Count, Completion rate", "Count")
    assert told["Format"] == ("CSV", "Excel")
    assert told["Top"] == ("", "the first 5 groups, the others as one")
    assert told["Period"][1].startswith("Last 30 days: ")
    assert set(told) == {"Name", "Description", "Tags", "Measures", "Format", "Top", "Period"}
    assert said(second, 1) == []
    event = AdminEvent.objects(area="templates", action="changed").get()
    assert event.changes["Measures"] == ["Count, Completion rate", "Count"]
    assert event.changes["version"] == ["1", "2"]


def test_the_same_again_is_no_new_version_whatever_day_it_is(people: People) -> None:
    relative = changed(period=Period.of("last-30-days", date(2026, 3, 2)))
    template = make_template(people.owner, question=relative)
    later = relative.model_copy(update={"period": Period.of("last-30-days", date(2026, 9, 1))})
    same = saving.edit(people.owner, template.id, 1, texts=Texts(template.name), request=later)
    assert same.version == 1
    assert AdminEvent.objects(action="changed").count() == 0


def test_of_two_who_save_at_once_one_is_told_and_no_version_is_lost(people: People) -> None:
    """Races need a real server; here are eight of them, each of two."""
    for turn in range(8):
        template = make_template(people.owner, name=f"Race {turn}")

        def save(name: str, template_id: ObjectId = template.id) -> str:
            try:
                return saving.edit(people.owner, template_id, 1, texts=Texts(name)).name
            except ChangedMeanwhileError as error:
                return str(error)

        with ThreadPoolExecutor(2) as both:
            answers = sorted(both.map(save, ("Mine", "Yours")), key=len)
        template.reload()
        assert template.version == 2
        assert answers[0] == template.name
        assert answers[1] == f"“{template.name}” was changed meanwhile by Olivia Owner: it is version 2 now."
        assert seeing.version_of(template, 1).name == f"Race {turn}"
        assert ReportTemplate.objects(template_id=template.id).count() == 1


def test_what_was_read_of_an_older_version_is_not_saved_over_a_newer_one(people: People) -> None:
    template = make_template(people.owner)
    saving.edit(people.owner, template.id, 1, texts=Texts("Second"))
    with pytest.raises(ChangedMeanwhileError, match="version 2 now") as caught:
        saving.edit(people.administrator, template.id, 1, texts=Texts("Third"))
    assert caught.value.version == 2
    assert saving.edit(people.administrator, template.id, 2, texts=Texts("Third")).version == 3


def test_an_earlier_version_again_is_the_newest_one_and_the_others_stay(people: People) -> None:
    template = make_template(people.owner)
    saving.edit(people.owner, template.id, 1, texts=Texts("Second", "More"), request=changed(measures=("count",)))
    third = saving.restore(people.owner, template.id, 1, 2)
    assert (third.version, third.name, third.description or "") == (3, "Rates of classes", "")
    assert kept.request_of(third) == QUESTION
    assert [each.number for each in telling.history(third, EVERYTHING)] == [3, 2, 1]
    assert seeing.version_of(third, 2).name == "Second"
    with pytest.raises(VersionNotFoundError, match="no version 9; its newest is 3"):
        saving.restore(people.owner, template.id, 9, 3)


@pytest.mark.parametrize("number", [0, -1, 2, 10**30])
def test_a_version_that_there_is_not_is_told_so(people: People, number: int) -> None:
    with pytest.raises(VersionNotFoundError):
        seeing.version_of(make_template(people.owner), number)


def test_a_kept_version_is_no_template(people: People) -> None:
    template = make_template(people.owner)
    saving.edit(people.owner, template.id, 1, texts=Texts("Second"))
    with pytest.raises(TemplateNotFoundError):
        seeing.visible_template(people.owner, seeing.version_of(template.reload(), 1).id)
    assert [each.name for each in seeing.visible_templates(people.owner)] == ["Second"]


def test_learners_exchanged_for_others_are_told_without_their_names(people: People) -> None:
    place = make_class("History 1", department=people.department)
    lee, zora = (make_learner(name, of=place) for name in ("Lee", "Zora"))
    template = make_template(people.owner, question=changed(learner_ids=(lee.id,)))
    saved = saving.edit(people.owner, template.id, 1, request=changed(learner_ids=(zora.id,)))

    def told(who: User) -> list[tuple[str, str, str]]:
        found = telling.history(saved, data_scope.data_scope(who))[0].changes
        return [(each.what, each.before, each.after) for each in found]

    assert told(people.owner) == [("Learners", "Lee", "Zora")]
    assert told(people.stranger) == [("Learners", "1 chosen", "others than before")]
    trail = AdminEvent.objects(action="changed").get().changes
    assert "Lee" not in str(trail)
    assert "Zora" not in str(trail)
    assert "Lee" not in saving.suggested_name(people.owner, changed(learner_ids=(lee.id,)))


def test_a_file_name_is_changed_without_judging_the_question_anew(people: People) -> None:
    """An administrator may correct a text of a question that they would not ask so themselves."""
    template = make_template(people.owner)
    question = kept.request_of(template)
    saved = saving.edit(
        people.administrator, template.id, 1, request=question.model_copy(update={"filename": "{period}.csv"})
    )
    assert kept.request_of(saved).filename == "{period}"
    with pytest.raises(InvalidRequestError, match="is not filled in"):
        saving.edit(people.owner, template.id, 2, request=question.model_copy(update={"filename": "{periode}"}))


def test_a_copy_is_the_copier_s_own_and_private(people: People) -> None:
    template = make_template(
        people.owner, visibility="organization", tags=("board",), question=changed(visibility="team")
    )
    copy = saving.clone(people.stranger, template.id)
    assert (copy.name, copy.created_by, copy.visibility, copy.version) == (
        "Copy of Rates of classes", people.stranger.id, "private", 1,
    )  # fmt: skip
    assert (copy.tags, copy.department_id) == (["board"], people.other_department.id)
    assert ways.to_address(kept.request_of(copy)) == ways.to_address(changed(visibility="private"))


def test_what_one_may_not_ask_one_cannot_keep_by_copying(people: People) -> None:
    lee = make_learner("Lee", of=make_class("History 1", department=people.department))
    template = make_template(people.owner, visibility="organization", question=changed(learner_ids=(lee.id,)))
    with pytest.raises(InvalidRequestError, match="there is no") as caught:
        saving.clone(people.stranger, template.id)
    assert "Lee" not in str(caught.value)
    assert ReportTemplate.objects.count() == 1


def test_others_may_read_a_shared_template_and_not_change_it(people: People) -> None:
    template = make_template(people.owner, visibility="organization")
    with pytest.raises(ForbiddenError, match="Only whoever made “Rates of classes”"):
        saving.edit(people.manager, template.id, 1, texts=Texts("Mine"))
    with pytest.raises(TemplateNotFoundError):
        saving.edit(people.stranger, make_template(people.owner).id, 1, texts=Texts("Mine"))
