"""An administrator's way: by mouse, by keyboard alone, without JavaScript; and axe on every page of the area."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser import axe
from tests.browser.conftest import Desk, Open

pytestmark = pytest.mark.browser

ADMIN = "admin@demo.example"
#: Beside those of `page_states.ADMIN_PAGES`.
PAGES = [
    "/admin/lookups/role/department-admin", "/admin/lookups/report-priority/high", "/admin/lookups/activity-event/login",
    "/admin/people/?q=nobody", "/admin/people/add", "/admin/departments/add", "/admin/audit/?person=nobody@x.example",
    "/admin/audit/?kind=deleted",
]  # fmt: skip
ROSTER = "sourcedId,role,givenName,familyName\nbrowser-1,student,Imported,Learner\n,student,Nobody,Known\n"


def test_axe_finds_nothing(open_as: Open) -> None:
    page = open_as(ADMIN, **axe.WINDOW)
    found: list[str] = []
    page.goto("/admin/people/?q=Okafor")
    person = page.locator("td.main a.name").first.get_attribute("href") or ""
    page.goto("/admin/departments/")
    department = page.locator("td.main a.name").nth(1).get_attribute("href") or ""
    for address in (*PAGES, person, department):
        page.goto(address)
        found += axe.faults(page, address)
    page.goto(person)
    page.click("summary:has-text('New password')")
    found += axe.faults(page, "the question before a new password")
    page.goto("/admin/people/add")
    page.click("button:has-text('Add the person')")
    expect(page.locator("#name-error")).to_be_visible()
    expect(page.locator("#name")).to_be_focused()
    found += axe.faults(page, "a form with errors")
    assert found == []


def test_a_roster_is_sent_watched_and_its_refused_row_is_told(open_as: Open, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "roster.zip", "w") as archive:
        archive.writestr("users.csv", ROSTER)
    page = open_as(ADMIN)
    page.click("nav[aria-label='Main'] >> text=Admin")
    page.click("nav[aria-label='Administration'] >> text=Imports")
    page.set_input_files("#files", tmp_path / "roster.zip")
    page.click("text=Import at once")
    expect(page.locator("h1")).to_have_text("roster.zip")
    expect(page.locator("#refused-heading")).to_have_text("Refused: 1", timeout=60_000)
    expect(page.locator("#import")).to_contain_text("sourcedId is empty")
    assert page.locator("#import").get_attribute("hx-trigger") is None
    page.click("nav[aria-label='Administration'] >> text=Audit")
    expect(page.locator("tbody tr").first).to_contain_text("roster.zip: import ordered")


def test_a_person_is_added_by_keyboard_alone_and_signs_in(open_as: Open, desk: Desk) -> None:
    page = open_as(ADMIN)
    page.goto("/admin/people/add")
    page.focus("#name")
    page.keyboard.type("Kim Keyboard")
    page.keyboard.press("Tab")
    page.keyboard.type("kim@demo.example")
    while page.evaluate("document.activeElement.id") != "memberships-0-department":
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    while page.evaluate("document.activeElement.value") != "staff":
        page.keyboard.press("Tab")
    page.keyboard.press("Space")
    while "Add the person" not in page.evaluate("document.activeElement.textContent"):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    password = page.locator("#new-password").input_value()
    other = page.context.browser.new_context(base_url=desk.address).new_page()  # type: ignore[union-attr]
    other.goto("/sign-in")
    other.fill("#email", "kim@demo.example")
    other.fill("#password", password)
    other.click("button[type=submit]")
    expect(other.locator("summary.person")).to_have_attribute("aria-label", "Account menu of Kim Keyboard")
    other.context.close()


def test_values_are_moved_and_switched_without_javascript(open_as: Open) -> None:
    page = open_as(ADMIN, java_script_enabled=False)
    page.goto("/admin/lookups/output-format/")
    names = page.locator("td.main a.name")
    before = names.all_text_contents()
    page.click(f"button[aria-label='Move {before[1]} up']")
    expect(names).to_have_text([before[1], before[0], *before[2:]])
    page.click(f"button[aria-label='Move {before[1]} down']")
    expect(names).to_have_text(before)
    page.click("a.name:has-text('Parquet')")
    page.click("summary:has-text('Deactivate')")
    page.click("text=Deactivate it")
    expect(page.locator("#value-parquet")).to_contain_text("Inactive")
    page.goto("/admin/lookups/output-format/parquet")
    page.click("button:has-text('Activate')")
    expect(page.locator("#value-parquet")).not_to_contain_text("Inactive")
