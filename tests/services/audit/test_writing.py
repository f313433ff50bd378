"""What people do is written down, once, and stays as it was written."""

from __future__ import annotations

from typing import Any

import pytest
from mongoengine.errors import NotUniqueError

from tests.factories import People, make_job
from webapp.documents import AdminArea, AdminEvent
from webapp.services import audit
from webapp.services.audit import ReportAct, SessionAct


def acts() -> list[tuple[Any, str, str]]:
    return [(event.user_id, event.action, event.subject) for event in AdminEvent.objects.order_by("at", "id")]


def test_each_act_on_a_report_is_an_entry(people: People) -> None:
    job = make_job(people.owner.id, name="Spring figures")
    for _ in range(3):
        audit.record_on_report(people.owner, ReportAct.DOWNLOADED, job)
    audit.record_on_report(people.owner, ReportAct.SHARED, job, changes={"visibility": ("private", "team")})
    assert acts() == [(people.owner.id, "downloaded", "Spring figures")] * 3 + [
        (people.owner.id, "shared", "Spring figures")
    ]
    assert AdminEvent.objects.order_by("-at").first().changes == {"visibility": ["private", "team"]}


def test_what_a_browser_repeats_is_one_entry_for_each_person_report_and_hour(people: People, time_machine: Any) -> None:
    job, other = make_job(people.owner.id, name="One"), make_job(people.owner.id, name="Two")
    time_machine.move_to("2026-03-02T09:05:00Z", tick=False)
    for _ in range(5):
        audit.record_once_an_hour(people.owner, ReportAct.LOOKED_AT, job)
    audit.record_once_an_hour(people.manager, ReportAct.LOOKED_AT, job)
    audit.record_once_an_hour(people.owner, ReportAct.LOOKED_AT, other)
    audit.record_once_an_hour(people.owner, ReportAct.DOWNLOADED_IN_PARTS, job)
    assert AdminEvent.objects.count() == 4
    time_machine.move_to("2026-03-02T10:00:00Z", tick=False)
    audit.record_once_an_hour(people.owner, ReportAct.LOOKED_AT, job)
    assert AdminEvent.objects.count() == 5


def test_sessions_say_who_and_whose(people: People) -> None:
    audit.record_sign_in(people.owner)
    audit.record_session(people.administrator, SessionAct.PASSWORD_LINK_MADE, people.owner)
    audit.record_sign_out(people.owner)
    assert [(event.user_id, event.action, event.subject_id) for event in AdminEvent.objects.order_by("at", "id")] == [
        (people.owner.id, "signed in", str(people.owner.id)),
        (people.administrator.id, "password link made", str(people.owner.id)),
        (people.owner.id, "signed out", str(people.owner.id)),
    ]
    assert {event.area for event in AdminEvent.objects} == {AdminArea.SESSIONS.value}


def test_a_failed_sign_in_is_about_the_account_and_by_nobody(people: People) -> None:
    audit.record_failed_sign_in(f"  {people.owner.email.upper()} ")
    event = AdminEvent.objects.get()
    assert (event.user_id, event.subject_id, event.action) == (None, str(people.owner.id), "sign-in failed")


@pytest.mark.parametrize("typed", ["hunter2-is-my-password", "nobody@else.example", "", "\ud800", "x" * 5000])
def test_what_is_no_account_leaves_a_mark_that_says_nothing(people: People, typed: str) -> None:
    for _ in range(2):
        audit.record_failed_sign_in(typed)
    audit.record_failed_sign_in("somebody@else.example")
    first, again, other = AdminEvent.objects.order_by("at", "id")
    assert first.subject_id == again.subject_id != other.subject_id
    assert not typed or typed[:20] not in str(first.to_mongo().to_dict())
    assert len(first.subject) < 50


def test_whoever_guesses_does_not_fill_the_trail(people: People) -> None:
    for _ in range(50):
        audit.record_slowed_sign_in(people.owner.email)
        audit.record_slowed_sign_in("nobody@else.example")
    assert AdminEvent.objects.count() in (2, 4)  # four if the hour changed meanwhile


def test_what_was_written_cannot_be_changed_or_taken_back(people: People) -> None:
    audit.record_sign_in(people.owner)
    event = AdminEvent.objects.get()
    before = event.to_mongo().to_dict()
    event.action = "nothing"
    with pytest.raises(NotUniqueError):
        event.save()
    for change in (
        lambda: event.delete(),
        lambda: event.update(set__action="nothing"),
        lambda: event.modify(set__action="nothing"),
        lambda: AdminEvent.objects.update(set__action="nothing"),
        lambda: AdminEvent.objects(action="signed in").update_one(set__action="nothing"),
        lambda: AdminEvent.objects.modify(set__action="nothing"),
        lambda: AdminEvent.objects.delete(),
    ):
        with pytest.raises(TypeError, match="only ever added to"):
            change()
    assert AdminEvent.objects.get().to_mongo().to_dict() == before
