"""The end of files: at their time, and when no job points to them; never one that is in use."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.factories import make_job
from webapp import storage
from webapp.documents import ReportJob
from webapp.services import database_clock
from webapp.services.files import retention
from webapp.services.jobs import held
from webapp.settings import get_settings
from webapp.storage import Storage

NOW = timedelta(0)


@pytest.fixture
def files(database: Any, tmp_path: Path) -> Storage:
    return storage.open_storage(get_settings().effective_storage_url)


def put(files: Storage, tmp_path: Path, key: str) -> str:
    (tmp_path / "x").write_text("x", encoding="ascii")
    files.put(tmp_path / "x", key)
    return key


def keys(files: Storage) -> set[str]:
    return {key for folder in ("reports/", "incoming/") for key, _, _ in files.list(folder)}


def ready(files: Storage, tmp_path: Path) -> tuple[ReportJob, set[str]]:
    job = make_job(status="queued", slot="s")
    hold = held.take(job.id, "worker")
    assert hold is not None
    made = {put(files, tmp_path, f"reports/{job.id}/1/{name}") for name in ("file.csv", "page.json")}
    key = f"reports/{job.id}/1/file.csv"
    assert held.finish(hold, storage={"provider": "local", "key": key}, provenance={}, records=1)
    return job.reload(), made


def test_a_file_goes_at_its_time_and_the_job_says_so(files: Storage, tmp_path: Path) -> None:
    job, made = ready(files, tmp_path)
    now = database_clock.now()
    assert retention.expire_due_files(now) == 0
    assert keys(files) == made
    assert retention.expire_due_files(now + timedelta(days=8)) == 1
    job.reload()
    assert (job.status, job.output.storage, keys(files)) == ("expired", None, set())
    assert retention.expire_due_files(now + timedelta(days=8)) == 0


def test_the_sweep_takes_what_no_job_points_to_and_nothing_else(files: Storage, tmp_path: Path) -> None:
    job, made = ready(files, tmp_path)
    running = make_job(status="queued", slot="t")
    hold = held.take(running.id, "worker")
    assert hold is not None
    in_use = {
        put(files, tmp_path, f"incoming/{running.id}/1/claim"),
        put(files, tmp_path, f"reports/{running.id}/1/f.csv"),
    }
    orphans = [
        put(files, tmp_path, f"reports/{job.id}/0/file.csv"),  # an earlier attempt of a finished job
        put(files, tmp_path, f"incoming/{job.id}/1/claim"),
        put(files, tmp_path, f"incoming/{running.id}/0/claim"),  # a stale attempt of a running one
        put(files, tmp_path, "reports/0123456789abcdef01234567/1/file.csv"),  # of a deleted job
        put(files, tmp_path, "reports/no-id/1/file.csv"),
    ]
    now = database_clock.now()
    assert retention.sweep_orphans(now).removed == 0  # too young: their jobs may be about to say so
    assert retention.sweep_orphans(now + timedelta(seconds=5), older_than=NOW).removed == len(orphans)
    assert keys(files) == made | in_use
