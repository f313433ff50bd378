"""Schedules that follow a template: what it asks then, and what becomes of them when it is retired."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.factories import People
from tests.services.schedules.conftest import Make, fire, wish
from tests.services.schedules.test_firing import told
from tests.services.templates.made import QUESTION, make_template
from webapp.documents import ReportJob, ReportSchedule, ReportTemplate, ScheduleFire
from webapp.documents.notice import Notice
from webapp.errors import ConflictError, InvalidRequestError
from webapp.services.schedules import firing, following, keeping, lists
from webapp.services.templates import saving, sharing
from webapp.services.templates.sharing import Sharing
from webapp.services.templates.standing import TemplateRetiredError

OTHER = QUESTION.model_copy(update={"measures": ("completion-rate",)})


@pytest.fixture
def template(people: People) -> ReportTemplate:
    return make_template(people.owner)


def measures(job_id: object) -> list[str]:
    return list(ReportJob.objects.get(id=job_id).parameters.measures)


def test_it_asks_what_the_template_asks_then_in_its_newest_version_or_a_pinned_one(
    make_schedule: Make, people: People, template: ReportTemplate, now: datetime
) -> None:
    newest = make_schedule(due_at=now, template_id=template.id, name="Newest")
    pinned = make_schedule(due_at=now, template_id=template.id, template_version=1, name="Pinned")
    assert newest.report_type == "completion-rates", "whatever the form had said"
    saving.edit(people.owner, template.id, base=1, request=OTHER)
    (first,), (second,) = fire(newest, now), fire(pinned, now)
    assert (measures(first), measures(second)) == (["completion-rate"], ["count", "completion-rate"])
    jobs = [ReportJob.objects.get(id=each) for each in (first, second)]
    assert [(job.template_id, job.template_version, job.name) for job in jobs] == [
        (template.id, 2, "Newest"),
        (template.id, 1, "Pinned"),
    ]


def test_only_a_template_that_its_owner_may_use_is_followed(
    make_schedule: Make, people: People, template: ReportTemplate, now: datetime
) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        keeping.create(people.colleague, wish(template_id=template.id))
    assert "There is no template" in refused.value.fields["template"]
    with pytest.raises(InvalidRequestError, match="version 7"):
        keeping.create(people.owner, wish(template_id=template.id, template_version=7))
    sharing.share(people.owner, template.id, Sharing(addresses=(people.colleague.email,)))
    schedule = make_schedule(people.colleague, due_at=now, template_id=template.id)
    sharing.share(people.owner, template.id, Sharing())
    fire(schedule, now)
    assert ScheduleFire.objects.get().outcome == "failed"
    assert [each for each in told(people.colleague) if "could not be made" in each]
    assert ReportJob.objects.count() == 0


def test_retiring_a_template_pauses_what_follows_it_and_tells_its_owners(
    make_schedule: Make, people: People, template: ReportTemplate
) -> None:
    sharing.share(people.owner, template.id, Sharing(addresses=(people.colleague.email,)))
    theirs = make_schedule(people.colleague, template_id=template.id)
    other = make_schedule(people.colleague, name="By itself")
    following.retire(people.owner, template.id)
    theirs.reload()
    assert (theirs.is_paused, theirs.next_run_at, theirs.paused_for_template) == (True, None, template.id)
    assert "was retired by Olivia Owner" in theirs.pause_text
    assert len([each for each in told(people.colleague) if "is paused" in each]) == 1
    assert not other.reload().is_paused
    with pytest.raises(TemplateRetiredError):
        keeping.resume(people.colleague, theirs.id)


def test_bringing_it_back_resumes_nothing_but_says_that_it_can_be(
    make_schedule: Make, people: People, template: ReportTemplate
) -> None:
    by_template, by_hand = (make_schedule(template_id=template.id, name=name) for name in ("One", "Two"))
    keeping.pause(people.owner, by_hand.id, "Holidays")
    following.retire(people.owner, template.id)
    Notice.objects.delete()
    following.bring_back(people.owner, template.id)
    assert by_template.reload().is_paused
    assert told(people.owner) == ["The template “Rates of classes” can be used again: “One” can be resumed."]
    resumed = keeping.resume(people.owner, by_template.id)
    assert (resumed.is_paused, resumed.paused_for_template) == (False, None)


def test_a_fire_whose_template_was_retired_behind_its_back_pauses_it(
    make_schedule: Make, people: People, template: ReportTemplate, now: datetime
) -> None:
    schedule = make_schedule(due_at=now, template_id=template.id)
    sharing.retire(people.owner, template.id)  # whoever retired it was killed before the schedules were paused
    assert fire(schedule, now) == []
    schedule.reload()
    assert (schedule.is_paused, schedule.failure_count) == (True, 0)
    assert [each for each in told(people.owner) if "was retired by" in each]
    with pytest.raises(ConflictError, match="retired"):
        firing.run_now(people.owner, schedule.id)


def test_who_uses_a_template_is_told_of_schedules_that_one_may_see(
    make_schedule: Make, people: People, template: ReportTemplate
) -> None:
    sharing.share(people.owner, template.id, Sharing("organization"))
    found = make_schedule(people.colleague, template_id=template.id)
    assert [each.id for each in lists.of_template(people.colleague, template.id)] == [found.id]
    assert [each.id for each in lists.of_template(people.manager, template.id)] == [found.id]
    assert lists.of_template(people.owner, template.id) == []
    assert ReportSchedule.objects.count() == 1
