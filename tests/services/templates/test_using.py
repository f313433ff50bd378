"""Using a template: whose report it is, what it asks today, what keeps it from being used, and how it is counted."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from bson import ObjectId

from tests.factories import People, hold, make_class, make_learner, make_record
from tests.services.templates.made import QUESTION, make_template
from webapp import clock
from webapp.documents import AdminEvent, LookupCategory, LookupValue, ReportJob, ReportTemplate
from webapp.errors import ConflictError, InvalidRequestError
from webapp.services import database_clock
from webapp.services.lookups import values as lookups
from webapp.services.permissions import TERMINAL
from webapp.services.questions import as_query, ways
from webapp.services.questions.period import Period
from webapp.services.questions.request import Condition, ReportRequest
from webapp.services.requests.asking import AlreadyAskedError
from webapp.services.requests.everyone import NotAgreedError
from webapp.services.rights.data_scope import DataScope
from webapp.services.templates import saving, sharing, standing, using
from webapp.services.templates.saving import Texts
from webapp.services.templates.seeing import TemplateNotFoundError, VersionNotFoundError
from webapp.services.templates.standing import TemplateOutdatedError, TemplateRetiredError


def changed(**fields: object) -> ReportRequest:
    return QUESTION.model_copy(update=fields)


def at(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    monkeypatch.setattr(clock, "utcnow", lambda: moment)
    monkeypatch.setattr(database_clock, "now", lambda: moment)


def test_one_click_asks_the_user_s_own_report_and_remembers_template_and_version(people: People) -> None:
    template = make_template(people.manager, visibility="organization", question=changed(priority="high"))
    saving.edit(people.manager, template.id, 1, texts=Texts("Second"))
    job = using.use(people.stranger, template.id)
    assert (job.requested_by, job.template_id, job.template_version) == (people.stranger.id, template.id, 2)
    assert job.department_id == people.other_department.id
    assert job.priority == "normal"  # staff may not give the author's
    assert job.provenance["scope"]["departmentIds"] == [str(people.other_department.id)]
    pinned = using.use(people.stranger, template.id, 1, insist=True)
    assert pinned.template_version == 1
    assert AdminEvent.objects(action="asked for").first().changes["template"] == ["", f"{template.id}, version 2"]


def test_a_use_is_counted_once_however_often_its_form_is_sent(people: People) -> None:
    template = make_template(people.owner, visibility="organization")
    first = using.use(people.colleague, template.id, submission_id="a click")
    assert using.use(people.colleague, template.id, submission_id="a click").id == first.id
    template.reload()
    assert (template.usage_count, template.last_used_by) == (1, people.colleague.id)
    assert template.last_used_at is not None
    with pytest.raises(AlreadyAskedError):
        using.use(people.colleague, template.id)
    assert template.reload().usage_count == 1
    using.use(people.owner, template.id, insist=True)
    assert (template.reload().usage_count, template.last_used_by) == (2, people.owner.id)
    assert template.version == 1  # a use is no version


def test_a_period_and_relative_days_mean_what_they_mean_on_the_day_of_use(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = Condition(field="enrolled-at", operator="days-ago-over", value=10)
    asked = changed(
        period=Period.of("previous-month", date(2026, 1, 15)), conditions=(old,), time_zone="Pacific/Kiritimati"
    )
    template = make_template(people.owner, question=asked)
    at(monkeypatch, datetime(2026, 3, 31, 12, tzinfo=UTC))  # there it is April already
    job = using.use(people.owner, template.id)
    assert (job.parameters.period, job.parameters.date_range.start_date.date()) == ("previous-month", date(2026, 3, 1))
    query = as_query.to_query(ways.from_job(job), DataScope(), moment=clock.utcnow())
    assert query.date_range.end == datetime(2026, 3, 31, 10, tzinfo=UTC)
    days = [each for each in query.filters if each.field == "enrolled-at"]
    assert len(days) == 1
    assert "2026-03-2" in str(days[0].values)


def test_a_term_is_the_one_of_the_day_and_between_terms_it_says_so(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = {"starts_at": datetime(2026, 2, 1, tzinfo=UTC), "ends_at": datetime(2026, 7, 1, tzinfo=UTC)}
    make_record(
        classes=[{"id": ObjectId(), "name": "K", "term": "Spring", "department_id": people.department.id, **days}]
    )
    template = make_template(people.owner, question=changed(period=Period.of("this-term", date(2026, 3, 1))))
    at(monkeypatch, datetime(2026, 3, 15, tzinfo=UTC))
    assert using.use(people.owner, template.id).parameters.term == "Spring"
    at(monkeypatch, datetime(2026, 8, 15, tzinfo=UTC))
    with pytest.raises(InvalidRequestError, match="No class names a term that is on today"):
        using.use(people.owner, template.id)
    assert using.problems_of(people.owner, template, template) == [
        "No class names a term that is on today: give the days of the period."
    ]


def test_who_may_see_the_author_s_reports_is_not_said_of_the_reports_of_others(people: People) -> None:
    template = make_template(people.owner, visibility="organization", question=changed(visibility="organization"))
    assert using.use(people.stranger, template.id).visibility == "private"
    with pytest.raises(NotAgreedError):
        using.use(people.owner, template.id)
    assert using.use(people.owner, template.id, agreed=True).visibility == "organization"


def test_learners_that_one_may_not_count_are_refused_as_if_they_did_not_exist(people: People) -> None:
    lee = make_learner("Lee Learner", of=make_class("History 1", department=people.department))
    template = make_template(people.owner, visibility="organization", question=changed(learner_ids=(lee.id,)))
    assert using.use(people.owner, template.id).requested_by == people.owner.id
    with pytest.raises(InvalidRequestError, match="there is no") as caught:
        using.use(people.stranger, template.id)
    assert "Lee" not in str(caught.value)


def test_a_retired_template_is_used_by_nobody_until_it_is_brought_back(people: People) -> None:
    template = make_template(people.owner, visibility="organization")
    sharing.retire(people.owner, template.id)
    for ask in (
        lambda: using.use(people.colleague, template.id),
        lambda: using.question_of(template.id),
        lambda: using.question_of(template.id, 1),
    ):
        with pytest.raises(TemplateRetiredError, match="“Rates of classes” was retired by Olivia Owner"):
            ask()
    assert ReportJob.objects.count() == 0
    sharing.bring_back(people.owner, template.id)
    assert using.question_of(template.id) == QUESTION
    events = [event.action for event in AdminEvent.objects(area="templates").order_by("at")]
    assert events == ["saved", "retired", "brought back"]


def test_the_terminal_retires_it_in_nobody_s_name(people: People) -> None:
    template = make_template(people.owner)
    sharing.retire(TERMINAL, template.id)
    with pytest.raises(TemplateRetiredError, match="is retired"):
        using.question_of(template.id)
    assert AdminEvent.objects.get(action="retired").user_id is None


@pytest.mark.parametrize(
    ("category", "key", "words"),
    [
        ("report-type", "completion-rates", "The report type “Completion rates” is not offered any more"),
        ("measure-type", "completion-rate", "The measure “Completion rate” is not offered any more"),
        ("output-format", "csv", "The format “CSV” is not offered any more"),
    ],
)
def test_what_is_not_offered_any_more_is_told_with_what_to_do(
    people: People, category: str, key: str, words: str
) -> None:
    template = make_template(people.owner)
    LookupValue.objects(category=category, key=key).update(set__is_active=False)
    for ask in (lambda: using.use(people.owner, template.id), lambda: using.question_of(template.id)):
        with pytest.raises(TemplateOutdatedError, match=words) as caught:
            ask()
        to_do = "Ask an administrator to offer it" if category == "report-type" else "save a new version without it"
        assert to_do in caught.value.hint
    assert words in using.problems_of(people.owner, template, template)[0]
    assert ReportJob.objects.count() == 0


def test_a_report_type_that_says_nothing_any_more_is_a_problem_and_no_fault(people: People) -> None:
    meaning = {"basedOn": "completion-rates"}
    lookups.add(LookupCategory.REPORT_TYPE.value, "board-rates", "Board rates", metadata=meaning, by=TERMINAL)
    template = make_template(people.owner, question=changed(report_type="board-rates"))
    LookupValue.objects(key="board-rates").update(set__metadata={})
    assert "does not say what it counts" in standing.problems(using.kept.request_of(template))[0]
    with pytest.raises(TemplateOutdatedError):
        using.question_of(template.id)


def test_a_pinned_version_stays_what_it_was(people: People) -> None:
    template = make_template(people.owner)
    saving.edit(people.owner, template.id, 1, request=changed(measures=("count",)))
    assert using.question_of(template.id, 1) == QUESTION
    assert using.question_of(str(template.id)).measures == ("count",)
    with pytest.raises(VersionNotFoundError):
        using.question_of(template.id, 3)
    with pytest.raises(TemplateNotFoundError):
        using.question_of(ObjectId())


def test_with_changes_the_report_remembers_where_it_began_as_far_as_one_may_use_that(people: People) -> None:
    template, hidden = make_template(people.owner, visibility="organization"), make_template(people.owner)
    other = changed(measures=("count",))
    job = using.use_with_changes(people.stranger, str(template.id), "1", other)
    assert (job.template_id, job.template_version) == (template.id, 1)
    for template_id, version in ((str(hidden.id), "1"), ("nothing", ""), (str(template.id), "7")):
        job = using.use_with_changes(people.stranger, template_id, version, other, insist=True)
        assert (job.template_id, job.template_version) == (None, None)
    sharing.retire(people.owner, template.id)
    assert using.use_with_changes(people.stranger, str(template.id), "1", other, insist=True).template_id is None
    assert template.reload().usage_count == 1


def test_who_uses_it_is_told_as_far_as_one_may_know_of_their_reports(people: People) -> None:
    template = make_template(people.owner, visibility="organization")
    for who in (people.colleague, people.owner, people.colleague, people.stranger):
        using.use(who, template.id, insist=True)

    def told(who: object) -> list[tuple[ObjectId | None, int]]:
        return [(each.requested_by, each.count) for each in using.used_by(who, template)]  # type: ignore[arg-type]

    assert told(people.administrator) == [(people.stranger.id, 1), (people.colleague.id, 2), (people.owner.id, 1)]
    assert told(people.manager) == [(people.colleague.id, 2), (people.owner.id, 1)]
    assert told(people.owner) == [(people.owner.id, 1)]
    assert told(people.neighbour) == []


def test_a_favourite_is_a_person_s_own(people: People) -> None:
    template, hidden = make_template(people.owner, visibility="organization"), make_template(people.owner)
    for _ in range(2):
        using.set_favourite(people.colleague, template.id, True)
    assert people.colleague.reload().favourite_template_ids == [template.id]
    assert people.owner.reload().favourite_template_ids == []
    with pytest.raises(TemplateNotFoundError):
        using.set_favourite(people.colleague, hidden.id, True)
    using.set_favourite(people.colleague, template.id, False)
    assert people.colleague.reload().favourite_template_ids == []
    people.colleague.favourite_template_ids = [ObjectId() for _ in range(using.MOST_FAVOURITES)]
    with pytest.raises(ConflictError, match="200 favourites already"):
        using.set_favourite(people.colleague, template.id, True)


def test_whoever_may_no_longer_ask_uses_none(people: People) -> None:
    template = make_template(people.owner)
    owner = hold(people.owner, ["learner"]).save()
    with pytest.raises(TemplateNotFoundError):
        using.use(owner, template.id)
    assert ReportTemplate.objects.get(id=template.id).usage_count == 0
