"""A look before an import: what it would do is counted, listed and kept; nothing is changed until somebody applies it."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from tests.factories import People
from webapp import record, storage
from webapp.documents import AdminArea, AdminEvent, Order, OrderState, Settled
from webapp.errors import ConflictError, ForbiddenError
from webapp.record.ids import id_of
from webapp.services import database_clock
from webapp.services.orders import dry_runs, lifecycle, orders, uploads
from webapp.services.orders.told import Told
from webapp.services.orders.uploads import Upload
from webapp.services.permissions import Permission
from webapp.services.record import history
from webapp.settings import get_settings
from webapp.worker import order_work

LEARNERS = 20


def bundle(learners: Iterable[int] = range(LEARNERS), name: str = "Ana") -> dict[str, str]:
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
    rows = [line for line in lines if (line["table"], line["kind"]) == ("rosters", "ended")]
    assert {line["key"] for line in rows} == {"e18", "e19"}
    of_one = {line["column"]: line["before"] for line in rows if line["key"] == "e19"}
    assert of_one == {
        "id": id_of("oneroster", "rosters", "e19"),
        "source": "oneroster",
        "learner_id": id_of("oneroster", "persons", "u19"),
        "class_id": id_of("oneroster", "classes", "k1"),
        "status": "not-started",
    }
    assert not any(line["after"] for line in rows)
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


def test_of_ids_the_names_are_told_and_of_an_enrollment_whether_there_is_one(people: People, tmp_path: Path) -> None:
    imported(people, bundle(), tmp_path)
    moved = bundle()
    moved["orgs.csv"] += "s2,,Lake School,school,,\n"
    moved["courses.csv"] = moved["courses.csv"].replace("c1,,Harmony,s1", "c1,,Harmony,s2")
    moved["users.csv"] = moved["users.csv"].replace("u0,,true,s1,", "u0,,true,s2,")
    told = Told.from_document(imported(people, moved, tmp_path, dry_run=True).summary)
    changes = {each for sample in told.samples for row in sample.rows for each in row.changes}
    assert ("department_id", "School of Music", "Lake School") in changes
    assert ("department_ids", "School of Music", "Lake School") in changes
    assert not any(id_of("oneroster", "departments", "s1") in text for each in changes for text in each)


def test_whose_account_stays_when_a_roster_ends_them_is_told_by_name(people: People, tmp_path: Path) -> None:
    imported(people, bundle(), tmp_path)
    person = id_of("oneroster", "persons", "u3")
    people.owner.modify(person_id=ObjectId(person))
    fewer = bundle([n for n in range(LEARNERS) if n != 3])
    fewer["users.csv"] = "".join(line for line in fewer["users.csv"].splitlines(True) if not line.startswith("u3,"))
    looked = Told.from_document(imported(people, fewer, tmp_path, dry_run=True).summary)
    did = Told.from_document(imported(people, fewer, tmp_path).summary)
    assert looked.accounts == did.accounts == (f"{people.owner.name} <{people.owner.email}>",)
    assert people.owner.reload().is_active
    assert looked.endings == [("enrollments", 1), ("persons", 1)]
    # Whoever has ended already does not end again.
    assert (
        Told.from_document(
            imported(people, bundle(range(10)) | {"users.csv": fewer["users.csv"]}, tmp_path).summary
        ).accounts
        == ()
    )


def test_an_enrollment_that_goes_on_under_a_rosters_id_does_not_end(people: People, tmp_path: Path) -> None:
    first = bundle(range(0))
    imported(people, first, tmp_path)
    publish_statement_enrollment()
    told = Told.from_document(imported(people, bundle(range(1)), tmp_path, dry_run=True).summary)
    assert told.ended_enrollments == 0


def publish_statement_enrollment() -> None:
    """Statements alone say that u0 is enrolled in the class."""
    with record.importing(source="xapi", what="x", import_id="s", by="t") as staging:
        outcome = {"key": "1", "effect": "registered", "at": datetime(2026, 1, 1, tzinfo=UTC)}
        places = {"learner_id": id_of("oneroster", "persons", "u0"), "class_id": id_of("oneroster", "classes", "k1")}
        staging.add("outcomes", [outcome | places])
        staging.publish()


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
