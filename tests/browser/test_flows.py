"""The ways people go: ask, watch, download; by mouse, by keyboard, without JavaScript; and a manager's way."""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from bson import ObjectId
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.desk import ADMIN, MANAGER, REGISTRAR, REPORT, Desk

pytestmark = pytest.mark.browser


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def download(page: Page, folder: Path) -> Path:
    with page.expect_download() as waiting:
        page.click("#download")
    target = folder / waiting.value.suggested_filename
    waiting.value.save_as(target)
    return target


def choose_csv(page: Page) -> None:
    """As people do, by the label: the button itself is not seen, and where it lies moves while the page fills."""
    page.click("label:has(input[name=format][value=csv])")
    expect(page.locator("input[name=format][value=csv]")).to_be_checked()


def test_a_registrar_asks_for_a_report_watches_it_finish_and_downloads_it(open_as: Open, tmp_path: Path) -> None:
    page = open_as(REGISTRAR)
    page.click("text=New report")
    page.click("text=Completion rates")
    page.fill("#name", "Spring <figures>")
    choose_csv(page)
    expect(page.locator("#preview")).to_contain_text("Records matched")
    page.click("text=Ask for the report")
    expect(page.locator("h1")).to_have_text("Spring <figures>")
    expect(page.locator("#download")).to_be_visible(timeout=180_000)
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
    expect(page.locator("h1")).to_have_text("Learner activity")
    expect(page.locator("#type-description")).to_contain_text("Who was active")
    page.click("#more-measures > summary")
    page.select_option("#aggregate", "average")
    page.select_option("#aggregate_field", "duration")
    expect(page.locator("#question")).to_contain_text("Average recorded time")
    expect(page.locator("#preview")).to_contain_text("Average recorded time")
    expect(page.locator("#more-measures")).to_have_attribute("open", "")


def test_a_panel_stays_as_it_was_left_and_what_is_chosen_meanwhile_is_kept(open_as: Open) -> None:
    page = open_as(REGISTRAR)
    page.goto("/reports/new?type=enrollment-summary")
    page.click("#more-records > summary")
    page.select_option("#group-1", "course")
    page.select_option("#group-2", "month")
    page.select_option("select[name=where] >> nth=0", "term")
    page.select_option("select[name=compare] >> nth=0", "contains")
    expect(page.locator("#values-term option").first).to_be_attached()
    for place, value in (("#group-1", "course"), ("#group-2", "month"), ("select[name=compare] >> nth=0", "contains")):
        expect(page.locator(place)).to_have_value(value)
    expect(page.locator("#more-records")).to_have_attribute("open", "")


def test_all_that_is_chosen_while_the_server_is_slow_is_answered(open_as: Open) -> None:
    page = open_as(REGISTRAR)
    page.goto("/reports/new?type=enrollment-summary")
    page.click("#more-records > summary")
    # The server has what is chosen later than the browser would choose more.
    page.route("**/reports/new/form*", lambda route: (page.wait_for_timeout(600), route.continue_()))
    page.evaluate(
        """() => {
          for (const [place, value] of [["#group-1", "course"], ["#group-2", "month"], ["[name=where]", "term"]]) {
            const select = document.querySelector(place);
            select.value = value;
            select.dispatchEvent(new Event("change", { bubbles: true }));
          }
        }"""
    )
    expect(page.locator("#values-term option").first).to_be_attached()
    assert [page.input_value(place) for place in ("#group-1", "#group-2", "[name=where] >> nth=0")] == [
        "course",
        "month",
        "term",
    ]
    # Questions that a later one has ended may still be held back.
    page.unroute_all(behavior="ignoreErrors")


def test_from_the_first_field_one_comes_to_ask_in_fifteen_tabs(open_as: Open) -> None:
    page = open_as(REGISTRAR)
    page.goto("/reports/new?type=enrollment-summary")
    expect(page.locator("#preview")).to_contain_text("Records matched")
    page.focus("#type")
    stops = []
    while "Ask for the report" not in (stops[-1:] or [""])[0]:
        page.keyboard.press("Tab")
        stops.append(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))
        assert len(stops) <= 15, stops


def test_a_click_on_ask_is_not_lost_to_a_form_that_changes_below_it(open_as: Open) -> None:
    page = open_as(REGISTRAR)
    page.goto("/reports/new?type=enrollment-summary&name=Clicked")
    expect(page.locator("#preview")).to_contain_text("Records matched")
    ask = page.locator(".sticky-submit button[type=submit]")
    box = ask.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 20, box["y"] + 10)
    page.select_option("#type", "learner-activity")
    page.mouse.down()
    page.wait_for_timeout(700)  # the answer to the change comes while the button is held
    page.mouse.up()
    expect(page).to_have_url(REPORT)


def test_what_is_typed_survives_a_reload(open_as: Open) -> None:
    page = open_as(REGISTRAR)
    page.goto("/reports/new?type=enrollment-summary")
    page.select_option("#group-1", "course")
    page.select_option("#period", "last-90-days")
    expect(page).to_have_url(re.compile("period=last-90-days"))
    page.reload()
    expect(page.locator("#group-1")).to_have_value("course")
    expect(page.locator("#period")).to_have_value("last-90-days")


def tab_to(page: Page, what: str) -> None:
    """Press Tab until `what`, a JavaScript test of the focused `element`, holds. Every stop must show its focus."""
    for _ in range(150):
        page.keyboard.press("Tab")
        if page.evaluate(f"((element) => {what})(document.activeElement)"):
            return
    pytest.fail(f"Tab never comes to {what}")


def shows_its_focus(page: Page) -> None:
    """The focused element, or the frame drawn around it, has an outline, and comes into view."""
    page.wait_for_function(
        """() => {
          const element = document.activeElement, box = element.getBoundingClientRect();
          const frame = element.closest(".ts-wrapper")?.querySelector(".ts-control");
          const outlined = (each) => each && getComputedStyle(each).outlineStyle !== "none";
          return [element, frame, element.nextElementSibling].some(outlined) && box.bottom > 0 && box.top < innerHeight;
        }""",
        timeout=5_000,
    )


def test_by_keyboard_alone_one_asks_watches_and_downloads(open_as: Open, tmp_path: Path) -> None:
    page = open_as(REGISTRAR)
    tab_to(page, "element.matches('a.btn-new')")
    shows_its_focus(page)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("What do you want to know?")
    tab_to(page, "element.textContent.includes('Enrollment summary')")
    shows_its_focus(page)
    page.keyboard.press("Enter")
    expect(page.locator("#preview")).to_contain_text("Records matched")
    tab_to(page, "element.textContent.startsWith('More: statuses')")
    page.keyboard.press("Enter")
    tab_to(page, "element.id === 'status-ts-control'")
    shows_its_focus(page)
    page.keyboard.type("compl")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(page.locator(".ts-control .item")).to_have_text(re.compile("Completed"))
    tab_to(page, "element.name === 'format'")
    while page.evaluate("document.activeElement.value") != "csv":
        page.keyboard.press("ArrowDown")
    shows_its_focus(page)
    tab_to(page, "element.id === 'name'")
    page.keyboard.type("By keyboard")
    tab_to(page, "element.textContent.trim() === 'Ask for the report'")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("By keyboard")
    expect(page.locator("#question-heading + *, .question").first).to_be_visible()
    expect(page.locator("#download")).to_be_visible(timeout=180_000)
    tab_to(page, "element.id === 'download'")
    shows_its_focus(page)
    with page.expect_download() as waiting:
        page.keyboard.press("Enter")
    target = tmp_path / "keyboard.csv"
    waiting.value.save_as(target)
    assert rows_of(target)


def test_without_javascript_one_asks_watches_and_downloads(open_as: Open, tmp_path: Path) -> None:
    page = open_as(REGISTRAR, java_script_enabled=False)
    page.goto("/reports/new?type=enrollment-summary&group=course&measure=count")
    choose_csv(page)
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
    expect(page.locator("#report")).to_contain_text("stopped it before it was finished")
    asker.reload()
    expect(asker.locator("#report")).to_contain_text("The numbers are not in yet")


def test_a_manager_moves_and_cancels_many_at_once_and_says_why(open_as: Open) -> None:
    asker = open_as("science.office@demo.example")
    for number in (1, 2):
        asker.goto(
            f"/reports/new?type=completion-rates&name=Of+many+{number}&scheduled=2027-01-01T00:00&limit={number}"
        )
        asker.click("text=Ask for the report")
        expect(asker.locator("#report")).to_contain_text("It starts on")
    page = open_as(MANAGER)
    page.goto("/department/")
    page.fill("#q", "Of many")
    expect(page).to_have_url(re.compile("q=Of"))  # the list itself may have said “2” before it was searched
    expect(page.locator(".list-foot")).to_contain_text("2 reports match")
    page.check("[data-select-page]")
    expect(page.locator("[data-count]")).to_have_text("2 chosen")
    page.click(".bulkbar summary:has-text('Priority')")
    page.select_option("#bulk-priority", "high")
    page.click("text=Move them")
    expect(page.locator("#messages")).to_contain_text("2 reports were moved")
    expect(page.locator(".list-foot")).to_contain_text("2 reports match")  # one comes back to the same list
    page.check("[data-select-page]")
    page.click(".bulkbar summary:has-text('Cancel')")
    page.fill("#bulk-reason", "Asked for twice")
    page.press("#bulk-reason", "Enter")
    expect(page.locator("#messages")).to_contain_text("2 reports were cancelled")
    asker.reload()
    expect(asker.locator("#report")).to_contain_text("Asked for twice")
    expect(asker.locator("#report")).to_contain_text("High")


def test_an_administrator_sees_why_a_report_failed_and_starts_it_again(
    open_as: Open, desk: Desk, states: dict[str, str]
) -> None:
    page = open_as(ADMIN)
    page.goto(states["failed"])
    expect(page.locator("#report")).to_contain_text("The worker crashed three times.")
    expect(page.locator("#report")).to_contain_text(states["failed"].rsplit("/", 1)[1])  # the id for support
    page.click("text=Technical details")
    expect(page.locator("pre")).to_contain_text("Traceback")
    page.click("text=Retry")
    expect(page.locator("#messages")).to_contain_text("started again")
    expect(page.locator("#download")).to_be_visible(timeout=180_000)
    page.click("summary:has-text('Delete')")
    page.click("text=Delete it")
    expect(page.locator("#messages")).to_contain_text("was deleted")
    page.goto(states["failed"])
    expect(page.locator("h1")).to_contain_text("There is no report job")
    page.goto("/admin/")
    expect(page.locator("#queue")).to_contain_text("Reports by state")


def test_rows_that_move_keep_the_focus_and_what_was_chosen(open_as: Open, desk: Desk, states: dict[str, str]) -> None:
    job_id = states["running"].rsplit("/", 1)[1]
    page = open_as(MANAGER)
    page.goto("/reports/?state=running")
    page.check(f"#pick-{job_id}")
    page.keyboard.press("Enter")  # sends nothing
    page.focus(f"#job-{job_id} a.name")
    for percentage in (55, 70):
        desk.database.reportjobs.update_one(
            {"_id": ObjectId(job_id)}, {"$set": {"progress.percentage": percentage, "updatedAt": datetime.now(UTC)}}
        )
        expect(page.locator(f"#job-{job_id} progress")).to_have_attribute("value", str(percentage))
    expect(page.locator(f"#pick-{job_id}")).to_be_checked()
    expect(page.locator(f"#job-{job_id} a.name")).to_be_focused()
    expect(page.locator("[data-count]")).to_have_text("1 chosen")


def test_a_condition_narrows_the_answer_and_is_in_the_address(open_as: Open) -> None:
    page = open_as(REGISTRAR)
    page.goto("/reports/new?type=assessment-results&group=class&measure=count")
    matched = page.locator("#preview .facts dd").first
    everything = int(matched.inner_text().replace(",", ""))
    page.click("text=Conditions of your own")
    page.select_option("select[name=where] >> nth=0", "score")
    page.select_option("select[name=compare] >> nth=0", "gte")
    page.fill("input[name=value] >> nth=0", "70")
    page.locator("input[name=value] >> nth=0").blur()
    expect(matched).not_to_have_text(f"{everything:,}")
    narrowed = matched.inner_text()
    assert 0 < int(narrowed.replace(",", "")) < everything
    expect(page).to_have_url(re.compile("where=score&compare=gte&value=70"))
    page.reload()
    expect(page.locator("input[name=value] >> nth=0")).to_have_value("70")
    expect(matched).to_have_text(narrowed)


def test_two_clicks_on_ask_make_one_report(open_as: Open, desk: Desk) -> None:
    page = open_as(REGISTRAR)
    page.goto("/reports/new?type=program-progress&name=Clicked+twice&scheduled=2027-01-01T00:00")
    page.dblclick("text=Ask for the report")
    expect(page.locator("h1")).to_have_text("Clicked twice")
    assert desk.database.reportjobs.count_documents({"name": "Clicked twice"}) == 1
    page.goto("/reports/?q=Clicked+twice")
    page.dblclick("#job-rows button[name=submission]")
    expect(page.locator("#messages")).to_contain_text("asked for again")
    assert desk.database.reportjobs.count_documents({"name": "Clicked twice"}) == 2


def test_by_keyboard_one_goes_anywhere_sorts_a_result_and_takes_back_what_was_done(
    open_as: Open, desk: Desk, states: dict[str, str]
) -> None:
    page = open_as(MANAGER)
    page.goto("/reports/")
    page.keyboard.press("Control+k")
    page.keyboard.type("shared w")
    expect(page.locator("#palette .found a").first).to_have_text("Shared with me")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Shared with me")
    page.goto(states["ready"])
    page.focus("#sort-1")
    page.keyboard.press("Enter")
    expect(page.locator("th[aria-sort=ascending] #sort-1")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("th[aria-sort=descending] #sort-1")).to_be_focused()
    numbers = [int(text) for text in page.locator("#result-table tbody td:nth-child(2)").all_inner_texts()]
    assert numbers == sorted(numbers, reverse=True)
    assert len(set(numbers)) > 1
    page.focus("#result-table .behind >> nth=0")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#result-table tbody tr:nth-child(2) .behind").first).to_be_focused()
    # A menu closes when the focus leaves it.
    page.focus("summary.person")
    page.keyboard.press("Enter")
    expect(page.locator("details.menu[open]")).to_have_count(1)
    page.focus(".brand")
    expect(page.locator("details.menu[open]")).to_have_count(0)
    page.goto("/reports/?state=waiting")
    page.check("[data-select-page]")
    page.click(".bulkbar summary:has-text('Cancel')")
    expect(page.locator("[data-said]").first).to_contain_text("Enrollments, waiting")
    page.press("#bulk-reason", "Enter")
    expect(page.locator("#messages")).to_contain_text("was cancelled: “Enrollments, waiting”")
    page.click("#messages >> text=Undo")
    expect(page.locator("#messages")).to_contain_text("Undone for 1 report")
    expect(page.locator("#job-rows")).to_contain_text("Enrollments, waiting")


def test_one_is_told_in_the_inbox_that_a_report_is_ready_and_goes_there_from_it(open_as: Open) -> None:
    page = open_as(REGISTRAR)
    page.goto("/reports/new?type=completion-rates")
    page.fill("#name", "Told of")
    page.click("#more-how > summary")
    page.select_option("#notify", "ended")
    page.click("text=Ask for the report")
    expect(page.locator("#download")).to_be_visible(timeout=180_000)
    for _ in range(60):
        page.goto("/inbox")
        if page.get_by_text("“Told of” is ready.").count():
            break
        page.wait_for_timeout(250)
    expect(page.locator("#inbox-link")).to_have_attribute("aria-label", re.compile("^Inbox, [0-9]+ unread"))
    page.get_by_role("link", name="“Told of” is ready.").click()
    expect(page.locator("h1")).to_have_text("Told of")
    page.goto("/inbox")
    expect(page.locator(".notice", has_text="Told of")).not_to_contain_text("unread")
