"""What a thing is called, and what it means, stands in one place; everything else reads it there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from webapp import statuses
from webapp.documents.job_status import STATES
from webapp.engine.catalogue import DATASETS, DIMENSIONS, MEASURE_TYPES, REPORT_TYPES
from webapp.renderers import FORMATS
from webapp.services.lookups.seed import SEEDS

ROOT = Path(__file__).parent.parent
#: Texts that happen to be the same as a declared one, and why they are not it.
ANOTHER_THING = {
    "Assessment results": "the rows are called so, and a report type that shows them",
    "SCORM attempts": "the rows are called so, and a report type that shows them",
    ".csv": "a file of a OneRoster import",
    ".json": "a file of an import, and of the assets",
    ".parquet": "a file of the record",
    "application/json": "in what form a page asks for suggestions",
}
#: Lists in which some of the words stand for a reason of their own.
SOME_OF_THEM = {
    "webapp/services/lookups/former_seeds.py": "what was seeded once, as it was",
    "webapp/engine/catalogue/tables.py": "tables of the record, of which some datasets have the names",
    "webapp/web/admin/record_words.py": "tables of the record, as well",
}


def declared_texts() -> Iterator[str]:
    """Sentences, names of more than one word, and how files are called. A word alone (“Class”) is also a heading."""
    for seeds in SEEDS.values():
        for _, label, description, _ in seeds:
            yield from (label, description)
    for dataset in DATASETS.values():
        yield dataset.label
        yield from (measure.definition for measure in dataset.measures.values())
        yield from (field.definition for field in dataset.fields.values())
    for dimension in DIMENSIONS.values():
        yield from (dimension.label, dimension.what, dimension.definition)
    yield from statuses.WORDS.values()


def files(folder: str, pattern: str) -> list[Path]:
    return sorted((ROOT / folder).rglob(pattern))


def texts_of(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of every text constant, and in a template of all that stands between marks."""
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.lineno, node.value
        return
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        for found in re.finditer(r"\"([^\"]+)\"|'([^']+)'|(?<=>)([^<>{}]+)(?=<)", line):
            yield number, next(text for text in found.groups() if text).strip()


def places(wanted: set[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in [*files("webapp", "*.py"), *files("templates", "*.html"), *files("static/js", "*.js")]:
        for line, text in texts_of(path):
            if text in wanted:
                found.setdefault(text, []).append(f"{path.relative_to(ROOT)}:{line}")
    return found


def test_no_name_or_meaning_is_written_twice() -> None:
    several_words = {str.__str__(text) for text in declared_texts() if " " in text}
    of_files = {text for each in FORMATS.values() for text in (each.label, each.mime_type, f".{each.extension}")}
    twice = {text: where for text, where in places(several_words | of_files).items() if len(where) > 1}
    # The ending of a file (`.csv`) is nowhere else at all: the declaration has it without its dot.
    twice |= places({f".{each.extension}" for each in FORMATS.values()})
    assert {text: where for text, where in twice.items() if text not in ANOTHER_THING} == {}
    assert set(ANOTHER_THING) <= set(twice), "an exception that nobody needs any more"


@pytest.mark.parametrize(
    ("what", "vocabulary"),
    [
        ("formats", set(FORMATS) | {each.label for each in FORMATS.values()}),
        ("states", {key.value for key in STATES}),
        ("report types", set(REPORT_TYPES)),
        ("datasets", set(DATASETS)),
    ],
)
def test_no_list_repeats_a_vocabulary(what: str, vocabulary: set[str]) -> None:
    found = []
    for path in files("webapp", "*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if _named(node, vocabulary) >= 4 and str(path.relative_to(ROOT)) not in SOME_OF_THEM:
                found.append(f"{path.relative_to(ROOT)}:{node.lineno}")  # type: ignore[attr-defined]
    assert found == [], what


def _named(node: ast.AST, vocabulary: set[str]) -> int:
    """How many words of the vocabulary a collection, or a text (`csv, json, excel`), names."""
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return len(_constants(node.elts) & vocabulary)
    if isinstance(node, ast.Dict):
        return len(_constants(node.keys) & vocabulary)
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" not in node.value:
        return len(set(re.findall(r"[\w-]+", node.value)) & vocabulary)
    return 0


def _constants(nodes: Iterable[ast.AST | None]) -> set[str]:
    return {each.value for each in nodes if isinstance(each, ast.Constant) and isinstance(each.value, str)}


def test_a_measure_is_called_alike_in_all_rows_that_have_it() -> None:
    for key, declared in MEASURE_TYPES.items():
        of_rows = {dataset.measures[key] for dataset in DATASETS.values() if key in dataset.measures}
        assert {(each.label, each.unit, each.requires_field) for each in of_rows} == {
            (declared.label, declared.unit, declared.requires_field)
        }


def test_a_measure_that_means_something_else_in_other_rows_says_so() -> None:
    assert MEASURE_TYPES["count"].definition == (
        "Number of rows; 0 where there are none. Classes: number of classes; 0 where there are none."
    )
    assert MEASURE_TYPES["completion-rate"].definition == (
        "Enrollments: completed / all enrollments, withdrawals included; empty without enrollments. "
        "SCORM attempts: attempts completed or passed / all attempts; empty without attempts."
    )
    assert MEASURE_TYPES["sum"].definition == "Sum of the values; empty without any."
    assert "certificates" not in MEASURE_TYPES["sum"].datasets
