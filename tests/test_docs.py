"""What the documents say is there, is there; what the code cites, stands in them; what is not shown, is not kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.screenshots import ROOT, shown_by_the_readme
from webapp.settings import Settings

DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
CODE = [
    path
    for folder in ("webapp", "tests")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in (".py", ".js", ".mjs", ".html", ".typ")
]
#: A file or a folder of ours, named from the root: `webapp/worker/loop.py`.
_OURS = re.compile(r"`((?:webapp|tests|templates|static|deploy|docs)/[\w./-]*)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
#: `DESIGN §6`, and each number of `DESIGN §6 and §7`.
_CITED = re.compile(r"DESIGN((?:[ ,]*(?:and )?§\d+)+)")
#: The house's own notes, which are not in the repository: what they say stands in docs/.
_ELSEWHERE = re.compile(r"\bDESIGN\b(?! §\d)|\bSTYLE\b")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def sections_of_the_design() -> set[int]:
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    return {int(number) for number in re.findall(r"^## (\d+)\. ", text, re.M)}


def citations() -> Iterator[tuple[str, int]]:
    for path in CODE:
        for found in _CITED.finditer(path.read_text(encoding="utf-8")):
            yield from ((named(path), int(number)) for number in re.findall(r"\d+", found[1]))


def test_the_repository_keeps_the_pictures_that_the_readme_shows_and_no_other():
    shown = shown_by_the_readme()
    assert shown
    assert set((ROOT / "docs" / "screenshots").iterdir()) == set(shown)


def test_every_section_of_the_design_that_the_code_cites_is_there():
    cited = list(citations())
    sections = sections_of_the_design()
    assert len(cited) > 15, "the pattern finds no citations any more"
    assert sections == set(range(1, len(sections) + 1))
    assert [(where, number) for where, number in cited if number not in sections] == []


def test_the_code_cites_no_document_that_is_not_there():
    found = [
        f"{named(path)}: {hit[0]}"
        for path in CODE
        if path != Path(__file__)
        for hit in _ELSEWHERE.finditer(path.read_text(encoding="utf-8"))
    ]
    found += [
        f"{named(path)}: {cited}"
        for path in CODE
        for cited in re.findall(r"\bdocs/[\w-]+\.md\b", path.read_text(encoding="utf-8"))
        if not (ROOT / cited).is_file()
    ]
    assert found == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_link_and_every_file_that_a_document_names_is_there(document: Path):
    text = document.read_text(encoding="utf-8")
    links = [
        link.partition("#")[0]
        for link in _LINK.findall(text)
        if "://" not in link and not link.startswith(("#", "mailto:"))
    ]
    missing = [link for link in links if not (document.parent / link).exists()]
    missing += [path for path in _OURS.findall(text) if not (ROOT / path).exists() and path != "static/vendor/"]
    assert missing == []


def test_every_folder_of_the_program_stands_in_the_architecture_once():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(webapp/[\w/]*)` \|", text, re.M)
    folders = {f"{named(path)}/" for path in (ROOT / "webapp").rglob("*") if path.is_dir()} | {"webapp/"}
    # Of a language each has the same two folders.
    folders = {each for each in folders if "__pycache__" not in each and not re.match(r"webapp/translations/.", each)}
    assert sorted(rows) == sorted(folders)


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_setting_that_a_document_names_is_one(document: Path):
    known = {f"REPORTDESK_{name.upper()}" for name in Settings.model_fields}
    told = set(re.findall(r"\bREPORTDESK_[A-Z_]+\b", document.read_text(encoding="utf-8")))
    assert {name for name in told if not name.startswith("REPORTDESK_TEST_")} <= known


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_target_of_make_that_a_document_names_is_one(document: Path):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    told = re.findall(r"(?:`|^    )make ((?:[a-z]+ ?)+)", document.read_text(encoding="utf-8"), re.M)
    assert {target for each in told for target in each.split()} <= targets
