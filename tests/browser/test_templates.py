"""Templates in a browser: kept, found and used with a mouse, by keyboard alone, and without scripts."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.desk import MANAGER, REPORT
from tests.browser.page_states import QUESTION

pytestmark = pytest.mark.browser


def test_a_question_is_kept_from_the_form_and_used_with_one_click(open_as: Open) -> None:
    page = open_as(MANAGER)
    page.goto(f"{QUESTION}&limit=5")
    page.fill("#name", "Quarters")
    page.keyboard.press("Enter")  # asks, as it did before there was another button
    page.wait_for_url(REPORT)
    page.goto(QUESTION)
    page.click("text=Save as template")
    page.fill("#template_name", "Zenith of quarters")
    page.fill("#filename", "{name} {period}")
    page.click("form.card button.btn-primary")
    expect(page.locator("h1")).to_have_text("Zenith of quarters")
    page.click("text=Favourite")
    expect(page.locator("button[name=favourite]")).to_have_attribute("aria-pressed", "true")
    page.goto("/templates/")
    expect(page.locator("#list tbody tr >> nth=0 >> .name")).to_have_text("Zenith of quarters")
    page.fill("#q", "zenith quar")
    expect(page.locator("#list tbody tr")).to_have_count(1)
    page.click("#list tbody button:has-text('Use')")
    page.wait_for_url(REPORT)
    expect(page.locator("#download")).to_be_visible(timeout=60_000)
    page.click("text=Zenith of quarters")
    expect(page.locator("#used-heading")).to_be_visible()


def test_one_goes_to_a_template_by_keyboard_alone(open_as: Open) -> None:
    page = open_as(MANAGER)
    page.goto("/")
    page.keyboard.press("g")
    page.keyboard.press("t")
    page.wait_for_url("**/templates/")
    page.keyboard.press("Control+k")
    page.keyboard.type("scorm")
    expect(page.locator("#palette .found-kind", has_text="Templates")).to_be_visible()
    page.locator("#palette .found-kind:has-text('Templates') + ul a >> nth=0").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/templates/[0-9a-f]{24}$"))
    expect(page.locator("#question-heading")).to_be_visible()


def test_everything_works_without_scripts(open_as: Open) -> None:
    page = open_as(MANAGER, java_script_enabled=False)
    page.goto(QUESTION)
    page.click("text=Save as template")
    page.fill("#template_name", "Plain quarters")
    page.click("form.card button.btn-primary")
    page.click("#share summary")
    page.select_option("#visibility", "department")
    page.click("#share button")
    expect(page.locator(".alert-success")).to_contain_text("who may see this template")
    page.goto("/templates/")
    page.fill("#q", "plain quarters")
    page.click("#list form.toolbar button")
    expect(page.locator("#list tbody tr")).to_have_count(1)
    page.click("#list .name")
    page.click("text=Use with changes")
    expect(page.locator("#ask .alert-info")).to_contain_text("Plain quarters")
    page.click("text=Save as its next version")
    expect(page.locator("h1")).to_have_text("Plain quarters")
