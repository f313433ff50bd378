"""Statements in every shape that exporters write: read whole, or told where they are not; never cut in silence."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from webapp.sources.csv_tables import Unread
from webapp.sources.files import SourceFileError
from webapp.sources.xapi import statements as module
from webapp.sources.xapi.statements import statement_files, statements


def read(path: Path) -> list[Any]:
    return [value for file in statement_files(path) for _, value in statements(file)]


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ['"', "}", "{", "]", "\\", '\\"', "a\n{b", "[", ',{"'])  # fmt: skip
VALUES = st.recursive(
    TEXTS | st.integers(-5, 5) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
STATEMENTS = st.lists(
    st.dictionaries(TEXTS.filter(lambda key: key not in ("statements", "more")), VALUES, min_size=1, max_size=4),
    min_size=1,
    max_size=6,
)
SHAPES = {
    "one a line": lambda found: "\n".join(json.dumps(each) for each in found),
    "an array": lambda found: json.dumps(found),
    "a pretty array": lambda found: json.dumps(found, indent=2, ensure_ascii=False),
    "one after the other": lambda found: "\n".join(json.dumps(each, indent=1) for each in found),
    "an answer": lambda found: json.dumps({"statements": found, "more": ""}),
    "a pretty answer": lambda found: json.dumps({"statements": found, "more": "/more/1"}, indent=3),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("statements")


@settings(max_examples=examples(60), deadline=None)
@given(
    STATEMENTS,
    st.sampled_from(sorted(SHAPES)),
    st.integers(1, 40),
    st.booleans(),
    st.sampled_from(["", "\n", " \n\n"]),
    st.booleans(),
)
def test_every_shape_gives_the_same_statements(
    folder: Path, found: list[Any], shape: str, chunk: int, is_marked: bool, before: str, is_packed: bool
) -> None:
    content = ("\ufeff" if is_marked else "") + before + SHAPES[shape](found) + before
    path = folder / "export.json"
    path.write_bytes(gzip.compress(content.encode()) if is_packed else content.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK", chunk)  # boundaries fall anywhere, as in files of gigabytes
        assert read(path) == found


@settings(max_examples=examples(60), deadline=None)
@given(STATEMENTS, st.sampled_from(sorted(SHAPES)), st.data())
def test_a_file_that_is_cut_off_is_told_and_gives_nothing_that_was_not_there(
    folder: Path, found: list[Any], shape: str, data: st.DataObject
) -> None:
    content = SHAPES[shape](found).encode()
    cut = data.draw(st.integers(1, max(len(content) - 1, 1)))
    path = folder / "cut.json"
    path.write_bytes(content[:cut])
    is_told = False
    taken: list[Any] = []
    try:
        for value in read(path):
            is_told = is_told or isinstance(value, Unread)
            if not isinstance(value, Unread):
                taken.append(value)
    except SourceFileError:
        is_told = True
    assert taken == found[: len(taken)] or shape == "one after the other"
    # Between two statements nobody can see a cut.
    assert is_told or len(taken) == len(found) or shape in ("one a line", "one after the other")


def test_a_bad_line_is_told_with_its_number_and_the_next_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"a": 1}\n\n{"a": \n{"a": 2}\n', encoding="utf-8")
    (file,) = statement_files(path)
    found = list(statements(file))
    assert [(at, isinstance(value, Unread)) for at, value in found] == [(1, False), (3, True), (4, False)]


def test_something_in_an_array_that_is_no_object_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('[{"a": 1}, 7, {"a": 2}, "text"]', encoding="utf-8")
    found = read(path)
    assert [value for value in found if not isinstance(value, Unread)] == [{"a": 1}, {"a": 2}]
    assert len([value for value in found if isinstance(value, Unread)]) == 2


@pytest.mark.parametrize(
    "content",
    [
        'null\n42\n"x"\n{"a": 1}\n{"a": 2}\n',
        '{"a": 1}\nnull\n42\n"x"\n{"a": 2}\n',
        '{"a": 1}\n{"a": 2}\nnull\n42\n"x"\n',
        '[{"a": 1},\nnull, 42,\n"x",\n{"a": 2}]',
        '[null, 42, "x", {"a": 1}, {"a": 2}]',
        '[{"a": 1}, {"a": 2}, null, 42, "x"]',
        '{\n"a": 1\n}\nnull\n42\n"x"\n{\n"a": 2\n}',
        '{"a": "b\n{"a": 1}\n{"a": 2}\n42\n7',
    ],
)
def test_each_value_that_is_no_statement_is_refused_by_itself(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content, encoding="utf-8")
    found = read(path)
    assert [value for value in found if isinstance(value, dict)] == [{"a": 1}, {"a": 2}]
    assert len(found) == 5


def test_values_between_statements_are_told_with_the_line_of_each(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{\n"a": 1\n}\nnull\n"x, {y}"\n\n42, 43\n{\n"a": 2\n}', encoding="utf-8")
    (file,) = statement_files(path)
    told = [(at, value.reason) for at, value in statements(file) if isinstance(value, Unread)]
    assert [at for at, _ in told] == [4, 5, 7, 7]
    assert "x, {y}" in str(told[1][1])


def test_statements_in_a_zip_are_read_from_all_its_files(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/one.json", '{"n": 1}')
        archive.writestr("b/two.json", '[{"n": 2}]')
        archive.writestr("__MACOSX/b/._two.json", "litter")
    assert read(path) == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"a": 1}'.encode("utf-16"), "UTF-16"),
        ('{"a": 1}'.encode("utf-16-le"), "UTF-16"),
        (b"", "empty"),
        (b" \n ", "empty"),
        (b"%PDF-1.7", "a PDF"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"PAR1....", "a Parquet file"),
        (gzip.compress(b'{"a": 1}\n' * 9000)[:-9], "cut off"),
        (
            b'Time,"User full name","Affected user","Event context",Component,"Event name"\n1,2,3,4,5,6\n',
            "a Moodle log",
        ),
        (b"sourcedId,status,name\n1,active,x\n", "OneRoster"),
    ],
)
def test_what_is_no_file_of_statements_is_told_by_what_it_looks_like(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(SourceFileError, match=told):
        read(path)


LINES = b"".join(b'{"n": %d}\n' % n for n in range(3_000))


@pytest.mark.parametrize("piece", [7, 1_000, 1 << 20])
def test_a_packed_file_may_be_packed_in_parts_with_zeros_between_and_after_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr("webapp.sources.files.PIECE", piece)
    monkeypatch.setattr("webapp.sources.files.PACKED_PIECE", max(piece // 10, 3))
    path = tmp_path / "x.ndjson.gz"
    path.write_bytes(gzip.compress(LINES[:10_000]) + b"\0" * 99 + gzip.compress(LINES[10_000:]) + b"\0" * 99)
    assert read(path) == [{"n": n} for n in range(3_000)]


@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress(LINES)[:-1],
        gzip.compress(LINES)[:20],
        gzip.compress(LINES)[:-8] + b"\1" * 8,
        gzip.compress(LINES) + b"and more",
        gzip.compress(LINES) + gzip.compress(LINES)[:-1],
    ],
    ids=["cut in its last byte", "cut early", "wrong checksum", "followed by something else", "cut in its second part"],
)
def test_a_packed_file_that_is_damaged_anywhere_is_told_as_that(tmp_path: Path, packed: bytes) -> None:
    path = tmp_path / "x.ndjson.gz"
    path.write_bytes(packed)
    with pytest.raises(SourceFileError, match="cut off or damaged"):
        read(path)


def test_what_unpacks_without_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.sources.files.SMALL", 1 << 16)
    path = tmp_path / "x.json.gz"
    path.write_bytes(gzip.compress(b'{"a": 1}' + b" " * (1 << 22)))
    with pytest.raises(SourceFileError, match="unpack"):
        read(path)
