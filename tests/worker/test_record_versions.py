"""A report is of one record version, from its first read to its last; and the version of before gives its bytes again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from bson import ObjectId

from tests.factories import People, make_record, make_spring
from tests.worker.test_hostile_texts import Alone
from webapp import record
from webapp.engine import runner
from webapp.services.permissions import TERMINAL
from webapp.services.questions.request import ReportRequest
from webapp.services.requests import asking
from webapp.services.requests.rules import BY_ITSELF, Circumstances
from webapp.services.rights import record_changes
from webapp.worker import execution


def report(people: People, scratch: Path, of: Circumstances = BY_ITSELF) -> tuple[bytes, Mapping[str, Any]]:
    """The file, and what it was made from. (Without a moment in it: CSV.)"""
    asked = ReportRequest(
        report_type="enrollment-summary", group_by=["class", "status"], measures=["count"], format="csv"
    )
    done = execution.execute(Alone(asking.create(people.owner, asked, insist=True, of=of), scratch))
    return Path(done.storage["path"]).read_bytes(), done.provenance


def enroll_another(people: People) -> int:
    """Publish an import that every line of the report would show; returns its version."""
    (of_class,) = record.select(record.current(), "classes", ["id"])["id"].to_pylist()
    learner = {"id": ObjectId(), "name": "Late"}
    rows = [{"learner_id": learner["id"], "class_id": of_class, "status": "completed"}]
    return make_record(persons=[learner], rosters=rows).number


def test_a_report_during_which_an_import_publishes_is_of_the_version_it_began_with(
    people: People, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_spring(people, "completed", "withdrawn")
    before, told = report(people, tmp_path / "1")
    real = runner.run
    published: list[int] = []

    def meanwhile(*arguments: Any, **named: Any) -> Any:
        published.append(enroll_another(people))
        return real(*arguments, **named)

    monkeypatch.setattr(runner, "run", meanwhile)
    during, told_during = report(people, tmp_path / "2")
    monkeypatch.undo()
    assert during == before
    assert told_during["recordVersion"] == told["recordVersion"] == published[0] - 1
    after, told_after = report(people, tmp_path / "3")
    assert after != before
    assert told_after["recordVersion"] == published[0]


def test_after_an_undo_a_report_is_that_of_before_byte_for_byte(people: People, tmp_path: Path) -> None:
    make_spring(people, "completed", "withdrawn")
    before, _ = report(people, tmp_path / "1")
    number = enroll_another(people)
    assert report(people, tmp_path / "2")[0] != before
    record_changes.undo(number - 1, by=TERMINAL)
    assert report(people, tmp_path / "3")[0] == before


def test_what_a_schedule_has_made_says_whether_its_rows_are_those_of_before(people: People, tmp_path: Path) -> None:
    make_spring(people, "completed", "withdrawn")
    scheduled = Circumstances(schedule_id=ObjectId())

    def checksum(folder: str) -> str:
        return str(report(people, tmp_path / folder, scheduled)[1]["rowsChecksum"])

    before = checksum("1")
    with time_machine.travel(timedelta(days=40)):
        assert checksum("2") == before, "the day is none of the rows"
    enroll_another(people)
    assert checksum("3") != before
    assert "rowsChecksum" not in report(people, tmp_path / "4")[1], "nobody compares it"
