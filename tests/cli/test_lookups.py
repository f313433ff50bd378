"""`reportdesk lookups`: the lists that administrators keep."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Terminal
from webapp.documents import LookupCategory, LookupValue
from webapp.services.lookups import values as lookups

LONGEST = '{"aggregate": "max", "field": "duration", "dataset": "activity", "format": "duration"}'


@pytest.mark.does("lookups add", "lookups list", "lookups deactivate", "lookups activate")
def test_a_value_is_added_listed_taken_out_and_brought_back(terminal: Terminal) -> None:
    added = terminal("lookups", "add", "measure-type", "longest", "--name", "Longest", "--metadata", LONGEST)
    assert (added.exit_code, added.stdout) == (0, "measure-type has the new value longest.\n")
    assert "  longest  Longest\n" in terminal("lookups", "list", "measure-type").stdout
    assert terminal("lookups", "deactivate", "measure-type", "longest").exit_code == 0
    assert "  longest  Longest  (inactive)\n" in terminal("lookups", "list", "measure-type").stdout
    assert terminal("lookups", "activate", "measure-type", "longest").stdout == "measure-type longest is active.\n"
    assert "longest" in {each.key for each in lookups.active(LookupCategory.MEASURE_TYPE)}


@pytest.mark.does("lookups list")
def test_without_a_list_all_of_them_are_shown(terminal: Terminal) -> None:
    said = terminal("lookups", "list").stdout
    assert [line for line in said.splitlines() if not line.startswith(" ")] == [each.value for each in LookupCategory]


@pytest.mark.does("lookups seed")
def test_seeding_adds_what_is_missing_and_tells_how_many(terminal: Terminal) -> None:
    assert terminal("lookups", "seed").stdout == "0 values added.\n"
    LookupValue.objects(category="report-priority").delete()
    assert terminal("lookups", "seed").stdout == "5 values added.\n"


@pytest.mark.refuses("lookups add", "lookups list", "lookups deactivate", "lookups activate")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("list", "nothing"), "'nothing' is not one of"),
        (("add", "nothing", "x", "--name", "X"), "'nothing' is not one of"),
        (("add", "report-priority", "x"), "Missing option '--name'"),
        (("add", "report-priority", "Bad Key", "--name", "X"), "Key has characters that are not possible there."),
        (("add", "report-priority", "high", "--name", "X"), "already has a value “high”"),
        (("add", "measure-type", "x", "--name", "X", "--metadata", "{"), "--metadata is not JSON"),
        (("add", "measure-type", "x", "--name", "X", "--metadata", "[1]"), "--metadata must be a JSON object"),
        (("add", "measure-type", "x", "--name", "X", "--metadata", '{"aggregate": "magic"}'), "A measure is one of"),
        (("deactivate", "output-format", "gone"), "The list output-format has no value “gone”."),
        (("activate", "output-format", "gone"), "The list output-format has no value “gone”."),
        (("deactivate", "report-status", "ready"), "cannot be deactivated"),
    ],
)
def test_a_value_that_cannot_be_is_refused_in_words(terminal: Terminal, arguments: tuple[str, ...], words: str) -> None:
    before = LookupValue.objects.count(), LookupValue.objects(is_active=True).count()
    done = terminal("lookups", *arguments)
    assert done.exit_code in (1, 2)
    assert words in done.stderr
    assert done.stdout == ""
    assert (LookupValue.objects.count(), LookupValue.objects(is_active=True).count()) == before
