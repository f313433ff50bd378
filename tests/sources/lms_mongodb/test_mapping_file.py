"""What a mapping may say, and how one that cannot be used is told of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webapp.sources.lms_mongodb.mapping_file import MappingError, load, parse, shipped_names

HEAD = "tables:\n  courses:\n    collection: kurse\n    fields:\n"


def told(text: str) -> str:
    with pytest.raises(MappingError) as error:
        parse(text, "ours.yaml")
    return str(error.value)


def test_every_shipped_mapping_can_be_used() -> None:
    assert "cadence" in shipped_names()
    assert all(load(name).mapping.tables for name in shipped_names())


def test_a_mapping_of_ones_own_is_found_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "ours.yaml"
    path.write_text(f"{HEAD}      name: titel\n", "utf-8")
    assert load(str(path)).mapping.tables["courses"][0].collection == "kurse"
    assert load(str(path)).digest != load("cadence").digest


def test_a_file_that_is_not_there_is_told_with_the_names_that_are() -> None:
    with pytest.raises(MappingError, match=r"no mapping “elsewhere”.*cadence"):
        load("elsewhere")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{HEAD}      title: titel\n", "ours.yaml, line 5, tables.courses[0].fields.title: courses has no such column"),
        (f"{HEAD}      name: {{pfad: titel}}\n", "line 5, tables.courses[0].fields.name.pfad: “pfad” is not known here"),
        (f"{HEAD}      name: titel\n      name: name\n", "line 6: “name” stands there twice"),
        (f"{HEAD}      name: {{path: a, constant: b}}\n", "exactly one of path, constant, text, first, all, each, by"),
        (f"{HEAD}      name: {{path: a, values: words}}\n", "there is no value table “words”; there is none"),
        (f"{HEAD}      name: {{by: dozent}}\n", "a join needs by, in and take"),
        (f"{HEAD}      name: {{by: [a, b], in: c, take: d}}\n", "by and on need as many paths as each other"),
        (f"{HEAD}      name: a..b\n", "a path is names with dots between them"),
        (f"{HEAD}      name: $where\n", "a path is names with dots between them"),
        (f"{HEAD}      name: {{path: a, day: first}}\n", "name is no instant"),
        ("tables:\n  kurse:\n    collection: a\n    fields: {name: a}\n", "there is no such table; the tables are departments"),
        ("tables:\n  courses:\n    fields: {name: a}\n", "line 2, tables.courses[0].collection: this is missing"),
        ("tables:\n  courses:\n    collection: a\n    each: b\n    fields: {name: item}\n", "key must tell them apart"),
        ("tables:\n  courses:\n    collection: a\n    wo: b\n    fields: {name: a}\n", "allowed are collection, where, each, key"),
        ("tables:\n  courses:\n    collection: system.users\n    fields: {name: a}\n", "MongoDB's own are not read"),
        ("tables:\n  courses:\n    collection: a\n    where: {b: {like: c}}\n    fields: {name: a}\n", "“like” is not known here; allowed are is, not, exists, in, with"),
        ("- tables\n", "a mapping has the parts values and tables"),
        ("", "a mapping has the parts values and tables"),
        ("tables: [}\n", "ours.yaml, line 1"),
    ],
)  # fmt: skip
def test_an_error_names_file_line_place_and_what_is_allowed(text: str, expected: str) -> None:
    assert expected in told(text)


def test_words_of_yaml_stay_words() -> None:
    mapping = parse(
        f"values:\n  states: {{yes: a, off: b, 2: c, true: d, 2025-01-01: e}}\n{HEAD}      name: on\n", "a.yaml"
    )
    assert mapping.values["states"] == {"yes": "a", "off": "b", "2": "c", "true": "d", "2025-01-01": "e"}
    assert mapping.tables["courses"][0].fields["name"].path == "on"


@given(st.text(max_size=200))
@settings(deadline=None)
def test_any_text_is_a_mapping_or_is_told_of(text: str) -> None:
    said = "any.yaml"
    try:
        parse(text, "any.yaml")
    except MappingError as error:
        said = str(error)
    assert "any.yaml" in said


_YAML = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["path", "name", "by", "courses"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["tables", "values", "courses", "collection", "fields", "name", "by", "in", "on", "take", "where", "each", "key", "unless", "first", "is"]),
        inner,
        max_size=4,
    ),
    max_leaves=15,
)  # fmt: skip


@given(_YAML, _YAML)
@settings(deadline=None)
def test_any_tree_is_a_mapping_or_is_told_of(fields: object, reading: object) -> None:
    for tree in (
        {"tables": {"courses": {"collection": "a", "fields": {"name": fields}}}},
        {"tables": {"courses": reading}},
        {"values": reading, "tables": fields},
    ):
        said = "any.yaml"
        try:
            parse(json.dumps(tree), "any.yaml")
        except MappingError as error:
            said = str(error)
        assert "any.yaml" in said
