"""Which accounts of statements are somebody of a roster: the same, in whatever order all of it comes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.record.small import AT
from webapp import record
from webapp.record.ids import id_of

pytestmark = pytest.mark.usefixtures("settings")
Import = tuple[str, dict[str, list[dict[str, Any]]]]


def publish(source: str, rows: dict[str, list[dict[str, Any]]]) -> record.RecordVersion:
    with record.importing(source=source, what="x", import_id="i", by="me", now=AT) as staging:
        for table, found in rows.items():
            staging.add(table, found)
        return staging.publish()


def listed(*keys: str) -> Import:
    return "roster", {"persons": [{"key": key, "name": key, "email": f"{key}@x.example"} for key in keys]}


def said(*accounts: str) -> Import:
    """A statement of each of these accounts, `home/name`, or of an address."""
    persons: list[dict[str, Any]] = []
    for each in accounts:
        home, _, name = each.partition("/")
        person = {"key": each, "name": each}
        persons.append(person | ({"account_home": home, "account_name": name} if name else {"email": each}))
    events = [{"key": f"of {each}", "learner_id": id_of("xapi", "persons", each), "timestamp": AT} for each in accounts]
    return "xapi", {"persons": persons, "events": events}


def whose(version: record.RecordVersion) -> dict[str, str]:
    """By account, the key of the person whose its events are."""
    key_of = dict(zip(*record.select(version, "persons", ["id", "key"]).to_pydict().values(), strict=True))
    events = record.select(version, "events", ["key", "learner_id"]).to_pylist()
    return {row["key"].removeprefix("of "): key_of[row["learner_id"]] for row in events}


def shown(version: record.RecordVersion) -> tuple[dict[str, str], set[tuple[str, bool]]]:
    persons = record.select(version, "persons", ["key", "is_active"]).to_pylist()
    return whose(version), {(row["key"], row["is_active"]) for row in persons}


def test_a_name_that_a_second_home_page_uses_is_nobodys_of_the_roster_any_more(home: Path) -> None:
    for source, rows in (listed("ann", "ben"), said("one/ann", "one/ben")):
        first = publish(source, rows)
    assert whose(first) == {"one/ann": "ann", "one/ben": "ben"}
    second = publish(*said("two/ann"))
    assert whose(second) == {"one/ann": "one/ann", "two/ann": "two/ann", "one/ben": "ben"}
    told = {str(text): count for text, count in second.summary.notes.items()}
    assert [count for text, count in told.items() if "persons of their own again" in text] == [1]
    assert [count for text, count in told.items() if "more than one home page" in text] == [2]
    assert whose(record.at(first.number)) == {"one/ann": "ann", "one/ben": "ben"}


def test_two_of_a_roster_with_one_address_are_not_guessed_among_whoever_came_first(home: Path) -> None:
    for source, rows in (listed("ann"), said("ann@x.example")):
        assert publish(source, rows)
    assert whose(record.current()) == {"ann@x.example": "ann"}
    publish("other", {"persons": [{"key": "anna", "name": "Anna", "email": "ANN@x.example"}]})
    assert whose(record.current()) == {"ann@x.example": "ann@x.example"}


#: Between them, whatever can decide who somebody is.
FILES = [said("one/a", "one/b"), said("two/a"), said("a@x.example"), listed("a"), listed("b")]


@settings(max_examples=examples(3), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(FILES))
def test_the_order_of_files_decides_nothing(home: Path, files: list[Import]) -> None:
    shutil.rmtree(home, ignore_errors=True)
    for source, rows in files:
        publish(source, rows)
    assert shown(record.current()) == (
        {"one/a": "one/a", "two/a": "two/a", "one/b": "b", "a@x.example": "a"},
        {("a", True), ("b", True), ("one/a", True), ("two/a", True), ("one/b", False), ("a@x.example", False)},
    )
