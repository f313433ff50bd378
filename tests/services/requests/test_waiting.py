"""At most so many reports of one person wait; the next is refused in words, however it is asked for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.factories import People, make_job
from webapp.documents import ReportJob
from webapp.documents.job_status import WAITING
from webapp.services.questions.request import ReportRequest
from webapp.services.requests import asking, changing, waiting
from webapp.services.requests.rules import Circumstances
from webapp.services.requests.waiting import TooManyWaitingError

MOST = 6


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    assert waiting.MOST_WAITING == 200
    monkeypatch.setattr(waiting, "MOST_WAITING", MOST)


def a_request() -> ReportRequest:
    return ReportRequest(report_type="completion-rates", group_by=("course",), time_zone="UTC", format="csv")


def waiting_of(people: People) -> int:
    states = [state.value for state in WAITING]
    return int(ReportJob.objects(requested_by=people.owner.id, status__in=states).count())


def test_one_more_than_may_wait_is_refused_at_every_door(people: People) -> None:
    failed = make_job(people.owner.id, status="failed", department_id=people.department.id)
    for _ in range(MOST):
        asking.create(people.owner, a_request(), insist=True)
    for door in (
        lambda: asking.create(people.owner, a_request(), insist=True),
        lambda: asking.duplicate(people.owner, failed.id),
        lambda: changing.retry(people.owner, failed.id),
    ):
        with pytest.raises(TooManyWaitingError, match=f"{MOST} reports of yours are waiting"):
            door()
    assert waiting_of(people) == MOST
    # Others are not held back; and who cancels one may ask again.
    asking.create(people.colleague, a_request())
    changing.cancel(people.owner, ReportJob.objects(requested_by=people.owner.id, status="pending").first().id)
    asking.create(people.owner, a_request(), insist=True)


def test_the_same_form_sent_twice_is_no_second_report(people: People) -> None:
    jobs = [
        asking.create(people.owner, a_request(), insist=True, of=Circumstances(submission_id=f"s{n}"))
        for n in range(MOST)
    ]
    assert asking.create(people.owner, a_request(), insist=True, of=Circumstances(submission_id="s0")).id == jobs[0].id


def test_many_asked_for_at_once_are_no_more_than_may_wait(people: People) -> None:
    def ask(_: int) -> bool:
        try:
            asking.create(people.owner, a_request(), insist=True)
        except TooManyWaitingError:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        done = list(pool.map(ask, range(4 * MOST)))
    assert waiting_of(people) <= MOST
    assert done.count(True) == waiting_of(people)


def test_counting_reads_the_index_of_the_requester(people: People) -> None:
    for state in WAITING:
        query = {"requestedBy": people.owner.id, "status": state.value}
        assert "requester" in str(ReportJob._get_collection().find(query).hint("requester").explain())
