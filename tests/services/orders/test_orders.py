"""Orders: one at a time, begun again after a kill, given up after too many, and never done twice."""

from __future__ import annotations

import gzip
import json
import os
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.factories import People, make_learner
from webapp import record, storage
from webapp.documents import AdminArea, AdminEvent, Order, OrderKind, OrderState, SweepFigures
from webapp.errors import ConflictError, InvalidRequestError
from webapp.services import database_clock
from webapp.services.files import retention, sweep_figures
from webapp.services.orders import lifecycle as order_lifecycle
from webapp.services.orders import orders, uploads
from webapp.services.orders.told import Told
from webapp.services.orders.uploads import Upload
from webapp.settings import get_settings
from webapp.worker import order_work
from webapp.worker.orders import OrderThread

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


def settle(order: Order, seconds: float = 60) -> Order:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        order.reload()
        if order.is_finished:
            return order
        time.sleep(0.1)
    raise TimeoutError(order.state)


@pytest.fixture
def worker(people: People, mongo: str) -> Iterator[OrderThread]:
    thread = OrderThread("worker-1", mongo, look_seconds=0.05)
    thread.start()
    yield thread
    thread.stop(seconds=10)


def test_only_one_runs_at_a_time_and_the_oldest_first(people: People) -> None:
    first = orders.ask(people.administrator, OrderKind.SWEEP, "storage").order
    second = orders.ask(people.administrator, OrderKind.COMPACT, "learning record").order
    held = order_lifecycle.claim("worker-1")
    assert held is not None
    assert held.id == first.id
    assert order_lifecycle.claim("worker-2") is None
    assert order_lifecycle.finish(held, {"orphansRemoved": 0})
    taken = order_lifecycle.claim("worker-2")
    assert taken is not None
    assert taken.id == second.id


def test_a_dead_workers_order_is_begun_again_and_given_up_after_three_deaths(people: People) -> None:
    order = orders.ask(people.administrator, OrderKind.SWEEP, "storage").order
    for attempt in (1, 2, 3):
        order_lifecycle.reap()
        Order.objects(id=order.id).update(unset__not_before=True)  # as if the wait were over
        held = order_lifecycle.claim(f"worker-{attempt}")
        assert held is not None
        assert (held.fence, order.reload().attempts) == (attempt, attempt)
        Order.objects(id=order.id).update(set__lease__until=database_clock.now() - timedelta(seconds=1))
    assert order_lifecycle.claim("worker-4") is None
    order.reload()
    assert (order.state, order.crash_count) == (OrderState.FAILED, 3)
    assert "3 times" in order.error
    assert not order_lifecycle.finish(held, {})  # it has been taken from the worker that was thought dead
    orders.again(people.administrator, order)
    with pytest.raises(ConflictError):
        orders.again(people.administrator, order)
    assert order_lifecycle.claim("worker-5") is not None
    order.reload()
    assert (order.attempts, order.crash_count, order.lease.fence) == (1, 0, 4)


def test_after_its_second_death_an_order_waits_before_it_is_begun_again(people: People) -> None:
    order = orders.ask(people.administrator, OrderKind.SWEEP, "storage").order
    for _ in range(2):
        assert order_lifecycle.claim("worker-1") is not None
        Order.objects(id=order.id).update(set__lease__until=database_clock.now() - timedelta(seconds=1))
    orders.ask(people.administrator, OrderKind.COMPACT, "learning record")
    assert order_lifecycle.claim("worker-1") is None  # nor does it take the next one, which may build on this one
    assert order.reload().not_before > database_clock.now() + timedelta(seconds=5)


def test_what_a_worker_hands_back_costs_no_attempt(people: People) -> None:
    order = orders.ask(people.administrator, OrderKind.SWEEP, "storage").order
    held = order_lifecycle.claim("worker-1")
    assert held is not None
    assert order_lifecycle.hand_back(held)
    assert order_lifecycle.hand_back(held)  # again, as after a lost answer
    assert not order_lifecycle.report(held, share=0.5, doing="x", count=1)
    again = order_lifecycle.claim("worker-2")
    assert again is not None
    assert (again.fence, order.reload().attempts) == (2, 1)


def test_the_same_compaction_asked_twice_is_one_until_it_has_ended(people: People) -> None:
    ask = partial(orders.ask, people.administrator, OrderKind.COMPACT, "learning record")
    first = ask()
    assert first.is_new
    again = ask()
    assert (again.is_new, again.order.id) == (False, first.order.id)
    held = order_lifecycle.claim("worker-1")
    assert held is not None
    assert held.id == first.order.id
    assert not ask().is_new  # it runs
    assert order_lifecycle.fail(held, "x")
    assert ask().is_new
    with pytest.raises(ConflictError, match="has been ordered since"):
        orders.again(people.administrator, first.order)
    assert AdminEvent.objects(action="ordered compact-record").count() == 2


def test_of_ten_who_ask_for_a_sweep_at_once_one_orders_it(people: People) -> None:
    with ThreadPoolExecutor(10) as pool:
        found = list(pool.map(lambda _: orders.ask(people.administrator, OrderKind.SWEEP, "storage"), range(10)))
    assert [asked.is_new for asked in found].count(True) == 1
    assert {asked.order.id for asked in found} == {order.id for order in Order.objects}


def test_a_roster_is_imported_in_a_child_and_its_refusals_are_told(
    people: People, worker: OrderThread, tmp_path: Path
) -> None:
    order = uploads.receive(people.administrator, [Upload("C:\\evil\\..\\roster.zip", roster(tmp_path))])
    assert order.files[0]["name"] == "roster.zip"
    settle(order)
    assert order.state == OrderState.DONE, order.error
    summary = Told.from_document(order.summary).summary
    assert (summary.counts["persons"].read, summary.counts["persons"].added) == (3, 2)
    assert [(each.source, each.line, each.reason) for each in summary.refusals] == [
        ("users.csv", 3, "sourcedId is empty")
    ]
    assert record.select(record.current(), "persons", ["name"], "key = 'u1'").to_pylist() == [{"name": "Ana Ruiz"}]
    assert left_of_uploads() == []  # what is read is not kept
    events = AdminEvent.objects(area=AdminArea.IMPORTS.value)
    assert [(event.action, event.subject) for event in events] == [("ordered import", "roster.zip")]


def left_of_uploads(seconds: float = 5) -> list[str]:
    """Files go right after the end of an order was written."""
    files = storage.open_storage(get_settings().effective_storage_url)
    deadline = time.monotonic() + seconds
    while (found := [key for key, _, _ in files.list(uploads.FOLDER)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def test_an_order_that_waited_under_an_older_version_is_carried_out(
    people: People, worker: OrderThread, tmp_path: Path
) -> None:
    worker.stop()
    order = uploads.receive(people.administrator, [Upload("r.zip", roster(tmp_path))])
    Order.objects(id=order.id).update(set__kind="import-oneroster", unset__source=True)
    hold = order_lifecycle.claim("worker-2")
    assert hold is not None
    order.reload()
    told = order_work.carry_out(order, tmp_path, lambda share, doing, count: None)
    assert (told["source"], record.current().number) == ("oneroster", 1)


def test_an_import_whose_child_is_killed_is_begun_again_and_adds_nothing_twice(
    people: People, worker: OrderThread, tmp_path: Path
) -> None:
    path = tmp_path / "many.ndjson.gz"
    with gzip.open(path, "wt") as file:
        file.writelines(json.dumps(statement(number)) + "\n" for number in range(30_000))
    order = uploads.receive(people.administrator, [Upload("many.ndjson.gz", path)])
    deadline = time.monotonic() + 60
    while not (order.reload().state == OrderState.RUNNING and order.done_count):
        assert time.monotonic() < deadline, order.state
        time.sleep(0.01)
    for child in psutil.Process(os.getpid()).children(recursive=True):
        if _is_order(child):
            child.kill()
    settle(order, 120)
    assert (order.state, order.attempts) == (OrderState.DONE, 2), order.error
    assert len(record.select(record.current(), "events", ["id"])) == 30_000


def _is_order(process: psutil.Process) -> bool:
    try:
        # A child of the fork server that is at work; the server itself has children, or has had.
        return process.ppid() != os.getpid() and not process.children()
    except psutil.Error:
        return False


def test_what_can_never_be_imported_fails_at_once_and_says_why(
    people: People, worker: OrderThread, tmp_path: Path
) -> None:
    path = tmp_path / "s.ndjson"
    path.write_text(json.dumps(statement(1)) + "\n{torn", encoding="ascii")
    order = uploads.receive(people.administrator, [Upload("torn.ndjson", path)], strict=True)
    settle(order)
    assert (order.state, order.attempts) == (OrderState.FAILED, 1)
    assert "torn.ndjson" in order.error
    assert "Nothing was taken" in order.error
    assert str(tmp_path) not in order.error
    assert "scratch" not in order.error
    assert record.current().number == 0


def test_a_zip_bomb_is_refused_unread(people: People, tmp_path: Path) -> None:
    bomb = roster(tmp_path, {"users.csv": "sourcedId,role\n" + "0" * (70 << 20)})
    assert bomb.stat().st_size < 1 << 20
    with pytest.raises(InvalidRequestError, match=r"“bomb\.zip” would unpack to far more than an export holds"):
        uploads.receive(people.administrator, [Upload("bomb.zip", bomb)])


def test_a_gzip_bomb_is_refused_soon(people: People, worker: OrderThread, tmp_path: Path) -> None:
    path = tmp_path / "bomb.gz"
    with gzip.open(path, "wb", compresslevel=9) as file:
        file.write(b'{"actor": {}, "verb": {}, "object": {}, "id": "')
        for _ in range(80):
            file.write(b" " * (1 << 20))
    assert path.stat().st_size < 1 << 20
    order = settle(uploads.receive(people.administrator, [Upload("bomb.gz", path)]))
    assert order.state == OrderState.FAILED
    assert "“bomb.gz” would unpack to far more than an export holds" in order.error


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        ([], "Choose a file"),
        ([b""], "“passwd” is empty"),
        ([b"\x89PNG\r\n"], "“passwd” looks like a picture"),
        ([b"%PDF-1.7"], "“passwd” looks like a PDF"),
        ([b"\x1f\x8bnot gzip at all"], "“passwd” is cut off or damaged"),
        ([gzip.compress(b"hello")], "“passwd” is nothing"),
        ([b"user_id,login_id,status\n1,a,active\n"], "looks like a Canvas SIS export"),
        ([b"[]"] * 51, "At most 50"),
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
    assert Order.objects.count() == 0


def test_a_roster_and_statements_do_not_go_together(people: People, tmp_path: Path) -> None:
    (tmp_path / "s").write_text(json.dumps(statement(1)), encoding="ascii")
    both = [Upload("r.zip", roster(tmp_path)), Upload("s.json", tmp_path / "s")]
    with pytest.raises(InvalidRequestError, match="one system at a time"):
        uploads.receive(people.administrator, both)


def test_a_compaction_joins_files_and_a_sweep_counts(people: People, worker: OrderThread) -> None:
    for number in range(10):
        make_learner(f"Learner {number}")
    settle(orders.ask(people.administrator, OrderKind.COMPACT, "learning record").order)
    settle(orders.ask(people.administrator, OrderKind.SWEEP, "storage").order)
    figures = sweep_figures.read()
    assert figures is not None
    counted = {each["table"]: (each["rows"], each["files"]) for each in figures.tables}
    assert counted["persons"] == (10, 1)
    assert sweep_figures.uses_of(figures, "role") == {"staff": 4, "department-admin": 2, "system-admin": 1}


def test_old_uploads_go_and_those_still_needed_stay(people: People, tmp_path: Path) -> None:
    done, failed, waiting = (
        uploads.receive(people.administrator, [Upload("r.zip", roster(tmp_path))]) for _ in range(3)
    )
    Order.objects(id=done.id).update(set__state=OrderState.DONE.value)
    Order.objects(id=failed.id).update(set__state=OrderState.FAILED.value)
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
    assert SweepFigures.objects.count() == 1


def test_a_name_that_a_browser_sends_is_only_its_last_part() -> None:
    assert uploads.shown_name("../../etc/passwd") == "passwd"
    assert uploads.shown_name("C:\\Users\\me\\a\x00b.zip") == "ab.zip"
    assert uploads.shown_name("/") == "?"
    assert len(uploads.shown_name("x" * 5_000)) == uploads.NAME_LENGTH
