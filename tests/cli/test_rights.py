"""What the terminal may do, and what it asks before."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Terminal
from tests.cli.test_commands import enroll
from tests.factories import People
from webapp.documents import AdminEvent, LookupValue, ReportJob, User

QUESTION = ("report", "--type", "enrollment-summary", "--group-by", "class", "--format", "csv", "--quiet")


def test_the_demo_is_refused_beside_real_people(people: People, terminal: Terminal) -> None:
    before = User.objects.count()
    done = terminal("demo")
    assert done.exit_code == 1
    assert "There are people here already" in done.stderr
    assert "REPORTDESK_HOME" in done.stderr  # what to do
    assert (User.objects.count(), User.objects(email="admin@demo.example").count()) == (before, 0)


def test_sharing_with_everyone_is_asked_about_with_the_number_of_people(
    people: People, tmp_path: Path, terminal: Terminal
) -> None:
    enroll(people)
    shared = (*QUESTION, "--visibility", "organization", "--output", str(tmp_path / "rows.csv"))
    refused = terminal(*shared)  # nobody answers
    assert refused.exit_code == 1
    assert "7 people would see this report" in refused.stderr
    assert ReportJob.objects.count() == 0
    done = terminal(*shared, "--yes")
    assert done.exit_code == 0, done.stderr
    assert ReportJob.objects.get().visibility == "organization"


def test_the_trail_says_that_the_terminal_did_it(people: People, terminal: Terminal) -> None:
    assert terminal("lookups", "deactivate", "output-format", "pdf").exit_code == 0
    assert terminal("users", "deactivate", people.stranger.email).exit_code == 0
    events = AdminEvent.objects(area__in=["lookups", "people"])
    assert [(event.action, event.user_id) for event in events] == [("deactivated", None)] * 2


def test_the_first_account_of_a_new_home_can_be_made_at_once(terminal: Terminal) -> None:
    LookupValue.objects.delete()
    done = terminal(
        "users", "add", "first@staff.example", "--name", "First", "--role", "system-admin",
        "--password", "orchard lantern 47 quiet",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert User.objects.get(email="first@staff.example").roles == ["system-admin"]
