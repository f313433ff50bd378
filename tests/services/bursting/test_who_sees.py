"""Who knows of the whole and of each part; what lists show; and that no part tells anything of its siblings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from tests.factories import People, hold, make_class, make_job, make_record, make_user
from tests.services.bursting.college import bytes_beside, make_college, make_parts, work_on
from tests.services.bursting.conftest import failed, ready
from tests.services.deliveries.desk import send_all
from tests.services.schedules.conftest import request, wish
from webapp import clock
from webapp.documents import Burst, Delivery, ReportJob, ReportSchedule, User
from webapp.documents.notice import Notice
from webapp.services.bursting import overview
from webapp.services.deliveries import making as delivering
from webapp.services.files import downloads
from webapp.services.files.downloads import ScopeError
from webapp.services.jobs import facts, lists, parts
from webapp.services.jobs.lists import JobList, JobListQuery
from webapp.services.requests import bulk, changing
from webapp.services.requests.bulk import Wish
from webapp.services.rights import organisation, visibility
from webapp.services.rights.visibility import JobNotFoundError
from webapp.services.schedules import firing, keeping


def of(whole: ReportJob, name: str) -> ReportJob:
    return next(job for job in parts.of(whole.id) if job.name.endswith(name))


def listed(actor: User, which: JobList, **filters: str) -> list[str]:
    query = JobListQuery({name: (value,) for name, value in filters.items()})
    page = lists.page(actor, which, query)
    assert page.count == len(page.jobs)
    assert lists.matching_ids(actor, which, query) == [job.id for job in page.jobs], "what is shown is what is meant"
    return [job.name.removeprefix("Weekly numbers: ") for job in page.jobs]


def test_the_cast_sees_what_is_theirs(registrar: People, whole: ReportJob) -> None:
    make_parts(whole.id)
    faculty, history, physics = (of(whole, name) for name in ("Arts", "History", "Physics"))
    everything = {whole.id, faculty.id, history.id, physics.id}
    sees = {
        "owner": everything,
        "administrator": everything,
        # The manager of the department under which the whole is filed, as of every report there.
        "manager": everything,
        "other_manager": {physics.id},
        "colleague": set(),
        "neighbour": set(),
        "stranger": set(),
    }
    for name, expected in sees.items():
        person = getattr(registrar, name)
        assert {job.id for job in visibility.visible_jobs(person)} == expected, name
        for job in (whole, faculty, history, physics):
            assert visibility.may_see(person, job) is (job.id in expected), (name, job.name)
    with pytest.raises(JobNotFoundError):
        changing.cancel(registrar.other_manager, whole.id)


def test_whoever_is_nothing_any_more_sees_no_part_either(registrar: People, whole: ReportJob) -> None:
    make_parts(whole.id)
    hold(registrar.other_manager, []).save()
    assert not visibility.may_see(registrar.other_manager, of(whole, "Physics"))
    assert visibility.visible_jobs(registrar.other_manager).count() == 0


def test_lists_have_one_row_for_all_and_the_part_alone_for_whoever_sees_no_whole(
    registrar: People, whole: ReportJob
) -> None:
    make_parts(whole.id)
    failed(of(whole, "History"))
    ready(of(whole, "Arts"))
    other = make_job(registrar.owner.id, name="Something else", created_at=clock.utcnow())
    facts.forget()
    assert listed(registrar.owner, JobList.OWN) == ["Something else", "Weekly numbers"]
    assert listed(registrar.manager, JobList.DEPARTMENT) == ["Weekly numbers"]
    assert listed(registrar.other_manager, JobList.SHARED) == ["Physics"]
    assert listed(registrar.stranger, JobList.SHARED) == []
    # A whole is found by its parts.
    assert listed(registrar.owner, JobList.OWN, state="failed") == ["Weekly numbers"]
    assert listed(registrar.owner, JobList.OWN, q="history") == ["Weekly numbers"]
    assert listed(registrar.owner, JobList.OWN, state="ended") == []
    assert sorted(listed(registrar.owner, JobList.OWN, parts_of=str(whole.id))) == [
        *("Faculty of Arts", "History", "Physics"),
    ]
    assert listed(registrar.owner, JobList.OWN, parts_of=str(whole.id), state="failed") == ["History"]
    assert listed(registrar.stranger, JobList.SHARED, parts_of=str(whole.id)) == []
    recent = lists.recent(registrar.owner, [JobList.OWN], 6)[JobList.OWN]
    assert {job.id for job in recent} == {other.id, whole.id}
    counts = lists.page(registrar.owner, JobList.OWN, JobListQuery()).parts[whole.id]
    assert (counts.count, counts.ready, counts.failed, counts.left, counts.is_moving) == (3, 1, 1, 1, True)


def test_whoever_sees_a_whole_that_was_shared_is_told_of_no_part(registrar: People, whole: ReportJob) -> None:
    make_parts(whole.id)
    hold(registrar.colleague, ["staff"], [registrar.faculty]).save()
    organisation.forget()
    changing.share(registrar.owner, whole.id, "department")
    assert listed(registrar.colleague, JobList.SHARED) == ["Weekly numbers"]
    assert listed(registrar.colleague, JobList.SHARED, q="physics") == [], "not by what its parts are called"
    assert lists.page(registrar.colleague, JobList.SHARED, JobListQuery()).parts[whole.id].count == 0
    assert overview.of_whole(registrar.colleague, whole.reload()).lines == []


def test_all_that_match_means_the_whole_with_its_parts(registrar: People, whole: ReportJob) -> None:
    make_parts(whole.id)
    ids = lists.matching_ids(registrar.owner, JobList.OWN, JobListQuery({"state": ("waiting",)}))
    assert ids == [whole.id]
    bulk.act(registrar.owner, ids, Wish("cancel"))
    assert {job.status for job in parts.of(whole.id)} == {"cancelled"}


def test_the_page_of_the_whole_tells_who_gets_what_and_why_not(registrar: People, whole: ReportJob) -> None:
    make_parts(whole.id)
    lines = {line.made.name: line for line in overview.of_whole(registrar.owner, whole.reload()).lines}
    assert {name: line.recipients for name, line in lines.items()} == {
        "Faculty of Arts": ("Martha Manager",),
        "History": (),
        "Physics": ("Otto Other Manager",),
    }
    ready(of(whole, "Physics"))
    delivering.make_due()
    lines = {line.made.name: line for line in overview.of_whole(registrar.owner, whole).lines}
    assert [(each.channel, each.state) for each in lines["Physics"].deliveries] == [("inbox", "queued")]
    assert lines["Physics"].rows == 3


def test_whoever_loses_their_role_between_gets_nothing_and_the_ledger_says_why(
    registrar: People, whole: ReportJob
) -> None:
    make_parts(whole.id)
    hold(registrar.other_manager, []).save()
    ready(of(whole, "Physics"))
    assert send_all() == ["skipped"]
    (delivery,) = Delivery.objects
    assert delivery.why_text == "Otto Other Manager may not see this report."
    assert Notice.objects(user_id=registrar.other_manager.id).count() == 0


def test_a_manager_is_told_in_their_inbox_and_led_to_their_part(registrar: People, whole: ReportJob) -> None:
    make_parts(whole.id)
    physics = ready(of(whole, "Physics"))
    assert send_all() == ["sent"]
    (notice,) = Notice.objects(user_id=registrar.other_manager.id)
    assert (notice.text, notice.about_id) == ("“Weekly numbers: Physics” is ready.", physics.id)


def test_an_unchanged_part_is_not_sent_again_whatever_its_siblings_did(registrar: People) -> None:
    schedule = keeping.create(registrar.owner, wish(burst=Burst(by="department"), on_unchanged="skip"))

    def run(**checksums: str) -> dict[str, str]:
        whole = ready(firing.run_now(registrar.owner, schedule.id), rowsChecksum=checksums["whole"])
        make_parts(whole.id)
        for name in ("Arts", "Physics"):
            ready(of(whole, name), rowsChecksum=checksums[name])
        delivering.make_due()
        found = {job.id: job.name[16:] for job in parts.of(whole.id)}
        return {found[each.job_id]: each.state for each in Delivery.objects(job_id__in=list(found))}

    assert run(whole="a", Arts="b", Physics="c") == {"Faculty of Arts": "queued", "Physics": "queued"}
    assert run(whole="x", Arts="b", Physics="c2") == {"Faculty of Arts": "skipped", "Physics": "queued"}
    assert run(whole="x", Arts="c2", Physics="c2") == {"Faculty of Arts": "queued", "Physics": "skipped"}


# --- nothing of a sibling ---------------------------------------------------------------------------------------------


def without_ids(content: bytes) -> str:
    """What a part says, without ids and instants of its making, and without the numbers of the record's versions."""
    text = re.sub(r'"recordVersion":\d+,"versions":{[^}]*}', "…", content.decode("utf-8", "replace"))
    return re.sub(r"[0-9a-f]{24}|\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)?", "…", text)


@pytest.mark.usefixtures("without_charts")
def test_a_part_says_the_same_whatever_its_siblings_have(database: object, tmp_path: Path) -> None:
    """So nothing of them can be worked out of it: not by its numbers, totals, words, or what it says has changed."""
    college = make_college(4)
    registrar = make_user("rita registrar", ["staff"], [college.departments[0]])
    asked = request(
        format="json", measures=("count", "completion-rate"), department_ids=[each.id for each in college.departments]
    )
    schedule = keeping.create(registrar, wish(request=asked, burst=Burst(by="department")))

    def of_department_three() -> tuple[str, dict[str, Any]]:
        whole = work_on(firing.run_now(registrar, schedule.id).id, tmp_path)
        part = f"department:{college.departments[3].id}"
        (found,) = (job for job in make_parts(whole.id) if job.parameters.part == part)
        made = work_on(found.id, tmp_path)
        told = {
            name: made.provenance[name]
            for name in ("question", "scopeInWords", "rowsMatched", "rowsWritten", "notes", "rowsChecksum")
        }
        return without_ids(bytes_beside(made)), told  # fmt: skip

    of_department_three()
    content, told = of_department_three()
    # The others get more learners, with other results.
    others = [{"learner_id": ObjectId(), "class_id": college.classes[n % 3], "status": "failed"} for n in range(30)]
    version = make_record(rosters=others)
    assert of_department_three() == (content, told)
    assert ReportJob.objects.order_by("-created_at").first().provenance["recordVersion"] == version.number
    assert "Department 03" in str(told["question"])
    assert "Department 01" not in str(told)
    assert told["scopeInWords"] == "departments: Department 03"


@pytest.mark.usefixtures("without_charts")
def test_downloads_of_a_part_go_to_who_reads_its_rows_and_nobody_else(
    registrar: People, schedule: ReportSchedule, tmp_path: Path
) -> None:
    make_class("Optics", department=registrar.other_department)
    whole = work_on(firing.run_now(registrar.owner, schedule.id).id, tmp_path)
    make_parts(whole.id)
    physics, history = work_on(of(whole, "Physics").id, tmp_path), work_on(of(whole, "History").id, tmp_path)
    assert downloads.open_download(registrar.other_manager, physics.id).job.id == physics.id
    for hidden in (whole, history):
        with pytest.raises(JobNotFoundError):
            downloads.open_download(registrar.other_manager, hidden.id)
    # Somebody who is told of a part, and may not read its rows, gets none of them.
    ReportJob.objects(id=history.id).update(set__reader_ids=[registrar.stranger.id])
    with pytest.raises(ScopeError):
        downloads.open_download(registrar.stranger, history.id)
