"""`reportdesk schedules`: what the terminal lists, shows and does."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from tests.cli.conftest import Terminal
from tests.factories import People
from tests.services.bursting.college import make_parts
from tests.services.bursting.conftest import ready
from tests.services.schedules.conftest import wish
from webapp.documents import Burst, ReportJob, ReportSchedule
from webapp.services.schedules import firing, keeping


@pytest.fixture
def schedule(people: People) -> ReportSchedule:
    return keeping.create(people.owner, wish(timing={"timezone": "Asia/Kathmandu", "time_of_day": "05:30"}))


@pytest.mark.does("schedules list", "schedules show", "schedules next")
def test_schedules_are_listed_and_shown(terminal: Terminal, people: People, schedule: ReportSchedule) -> None:
    (line,) = terminal("schedules", "list").stdout.splitlines()
    listed = json.loads(line)
    assert listed == {
        "id": str(schedule.id),
        "name": "Weekly numbers",
        "owner": "Olivia Owner",
        "when": "Every day at 05:30 (times of Asia/Kathmandu).",
        "state": "running",
        "next": schedule.next_run_at.isoformat(),
        "last": None,
    }
    assert terminal("schedules", "list", "--state", "paused").stdout == ""
    assert terminal("schedules", "list", "--find", "nothing").stdout == ""
    assert terminal("schedules", "list", "--as", people.stranger.email).stdout == ""
    assert json.loads(terminal("schedules", "list", "--as", people.owner.email).stdout) == listed
    shown = json.loads(terminal("schedules", "show", str(schedule.id)).stdout)
    assert (shown["name"], shown["fires"], shown["co_owners"]) == ("Weekly numbers", [], [])
    runs = terminal("schedules", "next", str(schedule.id), "--count", "3").stdout.splitlines()
    assert [each[10:] for each in runs] == ["T05:30:00+05:45"] * 3
    assert datetime.fromisoformat(runs[0]) == schedule.next_run_at


def test_the_parts_of_each_run_are_told(terminal: Terminal, people: People) -> None:
    schedule = keeping.create(people.administrator, wish(burst=Burst(by="department", root_id=people.faculty.id)))
    whole = ready(firing.run_now(people.administrator, schedule.id))
    made = {job.name.partition(": ")[2]: job for job in make_parts(whole.id)}
    shown = json.loads(terminal("schedules", "show", str(schedule.id)).stdout)
    assert shown["parts"] == {
        "for_each": "department", "from": str(people.faculty.id), "by_mail": True, "named_for": [],
        "said": "Beside the whole, one report for each department, with all below it. Down the tree from Faculty of Arts.",
    }  # fmt: skip
    faculty, history = shown["fires"][0]["parts"]
    assert faculty == {
        "name": "Faculty of Arts", "job": str(made["Faculty of Arts"].id), "state": "queued", "for": ["Martha Manager"],
        "said": None,
    }  # fmt: skip
    assert (history["name"], history["for"]) == ("History", [])


@pytest.mark.does("schedules run", "schedules pause", "schedules resume")
def test_a_schedule_is_run_paused_and_resumed(terminal: Terminal, people: People, schedule: ReportSchedule) -> None:
    done = terminal("schedules", "run", str(schedule.id))
    job = ReportJob.objects.get(id=done.stdout.strip())
    assert (job.requested_by, job.schedule_id) == (people.owner.id, schedule.id)
    (fire,) = json.loads(terminal("schedules", "show", str(schedule.id)).stdout)["fires"]
    assert (fire["why"], fire["outcome"], fire["job"]) == ("by-hand", "open", str(job.id))
    assert terminal("schedules", "pause", str(schedule.id), "--reason", "upkeep").stdout == "Paused.\n"
    assert schedule.reload().pause_text == "upkeep"
    assert terminal("schedules", "next", str(schedule.id)).stdout == ""
    assert terminal("schedules", "resume", str(schedule.id), "--as", people.owner.email).stdout.startswith(
        "Resumed; next: 20"
    )
    assert not schedule.reload().is_paused


@pytest.mark.refuses(
    "schedules list", "schedules show", "schedules next", "schedules run", "schedules pause", "schedules resume"
)
@pytest.mark.parametrize("act", ["show", "next", "run", "pause", "resume"])
def test_what_one_may_not_see_is_none(terminal: Terminal, people: People, schedule: ReportSchedule, act: str) -> None:
    for arguments in ((str(schedule.id), "--as", people.stranger.email), ("nothing",)):
        done = terminal("schedules", act, *arguments)
        assert done.exit_code == 1
        assert "There is no schedule" in done.stderr
    assert terminal("schedules", "list", "--as", "nobody@x.example").exit_code == 1
    assert ReportJob.objects.count() == 0
    assert not schedule.reload().is_paused
