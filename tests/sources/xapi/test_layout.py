"""Lines that are cut into their parts say what they say when they are read as a whole; none is taken for another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sources.xapi.gathering import ADL, CLASSES, HOME_PAGE, Gathered
from webapp.sources.csv_tables import Unread
from webapp.sources.files import files_of
from webapp.sources.xapi import statements as module
from webapp.sources.xapi.layout import Layout
from webapp.sources.xapi.rows import Rows
from webapp.sources.xapi.source import XapiSource

ORDERS = [
    ["id", "actor", "verb", "object", "timestamp", "result", "context"],
    ["timestamp", "context", "actor", "verb", "object", "id", "result"],
]
DEEP: list[Any] = []
for _ in range(300):
    DEEP = [DEEP]
#: Of each property what is usual, what breaks a rule, what is refused, and what a careless cut would fall for.
VALUES: dict[str, list[Any]] = {
    "id": [*(f"5e1d3c2b-0a9f-4e8d-9c7b-{n:012x}" for n in range(12)), "5E1D3C2B-0A9F-4E8D-9C7B-00000000000A", "no", 7],
    "actor": [
        *({"account": {"homePage": HOME_PAGE, "name": name}} for name in ("ida", 'x","verb":{"id":"y', "ö")),
        {"account": {"homePage": HOME_PAGE, "name": "ida"}, "name": "Ida"},
        {"account": {"homePage": HOME_PAGE, "name": "ida"}, "stranger": 1},
        {"mbox": "mailto:Ida@hill.example"},
        {"objectType": "Group", "member": [{"mbox": "mailto:a@hill.example"}, {"mbox": "mailto:b@hill.example"}]},
        None,
    ],
    "verb": [
        *({"id": ADL + name} for name in ("experienced", "passed", "failed", "played", "saw")),
        {"id": ADL + "experienced", "display": {"en": 'saw, "object": that'}},
        {"id": ADL + "voided"},
        {"id": "none"},
    ],
    "object": [
        *({"id": f"{HOME_PAGE}/page/{n}"} for n in range(3)),
        {"id": f"{HOME_PAGE}/page/0", "definition": {"name": {"en": "Rivers"}}},
        {"id": f"{HOME_PAGE}/class/g7"},
        {"id": f"{HOME_PAGE}/page/1", "timestamp": "2026-02-03T08:00:00Z"},
        {"objectType": "StatementRef", "id": "5e1d3c2b-0a9f-4e8d-9c7b-000000000001"},
        {"id": f"{HOME_PAGE}/page/2", "definition": {"extensions": {"https://hill.example/x": DEEP}}},
        [],
    ],
    "timestamp": [
        *(f"2026-02-03T08:0{n}:00Z" for n in range(5)), "2026-02-03T08:00:00+02:00", "20260203T080000Z", "soon", None,
    ],
    "result": [
        {"success": False}, {"score": {"scaled": 0.5}}, {"score": {"raw": 5}}, {"duration": "PT1M"}, {"duration": "?"},
        {"extensions": {"https://hill.example/clicks": 3, "https://hill.example/a.b": 1.5}}, {"context": 1}, None,
    ],
    "context": [
        {"contextActivities": {"parent": [{"id": f"{HOME_PAGE}/class/h2"}]}}, {"platform": "Hill"}, {"language": "??"},
        {"registration": "5e1d3c2b-0a9f-4e8d-9c7b-0000000000ff"}, {"registration": "none"}, {}, 3,
    ],
}  # fmt: skip
SEPARATORS = [(",", ":"), (", ", ": "), (" ,", " :")]


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    """A file of statements mostly laid out alike; some lines are damaged."""
    order, usual = draw(st.sampled_from(ORDERS)), draw(st.sampled_from(SEPARATORS))
    first = {name: VALUES[name][0] for name in order}
    written = [json.dumps(first, separators=usual).encode()]
    for _ in range(draw(st.integers(1, 12))):
        # Mostly the first values, so that statements are mostly good.
        of = {name: draw(st.sampled_from([0, 0, 0, *range(len(VALUES[name]))])) for name in order}
        left_out = draw(st.sets(st.sampled_from(order), max_size=2)) if draw(st.integers(0, 3)) == 0 else ()
        value = {name: VALUES[name][at] for name, at in of.items() if name not in left_out}
        if draw(st.integers(0, 9)) == 0:
            value |= draw(st.sampled_from([{"version": "1.0.3"}, {"stranger": {"id": 1}}]))
        text = json.dumps(value, separators=draw(st.just(usual) | st.sampled_from(SEPARATORS)), ensure_ascii=False)
        line = text.encode()
        match draw(st.integers(0, 24)):
            case 0:
                line = line[: draw(st.integers(0, len(line)))]
            case 1:
                place = draw(st.integers(0, len(line) - 1))
                line = line[:place] + bytes([draw(st.sampled_from(b'"{}[],:\\\x00\xff'))]) + line[place + 1 :]
            case 2:
                line = line.replace(b'"verb"', b'"verb":{"id":"x:y"},"verb"', 1)
            case 3:
                line += b"}"
        written.append(line + draw(st.sampled_from([b"", b"\r", b" "])))
    return b"\n".join(written) + draw(st.sampled_from([b"", b"\n"]))


def told(folder: Path, content: bytes) -> dict[str, Any]:
    path = folder / "statements.json"
    path.write_bytes(content)
    staging = Gathered(classes=CLASSES)
    XapiSource().read(files_of(path), staging)  # type: ignore[arg-type]
    return {name: value for name, value in vars(staging).items() if not name.startswith("_")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("statements")


@settings(max_examples=60, deadline=None)
@given(lines(), st.integers(20, 2_000))
def test_a_line_that_is_cut_says_the_same_as_one_that_is_read(folder: Path, content: bytes, chunk: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK", chunk)
        cut = told(folder, content)
        patch.setattr(Layout, "parts", lambda layout, text: None)
        assert cut == told(folder, content)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("separators", SEPARATORS[:2])
def test_lines_like_the_first_are_not_read_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, order: list[str], separators: tuple[str, str]
) -> None:
    found = [{name: VALUES[name][0 if name == "context" else n] for name in order} for n in range(5)]
    del found[3]["result"], found[4]["context"]
    read: list[Any] = []
    take = Rows.take

    def noted(rows: Rows, file: str, place: int, statement: Any) -> None:
        read.append(statement)
        take(rows, file, place, statement)

    monkeypatch.setattr(Rows, "take", noted)
    content = "\n".join(json.dumps(each, separators=separators) for each in found).encode() + b"\n"
    assert len(told(folder, content)["rows"]["events"]) == 5
    assert read == found[:1]


@pytest.mark.parametrize("chunk", [1, 7, 39])
def test_a_line_longer_than_any_statement_is_told_wherever_chunks_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(module, "CHUNK", chunk)
    monkeypatch.setattr(module, "LONGEST_STATEMENT", 40)
    path = tmp_path / "x.json"
    sizes = [9, 39, 40, 41, 200, 9, 40]
    path.write_bytes(b"\n".join(b'{"a":' + b" " * (size - 7) + b"1" + b"}" for size in sizes))
    (file,) = files_of(path)
    found = [(line, isinstance(value, Unread)) for line, value in module.statements(file)]
    assert found == [(line, size >= 40) for line, size in enumerate(sizes, 1)]
