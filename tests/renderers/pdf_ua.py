"""The machine-checkable rules of PDF/UA-1 that a report can break (after the Matterhorn protocol), by pikepdf."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pikepdf

from tests.renderers.pdf_table import placed, spans

_TEXT = {"Tj", "TJ", "'", '"'}
_BEGIN, _END = {"BDC", "BMC"}, {"EMC"}


def problems(path: Path) -> list[str]:
    """What breaks the rules; nothing for an accessible file."""
    with pikepdf.open(path) as pdf:
        return [*_document(pdf), *_structure(pdf), *_content(pdf), *_fonts(pdf)]


def _document(pdf: pikepdf.Pdf) -> Iterator[str]:
    root = pdf.Root
    if not root.get("/MarkInfo", {}).get("/Marked", False):
        yield "not marked as tagged"
    if not str(root.get("/Lang", "")):
        yield "no language"
    if not root.get("/ViewerPreferences", {}).get("/DisplayDocTitle", False):
        yield "a viewer would show the file name, not the title"
    with pdf.open_metadata() as metadata:
        if metadata.get("pdfuaid:part") != "1":
            yield f"claims to be PDF/UA part {metadata.get('pdfuaid:part')}"
        if not metadata.get("dc:title"):
            yield "no title"


def _structure(pdf: pikepdf.Pdf) -> Iterator[str]:
    if "/StructTreeRoot" not in pdf.Root:
        yield "no structure tree"
        return
    level = 0
    for node in _nodes(pdf.Root.StructTreeRoot):
        tag = str(node.get("/S", ""))
        if tag in ("/Figure", "/Formula") and not str(node.get("/Alt", "")):
            yield "a figure without a text alternative"
        if tag[:2] == "/H" and tag[2:].isdigit():
            if int(tag[2:]) > level + 1:
                yield f"heading {tag} after level {level}"
            level = int(tag[2:])
        if tag == "/Table":
            yield from _table(node)


def _table(table: Any) -> Iterator[str]:
    rows = [node for node in _nodes(table) if node.get("/S") == "/TR"]
    kinds = [{str(cell.S) for cell in _children(row)} for row in rows]
    heads = next((number for number, found in enumerate(kinds) if found != {"/TH"}), len(kinds))
    if not heads:
        yield "a table without a heading"
    if any(found != {"/TD"} for found in kinds[heads:]):
        yield "a table row of other things than cells"
    grid = placed([[(cell, *_spans(cell)) for cell in _children(row)] for row in rows])
    if len({sum(1 for y, _ in grid if y == number) for number in range(len(rows))}) > 1:
        yield "a table with rows of different lengths"
    for heading in (cell for row in rows[:heads] for cell in _children(row)):
        if not any(str(each.get("/Scope", "")) == "/Column" for each in _attributes(heading)):
            yield "a heading that does not say that it is a column's"


def _attributes(cell: Any) -> list[Any]:
    found = cell.get("/A", [])
    return list(found) if isinstance(found, pikepdf.Array) else [found]


def _spans(cell: Any) -> tuple[int, int]:
    return spans(_attributes(cell))


def _nodes(node: Any) -> Iterator[Any]:
    yield node
    for child in _children(node):
        yield from _nodes(child)


def _children(node: Any) -> list[Any]:
    kids = node.get("/K", [])
    return [
        kid
        for kid in (kids if isinstance(kids, pikepdf.Array) else [kids])
        if isinstance(kid, pikepdf.Dictionary) and ("/S" in kid or "/K" in kid)
    ]


def _content(pdf: pikepdf.Pdf) -> Iterator[str]:
    for number, page in enumerate(pdf.pages, start=1):
        if "/StructParents" not in page.obj:
            yield f"page {number} is not in the structure tree"
        depth = 0
        for instruction in pikepdf.parse_content_stream(page):
            operator = str(instruction.operator)
            depth += (operator in _BEGIN) - (operator in _END)
            if operator in _TEXT and depth == 0:
                yield f"page {number} has text that is neither tagged nor decoration"
                break


def _fonts(pdf: pikepdf.Pdf) -> Iterator[str]:
    for page in pdf.pages:
        for font in (page.resources.get("/Font") or {}).values():
            inner = font.DescendantFonts[0] if "/DescendantFonts" in font else font
            descriptor = inner.get("/FontDescriptor", {})
            if not {"/FontFile", "/FontFile2", "/FontFile3"} & set(descriptor.keys()):
                yield f"the font {font.get('/BaseFont')} is not in the file"
            if "/ToUnicode" not in font:
                yield f"the font {font.get('/BaseFont')} does not say its characters"
