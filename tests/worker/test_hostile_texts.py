"""Hostile texts as learners' names and as reports' names, from the database to files that open, in every format.

REPORTDESK_TEST_FILES=full: every text as the name of a report in every format; else each format has its share of them.
"""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import openpyxl
import pikepdf
import pyarrow.parquet
import pytest
from bson import ObjectId
from python_calamine import CalamineWorkbook

from tests.factories import People, make_record
from tests.renderers.reading_back import READERS
from tests.renderers.test_formats import HOSTILE
from webapp import storage
from webapp.documents import JobStatus, ReportJob, User
from webapp.renderers import FORMATS
from webapp.services.questions.request import ReportRequest
from webapp.services.requests import asking
from webapp.settings import get_settings
from webapp.worker import execution
from webapp.worker.assignment import Assignment

IS_FULL = os.environ.get("REPORTDESK_TEST_FILES") == "full"
#: Lone halves of characters come from clients that cut texts in the middle.
NAMES = [*HOSTILE, "half \ud83d of it", "\udc00"]
UNSEEN = "\u202e\u200b"


class Alone:
    """A child's context without a worker: nobody else wants the job."""

    def __init__(self, job: ReportJob, scratch: Path) -> None:
        self.job = job
        self.assignment = Assignment(job.id, 1, "claim", "", {}, str(scratch))
        scratch.mkdir(parents=True)

    def progress(self, step: str, percentage: float, processed: int = 0, total: int = 0) -> None: ...

    def enter(self, stage: JobStatus) -> None: ...

    def require_hold(self) -> None: ...


@pytest.fixture
def learners(people: People) -> list[str]:
    """One learner for each text, enrolled in one class; returns their names as the database holds them."""
    names = [text for text in HOSTILE if text.strip()]
    course = {"id": ObjectId(), "name": "]]>", "code": "C", "department_id": people.department.id}
    of_class = {"id": ObjectId(), "name": "#[x]", "code": "=1+1", "course_id": course["id"]}
    persons = [
        {"id": ObjectId(), "name": name, "email": f"l{n}@x.example", "number": f"L{n:02}", "roles": ["learner"]}
        for n, name in enumerate(names)
    ]
    rosters = [{"learner_id": each["id"], "class_id": of_class["id"], "status": "completed"} for each in persons]
    make_record(courses=[course], classes=[of_class], persons=persons, rosters=rosters)
    return names


def make(owner: User, name: str, key: str, scratch: Path, *, detail: bool = False) -> tuple[dict[str, Any], Path]:
    """Ask for it and make it; returns `output.storage` and the file."""
    shape: dict[str, Any] = {"detail": True} if detail else {"group_by": ["class"], "measures": ["count"]}
    request = ReportRequest(report_type="enrollment-summary", format=key, name=name, description=name[:2000], **shape)
    job = asking.create(owner, request, insist=True)
    stored = dict(execution.execute(Alone(job, scratch)).storage)
    return stored, Path(stored["path"])


def test_learners_with_hostile_names_are_text_in_every_format(
    people: People, learners: list[str], tmp_path: Path
) -> None:
    made = {key: make(people.owner, "]]> #x", key, tmp_path / key, detail=True)[1] for key in FORMATS}
    csv.field_size_limit(1_000_000)
    with made["csv"].open(newline="", encoding="utf-8") as file:
        rows = {row["Learner number"]: row["Learner"] for row in csv.DictReader(file)}
    assert [rows[f"L{n:02}"].removeprefix("'") for n in range(len(learners))] == [n.removeprefix("'") for n in learners]
    assert not any(text.lstrip()[:1] in ("=", "+", "-", "@", "＝") for text in rows.values())
    document = json.loads(made["json"].read_text(encoding="utf-8"))
    assert {row["learner-number"]: row["learner"] for row in document["rows"]} == {
        f"L{n:02}": name for n, name in enumerate(learners)
    }
    table = pyarrow.parquet.read_table(made["parquet"])
    assert sorted(table["learner"].to_pylist()) == sorted(learners)
    sheet = openpyxl.load_workbook(made["excel"])["Data"]
    cells = {row[1].value: row[0] for row in sheet.iter_rows(min_row=2) if row[1].value}
    assert len(cells) == len(learners)
    for number, name in enumerate(learners):
        cell = cells[f"L{number:02}"]
        assert cell.data_type != "f", name
        if name.isprintable() and len(name) < 30_000:
            assert cell.value == name
    assert len(CalamineWorkbook.from_path(str(made["excel"])).get_sheet_by_name("Data").to_python()) > len(learners)
    with pikepdf.open(made["pdf"]) as pdf:
        assert len(pdf.pages) >= 2


@pytest.mark.parametrize("key", FORMATS)
def test_a_report_may_have_any_name_in_any_format(
    people: People, learners: list[str], tmp_path: Path, key: str
) -> None:
    share = [*(NAMES if IS_FULL else NAMES[list(FORMATS).index(key) :: len(FORMATS) * 2]), UNSEEN]
    for number, name in enumerate(share):
        stored, path = make(people.owner, name[:190], key, tmp_path / str(number))
        assert path.stat().st_size == stored["sizeBytes"] > 0
        assert path.is_relative_to(get_settings().home / "storage" / "reports")
        assert path.name.endswith(f".{FORMATS[key].extension}")
        assert len(path.name.encode()) < 200
        READERS[key].opens(path)
    files = storage.open_storage(get_settings().effective_storage_url)
    assert len(list(files.list("reports/"))) == 3 * len(share)
