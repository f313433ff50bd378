"""Sessions and passwords in a real browser: what ends, what comes back, by mouse, by keyboard and without scripts."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser import axe
from tests.browser.conftest import Open
from tests.browser.desk import ADMIN, MANAGER, PASSWORD, REGISTRAR, Desk

pytestmark = pytest.mark.browser

QUESTION = "/reports/new?type=enrollment-summary&group=course&measure=count&top=7"
NEW_PASSWORD = "otter lamp river dune"


def sign_in(page: Page, email: str, password: str = PASSWORD) -> None:
    page.fill("#email", email)
    page.fill("#password", password)
    page.click("button[type=submit]")


def test_a_question_whose_session_ended_is_asked_with_one_more_click(open_as: Open) -> None:
    page = open_as(REGISTRAR)
    page.goto(QUESTION)
    page.fill("#name", "Typed before lunch")
    page.context.clear_cookies()
    page.click("text=Ask for the report")
    expect(page.locator(".alert")).to_contain_text("Your session ended")
    sign_in(page, REGISTRAR)
    expect(page.locator("#name")).to_have_value("Typed before lunch")
    expect(page.locator("#top")).to_have_value("7")
    expect(page.locator("#group-1")).to_have_value("course")
    expect(page.locator("#preview")).to_contain_text("Records matched")  # the preview is made, too
    page.click("text=Ask for the report")
    expect(page.locator("h1")).to_have_text("Typed before lunch")


def test_what_is_typed_stays_when_the_preview_finds_the_session_ended(open_as: Open) -> None:
    page = open_as(REGISTRAR)
    page.goto(QUESTION)
    page.fill("#name", "Half typed")
    expect(page.locator("#preview")).to_contain_text("Records matched")
    page.context.clear_cookies()
    page.select_option("#period", "last-90-days")
    expect(page.locator("[data-session-ended]")).to_be_visible()
    expect(page.locator("#name")).to_have_value("Half typed")
    page.click("text=Ask for the report")
    sign_in(page, REGISTRAR)
    expect(page.locator("#name")).to_have_value("Half typed")
    expect(page.locator("#period")).to_have_value("last-90-days")


def test_a_page_whose_session_ended_stops_asking_and_goes_on_once_one_is_back(
    open_as: Open, states: dict[str, str]
) -> None:
    page = open_as(MANAGER)
    asked: list[int] = []
    page.on("response", lambda answer: asked.append(answer.status) if "/live" in answer.url else None)
    page.goto(states["running"])
    cookies = page.context.cookies()
    page.context.clear_cookies()
    expect(page.locator("[data-session-ended]")).to_be_visible()
    page.wait_for_timeout(3_000)
    assert asked.count(401) == 1
    page.context.add_cookies(cookies)  # type: ignore[arg-type]
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("[data-session-ended]")).to_have_count(0)
    expect(page.locator("h1")).to_have_text("Enrollments, running")


def test_without_scripts_a_form_comes_back_too(open_as: Open) -> None:
    page = open_as(REGISTRAR, java_script_enabled=False)
    page.goto(QUESTION.replace("top=7", "top=8"))  # not the question asked before
    page.fill("#name", "No scripts here")
    page.context.clear_cookies()
    page.click("text=Ask for the report")
    sign_in(page, REGISTRAR)
    expect(page.locator("#name")).to_have_value("No scripts here")
    page.click("text=Ask for the report")
    expect(page.locator("h1")).to_have_text("No scripts here")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_link_from_an_administrator_sets_a_password_and_ends_other_sessions(
    open_as: Open, desk: Desk, scripts: bool
) -> None:
    person = desk.database.users.find_one({"email": "content@demo.example"})
    windows = {"java_script_enabled": scripts}
    before = open_as("content@demo.example")
    administrator = open_as(ADMIN, **windows)
    administrator.goto(f"/admin/people/{person['_id']}")
    administrator.click("text=Link for a new password")
    link = administrator.input_value("#reset-link")
    page = open_as(None, **windows)
    page.goto(link)
    expect(page).to_have_url(re.compile("/new-password$"))
    page.fill("#new", "password1234")
    if scripts:
        expect(page.locator("#strength")).to_contain_text("tried first")
        assert page.locator("#strength meter").get_attribute("value") == "1"
    page.keyboard.press("Enter")
    expect(page.locator("#new-error")).to_contain_text("tried first")
    page.fill("#new", NEW_PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#messages")).to_contain_text("Your new password is set")
    sign_in(page, "content@demo.example", NEW_PASSWORD)
    expect(page).to_have_url(re.compile("/$"))
    before.goto("/account")
    expect(before).to_have_url(re.compile("/sign-in"))
    desk.database.users.update_one({"_id": person["_id"]}, {"$set": {"passwordHash": person["passwordHash"]}})


def test_one_ends_a_session_elsewhere_by_keyboard(open_as: Open) -> None:
    page, elsewhere = open_as(REGISTRAR), open_as(REGISTRAR)
    elsewhere_id = elsewhere.context.cookies()
    assert elsewhere_id
    page.goto("/account")
    expect(page.locator(".session-list")).to_contain_text("this one")
    before = page.locator(".session-list li").count()
    page.locator(".session-list button").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#messages")).to_contain_text("That session has ended")
    expect(page.locator(".session-list li")).to_have_count(before - 1)


def test_axe_finds_nothing_on_the_page_of_a_link(open_as: Open, desk: Desk) -> None:
    person = desk.database.users.find_one({"email": "content@demo.example"})
    administrator = open_as(ADMIN, **axe.WINDOW)
    administrator.goto(f"/admin/people/{person['_id']}")
    administrator.click("text=Link for a new password")
    found = axe.faults(administrator, "person-link")
    page = open_as(None, **axe.WINDOW)
    page.goto(administrator.input_value("#reset-link"))
    page.fill("#new", NEW_PASSWORD)
    page.wait_for_selector("#strength meter")
    found += axe.faults(page, "new-password")
    page.fill("#new", "short")
    page.click("button[type=submit]")
    page.wait_for_selector("#new-error")
    found += axe.faults(page, "new-password-wrong")
    assert found == []
