"""axe finds nothing, on every page and state, light and dark, wide and narrow."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.conftest import Open

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
PAGES = [
    "/", "/reports/", "/reports/?q=nothing", "/reports/shared", "/department/", "/reports/new",
    "/reports/new?type=learner-activity", "/reports/new?type=transcript", "/account",
]  # fmt: skip


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_axe_finds_nothing(open_as: Open, theme: str, width: int) -> None:
    page = open_as(
        "manager@demo.example", color_scheme=theme, viewport={"width": width, "height": 900}, bypass_csp=True
    )
    found: list[str] = []
    for address in PAGES:
        page.goto(address)
        page.wait_for_load_state("networkidle")
        page.add_script_tag(path=str(AXE))
        result = page.evaluate("axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})")
        for violation in result["violations"]:
            places = [node["target"] for node in violation["nodes"][:3]]
            found.append(f"{address}: {violation['id']} {places}")
        overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if overflow > 0:
            found.append(f"{address}: {overflow} px wider than the window")
    assert found == []
