"""A job written by the LMS's own client (Mongoose, with the seed's schema): our worker makes it, and Mongoose loads it
unchanged in shape."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.factories import People, make_spring
from webapp.documents import ReportJob

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("seed_schema.js")
NODE = shutil.which("node") or str(Path(sys.executable).with_name("node"))


def mongoose(*arguments: str) -> Any:
    done = subprocess.run([NODE, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def worker(database: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A real worker, as `reportdesk worker` starts it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "webapp.cli", "worker", "--log-level", "ERROR"],
        env=dict(os.environ),
        start_new_session=True,
    )
    yield process
    process.send_signal(signal.SIGTERM)
    process.wait(40)


def test_a_job_inserted_by_mongoose_is_made_and_loads_in_mongoose_unchanged_in_shape(
    mongo: str, database_name: str, people: People, worker: object
) -> None:
    make_spring(people, "completed", "failed", "completed")
    asked = {
        "reportType": "completion-rates",
        "name": "From the LMS",
        "parameters": {"groupBy": ["class"], "measures": ["count", "completion-rate"]},
        "output": {"format": "csv"},
        "requestedBy": str(people.owner.id),
        "visibility": "team",
        "status": "pending",
    }
    inserted = mongoose("insert", mongo, database_name, json.dumps(asked))
    assert inserted["status"] == "pending"
    deadline = time.monotonic() + 90
    job = ReportJob.objects.get(id=inserted["_id"])
    while not job.is_finished and time.monotonic() < deadline:
        time.sleep(0.3)
        job.reload()
    assert job.status == "ready", job.to_mongo()
    assert Path(job.output.storage.path).read_bytes() == b"Class,Count,Completion rate\r\nHIS1-S,3,66.666667%\r\n"
    # What the client left out is filled in.
    assert (job.department_id, job.priority_rank) == (people.department.id, 30)

    loaded = mongoose("load", mongo, database_name, inserted["_id"])
    assert (loaded["status"], loaded["modified"]) == ("ready", [])
    document = loaded["document"]
    for name, value in asked.items():
        if name != "status":
            assert {**value, **document[name]} == document[name] if isinstance(value, dict) else document[name] == value
    assert document["output"]["storage"]["provider"] == "local"
    assert document["progress"]["percentage"] == 100
    paths = set(mongoose("fields"))
    ours = {f"output.storage.{name}" for name in document["output"]["storage"]}
    assert paths - {"_id", "__v", *ours} >= {"reportType", "status", "scheduledFor"}


def test_what_our_documents_store_has_the_names_of_the_seeds_schema(people: People) -> None:
    paths = {path for path in mongoose("fields") if path not in ("_id", "__v")}
    names: set[str] = set()

    def walk(document: type, prefix: str) -> None:
        for field in document._fields.values():  # type: ignore[attr-defined]
            names.add(prefix + field.db_field)
            embedded = (
                getattr(field, "document_type", None) if type(field).__name__ == "EmbeddedDocumentField" else None
            )
            if embedded is not None:
                walk(embedded, f"{prefix}{field.db_field}.")

    walk(ReportJob, "")
    assert paths <= names, paths - names
