"""The terminal: what commands print, and how they fail. What makes files or reads settings at its start runs as a
process of its own, as people run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Terminal
from tests.factories import People, make_spring
from webapp.documents import ReportJob
from webapp.services.people import resets


def reportdesk(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "webapp.cli", *arguments],
        env={**os.environ, **environment}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def enroll(people: People) -> None:
    make_spring(people, "completed", "failed", "withdrawn", "completed")


def test_help_teaches_every_command(terminal: Terminal) -> None:
    said = terminal("--help").stdout
    for name in ("run", "web", "worker", "import", "report", "lookups", "users", "record", "demo", "info"):
        assert f"  {name} " in said
        assert terminal(name, "--help").exit_code == 0


@pytest.mark.does("info")
def test_info_tells_where_everything_is_without_passwords(database: Any, mongo: str, database_name: str) -> None:
    told = json.loads(reportdesk("info").stdout)
    assert told["mongodb_uri"] == mongo
    assert told["mongodb_database"] == database_name
    assert told["storage_url"].startswith("file:///")
    assert told["workers"] == []


def test_a_bad_setting_stops_the_start_and_names_itself(database: Any) -> None:
    done = reportdesk("info", REPORTDESK_TIME_ZONE="Mars/Olympus", REPORTDESK_MAX_ATTEMPTS="none")
    assert done.returncode == 1
    assert "REPORTDESK_TIME_ZONE" in done.stderr
    assert "REPORTDESK_MAX_ATTEMPTS" in done.stderr


@pytest.mark.does("report")
def test_a_report_is_asked_for_made_and_written_without_any_worker(people: People, tmp_path: Path) -> None:
    enroll(people)
    target = tmp_path / "rates.json"
    done = reportdesk(
        "report", "--type", "completion-rates", "--group-by", "class", "--measure", "count", "--measure", "completion-rate",
        "--department", "history", "--format", "json", "--as", people.owner.email, "--output", str(target),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(target.read_text())
    assert document["rows"] == [{"class": "HIS1-S", "count": 4, "completion-rate": 0.5}]
    job = ReportJob.objects.get()
    assert (job.status, job.requested_by, job.download_count) == ("downloaded", people.owner.id, 1)
    assert job.output.storage.sha256
    assert job.provenance["scope"] == {"departmentIds": [str(people.department.id)], "classIds": []}


def test_the_data_of_an_earlier_report_give_the_same_bytes_again(people: People, terminal: Terminal) -> None:
    enroll(people)
    ask = ["report", "--type", "enrollment-summary", "--as", people.owner.email, "--quiet"]
    first = terminal(*ask)
    job = ReportJob.objects.get()
    make_spring(people, "in-progress")
    fresh = terminal(*ask)
    again = terminal(*ask, "--as-of", str(job.id))
    assert first.stdout
    assert again.stdout == first.stdout
    assert fresh.stdout != first.stdout


@pytest.mark.refuses("report")
def test_what_cannot_be_asked_ends_with_the_reason_and_a_code(people: People, terminal: Terminal) -> None:
    for arguments, words in (
        (["--department", "nowhere"], "no department with the code “nowhere”"),
        (["--measure", "event-count"], "does not apply to enrollments"),
        (["--from", "2026-02-01", "--to", "2026-01-01"], "before the start date"),
        (["--format", "docx"], "docx"),
        (["--name", "x" * 10_000], "10,000 characters"),
    ):
        done = terminal("report", "--type", "enrollment-summary", *arguments)
        assert done.exit_code != 0
        assert words in done.stderr
    assert ReportJob.objects.count() == 0


def test_a_person_and_a_lookup_value_are_added(people: People, terminal: Terminal) -> None:
    done = terminal(
        "users",
        "add",
        "ana@x.example",
        "--name",
        "Ana",
        "--role",
        "staff",
        "--department",
        "history",
        "--password",
        "long enough pass",
    )
    assert done.exit_code == 0, done.stderr
    assert "ana@x.example" in terminal("users", "list").stdout
    assert terminal("lookups", "add", "report-priority", "urgent", "--name", "Urgent").exit_code == 0
    assert "urgent" in terminal("lookups", "list", "report-priority").stdout


def test_a_link_for_a_new_password_is_printed_alone_and_works(
    people: People, terminal: Terminal, settings_env: pytest.MonkeyPatch
) -> None:
    settings_env.setenv("REPORTDESK_PUBLIC_URL", "https://desk.example")
    done = terminal("users", "reset-link", str(people.owner.email))
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("https://desk.example/new-password?t=")
    assert "60 minutes" in done.stderr
    assert resets.person_of(done.stdout.strip().partition("t=")[2]) == people.owner
    unknown = terminal("users", "reset-link", "nobody@staff.example")
    assert unknown.exit_code == 1
    assert "no active account" in unknown.stderr


def test_the_terminal_takes_no_weak_password_either(people: People, terminal: Terminal) -> None:
    done = terminal("users", "set-password", str(people.owner.email), "--password", "OliviaOwner2026")
    assert done.exit_code == 1
    assert "your name, your address" in done.stderr
    assert "four words" in done.stderr
