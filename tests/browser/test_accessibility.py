"""axe finds nothing, on every page and in every state: half of them wide and light, half narrow and dark; in `make
proof` each at both widths and in both themes."""

from __future__ import annotations

import pytest

from tests.browser import axe
from tests.browser.conftest import Open
from tests.browser.desk import ADMIN, MANAGER, NEWCOMER
from tests.browser.page_states import ADMIN_PAGES, NARROW, NEW_PAGES, OPENED, PAGES, SIGNED_OUT, settled

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1_200)]


@pytest.mark.parametrize(
    ("email", "pages"),
    [(None, SIGNED_OUT), (NEWCOMER, NEW_PAGES), (MANAGER, PAGES), (ADMIN, ADMIN_PAGES)],
    ids=["signed out", "someone new", "manager", "administrator"],
)
def test_axe_finds_nothing_on_any_page(open_as: Open, email: str | None, pages: dict[str, str]) -> None:
    page = open_as(email, **axe.WINDOW)
    found: list[str] = []
    for name, address in pages.items():
        page.goto(address)
        settled(page)
        found += axe.faults(page, name)
    assert not found, "\n".join(found)


def test_axe_finds_nothing_in_any_state_of_a_report_nor_in_what_opens(open_as: Open, states: dict[str, str]) -> None:
    page = open_as(MANAGER, **axe.WINDOW)
    found: list[str] = []
    for state, address in states.items():
        page.goto(address)
        found += axe.faults(page, f"report-{state}")
    for name, show in OPENED.items():
        show(page, states)
        found += axe.faults(page, name, is_covered=True, is_narrow=name in NARROW)
    assert not found, "\n".join(found)
