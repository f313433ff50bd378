"""What a report is called that nobody named, what lists say of it, and what searches find it by."""

from __future__ import annotations

import pytest
from bson import ObjectId

from tests.factories import People, make_class, make_job, make_learner, make_record
from webapp.documents import ReportJob, User
from webapp.services.jobs import lists as job_lists
from webapp.services.jobs.lists import JobList, JobListQuery
from webapp.services.questions.period import Period
from webapp.services.questions.request import Condition, ReportRequest
from webapp.services.requests import asking, changing, naming, waiting
from webapp.services.requests.rules import Circumstances
from webapp.services.rights.data_scope import DataScope

ALGEBRA, BIOLOGY = ObjectId(), ObjectId()
EVERYTHING = DataScope()


@pytest.fixture
def courses(people: People) -> None:
    make_record(
        courses=[
            {"id": ALGEBRA, "name": "Algebra", "code": "A", "department_id": people.department.id},
            {"id": BIOLOGY, "name": "Biology", "code": "B", "department_id": people.department.id},
        ]
    )


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ({}, "Completion rates by course"),
        ({"group_by": ("department",), "period": Period(phrase="last-30-days")}, "Completion rates by department, last 30 days"),
        ({"group_by": ("course", "class"), "slicers": ("status",)}, "Completion rates by course, class and status"),
        ({"measures": ("avg-score",)}, "Average score by course"),
        ({"course_ids": (ALGEBRA,)}, "Completion rates by course, Algebra"),
        ({"statuses": ("completed", "failed", "expired")}, "Completion rates by course, Statuses: 3"),
        ({"report_type": "transcript"}, "Transcript"),
        ({"report_type": "missing-submissions", "statuses": ("not-submitted",)}, "Missing submissions"),
        ({"report_type": "missing-submissions", "statuses": ("not-due",)}, "Missing submissions, Not due yet"),
        ({"report_type": "inactive-learners", "statuses": ("in-progress", "not-started")}, "Inactive learners"),
    ],
)  # fmt: skip
def test_a_report_is_called_by_what_it_asks(courses: None, asked: dict[str, object], name: str) -> None:
    request = ReportRequest(**{"report_type": "completion-rates", **asked})
    assert naming.name_of(request, EVERYTHING) == name


def test_a_name_of_ones_own_is_kept_and_that_of_the_question_follows_the_question(
    people: People, courses: None
) -> None:
    job = asking.create(people.owner, ReportRequest(report_type="completion-rates", course_ids=(ALGEBRA,)))
    assert (job.name, job.named_by_question) == ("Completion rates by course, Algebra", True)
    assert asking.again(people.owner, job).name == ""
    changing.update(people.owner, job.id, name="For the board")
    assert asking.duplicate(people.owner, job.id).name == "For the board"


def test_a_list_names_what_a_report_was_narrowed_by_to_those_alone_who_may_read_it(
    people: People, courses: None
) -> None:
    request = ReportRequest(
        report_type="completion-rates", course_ids=(ALGEBRA,), visibility="organization",
        conditions=(Condition(field="score", operator="gt", value=50),),
    )  # fmt: skip
    job = asking.create(people.owner, request, agreed=True)
    said = {person.name: job_lists.chips_of(person, [job])[job.id] for person in (people.owner, people.stranger)}
    assert said == {
        people.owner.name: ["All time", "Algebra", "1 condition"],
        people.stranger.name: ["All time", "Courses: 1", "1 condition"],
    }


@pytest.mark.parametrize(
    ("text", "is_found"),
    [("algebra", True), ("ALGEBRA completion", True), ("owner", True), ("dropout", True), ("biology", False), ("algebra zzz", False)],
)  # fmt: skip
def test_a_search_finds_people_courses_and_words_of_the_question(
    people: People, courses: None, text: str, is_found: bool
) -> None:
    job = asking.create(people.owner, ReportRequest(report_type="completion-rates", course_ids=(ALGEBRA,), name="Mine"))
    found = job_lists.matching_ids(people.owner, JobList.OWN, JobListQuery(filters={"q": (text,)}))
    assert found == ([job.id] if is_found else [])


def test_a_search_finds_the_learners_of_a_question_for_those_who_may_know_them(people: People) -> None:
    mine = make_class("History 1", code="H1", department=people.department)
    zoe = make_learner("Zoë Ramírez", "L-17", of=mine)
    request = ReportRequest(report_type="transcript", learner_ids=(zoe.id,), visibility="organization", name="For her")
    job = asking.create(people.owner, request, agreed=True)
    make_job(people.owner.id, name="Another", visibility="organization")

    def found(person: User, which: JobList, text: str) -> list[ObjectId]:
        return job_lists.matching_ids(person, which, JobListQuery(filters={"q": (text,)}))

    for text in ("zoe", "RAMIREZ transcript", "l-17"):
        assert found(people.owner, JobList.OWN, text) == [job.id], text
        assert found(people.manager, JobList.SHARED, text) == [job.id], text
        assert found(people.administrator, JobList.DEPARTMENT, text) == [job.id], text
        # Whoever may not count her rows knows of the report, and not whom it is about.
        assert found(people.stranger, JobList.SHARED, text) == [], text
    assert found(people.stranger, JobList.SHARED, "transcript") == [job.id]
    assert found(people.owner, JobList.OWN, "zoe nobody") == []


def test_the_slower_half_of_a_double_click_gets_the_report_that_the_faster_one_made(
    people: People, courses: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    request, click = ReportRequest(report_type="completion-rates"), Circumstances(submission_id="one form")
    first: list[ReportJob] = []
    look = waiting.require_room

    def while_the_other_half_is_made(actor_id: ObjectId, **more: int) -> None:
        monkeypatch.setattr(waiting, "require_room", look)
        first.append(asking.create(people.owner, request, of=click))

    monkeypatch.setattr(waiting, "require_room", while_the_other_half_is_made)
    assert asking.create(people.owner, request, of=click).id == first[0].id
    assert ReportJob.objects.count() == 1


def test_whoever_moved_or_stopped_a_report_is_named_in_its_row(people: People, courses: None) -> None:
    job = asking.create(people.owner, ReportRequest(report_type="completion-rates"))
    moved = changing.reprioritise(people.manager, job.id, "high")
    assert moved.priority_changed_by == people.manager.id
    stopped = changing.cancel(people.manager, job.id, reason="Not this week.")
    row = job_lists.page(people.owner, JobList.OWN, JobListQuery())
    assert (row.jobs[0].cancel_reason, row.names[stopped.cancel_requested_by]) == (
        "Not this week.",
        people.manager.name,
    )
