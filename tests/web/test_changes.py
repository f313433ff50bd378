"""What changed since the report before, as it was found when the report was made: on its page, and row by row."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.factories import People
from tests.web.conftest import Client
from webapp import storage
from webapp.documents import ReportJob
from webapp.services.changes.changes import Brought, Changes, Count, Kind, Reason, Row
from webapp.settings import get_settings

SINCE = datetime(2026, 10, 1, 5, tzinfo=UTC)
CHANGES = Changes(
    since=SINCE,
    before=40,
    after=39,
    counts=(Count(Kind.WENT, Reason.COMPLETED, 2), Count(Kind.CHANGED, Reason.CORRECTED, 1, (7,))),
    rows=(
        Row(Kind.WENT, Reason.COMPLETED, "Ana <b>", "17", "GRK-1", "", "in-progress", "completed"),
        Row(Kind.CHANGED, Reason.CORRECTED, "Bo", "18", "GRK-1", "", "in-progress", "in-progress", (7,)),
    ),
    versions={7: Brought(datetime(2026, 11, 3, 2, tzinfo=UTC))},
)


@pytest.fixture
def compared(ready_job: Callable[..., ReportJob], people: People, tmp_path: Path) -> ReportJob:
    """A finished report of the owner that was compared with one before it."""
    job = ready_job()
    files = storage.open_storage(get_settings().effective_storage_url)
    key = f"{str(job.output.storage.key).rpartition('/')[0]}/page.json"
    page: dict[str, Any] = json.loads(b"".join(files.read(key)))
    (tmp_path / "page.json").write_text(json.dumps({**page, "changes": CHANGES.to_document()}), encoding="utf-8")
    files.put(tmp_path / "page.json", key)
    return job


def test_the_page_has_the_line_and_a_page_of_its_own_the_rows(
    compared: ReportJob, people: People, as_person: Client
) -> None:
    client = as_person(people.owner)
    page = client.get(f"/reports/{compared.id}").text
    assert "2 completed; 1 corrected by the import of 3 Nov 2026" in page
    assert "40 rows then, 39 now" in page
    assert f'href="/reports/{compared.id}/changes"' in page
    rows = client.get(f"/reports/{compared.id}/changes").text
    assert "Ana &lt;b&gt;" in rows
    assert "Corrected by the import of 3 Nov 2026" in rows
    assert "1 more row is not named here." in rows


def test_it_is_said_in_the_readers_language(compared: ReportJob, people: People, as_person: Client) -> None:
    people.owner.update(locale="es")
    client = as_person(people.owner.reload())
    assert "2 completaron; 1 corregida por la importación del 3 nov 2026" in client.get(f"/reports/{compared.id}").text
    rows = client.get(f"/reports/{compared.id}/changes").text
    assert "Corregida por la importación del 3 nov 2026" in rows
    assert "En curso" in rows


def test_a_stranger_finds_no_such_page_and_without_a_report_before_there_is_none(
    compared: ReportJob,
    ready_job: Callable[..., ReportJob],
    people: People,
    as_person: Client,
) -> None:
    assert as_person(people.stranger).get(f"/reports/{compared.id}/changes").status_code == 404
    alone = ready_job()
    client = as_person(people.owner)
    answer = client.get(f"/reports/{alone.id}/changes")
    assert (answer.status_code, "was not compared with one before it" in answer.text) == (404, True)
    assert "Since the report before" not in client.get(f"/reports/{alone.id}").text
