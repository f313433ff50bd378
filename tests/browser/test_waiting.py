"""No page is left while it is on its way to another one: what was begun last would end what was begun first.

A click or a key may begin a navigation, and `goto` right after it is at times taken back by that one (ERR_ABORTED).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

#: What may begin a navigation.
BEGINS = frozenset({"click", "dblclick", "press", "up", "submit", "check", "select_option"})
FOLDER = Path(__file__).parent


def _call(statement: ast.stmt) -> tuple[str, str]:
    """The page and the method of a statement that is a call, as `("page", "goto")` of `page.goto(…)`."""
    value = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(value, ast.Call) or not isinstance(value.func, ast.Attribute):
        return "", ""
    root: ast.expr = value.func.value
    while isinstance(root, ast.Attribute | ast.Call):
        root = root.value if isinstance(root, ast.Attribute) else root.func
    return (root.id if isinstance(root, ast.Name) else ""), value.func.attr


def left_too_early(source: str) -> Iterator[int]:
    """The lines at which a page is left by `goto`, or reloaded, right after something that may lead it elsewhere."""
    for node in ast.walk(ast.parse(source)):
        body = getattr(node, "body", None)
        for before, after in pairwise(body) if isinstance(body, list) else ():
            (page, did), (same, does) = _call(before), _call(after)
            if page and page == same and did in BEGINS and does in {"goto", "reload"}:
                yield after.lineno


def test_what_is_looked_for_is_found() -> None:
    source = (
        "def one(page):\n    page.click('a')\n    page.goto('/')\n    page.keyboard.press('Enter')\n    page.reload()\n"
    )
    assert list(left_too_early(source)) == [3, 5]
    assert list(left_too_early("page.click('a')\nother.goto('/')\npage.goto('/')\n")) == []


def test_no_page_is_left_while_it_is_on_its_way_elsewhere() -> None:
    found = {path.name: list(left_too_early(path.read_text(encoding="utf-8"))) for path in FOLDER.glob("*.py")}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_no_wait_is_over_on_the_page_where_it_begins() -> None:
    """The form is at `/reports/new`: a wait for `**/reports/*` ends before the report is there."""
    for path in FOLDER.glob("*.py"):
        for pattern in ("**/reports/*", "**/templates/*"):
            assert f'wait_for_url("{pattern}"' not in path.read_text(encoding="utf-8"), path.name
