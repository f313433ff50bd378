"""A look before an import: what it would do is counted, listed and kept; nothing is changed until somebody applies it."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.factories import People
from webapp import record, storage
from webapp.documents import AdminArea, AdminEvent, Order, OrderState, Settled
from webapp.errors import ConflictError, ForbiddenError
from webapp.services import database_clock
from webapp.services.orders import dry_runs, lifecycle, orders, uploads
from webapp.services.orders.told import Told
from webapp.services.orders.uploads import Upload
from webapp.services.permissions import Permission
from webapp.services.record import history
from webapp.settings import get_settings
from webapp.worker import order_work

LEARNERS = 20


def bundle(learners: range = range(LEARNERS), name: str = "Ana") -> dict[str, str]:
    """A whole school: one class, one course, these learners in it."""
    return {
        "manifest.csv": "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\n"
        + "".join(f"file.{each},bulk\n" for each in ("orgs", "courses", "classes", "users", "enrollments")),
        "orgs.csv": "sourcedId,status,name,type,identifier,parentSourcedId\ns1,,School of Music,school,,\n",
        "courses.csv": "sourcedId,status,title,orgSourcedId\nc1,,Harmony,s1\n",
        "classes.csv": "sourcedId,status,title,courseSourcedId,schoolSourcedId,termSourcedIds\nk1,,Harmony A,c1,s1,\n",
        "users.csv": "sourcedId,status,enabledUser,orgSourcedIds,role,username,givenName,familyName\n"
        + "".join(f"u{n},,true,s1,student,u{n},{name},Ruiz {n}\n" for n in range(LEARNERS)),
        "enrollments.csv": "sourcedId,status,classSourcedId,schoolSourcedId,userSourcedId,role\n"
        + "".join(f"e{n},,k1,s1,u{n},student\n" for n in learners),
    }


def zipped(files: dict[str, str], path: Path) -> Upload:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return Upload(path.name, path)


def carried_out(order: Order, folder: Path) -> Order:
    """As a worker does it, in this process."""
    hold = lifecycle.claim("worker-1")
    assert hold is not None
    assert hold.id == order.id
    place = folder / str(order.id)
    place.mkdir()
    summary = order_work.carry_out(order.reload(), place, lambda share, doing, count: None)
    assert lifecycle.finish(hold, summary)
    order_work.clean(order)
    found: Order = order.reload()
    return found


def imported(people: People, files: dict[str, str], folder: Path, **how: Any) -> Order:
    number = len(list(folder.iterdir()))
    upload = zipped(files, folder / f"school-{number}.zip")
    return carried_out(uploads.receive(people.administrator, [upload], **how), folder)


def lying() -> set[str]:
    files = storage.open_storage(get_settings().effective_storage_url)
    return {key for key, _, _ in files.list(uploads.FOLDER)}


def test_a_tenth_that_is_lacking_is_told_and_nothing_changes(people: People, tmp_path: Path) -> None:
    imported(people, bundle(), tmp_path)
    before = record.current().number
    order = imported(people, bundle(range(LEARNERS - 2)), tmp_path, dry_run=True)
    told = Told.from_document(order.summary)
    assert told.ended_enrollments == 2
    assert (told.base, told.version) == (before, None)
    assert record.current().number == before
    ended = next(each for each in told.samples if (each.table, each.kind) == ("enrollments", "ended"))
    assert {row.name for row in ended.rows} == {"Ana Ruiz 18 · Harmony A", "Ana Ruiz 19 · Harmony A"}
    lines = list(csv.DictReader(io.StringIO(b"".join(uploads.changes_of(order)).decode("utf-8-sig"))))
    assert list(lines[0]) == ["table", "kind", "key", "column", "before", "after"]
    assert {line["key"] for line in lines if (line["table"], line["kind"]) == ("rosters", "ended")} == {"e18", "e19"}
    assert not any(told.summary.unbalanced)


def test_what_changes_is_told_from_what_to_what_and_no_spreadsheet_runs_it(people: People, tmp_path: Path) -> None:
    imported(people, bundle(), tmp_path)
    order = imported(people, bundle(name="=HYPERLINK(1)"), tmp_path, dry_run=True)
    told = Told.from_document(order.summary)
    changed = next(each for each in told.samples if (each.table, each.kind) == ("persons", "changed"))
    assert len(changed.rows) == 5
    assert ("name", "Ana Ruiz 0", "=HYPERLINK(1) Ruiz 0") in changed.rows[0].changes
    text = b"".join(uploads.changes_of(order)).decode("utf-8-sig")
    lines = [line for line in csv.DictReader(io.StringIO(text)) if line["column"] == "name"]
    assert len(lines) == LEARNERS
    assert {line["before"][:3] for line in lines} == {"Ana"}
    assert all(line["after"].startswith("'=HYPERLINK") for line in lines)


def test_applied_it_does_what_it_said_and_its_files_go(people: People, tmp_path: Path) -> None:
    order = imported(people, bundle(), tmp_path, dry_run=True)
    told = Told.from_document(order.summary)
    assert dry_runs.is_open(order)
    assert len(lying()) == 2  # the zip, and the list of changes
    applied = dry_runs.apply(people.administrator, order)
    assert (applied.of, applied.files) == (order.id, order.files)
    assert (order.reload().settled, order.applied_as) == (Settled.APPLIED, applied.id)
    assert not dry_runs.is_open(order)
    with pytest.raises(ConflictError):
        dry_runs.apply(people.administrator, order)
    did = Told.from_document(carried_out(applied, tmp_path).summary)
    assert did.summary.counts == told.summary.counts
    assert did.version == record.current().number
    assert lying() == set()
    with pytest.raises(ConflictError):
        dry_runs.changes(people.administrator, order)


def test_applied_after_the_record_has_moved_on_it_compares_anew(people: People, tmp_path: Path) -> None:
    order = imported(people, bundle(), tmp_path, dry_run=True)
    assert not history.has_moved_on(Told.from_document(order.summary).base)
    imported(people, bundle(), tmp_path)
    assert history.has_moved_on(Told.from_document(order.summary).base)
    did = Told.from_document(carried_out(dry_runs.apply(people.administrator, order), tmp_path).summary)
    assert did.summary.added == 0
    assert did.version is None


def test_discarded_its_files_go_and_it_is_never_applied(people: People, tmp_path: Path) -> None:
    order = imported(people, bundle(), tmp_path, dry_run=True)
    dry_runs.discard(people.administrator, order)
    assert lying() == set()
    assert record.current().number == 0
    for act in (dry_runs.apply, dry_runs.discard, dry_runs.changes):
        with pytest.raises(ConflictError):
            act(people.administrator, order.reload())
    assert AdminEvent.objects(action="dry run discarded").count() == 1


def test_what_nobody_settles_goes_after_the_time_that_files_are_kept(people: People, tmp_path: Path) -> None:
    order = imported(people, bundle(), tmp_path, dry_run=True)
    now = database_clock.now()
    assert uploads.delete_old(now + 2 * uploads.SETTLING) == 0
    late = now + timedelta(days=get_settings().file_retention_days + 1)
    assert not uploads.are_kept(order, late)
    Order.objects(id=order.id).update(set__asked_at=now - timedelta(days=get_settings().file_retention_days + 1))
    assert not dry_runs.is_open(order.reload())
    assert uploads.delete_old(late) == 2


def test_a_strict_look_is_refused_with_the_first_reason(people: People, tmp_path: Path) -> None:
    files = bundle()
    files["users.csv"] += ",,true,s1,student,x,No,Id\n"
    order = uploads.receive(people.administrator, [zipped(files, tmp_path / "r.zip")], dry_run=True, strict=True)
    hold = lifecycle.claim("worker-1")
    assert hold is not None
    with pytest.raises(Exception, match="Nothing was taken"):
        order_work.carry_out(order.reload(), tmp_path, lambda share, doing, count: None)
    assert order.strict


def test_only_who_keeps_the_content_may_apply_discard_or_download(people: People, tmp_path: Path) -> None:
    order = imported(people, bundle(), tmp_path, dry_run=True)
    for person in (people.owner, people.colleague, people.manager, people.stranger):
        for act in (dry_runs.apply, dry_runs.discard, dry_runs.changes):
            with pytest.raises(ForbiddenError, match=Permission.MANAGE_CONTENT.value):
                act(person, order)
    assert order.reload().settled is None
    assert order.state == OrderState.DONE
    assert orders.latest(AdminArea.IMPORTS, bound=5) == [order]
