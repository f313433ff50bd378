"""The form as a way of a request: there and back it is the same, in the form's own code and in a browser's hands."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from bson import ObjectId
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from tests.examples import examples
from tests.factories import People, hold, make_job
from tests.services.questions.asked import NOW, make_records, requests
from tests.web.conftest import Client
from tests.web.test_pages import ask
from webapp import clock
from webapp.documents import DateRange, Parameters, ReportJob
from webapp.engine.catalogue.report_types import REPORT_TYPES
from webapp.services import database_clock
from webapp.services.questions import ways
from webapp.services.questions.period import Period
from webapp.services.questions.request import Condition, ReportRequest
from webapp.services.requests import asking
from webapp.web.jobs.ask_form import AskForm


class Fields(HTMLParser):
    """What a browser would send of the form `ask` if one pressed its button without touching anything."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.sent: MultiDict[str, str] = MultiDict()
        self._in_form = False
        self._select: tuple[str, bool] | None = None
        self._options: list[tuple[str, bool]] = []
        self._textarea: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value if value is not None else name for name, value in attrs}
        if tag == "form":
            self._in_form = found.get("id") == "ask"
        if not self._in_form:
            return
        name = found.get("name", "")
        if tag == "input" and name:
            is_choice = found.get("type") in ("checkbox", "radio")
            if not is_choice or "checked" in found:
                self.sent.add(name, found.get("value", "on" if is_choice else ""))
        elif tag == "select":
            self._select, self._options = (name, "multiple" in found), []
        elif tag == "option" and self._select:
            self._options.append((found.get("value", ""), "selected" in found))
        elif tag == "textarea":
            self._textarea = name
            self.sent.add(name, "")

    def handle_data(self, data: str) -> None:
        if self._textarea:
            self.sent[self._textarea] = data.removeprefix("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._in_form = False
        elif tag == "textarea":
            self._textarea = None
        elif tag == "select" and self._select:
            name, is_multiple = self._select
            chosen = [value for value, is_selected in self._options if is_selected]
            for value in chosen if is_multiple else chosen[-1:] or [value for value, _ in self._options[:1]]:
                self.sent.add(name, value)
            self._select = None


@pytest.fixture
def at_this_moment(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From the call on. Sessions begin before: of one that began in the past the database soon rids itself."""

    def stop() -> None:
        monkeypatch.setattr(clock, "utcnow", lambda: NOW)
        monkeypatch.setattr(database_clock, "now", lambda: NOW)

    return stop


def test_a_request_comes_back_from_the_form_as_it_went(
    app: Flask, people: People, at_this_moment: Callable[[], None]
) -> None:
    at_this_moment()
    records = make_records(people)
    hold(people.administrator, ["system-admin"], [people.department])

    @settings(
        max_examples=examples(16),
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        request = data.draw(requests(records))
        with app.test_request_context("/reports/new"):
            form = AskForm.build(people.administrator, request.report_type, MultiDict(ways.to_address(request)))
            assert form.validate(), (form.errors, form.others)
            assert form.to_request() == request

    holds()


def whole_request(people: People, **changes: Any) -> ReportRequest:
    """Everything that a summary can be asked with."""
    records = make_records(people).ids
    conditions = (
        Condition(field="score", operator="between", value=(10, 20.5)),
        Condition(field="term", operator="in", value=("2026 spring", "a; b", '"')),
        Condition(field="completed-at", operator="gte", value="2026-03-01T00:00:00+01:00"),
    )
    values: dict[str, Any] = {
        "report_type": "enrollment-summary",
        "period": Period.of("previous-month", NOW.date()),
        "date_field": "completed-at",
        "time_zone": "Europe/Madrid",
        **{name: tuple(ids) for name, ids in records.items() if name not in ("content_ids", "department_id")},
        "statuses": ("completed", "failed"),
        "conditions": conditions,
        "group_by": ("course", "class", "month", "status", "learner"),
        "slicers": ("year", "quarter", "week"),
        "measures": ("completion-rate", "count", "average:score"),
        "sort": ("-count", "class", "course"),
        "top": 7,
        "limit": 500,
        "totals": False,
        "include_inactive": True,
        "format": "json",
        "options": frozenset({"zip", "meta"}),
        "name": "Everything <at once>",
        "description": "For the board\r\nand for us",
        "filename": "figures {date}",
        "visibility": "team",
        "priority": "low",
        "department_id": people.other_department.id,
        "scheduled_for": NOW + timedelta(days=3),
    }
    return ReportRequest(**values | changes)


def test_nothing_is_lost_when_one_changes_something_first(
    people: People, as_person: Client, at_this_moment: Callable[[], None]
) -> None:
    hold(people.administrator, ["system-admin"], [people.department])
    people.administrator.save()
    request = whole_request(people)
    job = ReportJob(**ways.job_fields(request), requested_by=people.administrator.id, created_at=NOW).save()
    client = as_person(people.administrator)
    at_this_moment()
    page = client.get(f"/reports/{job.id}/change", follow_redirects=True)
    sent = Fields(page.text).sent
    answer = client.post("/reports/new", data=sent)
    assert answer.status_code == 303, re.findall(r"invalid-feedback[^>]*>([^<]*)", answer.text)
    again = ways.from_job(ReportJob.objects.get(id=answer.location.rsplit("/", 1)[1]))
    assert again == request


def test_detail_rows_keep_their_sorting_when_one_changes_something_first(
    people: People, as_person: Client, at_this_moment: Callable[[], None]
) -> None:
    request = ReportRequest(
        report_type="enrollment-summary", detail=True, sort=("-score", "learner"), format="csv", name="One by one",
        time_zone="UTC", department_id=people.department.id,
    )  # fmt: skip
    job = ReportJob(**ways.job_fields(request), requested_by=people.owner.id, created_at=NOW).save()
    client = as_person(people.owner)
    at_this_moment()
    sent = Fields(client.get(f"/reports/{job.id}/change", follow_redirects=True).text).sent
    answer = client.post("/reports/new", data=sent)
    assert answer.status_code == 303, answer.text
    assert ways.from_job(ReportJob.objects.get(id=answer.location.rsplit("/", 1)[1])) == request


def test_too_many_learners_for_an_address_still_come_into_the_form(people: People, as_person: Client) -> None:
    learners = [ObjectId() for _ in range(300)]
    asked = Parameters(group_by=["class"], measures=["count"], filters={"learner_ids": learners})
    job = make_job(people.administrator.id, parameters=asked)
    answer = as_person(people.administrator).get(f"/reports/{job.id}/change")
    assert answer.status_code == 200
    assert "300 that were chosen do not exist here" in answer.text


@pytest.mark.parametrize("report_type", sorted(REPORT_TYPES))
def test_an_address_that_names_a_type_alone_asks_for_its_own_shape(
    app: Flask, people: People, report_type: str
) -> None:
    declared = REPORT_TYPES[report_type]
    with app.test_request_context("/reports/new"):
        form = AskForm.build(people.administrator, report_type, MultiDict({"top": "5"}))
        assert form.validate(), form.errors
        asked = form.to_request()
    assert asked.detail == declared.detail_first
    if not asked.detail:
        shape = (asked.group_by, asked.slicers, asked.measures, asked.sort, asked.top)
        assert shape == (declared.group_by, declared.slicers, declared.measures, declared.sort, 5)


def aged_job(people: People, **fields: Any) -> ReportJob:
    """Asked in January for the last 30 days."""
    days = DateRange(start_date=datetime(2026, 1, 1, tzinfo=UTC), end_date=datetime(2026, 1, 30, tzinfo=UTC))
    parameters = Parameters(
        period="last-30-days", date_range=days, group_by=["class"], measures=["count"], time_zone="Pacific/Kiritimati"
    )
    return make_job(people.owner.id, parameters=parameters, department_id=people.department.id, **fields)


def days_of(job: ReportJob) -> tuple[date, date]:
    kept = job.parameters.date_range
    return kept.start_date.date(), kept.end_date.date()


def test_asking_again_means_the_phrase_anew_in_the_zone_of_the_report(
    people: People, at_this_moment: Callable[[], None]
) -> None:
    at_this_moment()
    job = aged_job(people)
    copy = asking.duplicate(people.owner, job.id)
    # 22:45 of the 24th in UTC is the 25th there.
    assert (copy.parameters.period, days_of(copy)) == ("last-30-days", (date(2026, 10, 27), date(2026, 11, 25)))


def test_changing_something_first_offers_the_phrase(people: People, as_person: Client) -> None:
    job = aged_job(people)
    address = as_person(people.owner).get(f"/reports/{job.id}/change").location
    assert "period=last-30-days" in address
    assert "2026-01" not in address


def test_another_format_and_another_try_keep_the_days(
    people: People, ready_job: Callable[..., ReportJob], as_person: Client
) -> None:
    old = aged_job(people)
    ready = ready_job(parameters=old.parameters)
    as_person(people.owner).post(f"/reports/{ready.id}/sibling", data={"format": "json"})
    other = ReportJob.objects.get(sibling_of=ready.id)
    assert (other.parameters.period, days_of(other)) == ("last-30-days", days_of(old))
    failed = aged_job(people, name="Failed", status="failed")
    as_person(people.owner).post(f"/reports/{failed.id}/retry")
    assert days_of(failed.reload()) == days_of(old)


def test_a_named_period_is_kept_with_its_days_and_told_with_both(people: People, as_person: Client) -> None:
    client = as_person(people.owner)
    made = client.post("/reports/new", data=ask(period="previous-month"))
    job = ReportJob.objects.get()
    assert job.parameters.period == "previous-month"
    assert days_of(job)[0].day == 1
    assert re.search(r"Previous month: 1 \w+ 20", client.get(made.location).text)
    assert "Slicers" in client.get("/reports/new?type=enrollment-summary").text


def test_a_page_in_spanish_says_the_days_in_spanish(people: People, as_person: Client) -> None:
    people.owner.locale = "es"
    people.owner.save()
    job = aged_job(people)
    assert "1 de enero de 2026" in as_person(people.owner).get(f"/reports/{job.id}").text
