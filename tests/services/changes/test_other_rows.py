"""Rows of every kind are compared: what no enrollment is came, went or changed by an import, or as time passed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from webapp import clock, record
from webapp.engine.catalogue.datasets import DATASETS
from webapp.engine.query import Query, Scope
from webapp.record.ids import id_of
from webapp.services.changes.between import Asked, between

FIRST = datetime(2026, 9, 1, 2, tzinfo=UTC)
HISTORY, PHYSICS = (id_of("lms", "departments", name) for name in ("history", "physics"))
CLASS = id_of("lms", "classes", "c")
LEARNERS = [id_of("lms", "persons", str(n)) for n in range(3)]
#: (kind, reason) -> how many, by dataset. Of three learners one came, one did better; the certificate of one ran out.
WANTED = {
    "enrollments": {("came", "enrolled"): 1},
    "persons": {("came", "import"): 1},
    "activity": {("came", "import"): 1},
    "assessments": {("came", "import"): 1, ("changed", "import"): 1},
    "scorm-attempts": {("came", "import"): 1},
    "certificates": {("came", "import"): 1, ("changed", "time"): 1},
    "classes": {("changed", "import"): 1},
    "submissions": {("came", "import"): 1, ("changed", "import"): 1},
}


def publish(learners: list[str], score: float) -> record.RecordVersion:
    def rows(**columns: Any) -> list[dict[str, Any]]:
        return [{"key": each, "learner_id": each, "class_id": CLASS, **columns} for each in learners]

    content = id_of("lms", "contents", "essay")
    with record.importing(source="lms", what="x", import_id=str(score), by="me") as staging:
        staging.add("departments", [{"id": each, "key": each, "name": each} for each in (HISTORY, PHYSICS)])
        staging.add("classes", [{"key": "c", "name": "C", "department_id": HISTORY}])
        staging.add("persons", [{"key": str(n), "name": f"L{n}", "roles": ["learner"]} for n in range(3)])
        staging.add("contents", [{"key": "essay", "content_type": "assessment", "name": "E", "class_id": CLASS}])
        staging.add("rosters", rows(status="in-progress"))
        results = rows(content_id=content, status="graded", score=50.0)
        results[0]["score"] = score
        staging.add("results", results)
        staging.add("attempts", rows(content_id=content, status="passed"))
        certificates = rows(name="Greek", issued_at=FIRST)
        certificates[0]["expires_at"] = FIRST + timedelta(days=100)
        staging.add("certificates", certificates)
        staging.add("events", rows(event_type="content-viewed", timestamp=FIRST))
        return staging.publish()


@pytest.fixture
def versions(settings: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[record.RecordVersion, record.RecordVersion]:
    monkeypatch.setattr(clock, "utcnow", lambda: FIRST)
    first = publish(LEARNERS[:2], 40.0)
    monkeypatch.setattr(clock, "utcnow", lambda: FIRST + timedelta(days=30))
    return first, publish(LEARNERS, 90.0)


def asked(key: str, version: record.RecordVersion, days: int, scope: Scope) -> Asked:
    return Asked(Query("x", key, moment=FIRST + timedelta(days=days), scope=scope), version)


def test_rows_of_every_kind_are_compared(
    versions: tuple[record.RecordVersion, record.RecordVersion], tmp_path: Path
) -> None:
    scope = Scope((HISTORY,), ())
    found: dict[str, dict[tuple[str, str], int]] = {}
    for key in DATASETS:
        then, now = (asked(key, each, days, scope) for each, days in zip(versions, (1, 31), strict=True))
        changes = between(then, now, tmp_path / key)
        found[key] = {(str(each.kind), str(each.reason)): each.count for each in changes.counts}
        assert all(each.versions == (2,) for each in changes.counts if each.reason == "import"), key
    assert found == WANTED


def test_what_neither_scope_has_is_not_told(
    versions: tuple[record.RecordVersion, record.RecordVersion], tmp_path: Path
) -> None:
    for key in DATASETS:
        then = asked(key, versions[0], 1, Scope((HISTORY,), ()))
        now = asked(key, versions[1], 31, Scope((PHYSICS,), ()))
        changes = between(then, now, tmp_path / key)
        assert (changes.before, changes.after, changes.counts, changes.rows) == (0, 0, (), ())
