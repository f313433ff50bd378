"""What axe and a ruler find wrong with the page as it stands: wide and light, or narrow and dark."""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
#: Motion would be caught half way; the page's own scripts are not what runs axe.
WINDOW: dict[str, Any] = {"reduced_motion": "reduce", "bypass_csp": True}
#: In the short run each page and state is looked at as one of these; in `make proof` as all four.
PAIRS = [(1280, "light"), (360, "dark")]
IS_WHOLE = os.environ.get("REPORTDESK_TEST_AXE") == "full"
EVERY_PAIR = [*PAIRS, (1280, "dark"), (360, "light")]


def pairs_of(name: str, *, is_narrow: bool = False) -> list[tuple[int, str]]:
    """The width and theme at which `name` is looked at: always the same, and half of all names at either."""
    if IS_WHOLE:
        return EVERY_PAIR
    return [PAIRS[1 if is_narrow else zlib.crc32(name.encode()) % 2]]


def faults(page: Page, name: str, *, is_covered: bool = False, is_narrow: bool = False) -> list[str]:
    """Each violation of WCAG 2.2 AA with where it is; and what is wider than the window, at both widths.

    `is_covered`: something open lies over the page, so that the parts of targets still seen are no measure of them.
    `is_narrow`: what it is about is seen on a narrow page only.
    """
    if not page.evaluate("'axe' in window"):
        page.add_script_tag(path=str(AXE))
    options = {
        "runOnly": RULES,
        "rules": {"target-size": {"enabled": not is_covered}},
        "resultTypes": ["violations"],
    }
    found = []
    pairs = pairs_of(name, is_narrow=is_narrow)
    for width, theme in [*pairs, *(pair for pair in PAIRS if pair[0] not in {width for width, _ in pairs})]:
        page.set_viewport_size({"width": width, "height": 900})
        if (width, theme) in pairs:
            page.emulate_media(color_scheme=theme)
            # What fades has half its contrast in between.
            page.evaluate("Promise.all(document.getAnimations().map((each) => each.finished.catch(() => null)))")
            for violation in page.evaluate(
                "(options) => axe.run(options).then((result) => result.violations)", options
            ):
                places = [f"{node['target']} {node['html'][:120]}" for node in violation["nodes"][:3]]
                found.append(f"{name}, {width} px, {theme}: {violation['id']} {places}")
        overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if overflow > 0:
            found.append(f"{name}: {overflow} px wider than {width}")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(color_scheme="light")
    return found
