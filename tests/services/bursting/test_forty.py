"""Bursting down a tree: every file equals plain reference code under its own scope, and they add up to the whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.factories import make_user
from tests.services.bursting.college import College, content_of, make_college, make_parts, work_on
from tests.services.schedules.conftest import request, wish
from webapp.documents import Burst, ReportJob, User
from webapp.services.bursting import making
from webapp.services.questions.request import ReportRequest
from webapp.services.requests import waiting
from webapp.services.schedules import firing, keeping


def fired(college: College, asked: ReportRequest, by: str = "department") -> tuple[User, ReportJob]:
    """The registrar, who reads all departments and manages none, and the whole report of their schedule."""
    registrar = make_user("rita registrar", ["staff"], [college.departments[0]])
    schedule = keeping.create(registrar, wish(request=asked, burst=Burst(by=by)))
    return registrar, firing.run_now(registrar, schedule.id)


def of_departments(college: College, made: list[ReportJob]) -> list[ReportJob]:
    """Their reports, in the order of the departments."""
    by_id = {job.parameters.part: job for job in made}
    return [by_id[f"department:{department.id}"] for department in college.departments]


def test_every_file_of_forty_departments_is_the_reference_under_its_scope(database: Any, tmp_path: Path) -> None:
    college = make_college(40)
    columns = ("class", "status")
    rows = ReportRequest(report_type="enrollment-summary", detail=True, columns=columns, format="json")
    registrar, whole = fired(college, rows)
    assert making.waiting() == [], "not before the whole is ready"
    work_on(whole.id, tmp_path)
    assert making.waiting() == [whole.id]
    made = of_departments(college, make_parts(whole.id))
    assert len(made) == 40
    # Nobody's reports are kept back by them: five at a time have a slot, and none counts as asked for.
    assert sum(job.status == "queued" for job in made) == 5
    waiting.require_room(registrar.id)
    for number, job in enumerate(made):
        part = work_on(job.id, tmp_path)
        said = sorted((row["class"], row["status"]) for row in content_of(part)["rows"])
        assert said == college.rows_of(number), college.departments[number].name
        assert part.provenance["rowsMatched"] == len(said), "no row is outside"
    assert (making.settle(), making.settle()) == (1, 0)


@pytest.mark.usefixtures("without_charts")
def test_numbers_of_a_part_are_of_the_part_alone_and_add_up_to_the_whole(database: Any, tmp_path: Path) -> None:
    college = make_college(5)
    _, whole = fired(college, request(format="json", measures=("count", "completion-rate")))
    whole = work_on(whole.id, tmp_path)
    totals: list[int] = []
    for number, job in enumerate(of_departments(college, make_parts(whole.id))):
        said = content_of(work_on(job.id, tmp_path))
        groups = {row["class"]: (row["count"], row["completion-rate"]) for row in said["rows"]}
        assert groups == college.groups_of(number)
        assert said["totals"]["completion-rate"] == college.rate_of(number)
        totals.append(said["totals"]["count"])
        assert totals[number] == len(college.rows_of(number))
    for number, total in enumerate(totals):
        own = sum(place == number for place, _ in college.rosters)
        assert total == own + sum(totals[below] for below, above in enumerate(college.parents) if above == number)
    assert totals[0] == content_of(whole)["totals"]["count"]
