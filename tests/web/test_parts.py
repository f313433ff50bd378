"""Pages of reports that are made in parts: the form, who gets what, the whole with its parts; without JavaScript too."""

from __future__ import annotations

from typing import Any

import pytest

from tests.factories import People
from tests.services.bursting.college import make_parts
from tests.services.bursting.conftest import failed, ready
from tests.services.deliveries.desk import send_all
from tests.web.conftest import Client
from tests.web.test_schedules import fields_of, text_of
from webapp.documents import ReportJob, ReportSchedule
from webapp.engine.errors import QuestionTooSlowError
from webapp.services.bursting import counting
from webapp.services.jobs import parts

HTMX = {"HX-Request": "true"}


def filled(page: str, **fields: Any) -> dict[str, Any]:
    usual = {"name": "Numbers", "frequency": "daily", "time_of_day": "06:00", "time_zone": "UTC", "trigger": "time"}
    return {**fields_of(page), **usual, **fields}


def test_a_schedule_is_made_in_parts_by_its_form_and_shown_so(as_person: Client, registrar: People) -> None:
    client = as_person(registrar.owner)
    page = client.get("/schedules/new?type=enrollment-summary").text
    names = (
        f"physics: {registrar.stranger.email}, {registrar.other_manager.email}\n\nhistory:{registrar.colleague.email}"
    )
    sent = filled(page, each="department", each_from=str(registrar.faculty.id), each_named=names)
    made = client.post("/schedules/new", data=sent)
    assert made.status_code == 303, text_of(made)
    burst = ReportSchedule.objects.get().burst
    assert (burst.by, burst.root_id) == ("department", registrar.faculty.id)
    assert [(each.part_id, list(each.addresses)) for each in burst.named] == [
        (registrar.other_department.id, [registrar.stranger.email, registrar.other_manager.email]),
        (registrar.department.id, [registrar.colleague.email]),
    ]
    shown = text_of(client.get(made.location))
    assert "Beside the whole, one report for each department, with all below it." in shown
    assert "Down the tree from Faculty of Arts. For 2 of them other persons are named." in shown
    # The form shows it as it was written, and kept as it is it stays as it is.
    again = client.get(f"{made.location}/edit").text
    assert f"physics: {registrar.stranger.email}, {registrar.other_manager.email}" in again
    kept = client.post(f"{made.location}/edit", data=filled(again, each="department", each_from=str(registrar.faculty.id), each_named=names))  # fmt: skip
    assert kept.status_code == 303
    assert ReportSchedule.objects.get().burst == burst
    # And it can be taken away.
    client.post(f"{made.location}/edit", data=filled(client.get(f"{made.location}/edit").text, each=""))
    assert ReportSchedule.objects.get().burst is None


def test_what_is_wrong_stands_under_its_field(as_person: Client, registrar: People, subtests: pytest.Subtests) -> None:
    client = as_person(registrar.owner)
    page = client.get("/schedules/new?type=enrollment-summary").text
    wrong: list[tuple[dict[str, str], str]] = [
        ({"each": "planet"}, "Choose what each report is for."),
        ({"each": "department", "each_from": "0123456789abcdef01234567"}, "There is no such department"),
        ({"each": "department", "each_named": "nowhere: a@b.example"}, "Line 1: There is no department with the code"),
        ({"each": "department", "each_named": "\n: a@b.example"}, "Line 2: write a code, a colon and addresses."),
        ({"each": "department", "each_named": "history"}, "Line 1: write a code, a colon and addresses."),
        ({"each": "department", "each_named": "history: <script>"}, "This desk sends no e-mail."),
        ({"each": "department", "each_named": "x" * 50_001}, "At most 50000 characters of addresses are possible."),
    ]
    for fields, said in wrong:
        with subtests.test(said):
            refused = client.post("/schedules/new", data=filled(page, **fields))
            assert refused.status_code == 422
            assert said in text_of(refused)
            assert 'aria-invalid="true"' in refused.text
            assert "<script>" not in refused.text.partition('id="each_named"')[2][:300]
    assert ReportSchedule.objects.count() == 0


def test_hostile_values_are_answered(as_person: Client, registrar: People, subtests: pytest.Subtests) -> None:
    client = as_person(registrar.owner)
    for field in ("each", "each_from", "each_named", "each_mail"):
        for value in ("\x00", "\ud800", "department\x00", "[]", "0" * 5000, "🦉: 🦉"):
            sent = {"each": "department", "question": "type=enrollment-summary", "name": "N"}
            sent[field] = value.encode("utf-8", "surrogatepass")  # type: ignore[assignment]
            for address in ("/schedules/new", "/schedules/new/parts"):
                with subtests.test(field, value=value[:20], address=address):
                    assert client.post(address, data=sent).status_code in (200, 303, 422)


def test_who_gets_what_is_told_beside_the_form_and_nothing_of_the_form_is_lost(
    as_person: Client, registrar: People
) -> None:
    client = as_person(registrar.owner)
    sent = filled(client.get("/schedules/new?type=enrollment-summary").text, each="department", on_empty="skip")
    part = client.post("/schedules/new/parts", data=sent, headers=HTMX)
    assert part.status_code == 200
    assert "<html" not in part.text
    said = text_of(part)
    assert "3 reports beside the whole · 1 goes to nobody · 3 have no rows" in said
    assert "Faculty of Arts Martha Manager 0 made, and nothing is sent" in said
    assert "– History nobody: it is found under the whole 0 made, and nothing is sent" in said
    assert '<th scope="col">Part</th>' in part.text
    assert "<caption" in part.text
    # Without JavaScript: the whole form with it.
    page = client.post("/schedules/new/parts", data={**sent, "name": "Kept as typed"})
    assert page.status_code == 200
    assert 'value="Kept as typed"' in page.text
    assert "Martha Manager" in page.text
    assert ReportSchedule.objects.count() == 0
    nothing = client.post("/schedules/new/parts", data={**sent, "each": ""}, headers=HTMX)
    assert "The whole alone is made" in text_of(nothing)


def test_who_gets_what_of_a_schedule_is_for_its_people(
    as_person: Client, registrar: People, schedule: ReportSchedule
) -> None:
    shown = as_person(registrar.owner).get(f"/schedules/{schedule.id}/parts")
    assert shown.status_code == 200
    assert "Physics Otto Other Manager" in text_of(shown)
    assert as_person(registrar.stranger).get(f"/schedules/{schedule.id}/parts").status_code == 404
    # Who manages its department sees the schedule, and may not change it.
    assert as_person(registrar.manager).get(f"/schedules/{schedule.id}/parts").status_code == 403


def test_the_page_of_the_whole_has_its_parts_and_a_part_its_whole_for_whoever_sees_it(
    as_person: Client, registrar: People, whole: ReportJob
) -> None:
    client = as_person(registrar.owner)
    assert "They are made as soon as it is known which there are." in text_of(client.get(f"/reports/{whole.id}"))
    make_parts(whole.id)
    page = client.get(f"/reports/{whole.id}")
    assert "Physics Queued – Otto Other Manager" in text_of(page)
    assert f'hx-get="/reports/{whole.id}/parts"' in page.text, "it asks for itself while they are made"
    assert '<noscript><meta http-equiv="refresh"' in page.text
    physics = next(job for job in parts.of(whole.id) if job.name.endswith("Physics"))
    assert "Part of Weekly numbers" in text_of(client.get(f"/reports/{physics.id}"))
    theirs = as_person(registrar.other_manager)
    own = theirs.get(f"/reports/{physics.id}")
    assert own.status_code == 200
    assert "Part of" not in text_of(own)
    assert str(whole.id) not in own.text
    for hidden in (f"/reports/{whole.id}", f"/reports/{whole.id}/parts"):
        assert theirs.get(hidden).status_code == 404
    assert "Weekly numbers: Physics" in text_of(theirs.get("/reports/shared"))


def test_the_poll_of_the_parts_answers_when_one_has_moved_and_stops_when_all_have_ended(
    as_person: Client, registrar: People, whole: ReportJob
) -> None:
    client = as_person(registrar.owner)
    first, *others = make_parts(whole.id)
    poll = client.get(f"/reports/{whole.id}/parts", headers=HTMX)
    tag = poll.headers["HX-PTag"]
    assert client.get(f"/reports/{whole.id}/parts", headers={**HTMX, "HX-PTag": tag}).status_code == 304
    ready(first)
    moved = client.get(f"/reports/{whole.id}/parts", headers={**HTMX, "HX-PTag": tag})
    assert moved.status_code == 200
    assert 'hx-trigger="every 2s"' in moved.text
    for job in others:
        failed(job)
    ReportJob.objects(id=whole.id).update(unset__parts_state=True)
    ended = client.get(f"/reports/{whole.id}/parts", headers=HTMX)
    assert "hx-trigger" not in ended.text
    assert "Make those that are missing" in text_of(ended)
    assert client.post(f"/reports/{whole.id}/retry").status_code == 303
    assert ReportJob.objects(parent_id=whole.id, status="failed").count() == 0


def test_a_list_has_one_row_that_leads_to_the_parts(as_person: Client, registrar: People, whole: ReportJob) -> None:
    make_parts(whole.id)
    client = as_person(registrar.owner)
    page = client.get("/reports/")
    assert "1 report" in text_of(page)
    assert "3 parts: 0 ready, 3 on their way" in text_of(page)
    address = f"/reports/?parts_of={whole.id}"
    assert f'href="{address}"' in page.text
    listed = client.get(address)
    assert "3 reports match" in text_of(listed)
    assert "parts of one report : take this filter away" in text_of(listed)
    assert "3 parts: 0 ready, 3 on their way" in text_of(client.get("/"))
    # While parts move the row asks for itself, although the whole has ended.
    poll = client.get(f"/reports/rows?which=own&ids={whole.id}", headers=HTMX)
    assert 'hx-trigger="every 2s"' in poll.text
    tag = poll.headers["HX-PTag"]
    assert client.get(f"/reports/rows?which=own&ids={whole.id}", headers={**HTMX, "HX-PTag": tag}).status_code == 304


def test_the_history_of_a_schedule_tells_how_far_the_parts_of_a_run_are(
    as_person: Client, registrar: People, schedule: ReportSchedule, whole: ReportJob
) -> None:
    for job in make_parts(whole.id):
        if not job.name.endswith("History"):
            ready(job)
    assert send_all() == ["sent", "sent"]
    shown = text_of(as_person(registrar.owner).get(f"/schedules/{schedule.id}"))
    assert "3 parts: 2 ready, 1 on its way" in shown
    assert "2 · Sent" in shown
    assert "Otto Other Manager Inbox" in shown


def test_a_part_that_is_asked_for_again_is_the_same_part(
    as_person: Client, registrar: People, whole: ReportJob
) -> None:
    make_parts(whole.id)
    physics = next(job for job in parts.of(whole.id) if job.name.endswith("Physics"))
    client = as_person(registrar.owner)
    answer = client.post(f"/reports/{physics.id}/duplicate", data={"submission": "once"})
    again = ReportJob.objects.get(id=answer.location.rpartition("/")[2])
    assert again.parameters.part == physics.parameters.part
    assert (again.parent_id, again.reader_ids) == (None, [])
    form = client.get(client.get(f"/reports/{physics.id}/change").location)
    assert "the department Physics, with those below it" in text_of(form)
    assert (
        '<select class="form-select" id="part" name="part"' in form.text.replace("  ", " ") or 'id="part"' in form.text
    )


def test_who_asks_once_can_have_it_in_parts_too(as_person: Client, registrar: People) -> None:
    client = as_person(registrar.owner)
    form = client.get("/reports/new?type=enrollment-summary")
    assert "More: one report for each department, class or instructor, too" in text_of(form)
    asked = {"type": "enrollment-summary", "group": "class", "measure": "count", "format": "csv", "submission": "once"}
    told = client.post("/reports/new/parts", data={**asked, "each": "department"}, headers=HTMX)
    assert "3 reports beside the whole" in text_of(told)
    assert "Physics Otto Other Manager" in text_of(told)
    page = client.post("/reports/new/parts", data={**asked, "each": "department", "name": "Kept as typed"})
    assert 'value="Kept as typed"' in page.text
    assert "Otto Other Manager" in text_of(page)
    refused = client.post("/reports/new", data={**asked, "each": "department", "each_named": "nowhere: a@b.example"})
    assert refused.status_code == 422
    assert "Line 1: There is no department with the code" in text_of(refused)
    assert ReportJob.objects.count() == 0
    made = client.post("/reports/new", data={**asked, "each": "department", "each_from": str(registrar.faculty.id)})
    assert made.status_code == 303
    whole = ready(ReportJob.objects.get())
    assert {job.name.partition(": ")[2] for job in make_parts(whole.id)} == {"Faculty of Arts", "History"}
    assert {job.schedule_id for job in parts.of(whole.id)} == {None}
    # The same again is the same report; with other parts, and the whole alone, it is another one.
    same = {"each": "department", "each_from": str(registrar.faculty.id)}
    assert client.post("/reports/new", data={**asked, "submission": "twice", **same}).status_code == 409
    for number, other in enumerate([{"each": "department"}, {}]):
        assert client.post("/reports/new", data={**asked, "submission": f"n{number}", **other}).status_code == 303


def test_what_takes_too_long_to_count_is_said_and_not_taken_for_nothing(
    as_person: Client, registrar: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_slow(*args: Any, **kwargs: Any) -> None:
        raise QuestionTooSlowError(4)

    monkeypatch.setattr(counting, "count", too_slow)
    client = as_person(registrar.owner)
    sent = filled(client.get("/schedules/new?type=enrollment-summary").text)
    of_classes = text_of(client.post("/schedules/new/parts", data={**sent, "each": "class"}, headers=HTMX))
    assert "To count the rows of each takes longer than a preview has." in of_classes
    assert "beside the whole" not in of_classes
    assert "Nothing has rows" not in of_classes
    of_departments = text_of(client.post("/schedules/new/parts", data={**sent, "each": "department"}, headers=HTMX))
    assert "3 reports beside the whole · 1 goes to nobody" in of_departments
    assert "Faculty of Arts Martha Manager –" in of_departments
