"""`reportdesk import`: data in."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Terminal
from tests.services.orders.test_orders import ROSTER, roster, statement
from webapp import record
from webapp.documents import LookupValue

TOLD = ("read", "added", "changed", "unchanged", "ended", "refused", "set aside", "repeated")


def row(said: str, what: str) -> dict[str, int]:
    """The numbers of a line of the summary that are not 0."""
    found = next(line.split() for line in said.splitlines() if line.startswith(f"{what} "))
    numbers = zip(TOLD, (int(number.replace(",", "")) for number in found[1:]), strict=True)
    return {name: number for name, number in numbers if number}


def events() -> list[dict[str, Any]]:
    return record.select(record.current(), "events", ["event_type", "verb"]).to_pylist()


@pytest.mark.does("import oneroster", "import files")
@pytest.mark.parametrize("form", ["folder", "zip"])
@pytest.mark.parametrize("command", ["oneroster", "files"])
def test_a_roster_is_read_counted_and_what_it_refuses_is_told_by_file_and_line(
    terminal: Terminal, tmp_path: Path, form: str, command: str
) -> None:
    path = roster(tmp_path)
    if form == "folder":
        path = tmp_path / "roster"
        path.mkdir()
        for name, text in ROSTER.items():
            (path / name).write_text(text)
    looked = terminal("import", command, str(path), "--dry-run")
    assert "Nothing was changed" in looked.stdout
    assert record.current().number == 0
    done = terminal("import", command, str(path))
    assert done.exit_code == 1  # a row is refused
    assert row(done.stdout, "persons") == {"read": 3, "added": 2, "refused": 1} == row(looked.stdout, "persons")
    assert "1 refused:" in done.stdout
    assert "users.csv, line 3:" in done.stdout
    assert "Version 1 of the learning record" in done.stdout
    again = terminal("import", command, str(path))
    assert row(again.stdout, "persons") == {"read": 3, "unchanged": 2, "refused": 1}
    assert "There is nothing new." in again.stdout
    assert len(record.select(record.current(), "persons", ["id"])) == 2


@pytest.mark.refuses("import files")
def test_a_strict_import_takes_nothing_for_one_refused_row(terminal: Terminal, tmp_path: Path) -> None:
    done = terminal("import", "files", str(roster(tmp_path)), "--strict")
    assert done.exit_code == 1
    assert "users.csv, line 3" in done.stderr
    assert record.current().number == 0


@pytest.mark.does("import xapi")
def test_statements_of_several_files_are_read_packed_or_not(terminal: Terminal, tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.json", tmp_path / "b.ndjson.gz"
    plain.write_text(json.dumps([statement(1), statement(2)]))
    packed.write_bytes(gzip.compress("\n".join(json.dumps(statement(number)) for number in (2, 3)).encode()))
    done = terminal("import", "xapi", str(plain), str(packed))
    assert done.exit_code == 0, done.stderr
    assert row(done.stdout, "events") == {"read": 4, "added": 3, "unchanged": 1}
    assert len(events()) == 3


@pytest.mark.does("import verbs")
def test_events_with_an_unknown_verb_get_their_type_once_there_is_a_rule(terminal: Terminal, tmp_path: Path) -> None:
    assert terminal("import", "verbs").stdout == "No event waits for a rule that is there now.\n"
    verb = "https://lms.example/verbs/pondered"
    file = tmp_path / "a.ndjson"
    file.write_text(json.dumps({**statement(1), "verb": {"id": verb}}))
    assert terminal("import", "xapi", str(file)).exit_code == 0
    viewed = LookupValue.objects.get(category="activity-event", key="content-viewed")
    viewed.update(set__metadata__xapiVerbs=[*viewed.metadata.get("xapiVerbs", []), {"verb": verb}])
    assert terminal("import", "verbs").stdout.split() == ["1", verb]
    assert [each["event_type"] for each in events()] == ["content-viewed"]


def a_broken_zip(path: Path) -> None:
    path.write_bytes(b"PK\x03\x04 and nothing of a zip after it")


def an_empty_zip(path: Path) -> None:
    zipfile.ZipFile(path, "w").close()


def another_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")


def an_empty_file(path: Path) -> None:
    path.touch()


def a_cut_gzip(path: Path) -> None:
    whole = gzip.compress("\n".join(json.dumps(statement(number)) for number in range(2_000)).encode())
    path.write_bytes(whole[: len(whole) // 2])


def a_text(path: Path) -> None:
    path.write_text("no statement at all\n")


@pytest.mark.refuses("import oneroster", "import xapi")
@pytest.mark.parametrize(
    ("command", "name", "make"),
    [
        ("oneroster", "gone.zip", None),
        ("oneroster", "folder", Path.mkdir),
        ("oneroster", "broken.zip", a_broken_zip),
        ("oneroster", "empty.zip", an_empty_zip),
        ("oneroster", "other.zip", another_zip),
        ("oneroster", "empty.csv", an_empty_file),
        ("xapi", "gone.json", None),
        ("xapi", "folder", Path.mkdir),
        ("xapi", "empty.json", an_empty_file),
        ("xapi", "text.json", a_text),
        ("xapi", "cut.json.gz", a_cut_gzip),
    ],
)
def test_a_file_that_cannot_be_read_is_named_and_changes_nothing(
    terminal: Terminal, tmp_path: Path, command: str, name: str, make: Callable[[Path], object] | None
) -> None:
    if make is not None:
        make(tmp_path / name)
    done = terminal("import", command, str(tmp_path / name))
    assert done.exit_code in (1, 2)
    assert name in done.stderr
    assert done.stdout == ""
    assert record.current().number == 0
