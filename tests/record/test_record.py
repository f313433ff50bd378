"""The record by hand: dry run, refusals, repetitions, undo, two imports at once, upkeep, a store far away."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from tests.conftest import S3Bucket
from tests.record import small
from tests.record.small import AT, roster
from webapp import record
from webapp.errors import NotFoundError
from webapp.record import Change, staging, upkeep, versions
from webapp.record.lake import sorting
from webapp.settings import get_settings

pytestmark = pytest.mark.usefixtures("settings")


def importing(source="roster", import_id="i", **more):
    return record.importing(source=source, what="x", import_id=import_id, by="me", now=AT, **more)


def test_a_record_nobody_imported_into_has_no_rows():
    version = record.current()
    assert version.number == 0
    assert version.files(["events"]) == {"events": []}
    assert record.select(version, "persons", ["id", "roles"]).num_rows == 0
    assert list(record.history()) == []
    assert record.data_fields() == []


def test_a_dry_run_says_what_would_change_and_changes_nothing():
    small.run(0)
    before = record.current()
    with importing() as staged:
        small.fill(2, staged)
        comparison = staged.compare()
        assert not comparison.is_empty
        assert comparison.tables["persons"].changed == 4
        assert (comparison.tables["rosters"].ended, comparison.tables["rosters"].absent) == (1, 1)
        changed = comparison.changes("persons", Change.CHANGED, 2).to_pylist()
        assert [(row["name"], row["_changed"], row["_was"]) for row in changed] == [
            ("Q0", ["name"], ["P0"]),
            ("Q1", ["name"], ["P1"]),
        ]
        assert comparison.changes("rosters", Change.ENDED).column("key").to_pylist() == ["r1"]
        assert comparison.changes("enrollments", Change.ENDED).column("key").to_pylist() == ["r1"]
        assert sum(len(each) for each in comparison.batches("persons", "changed")) == 4
        for kind in Change:
            for table in ("persons", "events", "contents", "enrollments", "results"):
                comparison.changes(table, kind, 1)
    assert record.current() == before


def test_events_of_a_dry_run_are_shown_as_they_would_be():
    small.run(0)
    with importing("xapi") as staged:
        small.fill(1, staged)
        comparison = staged.compare()
        added = comparison.changes("events", Change.ADDED).to_pylist()
        assert {row["learner_id"] for row in added} == {roster("persons", "p1")}
        moved = comparison.changes("events", Change.DERIVED).to_pylist()
        assert [(row["key"], row["is_active"]) for row in moved] == [("0", False)]


def test_a_row_whose_required_reference_leads_nowhere_is_refused_with_file_line_and_value():
    small.run(0)
    with importing() as staged:
        row = {"key": "lost", "learner_id": roster("persons", "nobody"), "class_id": roster("classes", "c")}
        staged.add("rosters", [row | {"_file": "enrollments.csv", "_line": 7, "_ref_learner_id": "nobody"}])
        summary = staged.publish().summary
    (refusal,) = summary.refusals
    assert (refusal.source, refusal.line, refusal.value, refusal.what) == ("enrollments.csv", 7, "nobody", "rosters")
    assert summary.counts["rosters"].refused == summary.counts["rosters"].read == 1
    assert summary.refused_count == 1


def test_an_event_without_a_time_is_refused():
    small.run(0)
    with importing("xapi") as staged:
        staged.add("events", [{"key": "e", "learner_id": roster("persons", "p0")}])
        assert [str(each.reason) for each in staged.compare().summary.refusals] == ["it has no time"]


def test_of_one_id_in_an_import_the_first_stays_and_another_content_is_told():
    with importing() as staged:
        staged.add("persons", [{"key": "p", "name": "A"}, {"key": "p", "name": "A"}, {"key": "p", "name": "B"}])
        version = staged.publish()
    assert record.select(version, "persons", ["name"]).to_pylist() == [{"name": "A"}]
    counts = version.summary.counts["persons"]
    assert (counts.read, counts.added, counts.unchanged, counts.repeated) == (3, 1, 1, 1)
    assert version.summary.notes == {"same id, other content: the first stays": 1}


def test_an_import_again_adds_nothing_and_notes_nothing():
    for number in (0, 1):
        small.run(number)
    before = small.shown(record.current())
    for number in (0, 1):
        version = small.run(number)
        assert version.changed_tables == ()
        assert version.summary.added == version.summary.changed == version.summary.ended == 0
        assert version.summary.notes == {}
        assert version.summary.unbalanced == []
    assert small.shown(record.current()) == before


def test_what_a_source_names_and_refuses_is_not_ended():
    small.run(0)
    with importing() as staged:
        staged.whole("rosters")
        staged.mention("rosters", "r0")
        assert staged.compare().changes("rosters", Change.ENDED).column("key").to_pylist() == ["r1"]


def events_of_roster(*keys, **more):
    return [
        {"key": key, "learner_id": roster("persons", "p0"), "class_id": roster("classes", "c"), "timestamp": AT} | more
        for key in keys
    ]


def active_events():
    return record.select(record.current(), "events", ["key"], "is_active ORDER BY key")["key"].to_pylist()


def give_all_events(*rows):
    with importing("lms") as staged:
        staged.add("events", list(rows))
        staged.whole("events")
        return staged.publish()


def test_of_a_source_that_gives_all_its_events_those_have_ended_that_it_names_no_more():
    small.run(0)
    small.run(1)  # another source's events, and a void
    give_all_events(*events_of_roster("a", "b", "c", timestamp=AT - timedelta(days=300)))
    before = {row["key"]: row for row in small.shown(record.current())["events"]}
    with importing("lms", "second") as staged:
        staged.add("events", events_of_roster("d", "a"))
        staged.whole("events")
        staged.mention("events", "c")
        comparison = staged.compare()
        changes = comparison.tables["events"]
        ended = comparison.changes("events", Change.ENDED).to_pylist()
        assert [(row["key"], row["is_active"]) for row in ended] == [("b", False)]
        assert comparison.changes("events", Change.ADDED).column("key").to_pylist() == ["d"]
        assert comparison.changes("events", Change.DERIVED).num_rows == 0
        assert (changes.added, changes.ended, changes.absent, changes.derived) == (1, 1, 1, 0)
        version = staged.publish()
    assert version.summary.unbalanced == []
    counts = version.summary.counts["events"]
    assert (counts.read, counts.added, counts.unchanged, counts.ended, counts.absent) == (2, 1, 1, 1, 1)
    after = {row["key"]: row for row in small.shown(version)["events"]}
    assert {key for key, row in before.items() if row["is_active"] and not after[key]["is_active"]} == {"b"}
    stamped = record.select(version, "events", ["key"], "import_id = 'second' ORDER BY key")
    assert stamped["key"].to_pylist() == ["b", "d"]


def test_an_event_that_is_given_again_goes_on_and_one_given_as_ended_ends():
    small.run(0)
    give_all_events(*events_of_roster("a", "b"))
    give_all_events(*events_of_roster("a"))
    assert active_events() == ["0", "1", "2", "a"]
    give_all_events(*events_of_roster("a", is_active=False), *events_of_roster("b"))
    assert active_events() == ["0", "1", "2", "b"]
    with importing("lms") as staged:  # not all of them
        staged.add("events", events_of_roster("a"))
        staged.publish()
    assert active_events() == ["0", "1", "2", "a", "b"]
    assert give_all_events(*events_of_roster("a", "b")).changed_tables == ()


def test_a_source_that_has_no_event_left_ends_all_of_its_own_and_only_those():
    small.run(0)
    small.run(1)
    with importing() as staged:
        staged.whole("events")
        comparison = staged.compare()
        assert comparison.changes("events", Change.ADDED).num_rows == 0
        staged.publish()
    assert active_events() == ["3", "4", "5", "6"]


@pytest.mark.parametrize("many", [0, 3, 20_000])
def test_events_lie_by_class_and_time_in_files_of_a_month_that_any_program_reads_as_texts(monkeypatch, many):
    monkeypatch.setattr(sorting, "MANY_TEXTS", many)
    with importing() as staged:
        staged.add("persons", [{"key": "p"}])
        staged.add("classes", [{"key": f"c{n}", "name": "C"} for n in range(3)])
        staged.add(
            "events",
            [
                {
                    "key": str(n),
                    "learner_id": roster("persons", "p"),
                    "class_id": None if n % 4 == 3 else roster("classes", f"c{n % 4}"),
                    "timestamp": AT - timedelta(days=n * 7 % 50, minutes=n % 3),
                    "verb": f"verb {n % 5}",
                }
                for n in range(200)
            ],
        )
        version = staged.publish()
    keys: list[str] = []
    for path in version.files(["events"])["events"]:
        rows = pyarrow.parquet.ParquetFile(path).read()
        assert {rows.schema.field(name).type for name in ("class_id", "verb", "key")} == {pa.string()}
        assert len({moment.month for moment in rows["timestamp"].to_pylist()}) == 1
        found = rows.to_pylist()
        in_order = sorted(
            found, key=lambda row: (row["class_id"] is None, row["class_id"], row["timestamp"], row["id"])
        )
        assert found == in_order
        assert all(row["verb"] == f"verb {int(row['key']) % 5}" for row in found)
        keys += [row["key"] for row in found]
    assert sorted(keys, key=int) == [str(n) for n in range(200)]


def test_numbers_that_are_none_and_texts_that_are_no_unicode_do_no_harm():
    small.run(0)
    rows = [
        {"key": f"e{n}", "learner_id": roster("persons", "p0"), "timestamp": AT, "score": value, "data": {"n": value}, "verb": "\ud800"}
        for n, value in enumerate([float("nan"), float("inf"), 10**400, True, "5", 2])
    ]  # fmt: skip
    with importing("xapi") as staged:
        staged.add("events", rows)
        version = staged.publish()
    found = record.select(version, "events", ["verb", "data_n"], "key LIKE 'e%' ORDER BY key").to_pylist()
    assert [row["data_n"] for row in found] == [None] * 5 + [2.0]
    assert {row["verb"] for row in found} == {"?"}


def test_a_duration_that_cannot_be_is_left_out_and_counted():
    small.run(0)
    with importing("timed") as staged:
        seconds = [None, 0.0, 90.5, 3600.0 * 24 * 3650, -1.0, 3600.0 * 999_999_999_999]
        staged.add(
            "events",
            [
                {"key": str(n), "learner_id": roster("persons", "p0"), "timestamp": AT, "duration": each}
                for n, each in enumerate(seconds)
            ],
        )
        published = staged.publish()
    found = record.select(published, "events", ["key", "duration"], "source = 'timed'").to_pylist()
    assert {row["key"]: row["duration"] for row in found} == dict(
        zip("012345", [*seconds[:4], None, None], strict=True)
    )
    assert [count for text, count in published.summary.notes.items() if "ten years" in text] == [2]


def test_at_most_200_names_of_numbers_are_kept_and_the_rest_counted():
    small.run(0)
    person = roster("persons", "p0")
    with importing("xapi") as staged:
        for batch in range(3):
            data = {f"name{batch}-{n}": 1 for n in range(100)}
            staged.add("events", [{"key": f"n{batch}", "learner_id": person, "timestamp": AT, "data": data}])
        version = staged.publish()
    assert len(record.data_fields(version)) == staging.MAX_DATA_COLUMNS
    assert list(version.summary.notes.values()) == [102]  # two names were there


def test_undo_gives_the_rows_of_before_and_the_next_import_goes_on_from_them():
    for number in (0, 1):
        small.run(number)
    states = [small.shown(record.at(number)) for number in (1, 2)]
    undone = record.undo(1, by="me")
    assert (undone.number, undone.undone_to) == (3, 1)
    assert small.shown(undone) == states[0]
    assert undone.files(["events"]) == record.at(1).files(["events"])
    small.run(1)
    assert small.shown(record.current()) == states[1]
    assert small.shown(record.at(2)) == states[1]
    assert record.undo(0, by="me").tables == {}
    small.run(0)
    assert small.shown(record.current()) == states[0]
    assert [each.number for each in record.history()] == [6, 5, 4, 3, 2, 1]
    with pytest.raises(NotFoundError):
        record.at(9)


def test_of_two_imports_at_once_one_waits_and_is_told():
    waits, go, seen = threading.Event(), threading.Event(), []

    def second() -> None:
        go.wait(10)
        with importing(on_wait=waits.set) as staged:
            seen.append(staged.base.number)
            staged.add("persons", [{"key": "b"}])
            staged.publish()

    other = threading.Thread(target=second)
    other.start()
    with importing() as staged:
        go.set()
        assert waits.wait(10)
        staged.add("persons", [{"key": "a"}])
        staged.publish()
    other.join(20)
    assert seen == [1]
    assert sorted(record.select(record.current(), "persons", ["key"])["key"].to_pylist()) == ["a", "b"]


def test_of_two_machines_that_import_at_once_one_is_told_in_words():
    small.run(0)
    with importing() as staged:
        staged.add("persons", [{"key": "new", "name": "N"}])
        staged.compare()
        versions.put(
            record.RecordVersion(
                number=2, what="another machine's", tables=record.current().tables, table_ids=record.current().table_ids
            )
        )
        with pytest.raises(record.RecordBusyError, match="published version 2"):
            staged.publish()
    assert record.current().what == "another machine's"
    assert record.select(record.current(), "persons", ["key"], "key = 'new'").num_rows == 0
    with importing() as staged:
        staged.add("persons", [{"key": "new", "name": "N"}])
        assert staged.publish().number == 3
    assert record.select(record.current(), "persons", ["key"]).num_rows == 5


def test_verbs_that_an_administrator_maps_give_events_their_type_and_only_then_a_version():
    small.run(0)
    row = {"key": "v", "learner_id": roster("persons", "p0"), "timestamp": AT, "verb": "http://v.example/seen"}
    with importing("xapi") as staged:
        staged.add("events", [row])
        staged.publish()
    assert record.rederive(by="me", verbs={("heard", ""): "content-opened"}) is None
    version = record.rederive(by="me", verbs={("seen", ""): "content-opened"})
    assert version is not None
    assert record.select(version, "events", ["event_type"], "key = 'v'").to_pylist() == [
        {"event_type": "content-opened"}
    ]
    assert record.rederive(by="me", verbs={("seen", ""): "content-opened"}) is None


def test_compaction_keeps_every_row_and_is_no_import(monkeypatch):
    for number in (0, 1):
        small.run(number)
    for number in range(3):
        with importing("xapi") as staged:
            staged.add("events", [{"key": f"m{number}", "learner_id": roster("persons", "p0"), "timestamp": AT}])
            staged.publish()
    before = record.current()
    assert record.compact() is None
    monkeypatch.setattr(upkeep, "FILES_BEFORE_COMPACTION", 1)
    after = record.compact()
    assert after is not None
    assert (after.made, after.changed_tables) == (record.Made.UPKEEP, ("events",))
    assert small.shown(after) == small.shown(before)
    assert len(after.files(["events"])["events"]) < len(before.files(["events"])["events"])
    small.run(1)
    assert small.shown(record.current()) == small.shown(before)
    assert {each.table for each in record.figures()} >= {"events", "persons", "enrollments"}


def test_vacuum_deletes_what_no_kept_version_needs():
    for number in range(3):
        small.run(number)
    kept = small.shown(record.at(1)), small.shown(record.at(3))
    assert record.vacuum({1}, keep_for=timedelta(0), keep_files_for=timedelta(0)) > 0
    assert (small.shown(record.at(1)), small.shown(record.current())) == kept
    with pytest.raises(record.VersionGoneError):
        record.at(2)
    with pytest.raises(record.VersionGoneError):
        record.undo(2, by="me")
    assert record.gone_numbers() == {2}
    small.run(2)
    assert small.shown(record.current()) == kept[1]
    assert record.current().changed_tables == ()


def test_a_summary_says_the_same_after_it_was_stored():
    small.run(0)
    with importing() as staged:
        staged.refuse("f.csv", 3, "no name", value="v", what="persons")
        staged.set_aside("users", "a guardian", 4)
        staged.read("users", 4)
        staged.note("a fact", 2)
        version = staged.publish()
    assert record.at(version.number).summary == version.summary
    assert version.summary.counts["users"].set_aside == 4


def test_known_rows_are_told_by_key():
    small.run(0)
    with importing() as staged:
        assert staged.known("persons", ["name"])["p1"] == {"name": "P1"}
        assert staged.known("contents", ["lowest"]) == {}
    with importing("other") as staged:
        assert staged.known("persons", ["name"]) == {}
        assert len(staged.known("persons", ["name"], where_source=False)) == 4


def test_what_no_source_may_give_is_said():
    with importing() as staged:
        with pytest.raises(ValueError, match="no source gives"):
            staged.add("enrollments", [{"key": "x"}])
        with pytest.raises(ValueError, match="neither an id nor a key"):
            staged.add("persons", [{"name": "x"}])


def test_the_record_lives_in_a_bucket_as_in_a_folder(s3_bucket: S3Bucket, settings_env, home: Path):
    for number in range(3):
        small.run(number)
    local = [small.shown(record.at(number)) for number in (1, 2, 3)]
    settings_env.setenv("REPORTDESK_RECORD_URL", s3_bucket.url)
    get_settings.cache_clear()
    assert record.current().number == 0
    for number in range(3):
        small.run(number)
    assert [small.shown(record.at(number)) for number in (1, 2, 3)] == local
    assert small.shown(record.undo(1, by="me")) == local[0]
    with pytest.raises(record.RecordBusyError):
        versions.put(record.RecordVersion(number=4))
    assert not (home / "record" / "versions" / "000000000004.json").exists()
