"""The ways people go: ask, watch, download; by mouse, by keyboard, without JavaScript; and a manager's way."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

REGISTRAR, MANAGER = "registrar@demo.example", "manager@demo.example"


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def download(page: Page, folder: Path) -> Path:
    with page.expect_download() as waiting:
        page.click("#download")
    target = folder / waiting.value.suggested_filename
    waiting.value.save_as(target)
    return target


def test_a_registrar_asks_for_a_report_watches_it_finish_and_downloads_it(open_as: Open, tmp_path: Path) -> None:
    page = open_as(REGISTRAR)
    page.click("text=New report")
    page.click("text=Completion rates")
    page.fill("#name", "Spring <figures>")
    page.click("label.choice:has-text('CSV')")
    expect(page.locator("#preview")).to_contain_text("Records matched")
    page.click("text=Ask for the report")
    expect(page.locator("h1")).to_have_text("Spring <figures>")
    expect(page.locator("#download")).to_be_visible(timeout=60_000)
    expect(page).to_have_title(re.compile("^✓ Spring"))
    shown = page.locator(".result-table tbody tr").count()
    found = rows_of(download(page, tmp_path))
    assert len(found) == shown > 5
    assert found[0]["Completion rate"].endswith("%")
    page.goto("/reports/")
    expect(page.locator("#job-rows")).to_contain_text("Spring <figures>")


def test_the_part_of_the_form_that_depends_on_the_type_follows_it(open_as: Open) -> None:
    page = open_as(REGISTRAR)
    page.goto("/reports/new?type=completion-rates")
    expect(page.locator("#question")).not_to_contain_text("Average study time")
    page.select_option("#type", "learner-activity")
    expect(page.locator("#question")).to_contain_text("Average study time")
    expect(page.locator("#group-1")).to_have_value("learner")
    page.select_option("#aggregate", "average")
    page.select_option("#aggregate_field", "duration")
    expect(page.locator("#question")).to_contain_text("Average of recorded time")
    expect(page.locator("#preview")).to_contain_text("Average of recorded time")


def test_what_is_typed_survives_a_reload(open_as: Open) -> None:
    page = open_as(REGISTRAR)
    page.goto("/reports/new?type=enrollment-summary")
    page.select_option("#group-1", "course")
    page.select_option("#period", "last-90-days")
    expect(page).to_have_url(re.compile("period=last-90-days"))
    page.reload()
    expect(page.locator("#group-1")).to_have_value("course")
    expect(page.locator("#period")).to_have_value("last-90-days")


def test_by_keyboard_alone_one_asks_watches_and_downloads(open_as: Open, tmp_path: Path) -> None:
    page = open_as(REGISTRAR)
    page.goto("/reports/new?type=enrollment-summary&format=csv")
    page.focus("#name")
    page.keyboard.type("By keyboard")
    for _ in range(200):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == "Ask for the report":
            break
    page.keyboard.press("Enter")
    expect(page.locator("#download")).to_be_visible(timeout=60_000)
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "download":
            break
    with page.expect_download() as waiting:
        page.keyboard.press("Enter")
    target = tmp_path / "keyboard.csv"
    waiting.value.save_as(target)
    assert rows_of(target)


def test_without_javascript_one_asks_watches_and_downloads(open_as: Open, tmp_path: Path) -> None:
    page = open_as(REGISTRAR, java_script_enabled=False)
    page.goto("/reports/new?type=enrollment-summary&group=course&measure=count")
    page.check("input[name=format][value=csv]", force=True)
    page.fill("#name", "No script")
    page.click("text=Ask for the report")
    expect(page.locator("h1")).to_have_text("No script")
    for _ in range(60):
        if page.locator("#download").count():
            break
        page.wait_for_timeout(1_000)
        page.reload()
    assert rows_of(download(page, tmp_path))


def test_a_wrong_form_comes_back_with_focus_on_the_first_error(open_as: Open) -> None:
    page = open_as(REGISTRAR)
    page.goto("/reports/new?type=enrollment-summary&period=custom&start=2026-02-01&end=2026-01-01")
    page.fill("#name", "Kept")
    with page.expect_response(re.compile("/reports/new$")) as answer:
        page.click("text=Ask for the report")
    assert answer.value.status == 422
    expect(page.locator("#name")).to_have_value("Kept")
    expect(page.locator("#end")).to_be_focused()


def test_a_manager_follows_and_cancels_what_the_department_asked_for(open_as: Open) -> None:
    asker = open_as("science.office@demo.example")
    asker.goto("/reports/new?type=enrollment-summary&name=To+be+stopped&scheduled=2027-01-01T00:00")
    asker.click("text=Ask for the report")
    expect(asker.locator("#report")).to_contain_text("It starts on")
    page = open_as(MANAGER)
    page.click("text=Department")
    page.click("text=To be stopped")
    page.click("#cancel summary")
    page.fill("#reason", "The numbers are not in yet")
    page.click("text=Cancel this report")
    expect(page.locator("#report")).to_contain_text("It was stopped")
    asker.reload()
    expect(asker.locator("#report")).to_contain_text("The numbers are not in yet")
