"""What the form offers and reads: periods with their exact days, conditions, what asking would give."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask

from tests.factories import People, make_class, make_job, make_record
from tests.web.conftest import Client
from tests.web.test_pages import ask
from webapp.documents import ReportJob
from webapp.engine.catalogue.datasets import DATASETS
from webapp.engine.catalogue.report_types import REPORT_TYPES
from webapp.services.questions import conditions
from webapp.services.questions.conditions import ConditionTexts
from webapp.web.jobs.periods import period_choices

TODAY = date(2026, 11, 24)
MADRID = ZoneInfo("Europe/Madrid")


def make_dated(term: str, start: datetime, end: datetime) -> None:
    make_class(term, term=term, starts_at=start, ends_at=end)


def test_a_named_period_tells_its_exact_days(app: Flask, people: People) -> None:
    # The college's midnights: an hour before those of UTC in winter, two in summer.
    for _ in range(2):
        make_dated("2026 spring", datetime(2026, 1, 31, 23, tzinfo=UTC), datetime(2026, 6, 30, 22, tzinfo=UTC))
    make_dated("2026 spring", datetime(2026, 2, 9, 23, tzinfo=UTC), datetime(2026, 6, 30, 22, tzinfo=UTC))
    make_dated("2026 autumn", datetime(2026, 8, 31, 22, tzinfo=UTC), datetime(2027, 1, 31, 23, tzinfo=UTC))
    with app.test_request_context("/"):
        offered = dict(period_choices(TODAY))
        assert offered["last-30-days"] == "Last 30 days: 26 Oct – 24 Nov 2026"
        assert offered["academic-year"] == "This academic year: 1 Sep – 24 Nov 2026"
        assert offered["last-term"] == "Last term: 2026 spring (1 Feb – 30 Jun 2026)"
        assert offered["this-term"] == "This term: 2026 autumn (1 Sep 2026 – 31 Jan 2027)"


def test_a_term_that_no_class_names_is_not_offered(app: Flask, people: People) -> None:
    with app.test_request_context("/"):
        assert "last-term" not in dict(period_choices(TODAY))


@pytest.mark.parametrize(
    ("row", "operator", "value"),
    [
        (ConditionTexts("score", "gte", "60"), "gte", 60),
        (ConditionTexts("score", "between", "10; 20.5"), "between", (10, 20.5)),
        (ConditionTexts("score", "is-null", ""), "is-null", None),
        (ConditionTexts("passed", "eq", "yes"), "eq", True),
        (ConditionTexts("term", "in", "2026 spring; 2025 spring"), "in", ("2026 spring", "2025 spring")),
        (ConditionTexts("completed-at", "gte", "2026-03-01"), "gte", "2026-03-01T00:00:00+01:00"),
        (ConditionTexts("completed-at", "lte", "2026-03-01"), "lte", "2026-03-01T23:59:59.999999+01:00"),
    ],
)
def test_a_condition_is_read_and_shown_as_it_was_typed(row: ConditionTexts, operator: str, value: object) -> None:
    found, problems = conditions.read([row], DATASETS["enrollments"], MADRID)
    assert problems == []
    assert (found[0].operator, found[0].value) == (operator, value)
    assert conditions.written(found[0], MADRID, None) == row


@pytest.mark.parametrize(
    ("dataset", "field", "typed", "seconds", "shown"),
    [
        ("assessments", "duration", "1.5", 5_400, "1.5"),
        ("assessments", "duration", "1:30:00", 5_400, "1.5"),
        ("assessments", "duration", "0:20", 1_200, "0:20:00"),
        ("assessments", "duration", "1:00:07", 3_607, "1:00:07"),
        ("assessments", "duration", "0.25 s", 0.25, "0.25 s"),
        ("enrollments", "time-to-complete", "30", 30 * 86_400, "30"),
        ("enrollments", "time-to-complete", "7.5", 7.5 * 86_400, "7.5"),
        ("enrollments", "time-to-complete", "100 s", 100, "100 s"),
    ],
)
def test_a_time_of_rows_is_typed_in_hours_or_days_and_kept_in_seconds(
    dataset: str, field: str, typed: str, seconds: float, shown: str
) -> None:
    found, problems = conditions.read([ConditionTexts(field, "gt", typed)], DATASETS[dataset], MADRID)
    assert problems == []
    assert found[0].value == pytest.approx(seconds)
    assert conditions.written(found[0], MADRID, DATASETS[dataset]) == ConditionTexts(field, "gt", shown)


@pytest.mark.parametrize(("field", "typed"), [("duration", "soon"), ("duration", "1:75"), ("duration", "1e15")])
def test_what_is_no_time_is_told_with_an_example(field: str, typed: str) -> None:
    found, problems = conditions.read([ConditionTexts(field, "gt", typed)], DATASETS["assessments"], MADRID)
    assert found == []
    assert f"“{typed}” is no number of them, such as 1.5, 1:30:00." in problems[0]


@pytest.mark.parametrize(
    "row",
    [
        ConditionTexts("score", "gte", "many"),
        ConditionTexts("score", "gte", "9" * 400),
        ConditionTexts("score", "gte", "nan"),
        ConditionTexts("score", "between", "1"),
        ConditionTexts("score", "eq", ""),
        ConditionTexts("passed", "eq", "perhaps"),
        ConditionTexts("completed-at", "gte", "2026-02-30"),
        ConditionTexts("completed-at", "contains", "2026-02-03"),
        ConditionTexts("", "eq", "a value of nothing"),
        ConditionTexts("term", "in", "x;" * 500),
    ],
)
def test_a_condition_that_makes_no_sense_says_so(people: People, as_person: Client, row: ConditionTexts) -> None:
    typed = {"where": [row.field], "compare": [row.operator], "value": [row.value]}
    answer = as_person(people.owner).post("/reports/new", data=ask(**typed))
    assert answer.status_code == 422
    assert 'id="where-error"' in answer.text
    assert ReportJob.objects.count() == 0


def test_a_condition_goes_into_the_question_and_comes_back_to_the_form(people: People, as_person: Client) -> None:
    client = as_person(people.owner)
    made = client.post(
        "/reports/new",
        data=ask(where=["passed", "score", ""], compare=["is-null", "gte", "eq"], value=["", "60", ""]),
    )
    assert made.status_code == 303
    told = client.get(made.location).text
    assert "Passed is empty" in told
    assert "Score is at least 60" in told
    again = client.get(f"{made.location}/change", follow_redirects=True).text
    assert again.count('<option value="score" selected>Score</option>') == 1
    assert 'value="60"' in again


def test_the_preview_says_what_one_gets_and_what_the_records_lack(people: People, as_person: Client) -> None:
    dated = datetime(2026, 3, 1, tzinfo=UTC)
    # Certificates are the rows that may be of a department and of no class.
    make_record(
        certificates=[
            {
                "learner_id": people.owner.id, "department_id": people.department.id, "name": f"First aid {n}",
                "issued_at": dated + timedelta(days=n),
            }
            for n in range(3)
        ]
    )  # fmt: skip
    client = as_person(people.owner)
    asked = {"type": "certification-status", "group": ["department"], "measure": ["count"]}
    said = client.post("/reports/new/preview", data=ask(**asked, visibility="department")).text
    assert "3 records name no class" in said
    assert "History (3 people)" in said  # the owner, a colleague, a neighbour
    assert "No worker is running" in said
    assert '<svg class="sketch"' in said
    narrowed = ask(**asked, where=["issued-at"], compare=["gte"], value=["2026-03-03"])
    assert "1 record names no class" in client.post("/reports/new/preview", data=narrowed).text
    nothing = ask(group=["department"], where=["score"], compare=["gte"], value=["99"])
    assert "Nothing matches" in client.post("/reports/new/preview", data=nothing).text


def test_many_are_cancelled_with_a_reason_and_moved_at_once(people: People, as_person: Client) -> None:
    jobs = [make_job(people.owner.id, department_id=people.department.id, name=f"Many {n}") for n in range(3)]
    client = as_person(people.manager)
    page = client.get("/department/").text
    assert "Olivia Owner" in page[page.index("Unfinished reports by person") :]
    chosen = [str(job.id) for job in jobs[:2]]
    client.post("/department/bulk", data={"action": "priority", "priority": "high", "id": chosen})
    assert [job.reload().priority for job in jobs] == ["high", "high", "normal"]
    client.post("/department/bulk", data={"action": "cancel", "reason": "Twice", "all_matching": "1", "q": "Many"})
    assert {(job.reload().status, job.cancel_reason) for job in jobs} == {("cancelled", "Twice")}
    refused = client.post("/department/bulk", data={"action": "priority", "priority": "high", "id": chosen})
    assert refused.status_code == 303


def test_a_filter_that_is_on_is_a_chip_that_takes_it_away(people: People, as_person: Client) -> None:
    make_job(people.owner.id)
    page = as_person(people.owner).get("/reports/?q=class&type=enrollment-summary&since=2026-01-01").text
    chips = page[page.index("Filters that are on") :]
    assert 'href="/reports/?q=class&amp;since=2026-01-01"' in chips
    assert "from 1 January 2026" in chips


def test_who_takes_all_measures_away_is_told_to_choose_one(people: People, as_person: Client) -> None:
    client = as_person(people.owner)
    answer = client.post("/reports/new", data=ask(measure=[]))
    assert answer.status_code == 422
    assert "Choose at least one measure." in answer.text
    assert ReportJob.objects.count() == 0
    # An address that names none means those of the report type, and shows them.
    page = client.get("/reports/new?type=completion-rates&group=class").text
    assert page.count('name="measure"') > page.count("checked") > 3


def test_a_list_of_report_types_begins_with_what_one_asks_for_most(people: People, as_person: Client) -> None:
    for report_type in ("transcript", "scorm-attempts", "transcript"):
        make_job(people.owner.id, report_type=report_type)
    client = as_person(people.owner)
    for page in (client.get("/reports/new").text, client.get("/").text):
        places = [page.index(f"?type={key}") for key in ("transcript", "scorm-attempts", "enrollment-summary")]
        assert places == sorted(places)


def test_the_columns_that_one_chose_last_are_there_again(people: People, as_person: Client) -> None:
    client = as_person(people.owner)
    chosen = ask(type="transcript", detail="y", column=["learner", "score"], group=[], measure=[])
    assert client.post("/reports/new", data=chosen).status_code == 303
    page = client.get("/reports/new?type=transcript").text
    assert '<option value="learner" selected>' in page
    assert '<option value="score" selected>' in page


def test_who_asks_before_the_form_of_another_type_has_come_means_that_type_as_it_starts(
    people: People, as_person: Client
) -> None:
    client = as_person(people.owner)
    early = ask(type="learner-activity", made_for="enrollment-summary", measure=["count", "dropout-rate"])
    assert client.post("/reports/new", data=early).status_code == 303
    assert ReportJob.objects.get().parameters.measures == list(REPORT_TYPES["learner-activity"].measures)


def test_a_value_is_picked_and_read_in_the_readers_own_words(people: People, as_person: Client) -> None:
    people.owner.locale = "es"
    people.owner.save()
    client = as_person(people.owner)
    address = "/reports/new?type=enrollment-summary&where=completion-status&compare=in&value="
    assert '<option value="En curso">' in client.get(address).text
    asked = ask(where=["completion-status"], compare=["in"], value=["EN CURSO; sin empezar"])
    assert client.post("/reports/new", data=asked).status_code == 303
    (condition,) = ReportJob.objects.get().parameters.filters.conditions
    assert condition.value == ["in progress", "not started"]


def test_what_is_said_of_a_report_on_its_way_is_gone_when_it_has_ended(people: People, as_person: Client) -> None:
    client = as_person(people.owner)
    address = client.post("/reports/new", data=ask()).location
    said = "This page shows how far it is."
    # Not a message, which would stay beside “Ready”: part of what moves while the report is made.
    page = client.get(address).text
    assert page.count(said) == 1
    assert said in page.split('id="report"')[1]
    ReportJob.objects(id=address.rsplit("/", 1)[1]).update(set__status="cancelled")
    assert said not in client.get(address).text
