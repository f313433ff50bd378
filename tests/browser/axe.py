"""What axe and a ruler find wrong with the page as it stands, wide and narrow, light and dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
EVERY_RULE: dict[str, Any] = {
    "type": "tag",
    "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}
#: All that another theme can change.
COLOURS: dict[str, Any] = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}


def faults(page: Page, name: str, *, is_covered: bool = False) -> list[str]:
    """Each violation of WCAG 2.2 AA with where it is; and what is wider than the window.

    `is_covered`: something open lies over the page, so that the parts of targets still seen are no measure of them.
    """
    if not page.evaluate("'axe' in window"):
        page.add_script_tag(path=str(AXE))
    found = []
    for width in (1280, 360):
        page.set_viewport_size({"width": width, "height": 900})
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            # What fades has half its contrast in between.
            page.evaluate("Promise.all(document.getAnimations().map((each) => each.finished.catch(() => null)))")
            options = {
                "runOnly": EVERY_RULE if theme == "light" else COLOURS,
                "rules": {"target-size": {"enabled": False}} if is_covered and theme == "light" else {},
                "resultTypes": ["violations"],
            }
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
