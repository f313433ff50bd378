"""Every way of a request there and back: the job document, an address, the terminal. The form's is in tests/web."""

from __future__ import annotations

import shlex
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode

import bson
import pytest
from bson import ObjectId
from bson.codec_options import CodecOptions
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.factories import People, build_job
from tests.services.questions.asked import NOW, make_records, requests
from webapp import clock
from webapp.cli import report
from webapp.documents import DateRange, Parameters, ReportJob
from webapp.errors import InvalidRequestError
from webapp.services.questions import ways
from webapp.services.questions.period import PHRASES, Period
from webapp.services.questions.request import FIELDS, ReportRequest

EACH = settings(
    max_examples=examples(40),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(autouse=True)
def at_this_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "utcnow", lambda: NOW)


def by_document(request: ReportRequest, people: People) -> ReportRequest:
    """As bytes of the database, and back."""
    job = ReportJob(**ways.job_fields(request), requested_by=ObjectId(), created_at=NOW)
    stored = bson.encode(job.to_mongo().to_dict())
    return ways.from_job(ReportJob._from_son(bson.decode(stored, CodecOptions(tz_aware=True))))


def by_address(request: ReportRequest, people: People) -> ReportRequest:
    """As the text of an address, and back."""
    text = urlencode(ways.to_address(request), doseq=True)
    return ways.from_address(parse_qs(text, keep_blank_values=True), time_zone="Mars/Olympus", now=NOW)


def by_terminal(request: ReportRequest, people: People) -> ReportRequest:
    """As the command that a shell splits and `click` reads, and back."""
    _, _, *arguments = shlex.split(ways.to_command(request))
    context = report.command.make_context("report", arguments)
    question = {name: value for name, value in context.params.items() if name not in ("email", "output", "quiet")}
    return report.request_of(people.administrator, question)


@pytest.mark.parametrize("there_and_back", [by_document, by_address, by_terminal])
def test_a_request_comes_back_from_every_way_as_it_went(people: People, there_and_back: Any) -> None:
    records = make_records(people)

    @EACH
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        request = data.draw(requests(records))
        assert there_and_back(request, people) == request

    holds()


def test_the_strategy_says_every_field_that_a_request_has(people: People) -> None:
    """A field that no example changes would be carried by luck."""
    records = make_records(people)
    changed: set[str] = set()
    usual = ReportRequest(report_type="")

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(requests(records))
    def look(request: ReportRequest) -> None:
        changed.update(name for name in FIELDS if getattr(request, name) != getattr(usual, name))

    look()
    assert changed == set(FIELDS)


def test_every_name_is_used_once_in_each_way() -> None:
    for way in ("document", "address", "option"):
        names = [getattr(written, way) for written in FIELDS.values()]
        assert len(set(names)) == len(names), way


def test_a_job_of_the_lms_is_read_whatever_else_it_holds(database: Any) -> None:
    stored = {
        "_id": ObjectId(), "reportType": "enrollment-summary", "requestedBy": ObjectId(), "name": "Theirs",
        "output": {"format": "pdf", "colour": "blue"}, "theirOwn": 1,
        "parameters": {
            "dateRange": {"startDate": datetime(2026, 1, 1, tzinfo=UTC), "zone": "x"}, "filters": {"classIds": [], "houseIds": [1]},
            "includeInactive": True, "layout": {"a": 1},
        },
    }  # fmt: skip
    request = ways.from_job(ReportJob._from_son(stored))
    assert (request.format, request.include_inactive, request.totals) == ("pdf", True, True)
    assert request.period == Period(phrase="custom", first=date(2026, 1, 1))


@pytest.mark.parametrize(
    ("parameters", "phrase", "days"),
    [
        (Parameters(), "all", (None, None)),
        (Parameters(date_range=DateRange(start_date=datetime(2026, 1, 1, tzinfo=UTC))), "custom", (date(2026, 1, 1), None)),
        (Parameters(period="a phrase of tomorrow", date_range=DateRange(end_date=datetime(2026, 1, 1, tzinfo=UTC))), "custom",
         (None, date(2026, 1, 1))),
        # Before terms were terms, their days were kept: who tries again means these.
        (Parameters(period="last-term", date_range=DateRange(start_date=datetime(2026, 2, 1, tzinfo=UTC),
         end_date=datetime(2026, 6, 30, tzinfo=UTC))), "last-term", (date(2026, 2, 1), date(2026, 6, 30))),
        (Parameters(period="last-year", date_range=DateRange(start_date=datetime(2025, 1, 1, tzinfo=UTC),
         end_date=datetime(2025, 12, 31, tzinfo=UTC))), "last-year", (date(2025, 1, 1), date(2025, 12, 31))),
    ],
)  # fmt: skip
def test_a_job_keeps_its_phrase_and_its_days_and_an_old_one_has_days_alone(
    database: Any, parameters: Parameters, phrase: str, days: Any
) -> None:
    period = ways.from_job(build_job(parameters=parameters)).period
    assert (period.phrase, (period.first, period.last)) == (phrase, days)


@pytest.mark.parametrize("limit", ["many", {"a": 1}, [1, 2]])
def test_a_document_that_is_no_request_is_refused_in_words(limit: Any) -> None:
    with pytest.raises(InvalidRequestError, match="cannot be asked for as “limit”"):
        ways.from_document({"reportType": "transcript", "parameters": {"limit": limit}})


def test_a_moment_is_waited_for_only_by_what_still_waits(database: Any) -> None:
    due = NOW + timedelta(days=1)
    for status, expected in (("pending", due), ("queued", None), ("ready", None), ("failed", None)):
        job = build_job(created_at=NOW, scheduled_for=due, status=status)
        assert ways.from_job(job).scheduled_for == expected, status


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("type=transcript", {"group_by": (), "measures": ()}),
        ("type=transcript&start=2026-01-01", {"period": Period(first=date(2026, 1, 1))}),
        ("type=transcript&period=last-7-days&start=2026-01-01", {"period": Period.of("last-7-days", NOW.date())}),
        ("type=transcript&where=score&compare=gte&value=60", {}),
        ("type=transcript&group=class&group=&group=class", {"group_by": ("class",)}),
        ("type=transcript&detail=y&subtotals=", {"detail": True, "subtotals": False}),
    ],
)
def test_addresses_by_hand_and_of_before_keep_working(database: Any, arguments: str, expected: dict[str, Any]) -> None:
    found = ways.from_address(parse_qs(arguments, keep_blank_values=True), time_zone="UTC", now=NOW)
    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("arguments", "field", "words"),
    [
        ("period=fortnight", "parameters.date_range", "no period “fortnight”"),
        ("period=last-term", "parameters.date_range", "No class names a term"),
        ("start=31/12/2026", "parameters.date_range", "is not a day"),
        ("limit=many", "parameters.limit", "is not a whole number"),
        ("limit=" + "9" * 400, "parameters.limit", "is not a whole number"),
        ("learner=someone", "parameters.filters.learner_ids", "is not the id of a record"),
        ("scheduled=soon", "scheduled_for", "is not a moment"),
        ("scheduled=0001-01-01T00:00", "scheduled_for", "is not a moment"),
        ("where=score&compare=gte&value=many", "parameters.filters.conditions", "is a number"),
    ],
)
def test_what_an_address_says_wrongly_is_told_under_its_field(
    database: Any, arguments: str, field: str, words: str
) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        ways.from_address(parse_qs(f"type=transcript&{arguments}"), time_zone="UTC", now=NOW)
    assert list(caught.value.fields) == [field]
    assert words in caught.value.fields[field]


def test_all_that_is_wrong_in_an_address_is_told_at_once() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        ways.from_address(parse_qs("type=transcript&limit=x&top=y&learner=z"), time_zone="UTC", now=NOW)
    assert set(caught.value.fields) == {"parameters.limit", "parameters.top", "parameters.filters.learner_ids"}


def test_every_phrase_means_days_that_are_in_order(people: People) -> None:
    make_records(people)
    for phrase in PHRASES:
        for today in (date(2026, 11, 24), date(2024, 2, 29), date(2026, 1, 1), date(2026, 12, 31)):
            if "term" in phrase and today != date(2026, 11, 24):
                continue
            assert Period.of(phrase, today).problem() == "", (phrase, today)
    assert Period.of("previous-month", date(2024, 3, 31)).last == date(2024, 2, 29)
    assert Period.of("this-month", date(2024, 2, 29)).first == date(2024, 2, 1)
