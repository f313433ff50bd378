"""What axe and a ruler find wrong with the page as it stands."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def faults(page: Page, name: str) -> list[str]:
    """Each violation of WCAG 2.2 AA with where it is; and what is wider than the window."""
    if not page.evaluate("'axe' in window"):
        page.add_script_tag(path=str(AXE))
    # What fades in or out has half its contrast in between.
    page.evaluate("Promise.all(document.getAnimations().map((each) => each.finished.catch(() => null)))")
    result = page.evaluate("(rules) => axe.run({runOnly: rules, resultTypes: ['violations']})", RULES)
    found = []
    for violation in result["violations"]:
        places = [f"{node['target']} {node['html'][:120]}" for node in violation["nodes"][:3]]
        found.append(f"{name}: {violation['id']} {places}")
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if overflow > 0:
        found.append(f"{name}: {overflow} px wider than the window")
    return found
