"""The record rebuilt from the kept files of its imports is, row for row, the record."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.factories import People, make_learner
from tests.services.orders.test_dry_runs import LEARNERS, bundle, imported
from tests.services.orders.test_orders import statement
from webapp import record, storage
from webapp.documents import LookupValue
from webapp.documents.lookup_value import lookup_cache
from webapp.errors import ForbiddenError
from webapp.record import RecordVersion, versions
from webapp.record.rebuilding import Difference
from webapp.record.tables import TABLES
from webapp.services.orders import imports, raw_files, rebuilding
from webapp.services.permissions import TERMINAL
from webapp.services.rights import record_changes
from webapp.settings import get_settings

VERB = "http://verbs.example/pondered"


def take(path: Path, *statements: dict[str, Any]) -> RecordVersion:
    path.write_text("".join(json.dumps(each) + "\n" for each in statements))
    with imports.importing(TERMINAL, {path: path.name}) as done:
        assert done.version is not None
        return done.version


def everything(version: RecordVersion) -> dict[str, dict[str, dict[str, Any]]]:
    """All rows of all tables, but for when they were written."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for name, table in TABLES.items():
        left_out = {"changed_at", "import_id"} if table.is_derived else {"changed_at"}
        columns = [each for each in table.columns if each not in left_out]
        found[name] = {row["id"]: row for row in record.select(version, name, columns).to_pylist()}
    return found


@pytest.fixture
def made(people: People, tmp_path: Path) -> RecordVersion:
    """A roster, statements before and after another roster that ends two enrollments, and an import that was undone."""
    imported(people, bundle(), tmp_path)
    take(tmp_path / "first.ndjson", statement(1), {**statement(2), "verb": {"id": VERB}})
    folder = tmp_path / "school"
    folder.mkdir()
    for name, text in (bundle(range(LEARNERS - 2), name="Eva") | {".DS_Store": "litter"}).items():
        (folder / name).write_text(text)
    with imports.importing(TERMINAL, {folder: "school"}) as done:
        assert done.comparison.ended_enrollments() == 2
    undone = take(tmp_path / "undone.ndjson", statement(8), statement(9))
    record_changes.undo(undone.number - 1, by=TERMINAL)
    void = {"verb": {"id": "http://adlnet.gov/expapi/verbs/voided"}}
    ref = {"objectType": "StatementRef", "id": statement(1)["id"]}
    return take(tmp_path / "last.ndjson", statement(3), {**statement(4), **void, "object": ref})


def test_rebuilt_from_its_files_it_is_the_same_row_for_row_and_nothing_is_published(made: RecordVersion) -> None:
    before = everything(made)
    assert len(before["events"]) == 3
    done = rebuilding.rebuild(TERMINAL)
    assert (done.base, done.count, done.differences, done.version) == (0, 4, {}, None)
    assert record.current() == made
    assert everything(record.current()) == before


def test_what_the_record_has_lost_comes_back_from_the_files(made: RecordVersion, tmp_path: Path) -> None:
    whole = everything(made)
    lost = replace(
        made,
        number=made.number + 1,
        made=record.Made.UPKEEP,
        tables={name: each for name, each in made.tables.items() if name != "contents"},
        table_ids={name: each for name, each in made.table_ids.items() if name != "contents"},
    )
    versions.put(lost)
    looked = rebuilding.rebuild(TERMINAL, dry_run=True)
    assert looked.differences == {"contents": Difference(added=len(whole["contents"]), changed=0, gone=0)}
    assert record.current() == lost
    done = rebuilding.rebuild(TERMINAL)
    assert done.version == record.current()
    assert everything(record.current()) == whole
    assert rebuilding.rebuild(TERMINAL).differences == {}
    # And the next import goes on from there.
    after = take(tmp_path / "next.ndjson", statement(5))
    assert set(everything(after)["events"]) > set(whole["events"])
    assert everything(after)["rosters"] == whole["rosters"]


def test_the_rules_of_today_are_what_it_is_rebuilt_by(made: RecordVersion) -> None:
    LookupValue.objects(category="activity-event", key="content-viewed").modify(
        set__metadata={"xapiVerbs": [{"verb": "experienced"}, {"verb": "pondered"}]}
    )
    lookup_cache.forget()
    done = rebuilding.rebuild(TERMINAL)
    assert done.differences == {"events": Difference(added=0, changed=1, gone=0)}
    rows = record.select(record.current(), "events", ["verb", "event_type"]).to_pylist()
    assert {row["event_type"] for row in rows} == {"content-viewed"}


def test_it_is_built_upon_the_last_import_whose_files_are_not_kept(made: RecordVersion, tmp_path: Path) -> None:
    first, second, *_ = [each for each in reversed(list(record.history())) if each.source]
    files = storage.open_storage(get_settings().effective_storage_url)
    (key, *_more) = [key for key, _, _ in files.list(f"{raw_files.FOLDER}{second.import_id}/")]
    files.delete(key)
    done = rebuilding.rebuild(TERMINAL, dry_run=True)
    assert (done.base, done.count, done.differences) == (second.number, 2, {})
    assert first.number < second.number
    make_learner("Lee")  # an import without files
    with pytest.raises(rebuilding.NoKeptFilesError):
        rebuilding.rebuild(TERMINAL)


def test_only_who_keeps_the_content_rebuilds(people: People) -> None:
    with pytest.raises(ForbiddenError):
        rebuilding.rebuild(people.owner)
