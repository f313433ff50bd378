"""What a list shows is what its chips say, what its links keep, and what “all that match” acts on; in every list."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from bson import ObjectId
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markupsafe import escape

from tests.examples import examples
from tests.factories import People, make_job
from tests.web.conftest import Client
from webapp.documents import JobError, ReportJob
from webapp.services.jobs import facts as job_facts
from webapp.services.jobs.list_filters import FILTERS
from webapp.services.jobs.lists import PAGE_SIZE

Pairs = list[tuple[str, str]]
BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
NAMES = ("Spring figures", "Enrolments of spring", "Resumé", "100 %")
STATES = ("pending", "failed", "ready", "cancelled", "processing")
#: Nobody sees this report; its parts stand for themselves.
WHOLE = ObjectId()
#: Values that some jobs have, that none has, and that say nothing; those of people and departments are added.
VALUES: dict[str, list[str]] = {
    "q": ["spring", "RESUME", " ", "zzz", "%", "\x00"],
    "state": ["waiting", "running", "failed", "ended", "no-such", ""],
    "status": ["pending", "failed", "no-such", ""],
    "type": ["enrollment-summary", "learner-activity", "<b>", ""],
    "format": ["csv", "pdf", "docx", ""],
    "code": ["storage-full", "no-such", ""],
    "department": ["x", ""],
    "requester": ["x", ""],
    "parts_of": [str(WHOLE), "x", ""],
    "since": ["2026-03-02", "2026-13-45", "9999-01-01", "soon", ""],
    "until": ["2026-03-01", "0001-01-01", ""],
}
JOBS = st.lists(
    st.tuples(
        st.sampled_from(NAMES), st.sampled_from(STATES), st.sampled_from(("enrollment-summary", "learner-activity")),
        st.sampled_from(("csv", "pdf")), st.integers(0, 2), st.booleans(), st.sampled_from((None, "storage-full")),
        st.booleans(),
    ),
    min_size=1, max_size=8,
)  # fmt: skip


def test_every_filter_is_tried() -> None:
    assert set(VALUES) == set(FILTERS)


#: Ids of the jobs of the example that have not ended: those that can be cancelled.
STARTED: set[str] = set()


def make_jobs(people: People, facts: list[tuple[Any, ...]], copies: int) -> None:
    ReportJob._get_collection().delete_many({})
    for name, state, report_type, file_format, day, is_owners, code, is_part in facts:
        requester, department = (
            (people.owner, people.department) if is_owners else (people.stranger, people.other_department)
        )
        for _ in range(copies):
            make_job(
                requester.id, name=name, status=state, report_type=report_type, output={"format": file_format},
                created_at=BEGIN + timedelta(days=day), department_id=department.id, visibility="organization",
                error=JobError(code=code, message="It broke.") if code else None, parent_id=WHOLE if is_part else None,
            )  # fmt: skip
    job_facts.forget()


def shown_on_all_pages(client: FlaskClient, address: str) -> tuple[list[str], str]:
    """The ids of the rows, page after page by the list's own links, and the first page."""
    first = page = client.get(address).text
    found: list[str] = []
    while True:
        found += re.findall(r'<tr id="job-([0-9a-f]{24})"', page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        if following is None:
            return found, first
        page = client.get(unescape(following[1])).text


def bulk_form(page: str) -> tuple[str, Pairs]:
    """Where the list's bulk form goes, and the fields that it carries hidden."""
    form = re.search(r'<form method="post" action="([^"]+)" data-list>(.*?)</form>', page, re.S)
    assert form is not None
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form[2])
    return unescape(form[1]), [(name, unescape(value)) for name, value in hidden]


def addresses(people: People) -> st.SearchStrategy[Pairs]:
    values = {name: list(each) for name, each in VALUES.items()}
    values["requester"] += [str(people.owner.id), str(people.stranger.id)]
    values["department"] += [str(people.faculty.id), str(people.other_department.id)]
    pairs = [(name, value) for name, each in values.items() for value in each]
    order = [("sort", "name"), ("sort", "-status"), ("sort", "nothing"), ("page", "2")]
    return st.lists(st.sampled_from([*pairs, *order]), max_size=4)


def check_that_all_that_match_are_the_rows_shown(client: FlaskClient, path: str, typed: Pairs) -> None:
    query = [pair for pair in typed if pair[0] != "page"]
    shown, page = shown_on_all_pages(client, f"{path}?{query_text(query)}")
    assert len(shown) == len(set(shown))
    chips = [(name, unescape(value)) for name, value in re.findall(r'data-filter="([^"]+)" data-value="([^"]*)"', page)]
    if not chips:
        # Nothing in force: everything the list holds is there.
        assert sorted(shown) == sorted(shown_on_all_pages(client, path)[0])
    # The chips alone are the whole question: the same rows, whatever else was typed.
    assert sorted(shown_on_all_pages(client, f"{path}?{query_text(chips)}")[0]) == sorted(shown)
    for name, value in chips:
        rest = [pair for pair in chips if pair != (name, value)]
        removal = re.search(
            rf'data-filter="{name}" data-value="{re.escape(escaped(value))}"><a class="chip" href="([^"]+)"', page
        )
        assert removal is not None, (name, value)
        kept = [pair for pair in parse_qsl(urlsplit(unescape(removal[1])).query) if pair[0] != "sort"]
        assert sorted(kept) == sorted(rest)
    if not shown:
        return
    action, hidden = bulk_form(page)
    assert [pair for pair in hidden if pair[0] in FILTERS] == chips
    client.post(action, data=multi([*hidden, ("all_matching", "1"), ("action", "cancel")]))
    touched = {
        str(job.id)
        for job in ReportJob.objects
        if job.cancel_requested_at is not None or (job.status == "cancelled" and job.event_count)
    }
    may_be_cancelled = {job_id for job_id in shown if job_id in STARTED}
    assert touched == may_be_cancelled, (typed, chips)


def query_text(pairs: Pairs) -> str:
    return urlencode(pairs)


def escaped(value: str) -> str:
    return str(escape(value))


def multi(pairs: Pairs) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def hold(people: People, client: FlaskClient, path: str) -> None:
    @settings(max_examples=examples(20), deadline=None, suppress_health_check=list(HealthCheck))
    @given(facts=JOBS, typed=addresses(people))
    def run(facts: list[tuple[Any, ...]], typed: Pairs) -> None:
        make_jobs(people, facts, 1)
        STARTED.clear()
        STARTED.update(str(job.id) for job in ReportJob.objects if not job.is_finished)
        check_that_all_that_match_are_the_rows_shown(client, path, typed)

    run()


def test_all_that_match_in_my_reports_are_the_rows_on_all_its_pages(people: People, as_person: Client) -> None:
    hold(people, as_person(people.owner), "/reports/")


def test_all_that_match_in_a_department_are_the_rows_on_all_its_pages(people: People, as_person: Client) -> None:
    hold(people, as_person(people.manager), "/department/")


def test_all_that_match_in_the_queue_are_the_rows_on_all_pages(people: People, as_person: Client) -> None:
    hold(people, as_person(people.administrator), "/admin/")


def test_pages_beyond_the_first_count_too(people: People, as_person: Client) -> None:
    make_jobs(people, [("Spring figures", "pending", "enrollment-summary", "csv", 0, True, None, False)], PAGE_SIZE + 3)
    make_job(people.owner.id, name="Other", status="pending")
    STARTED.clear()
    STARTED.update(str(job.id) for job in ReportJob.objects)
    check_that_all_that_match_are_the_rows_shown(as_person(people.owner), "/reports/", [("q", "spring")])
    assert ReportJob.objects(status="pending").count() == 1


def test_a_name_that_the_list_does_not_offer_is_not_told(people: People, as_person: Client) -> None:
    page = (
        as_person(people.owner)
        .get(f"/reports/?requester={people.stranger.id}&department={people.other_department.id}")
        .text
    )
    assert people.stranger.name not in page
    assert people.other_department.name not in page
    assert "asked by somebody else" in page
