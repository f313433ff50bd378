"""A template is scheduled from its page; the schedule's page and form say what it follows."""

from __future__ import annotations

from tests.factories import People, make_job
from tests.services.schedules.conftest import wish
from tests.services.templates.made import QUESTION, make_template
from tests.web.conftest import Client
from tests.web.test_schedule_deliveries import ASKED
from tests.web.test_schedules import fields_of, text_of
from webapp.documents import ReportSchedule
from webapp.services.schedules import keeping
from webapp.services.templates import saving, sharing
from webapp.services.templates.sharing import Sharing


def test_a_template_is_scheduled_from_its_page_and_listed_among_who_uses_it(as_person: Client, people: People) -> None:
    template = make_template(people.owner)
    client = as_person(people.owner)
    assert f'href="/schedules/new?template={template.id}"' in client.get(f"/templates/{template.id}").text
    page = client.get(f"/schedules/new?template={template.id}")
    assert f'name="template" type="hidden" value="{template.id}"' in page.text
    sent = {**ASKED, **fields_of(page.text), "name": "Rates", "template": str(template.id), "template_version": ""}
    assert client.post("/schedules/new", data=sent).status_code == 303
    schedule = ReportSchedule.objects.get()
    assert (schedule.template_id, schedule.template_version) == (template.id, None)
    said = text_of(client.get(f"/schedules/{schedule.id}"))
    assert "By the template Rates of classes , its newest version" in said
    assert f'href="/schedules/{schedule.id}">Rates</a>' in client.get(f"/templates/{template.id}").text
    sharing.share(people.owner, template.id, Sharing("organization"))
    assert str(schedule.id) not in as_person(people.colleague).get(f"/templates/{template.id}").text


def test_a_version_is_pinned_and_a_reports_question_ends_the_following(as_person: Client, people: People) -> None:
    template = make_template(people.owner)
    schedule = keeping.create(people.owner, wish(template_id=template.id))
    saving.edit(people.owner, template.id, base=1, request=QUESTION.model_copy(update={"measures": ("count",)}))
    client = as_person(people.owner)
    page = client.get(f"/schedules/{schedule.id}/edit").text
    assert "version 1, as it is" in page
    sent = {**ASKED, **fields_of(page), "template": str(template.id), "template_version": "1"}
    assert client.post(f"/schedules/{schedule.id}/edit", data=sent).status_code == 303
    assert schedule.reload().template_version == 1
    job = make_job(people.owner.id, report_type="enrollment-summary", department_id=people.department.id)
    page = client.get(f"/schedules/{schedule.id}/edit?job={job.id}").text
    assert 'name="template" type="hidden" value=""' in page
    sent = {**ASKED, **fields_of(page), "template": ""}
    assert client.post(f"/schedules/{schedule.id}/edit", data=sent).status_code == 303
    schedule.reload()
    assert (schedule.template_id, schedule.template_version) == (None, None)


def test_retired_from_its_page_a_template_pauses_its_schedules_and_says_so_there(
    as_person: Client, people: People
) -> None:
    template = make_template(people.owner)
    schedule = keeping.create(people.owner, wish(template_id=template.id))
    client = as_person(people.owner)
    assert client.post(f"/templates/{template.id}/active").status_code == 303
    assert "was retired by Olivia Owner" in text_of(client.get(f"/schedules/{schedule.id}"))
    client.post(f"/schedules/{schedule.id}/resume")
    assert schedule.reload().is_paused
    assert "Schedule this" not in text_of(client.get(f"/templates/{template.id}"))
    assert client.post(f"/templates/{template.id}/active", data={"active": "yes"}).status_code == 303
    assert "it can be resumed" in text_of(client.get(f"/schedules/{schedule.id}"))


def test_whom_a_template_is_not_shown_to_does_not_learn_its_name_from_a_schedule(
    as_person: Client, people: People
) -> None:
    template = make_template(people.owner, "Secret name")
    schedule = keeping.create(people.owner, wish(template_id=template.id, co_owner_ids=(people.colleague.id,)))
    client = as_person(people.colleague)
    for path in (f"/schedules/{schedule.id}", f"/schedules/{schedule.id}/edit"):
        page = client.get(path)
        assert page.status_code == 200
        assert "Secret name" not in page.text
        assert "template that you may not see" in page.text
    assert client.get(f"/schedules/new?template={template.id}").status_code == 404
