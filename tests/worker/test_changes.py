"""A report tells what came, went and changed since the report before: on its page, on a sheet, in its letter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import time_machine
from bson import ObjectId

from tests.factories import People, make_record
from tests.services.schedules.conftest import request, wish
from tests.worker.test_hostile_texts import Alone
from webapp import clock, record
from webapp.documents import ReportJob, ReportSchedule, ScheduleFire
from webapp.messages import Message
from webapp.renderers import page_result
from webapp.renderers.reader import Reader
from webapp.services.changes import earlier, words
from webapp.services.changes.between import Asked
from webapp.services.changes.changes import Changes
from webapp.services.deliveries.mail import writing
from webapp.services.jobs import held
from webapp.services.permissions import TERMINAL
from webapp.services.questions import as_query, ways
from webapp.services.questions.request import Condition, ReportRequest
from webapp.services.record import keeping as upkeep
from webapp.services.requests import asking
from webapp.services.rights import record_changes
from webapp.services.rights.data_scope import DataScope
from webapp.services.schedules import firing, keeping, outcomes
from webapp.settings import get_settings
from webapp.worker import execution

OCTOBER = datetime(2026, 10, 1, 5, tzinfo=UTC)
ENGLISH, SPANISH = Reader("en", "Europe/Madrid"), Reader("es", "Europe/Madrid")
NAMES = ["Ana", "Bo", "Cy", "Di", "Ed", "Flo", "Gus"]


class Desk:
    """A class of seven, whose record changes from one day to the next."""

    def __init__(self, people: People, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._people, self._folder, self._patch = people, folder, monkeypatch
        self.made = 0
        self.course = {"id": ObjectId(), "name": "Greek", "code": "GRK", "department_id": people.department.id}
        self.elsewhere = {"id": ObjectId(), "name": "Optics", "department_id": people.other_department.id}
        self.of_class = {"id": ObjectId(), "name": "Greek I", "code": "GRK-1", "course_id": self.course["id"]}
        self.of_other = {"id": ObjectId(), "name": "Optics I", "course_id": self.elsewhere["id"]}
        self.learners = {name: {"id": ObjectId(), "name": name} for name in NAMES}
        self.rows = {name: ObjectId() for name in NAMES}
        self.at(OCTOBER)
        make_record(
            courses=[self.course, self.elsewhere],
            classes=[self.of_class, self.of_other],
            persons=list(self.learners.values()),
            rosters=[self.row(name) for name in NAMES if name != "Gus"],
        )

    def at(self, moment: datetime) -> None:
        self._patch.setattr(clock, "utcnow", lambda: moment)

    def row(self, name: str, status: str = "in-progress", **columns: Any) -> dict[str, Any]:
        given = {"enrolled_at": OCTOBER - timedelta(days=20), "class_id": self.of_class["id"], **columns}
        return {"id": self.rows[name], "learner_id": self.learners[name]["id"], "status": status, **given}

    def imported(self, *rows: dict[str, Any]) -> record.RecordVersion:
        return make_record(rosters=rows)

    def report(self, schedule_id: ObjectId | None = None, **asked: Any) -> Changes | None:
        """What a new report finds to be different from the one before; nothing is written of it."""
        job = self._ask(asked)
        job.schedule_id = schedule_id
        found, provenance = self.found_by(job)
        ReportJob.objects(id=job.id).update(
            set__status="ready", set__schedule_id=schedule_id, set__provenance=provenance
        )
        return found

    def found_by(self, job: ReportJob) -> tuple[Changes | None, dict[str, Any]]:
        """What this report finds to be different, and what it says of itself from then on."""
        scope = DataScope.from_document(job.provenance["scope"])
        query = as_query.to_query(ways.from_job(job), scope, moment=clock.utcnow())
        version = record.current()
        folder = self._folder / str(job.id)
        found = earlier.since_before(job, Asked(query, version), folder, is_asked=True)
        return found, {**job.provenance, "recordVersion": version.number, "asOf": query.moment}

    def different(self, **asked: Any) -> Changes:
        """The same, where there is one before."""
        found = self.report(**asked)
        assert found is not None
        return found

    def _ask(self, asked: dict[str, Any]) -> ReportJob:
        self.made += 1
        fields: dict[str, Any] = {"report_type": "enrollment-summary", "group_by": ["status"], "measures": ["count"]}
        request = ReportRequest(**{**fields, "format": "csv", **asked})
        return asking.create(self._people.owner, request, insist=True)

    def made_report(self, **asked: Any) -> tuple[dict[str, Any], Path]:
        """A new report, made whole: its page and its file. Rows one by one, which need no charts."""
        rows: dict[str, Any] = {"group_by": [], "measures": [], "detail": True}
        job = self._ask({**rows, **asked})
        done = execution.execute(Alone(job, self._folder / str(self.made)))
        file = Path(done.storage["path"])
        return page_result.read((file.parent / "page.json").read_bytes()), file


@pytest.fixture
def desk(people: People, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(people, tmp_path / "made", monkeypatch)


def november(desk: Desk) -> None:
    """Two completed, one withdrew, one is new, one was put right, one went to another department."""
    third = OCTOBER + timedelta(days=33)
    desk.at(third)
    desk.imported(
        desk.row("Ana", "completed", completed_at=third - timedelta(days=3)),
        desk.row("Bo", "completed", completed_at=third - timedelta(days=9)),
        desk.row("Cy", "withdrawn", withdrawn_at=third - timedelta(days=2)),
        desk.row("Di", "completed", completed_at=OCTOBER - timedelta(days=8)),
        desk.row("Ed", "completed", completed_at=third, class_id=desk.of_other["id"]),
        desk.row("Gus", enrolled_at=third - timedelta(days=1)),
    )
    desk.at(third + timedelta(hours=3))


def test_a_report_says_what_changed_since_the_one_before_and_why(desk: Desk) -> None:
    assert desk.report() is None
    november(desk)
    changes = desk.different()
    assert words.line(changes, ENGLISH) == (
        "2 completed, 1 withdrew, 1 newly enrolled; 1 corrected by the import of 3 Nov 2026; "
        "1 corrected and out now by the import of 3 Nov 2026"
    )
    assert words.line(changes, SPANISH) == (
        "2 completaron, 1 se dio de baja, 1 inscripción nueva; 1 corregida por la importación del 3 nov 2026; "
        "1 corregida y fuera ahora por la importación del 3 nov 2026"
    )
    assert (changes.before, changes.after, changes.total, changes.rest) == (6, 6, 6, 1)
    # Ed, who is elsewhere now, is counted and not named.
    assert [(row.learner, row.was, row.now) for row in changes.rows] == [
        ("Ana", "in-progress", "completed"),
        ("Bo", "in-progress", "completed"),
        ("Cy", "in-progress", "withdrawn"),
        ("Gus", "", "in-progress"),
        ("Di", "in-progress", "completed"),
    ]
    assert Changes.from_document(changes.to_document()) == changes
    gone = replace(changes, problem=Message("The data are gone."))
    assert Changes.from_document(gone.to_document()) == gone


def test_the_page_the_sheet_and_the_letter_have_it_and_name_nobody_who_is_elsewhere(desk: Desk) -> None:
    desk.report(group_by=[], measures=[], detail=True)
    november(desk)
    page, file = desk.made_report(format="excel", options=frozenset({"changes"}))
    assert "Ed" not in [row["learner"] for row in page["changes"]["rows"]]
    assert "Optics" not in str(page["changes"])
    cells = [str(cell) for row in openpyxl.load_workbook(file)["Changes"].values for cell in row if cell]
    assert cells[0].startswith("2 completed, 1 withdrew, 1 newly enrolled; 1 corrected")
    assert "1 more row is not named here." in cells
    assert "Ana" in cells
    assert "Ed" not in cells
    assert writing.changed(page, ENGLISH) == (f"Since the report before (data of 1 Oct 2026, 07:00): {cells[0]}")
    assert writing.changed({"changes": None}, ENGLISH) == writing.changed(None, ENGLISH) == ""


def test_only_a_file_that_is_to_have_it_has_the_sheet(desk: Desk) -> None:
    desk.report(group_by=[], measures=[], detail=True)
    november(desk)
    page, file = desk.made_report(format="excel")
    assert page["changes"]["counts"]
    assert "Changes" not in openpyxl.load_workbook(file).sheetnames


def test_who_came_from_elsewhere_is_told_by_what_they_are_here_alone(desk: Desk) -> None:
    desk.imported(desk.row("Gus", "completed", class_id=desk.of_other["id"], completed_at=OCTOBER))
    desk.report()
    november(desk)
    (row,) = [row for row in desk.different().rows if row.learner == "Gus"]
    assert (row.reason, row.was, row.now) == ("enrolled", "", "in-progress")


def test_enrollments_become_overdue_as_time_passes(desk: Desk) -> None:
    asked = {"report_type": "overdue-enrollments", "group_by": ["department"], "measures": ["count"]}
    condition = Condition(field="days-enrolled", operator="gt", value=55)
    for each in (asked, {**asked, "conditions": (condition,)}):
        desk.report(**each)
    desk.at(OCTOBER + timedelta(days=38))
    # The data are the same, and so there is nothing to compare with, unless both are of a schedule.
    assert desk.report(**asked) is None
    desk.imported(desk.row("Gus", enrolled_at=OCTOBER))
    assert words.line(desk.different(**asked), ENGLISH) == "Nothing has changed."
    assert words.line(desk.different(**asked, conditions=(condition,)), ENGLISH) == "6 newly overdue"
    desk.at(OCTOBER + timedelta(days=42))
    desk.imported(desk.row("Ana", "withdrawn", withdrawn_at=OCTOBER + timedelta(days=40)))
    assert words.line(desk.different(**asked), ENGLISH) == "5 newly overdue"


def test_in_any_list_they_are_told_once(desk: Desk) -> None:
    desk.report()
    desk.at(OCTOBER + timedelta(days=42))
    desk.imported(desk.row("Ana", "withdrawn", withdrawn_at=OCTOBER + timedelta(days=40)))
    assert words.line(desk.different(), ENGLISH) == "1 withdrew, 5 newly overdue"
    desk.at(OCTOBER + timedelta(days=42, hours=1))
    desk.imported(desk.row("Bo", score=50.0))
    assert words.line(desk.different(), ENGLISH) == "1 corrected by the import of 12 Nov 2026"


def test_each_correction_is_of_the_import_that_made_it(desk: Desk) -> None:
    desk.report()
    for day, rows in ((33, ["Ana"]), (34, ["Bo"]), (35, ["Bo", "Cy"])):
        desk.at(OCTOBER + timedelta(days=day))
        desk.imported(*(desk.row(name, score=float(day)) for name in rows))
    changes = desk.different()
    assert {row.learner: words.what_happened(row, changes, ENGLISH) for row in changes.rows} == {
        "Ana": "Corrected by the import of 3 Nov 2026",
        "Bo": "Corrected by the imports of 4 Nov 2026, 5 Nov 2026",
        "Cy": "Corrected by the import of 5 Nov 2026",
    }


def test_where_a_version_between_is_gone_a_correction_is_of_the_import_that_the_row_names(desk: Desk) -> None:
    desk.report()
    desk.at(OCTOBER + timedelta(days=33))
    gone = desk.imported(desk.row("Bo", score=1.0))
    desk.at(OCTOBER + timedelta(days=34))
    desk.imported(desk.row("Bo", score=2.0))
    record.versions.let_go(gone.number)
    assert words.line(desk.different(), ENGLISH) == "1 corrected by the import of 4 Nov 2026"


def test_what_an_undo_took_back_is_told_as_an_undo(desk: Desk) -> None:
    before = record.current().number
    november(desk)
    desk.report()
    desk.at(OCTOBER + timedelta(days=36))
    record_changes.undo(before, by=TERMINAL)
    line = words.line(desk.different(), ENGLISH)
    assert f"by going back, on 6 Nov 2026, to version {before} of the record" in line
    assert "import" not in line


def test_other_rows_came_and_went_with_the_import(desk: Desk) -> None:
    event = {"class_id": desk.of_class["id"], "event_type": "content-viewed", "timestamp": OCTOBER}
    make_record(events=[{**event, "learner_id": desk.learners["Ana"]["id"]}])
    asked = {"report_type": "learner-activity", "group_by": ["learner"], "measures": ["event-count"]}
    desk.report(**asked)
    desk.at(OCTOBER + timedelta(days=33))
    make_record(events=[{**event, "learner_id": desk.learners["Bo"]["id"]}])
    changes = desk.different(**asked)
    assert words.line(changes, ENGLISH) == "1 came by the import of 3 Nov 2026"
    assert [row.learner for row in changes.rows] == ["Bo"]


def test_a_schedules_report_is_compared_with_the_one_before_of_the_same_schedule(desk: Desk) -> None:
    schedule_id = ObjectId()
    desk.report(schedule_id)
    ReportJob.objects(schedule_id=schedule_id).update(set__status="expired")
    november(desk)
    desk.report()  # by hand: it is none of the schedule's
    desk.at(OCTOBER + timedelta(days=34))
    assert words.line(desk.different(schedule_id=schedule_id), ENGLISH).startswith("2 completed, 1 withdrew")
    desk.at(OCTOBER + timedelta(days=35))
    assert words.line(desk.different(schedule_id=schedule_id), ENGLISH) == "Nothing has changed."


def test_data_that_are_gone_are_said_to_be(desk: Desk) -> None:
    desk.report()
    gone = record.current().number
    november(desk)
    record.versions.let_go(gone)
    told = words.table(desk.different(), ENGLISH)
    assert (told.lines, told.rows) == (["The data of the report before are not kept any more."], [])


# --- schedules that run seldom ----------------------------------------------------------------------------------------

MONTHLY = {"frequency": "monthly", "day_of_month": 1}
YEARLY = {"frequency": "yearly", "month": 10, "day_of_month": 1}


class Rare:
    """A schedule of the desk's owner, which runs so seldom that its reports are deleted in between."""

    def __init__(self, desk: Desk, people: People, clocks: time_machine.Coordinates, **fields: Any) -> None:
        self._desk, self._clocks = desk, clocks
        asked = request(report_type="enrollment-summary", group_by=("status",))
        self.id = keeping.create(people.owner, wish(**{"request": asked, **fields})).id

    @property
    def stored(self) -> ReportSchedule:
        return ReportSchedule.objects.get(id=self.id)

    def at(self, moment: datetime) -> None:
        self._clocks.move_to(moment)
        self._desk.at(moment)

    def run(self) -> tuple[datetime, Changes | None]:
        """Its next run: when, and what it finds. Whatever was kept for its time is deleted before."""
        due = self.stored.next_run_at
        self.at(due + timedelta(minutes=1))
        ReportJob.objects(schedule_id=self.id, expires_at__lt=clock.utcnow()).delete()
        ScheduleFire.objects(schedule_id=self.id, expires_at__lt=clock.utcnow()).delete()
        sweep()
        (made,) = firing.fire(self.id, due, clock.utcnow())
        hold = held.take(made, "worker")
        assert hold is not None
        found, provenance = self._desk.found_by(ReportJob.objects.get(id=made))
        assert held.finish(hold, storage={"key": "reports/a"}, provenance=provenance, records=3)
        outcomes.settle()
        return due, found


def sweep() -> None:
    """What the hourly upkeep does, but for its patience with files that somebody may be reading."""
    record.vacuum(upkeep.versions_in_use(), keep_files_for=timedelta())


@pytest.fixture
def rare(desk: Desk, people: People) -> Iterator[Callable[..., Rare]]:
    with time_machine.travel(OCTOBER, tick=False) as clocks:
        yield lambda **fields: Rare(desk, people, clocks, **fields)


@pytest.mark.parametrize(("timing", "apart"), [(MONTHLY, 31), (YEARLY, 365)])
def test_what_changed_is_told_although_the_report_before_is_deleted_since(
    desk: Desk, rare: Callable[..., Rare], timing: dict[str, Any], apart: int
) -> None:
    schedule = rare(timing=timing)
    first, found = schedule.run()
    assert found is None
    pinned = record.current().number
    schedule.at(first + timedelta(days=2))
    between = desk.imported(desk.row("Ana", score=7.0)).number
    later = first + timedelta(days=apart)
    schedule.at(later - timedelta(hours=2))
    desk.imported(
        desk.row("Bo", "completed", completed_at=later - timedelta(days=3)),
        desk.row("Gus", enrolled_at=later - timedelta(days=1)),
    )
    again, found = schedule.run()
    assert (again - first).days == apart
    assert ReportJob.objects(schedule_id=schedule.id).count() == 1, "the one before is deleted"
    assert (pinned in record.gone_numbers(), between in record.gone_numbers()) == (False, apart > 100)
    assert found is not None
    line = words.line(found, ENGLISH)
    assert "1 completed, 1 newly enrolled" in line
    assert "1 corrected by the import of 3 Oct 2026" in line
    assert {"Ana", "Bo", "Gus"} <= {row.learner for row in found.rows}
    last = record.current().number
    schedule.at(again + timedelta(days=31))
    desk.imported(desk.row("Cy", score=8.0))
    ReportJob.objects(schedule_id=schedule.id).delete()
    sweep()
    assert pinned in record.gone_numbers(), "nothing older is kept than what the next run needs"
    assert last not in record.gone_numbers()


def test_what_is_kept_for_the_next_run_goes_with_the_schedule_when_it_is_not_to_tell_and_at_its_time(
    desk: Desk, rare: Callable[..., Rare], people: People
) -> None:
    pinned: dict[str, int] = {}
    schedules = {name: rare(timing=YEARLY, name=name) for name in ("Deleted", "Silent", "Over", "Paused", "Running")}
    for number, (name, schedule) in enumerate(schedules.items()):
        last, _ = schedule.run()
        pinned[name] = record.current().number
        desk.imported(desk.row("Ana", score=float(number)))

    def kept() -> set[str]:
        sweep()
        return {name for name, number in pinned.items() if number not in record.gone_numbers()}

    ReportJob.objects.delete()
    schedule.at(last + timedelta(days=40))
    assert kept() == {*pinned}
    keeping.delete(people.owner, schedules["Deleted"].id)
    assert schedules["Deleted"].stored.last_made is None
    silent = wish(timing=YEARLY, name="Silent", tell_changes=False)
    keeping.change(people.owner, schedules["Silent"].id, silent, revision=1)
    ReportSchedule.objects(id=schedules["Over"].id).update(unset__next_run_at=1)
    keeping.pause(people.owner, schedules["Paused"].id)
    assert kept() == {"Paused", "Running"}
    schedule.at(last + timedelta(days=get_settings().comparison_days, hours=-1))
    assert kept() == {"Paused", "Running"}
    schedule.at(last + timedelta(days=get_settings().comparison_days, hours=1))
    assert kept() == set()


def test_a_schedule_that_is_not_to_tell_tells_nothing(desk: Desk, rare: Callable[..., Rare]) -> None:
    schedule = rare(timing={"frequency": "daily"}, tell_changes=False)
    for score in (7.0, 8.0):
        desk.imported(desk.row("Ana", score=score))
        assert schedule.run()[1] is None
    ReportSchedule.objects(id=schedule.id).update(unset__tell_changes=1)  # as one of before
    desk.imported(desk.row("Ana", score=9.0))
    assert schedule.run()[1] is not None
