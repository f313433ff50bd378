"""Orders: one at a time, begun again after a kill, given up after too many, and never done twice."""

from __future__ import annotations

import gzip
import json
import os
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.factories import People
from webapp import storage
from webapp.documents import AdminArea, AdminEvent, Chore, ChoreKind, ChoreState, DeskFigures, LearningEvent, User
from webapp.errors import ConflictError, InvalidRequestError
from webapp.services import chores, database_clock, desk_figures, retention, uploads
from webapp.services.uploads import Upload
from webapp.settings import get_settings
from webapp.worker.chores import ChoreThread

ROSTER = {
    "orgs.csv": "sourcedId,type,name\ns1,school,School of Music\n",
    "users.csv": "sourcedId,role,givenName,familyName,email\nu1,student,Ana,Ruiz,\n,student,No,Id,\nu2,teacher,Bo,Li,\n",
}


def roster(folder: Path, files: dict[str, str] = ROSTER) -> Path:
    path = folder / "r.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def statement(number: int) -> dict[str, Any]:
    return {
        "id": f"00000000-0000-0000-0000-{number:012}",
        "actor": {"account": {"homePage": "https://lms.example", "name": "u1"}},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/experienced"},
        "object": {"id": "https://lms.example/activities/page-1"},
        "timestamp": "2026-02-03T10:00:00Z",
    }


def settle(chore: Chore, seconds: float = 60) -> Chore:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        chore.reload()
        if chore.is_finished:
            return chore
        time.sleep(0.1)
    raise TimeoutError(chore.state)


@pytest.fixture
def worker(people: People, mongo: str) -> Iterator[ChoreThread]:
    thread = ChoreThread("worker-1", mongo, look_seconds=0.05)
    thread.start()
    yield thread
    thread.stop(seconds=10)


def test_only_one_runs_at_a_time_and_the_oldest_first(people: People) -> None:
    first = chores.ask(people.administrator, ChoreKind.SWEEP, "storage")
    second = chores.ask(people.administrator, ChoreKind.REBUILD, "users", tables=["users"])
    held = chores.claim("worker-1")
    assert held is not None
    assert held.id == first.id
    assert chores.claim("worker-2") is None
    assert chores.finish(held, {"orphansRemoved": 0})
    taken = chores.claim("worker-2")
    assert taken is not None
    assert taken.id == second.id


def test_a_dead_workers_order_is_begun_again_and_given_up_after_three_deaths(people: People) -> None:
    chore = chores.ask(people.administrator, ChoreKind.SWEEP, "storage")
    for attempt in (1, 2, 3):
        held = chores.claim(f"worker-{attempt}")
        assert held is not None
        assert held.attempts == attempt
        past = database_clock.now() - 2 * chores.LEASE
        Chore.objects(id=chore.id).update(set__lease_until=past)
    assert chores.claim("worker-4") is None
    chore.reload()
    assert chore.state == ChoreState.FAILED
    assert "3 times" in chore.error
    assert not chores.finish(held, {})  # it has been taken from the worker that was thought dead
    chores.again(people.administrator, chore)
    with pytest.raises(ConflictError):
        chores.again(people.administrator, chore)
    again = chores.claim("worker-5")
    assert again is not None
    assert again.attempts == 1


def test_what_a_worker_hands_back_costs_no_attempt(people: People) -> None:
    chores.ask(people.administrator, ChoreKind.SWEEP, "storage")
    held = chores.claim("worker-1")
    assert held is not None
    assert chores.hand_back(held)
    assert not chores.report(held, share=0.5, doing="x", count=1)
    again = chores.claim("worker-2")
    assert again is not None
    assert again.attempts == 1


def test_a_roster_is_imported_in_a_child_and_its_refusals_are_told(
    people: People, worker: ChoreThread, tmp_path: Path
) -> None:
    chore = uploads.receive(people.administrator, [Upload("C:\\evil\\..\\roster.zip", roster(tmp_path))])
    assert chore.files[0]["name"] == "roster.zip"
    settle(chore)
    assert chore.state == ChoreState.DONE, chore.error
    counts = {each["what"]: each for each in chore.summary["counts"]}
    assert (counts["users"]["read"], counts["users"]["added"]) == (3, 2)
    assert chore.summary["refusals"] == [{"source": "users.csv", "line": 3, "reason": "sourcedId is empty"}]
    assert User.objects.get(external_id="u1").name == "Ana Ruiz"
    files = storage.open_storage(get_settings().effective_storage_url)
    assert list(files.list(uploads.FOLDER)) == []  # what is read is not kept
    events = AdminEvent.objects(area=AdminArea.IMPORTS.value)
    assert [(event.action, event.subject) for event in events] == [("ordered import-oneroster", "roster.zip")]


def test_an_import_whose_child_is_killed_is_begun_again_and_adds_nothing_twice(
    people: People, worker: ChoreThread, tmp_path: Path
) -> None:
    path = tmp_path / "many.ndjson.gz"
    with gzip.open(path, "wt") as file:
        file.writelines(json.dumps(statement(number)) + "\n" for number in range(12_000))
    chore = uploads.receive(people.administrator, [Upload("many.ndjson.gz", path)])
    deadline = time.monotonic() + 60
    while not (0 < LearningEvent.objects.count() < 12_000):
        assert time.monotonic() < deadline, "the import never began, or ended before it could be killed"
    for child in psutil.Process(os.getpid()).children(recursive=True):
        if _is_chore(child):
            child.kill()
    settle(chore, 120)
    assert (chore.state, chore.attempts) == (ChoreState.DONE, 2), chore.error
    assert LearningEvent.objects.count() == 12_000


def _is_chore(process: psutil.Process) -> bool:
    try:
        # A child of the fork server that is at work; the server itself has children, or has had.
        return process.ppid() != os.getpid() and not process.children()
    except psutil.Error:
        return False


def test_what_can_never_be_imported_fails_at_once_and_says_why(
    people: People, worker: ChoreThread, tmp_path: Path
) -> None:
    chore = uploads.receive(people.administrator, [Upload("photos.zip", roster(tmp_path, {"photo.txt": "x"}))])
    settle(chore)
    assert (chore.state, chore.attempts) == (ChoreState.FAILED, 1)
    assert "“photos.zip” has no OneRoster file" in chore.error
    assert str(tmp_path) not in chore.error
    assert "scratch" not in chore.error


def test_a_zip_bomb_is_refused_unread(people: People, worker: ChoreThread, tmp_path: Path) -> None:
    bomb = roster(tmp_path, {"users.csv": "sourcedId,role\n" + "0" * (70 << 20)})
    assert bomb.stat().st_size < 1 << 20
    chore = settle(uploads.receive(people.administrator, [Upload("bomb.zip", bomb)]))
    assert chore.state == ChoreState.FAILED
    assert "which no roster does" in chore.error


def test_a_gzip_bomb_is_refused_soon(people: People, worker: ChoreThread, tmp_path: Path) -> None:
    path = tmp_path / "bomb.gz"
    with gzip.open(path, "wb", compresslevel=9) as file:
        file.write(b'{"id": "')
        for _ in range(80):
            file.write(b" " * (1 << 20))
    assert path.stat().st_size < 1 << 20
    chore = settle(uploads.receive(people.administrator, [Upload("bomb.gz", path)]))
    assert chore.state == ChoreState.FAILED
    assert "unpacks to far more than statements do" in chore.error


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        ([], "Choose a file"),
        ([b""], "neither"),
        ([b"\x89PNG\r\n"], "neither"),
        ([b"\x1f\x8bnot gzip at all"], "neither"),
        ([gzip.compress(b"hello")], "neither"),
        ([b"[]"] * 21, "At most 20"),
    ],
)
def test_what_is_no_export_is_refused_before_it_is_kept(
    people: People, tmp_path: Path, contents: list[bytes], words: str
) -> None:
    found = []
    for number, content in enumerate(contents):
        path = tmp_path / str(number)
        path.write_bytes(content)
        found.append(Upload("../../etc/passwd", path))
    with pytest.raises(InvalidRequestError, match=words):
        uploads.receive(people.administrator, found)
    assert Chore.objects.count() == 0


def test_a_roster_and_statements_do_not_go_together(people: People, tmp_path: Path) -> None:
    (tmp_path / "s").write_text("{}", encoding="ascii")
    both = [Upload("r.zip", roster(tmp_path)), Upload("s.json", tmp_path / "s")]
    with pytest.raises(InvalidRequestError, match="not both"):
        uploads.receive(people.administrator, both)


def test_a_rebuild_reads_the_tables_anew_and_a_sweep_counts(people: People, worker: ChoreThread) -> None:
    rebuilt = settle(chores.ask(people.administrator, ChoreKind.REBUILD, "users", tables=["users", "../x"]))
    assert rebuilt.summary["tables"] == [["users", 0]]
    settle(chores.ask(people.administrator, ChoreKind.SWEEP, "storage"))
    figures = desk_figures.read()
    assert figures is not None
    assert [(each["table"], each["rows"]) for each in figures.tables] == [("users", User.objects.count())]
    assert desk_figures.uses_of(figures, "role") == {"staff": 4, "department-admin": 2, "system-admin": 1}


def test_old_uploads_go_and_those_still_needed_stay(people: People, tmp_path: Path) -> None:
    done, failed, waiting = (
        uploads.receive(people.administrator, [Upload("r.zip", roster(tmp_path))]) for _ in range(3)
    )
    Chore.objects(id=done.id).update(set__state=ChoreState.DONE.value)
    Chore.objects(id=failed.id).update(set__state=ChoreState.FAILED.value)
    files = storage.open_storage(get_settings().effective_storage_url)
    now = database_clock.now()
    assert uploads.delete_old(now) == 0  # they may just have come
    assert uploads.delete_old(now + 2 * uploads.SETTLING) == 1
    assert {key for key, _, _ in files.list(uploads.FOLDER)} == {failed.files[0]["key"], waiting.files[0]["key"]}


def test_a_sweep_is_left_out_while_another_one_is_fresh(people: People) -> None:
    now = database_clock.now()
    assert retention.sweep_if_due(now)
    assert not retention.sweep_if_due(now + retention.SWEEP_EVERY / 3)
    assert retention.sweep_if_due(now + retention.SWEEP_EVERY)
    assert DeskFigures.objects.count() == 1


def test_a_name_that_a_browser_sends_is_only_its_last_part() -> None:
    assert uploads.shown_name("../../etc/passwd") == "passwd"
    assert uploads.shown_name("C:\\Users\\me\\a\x00b.zip") == "ab.zip"
    assert uploads.shown_name("/") == "?"
    assert len(uploads.shown_name("x" * 5_000)) == uploads.NAME_LENGTH
