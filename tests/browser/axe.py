"""What axe and a ruler find wrong with the page as it stands, wide and narrow, light and dark."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
#: Motion would be caught half way; the page's own scripts are not what runs axe.
WINDOW: dict[str, Any] = {"reduced_motion": "reduce", "bypass_csp": True}
#: Both widths and both themes are in either form; all four pairs take as long again.
PAIRS = [(1280, "light"), (360, "dark")]
if os.environ.get("REPORTDESK_TEST_AXE") == "full":
    PAIRS += [(1280, "dark"), (360, "light")]


def faults(page: Page, name: str, *, is_covered: bool = False) -> list[str]:
    """Each violation of WCAG 2.2 AA with where it is; and what is wider than the window.

    `is_covered`: something open lies over the page, so that the parts of targets still seen are no measure of them.
    """
    if not page.evaluate("'axe' in window"):
        page.add_script_tag(path=str(AXE))
    options = {
        "runOnly": RULES,
        "rules": {"target-size": {"enabled": not is_covered}},
        "resultTypes": ["violations"],
    }
    found = []
    for width, theme in PAIRS:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=theme)
        # What fades has half its contrast in between.
        page.evaluate("Promise.all(document.getAnimations().map((each) => each.finished.catch(() => null)))")
        result = page.evaluate("(options) => axe.run(options)", options)
        for violation in result["violations"]:
            places = [f"{node['target']} {node['html'][:120]}" for node in violation["nodes"][:3]]
            found.append(f"{name}, {width} px, {theme}: {violation['id']} {places}")
        overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if overflow > 0:
            found.append(f"{name}: {overflow} px wider than {width}")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(color_scheme="light")
    return found
