"""axe finds nothing, on every page and in every state, light and dark, wide and narrow."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser import axe
from tests.browser.conftest import Open
from tests.browser.desk import ADMIN, MANAGER, NEWCOMER
from tests.browser.page_states import ADMIN_PAGES, OPENED, PAGES, SIGNED_OUT

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def goto(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_load_state("networkidle")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_axe_finds_nothing(open_as: Open, states: dict[str, str], theme: str, width: int) -> None:
    # Motion would be caught half way; the page's own scripts are not what runs axe.
    window = {
        "color_scheme": theme,
        "reduced_motion": "reduce",
        "viewport": {"width": width, "height": 900},
        "bypass_csp": True,
    }
    found: list[str] = []
    page = open_as(None, **window)
    for name, address in SIGNED_OUT.items():
        goto(page, address)
        found += axe.faults(page, name)
    page = open_as(NEWCOMER, **window)
    for address in ("/", "/reports/", "/reports/shared"):
        goto(page, address)
        found += axe.faults(page, f"{address} of someone new")
    page = open_as(MANAGER, **window)
    for name, address in {**PAGES, **{f"report-{state}": address for state, address in states.items()}}.items():
        goto(page, address)
        found += axe.faults(page, name)
    for name, show in OPENED.items():
        show(page, states)
        found += axe.faults(page, name)
    page = open_as(ADMIN, **window)
    for name, address in ADMIN_PAGES.items():
        goto(page, address)
        found += axe.faults(page, name)
    assert found == []
