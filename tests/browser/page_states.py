"""Every page and state of it, by name: what axe looks at, and what `make screenshots` shows."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page

from tests.browser.desk import MANAGER, PASSWORD

QUESTION = "/reports/new?type=completion-rates&group=course&group=quarter&measure=completion-rate&measure=count"

SIGNED_OUT = {
    "sign-in": "/sign-in",
    "signed-out-page": "/reports/",
    "forgotten": "/sign-in/forgotten",
    "link-ended": "/new-password?t=used",
}
PAGES = {
    "home": "/",
    "my-reports": "/reports/",
    "my-reports-filtered": "/reports/?state=ready&type=enrollment-summary&format=excel&since=2026-01-01",
    "no-match": "/reports/?q=nothing+like+it",
    "shared": "/reports/shared",
    "department": "/department/",
    "choose": "/reports/new",
    "new-report": QUESTION,
    "new-report-activity": "/reports/new?type=learner-activity&period=custom&start=2026-01-01&end=2026-06-30",
    "new-report-detail": "/reports/new?type=transcript",
    "templates": "/templates/",
    "templates-none": "/templates/?whose=favourites",
    "account": "/account",
    "inbox": "/inbox",
    "verify": "/verify",
    "find": "/find?q=re",
    "schedules-none": "/schedules/",
    "upcoming": "/schedules/upcoming",
    "new-schedule": "/schedules/new?type=completion-rates&group=course&measure=completion-rate",
    "not-found": "/nowhere",
}
NEW_PAGES = {"home-new": "/", "my-reports-new": "/reports/", "shared-new": "/reports/shared"}
ADMIN_PAGES = {
    "queue": "/admin/",
    "lookups": "/admin/lookups/",
    "roles": "/admin/lookups/role/",
    "add-measure": "/admin/lookups/measure-type/add",
    "people": "/admin/people/",
    "instructors": "/admin/people/?role=instructor",
    "departments": "/admin/departments/",
    "imports": "/admin/imports/",
    "version": "/admin/imports/versions/1",
    "quality": "/admin/quality/",
    "storage": "/admin/storage/",
    "calendars": "/admin/calendars/",
    "add-calendar": "/admin/calendars/add",
    "deliveries": "/admin/deliveries/",
    "webhooks": "/admin/webhooks/",
    "audit": "/admin/audit/",
}


def _sign_in_wrong(page: Page, _: dict[str, str]) -> None:
    page.context.clear_cookies()
    page.goto("/sign-in")
    page.fill("#email", "nobody@demo.example")
    page.fill("#password", "wrong")
    page.click("button[type=submit]")
    page.wait_for_selector("#failure")


def settled(page: Page) -> None:
    """Wait for what a page asks for after it has come: the preview of a question."""
    if page.locator("#preview").count():
        page.wait_for_selector("#preview #preflight-heading")


def _account_menu(page: Page, _: dict[str, str]) -> None:
    page.goto("/")
    page.click("summary.person")


def _pages_menu(page: Page, _: dict[str, str]) -> None:
    """On a narrow page only; on a wide one the pages stand side by side."""
    page.goto("/")
    page.evaluate("document.querySelector('details.mobile-nav').open = true")


def _chosen(page: Page, _: dict[str, str]) -> None:
    page.goto("/reports/")
    page.check("#job-rows input >> nth=0")
    page.click(".bulkbar summary >> nth=0")


def _department_priority(page: Page, _: dict[str, str]) -> None:
    page.goto("/department/")
    page.check("#job-rows input >> nth=0")
    page.click(".bulkbar summary >> nth=1")


def _everything_open(page: Page, _: dict[str, str]) -> None:
    page.goto(QUESTION)
    page.wait_for_selector("#preview .facts")
    page.evaluate("document.querySelectorAll('#ask details').forEach((each) => { each.open = true; })")
    page.select_option("select[name=where] >> nth=0", "score")
    page.select_option("select[name=compare] >> nth=0", "gte")
    page.fill("input[name=value] >> nth=0", "60")
    page.focus("#measure-1")  # its definition shows


def _learners_open(page: Page, _: dict[str, str]) -> None:
    page.goto(QUESTION)
    page.wait_for_selector("#preview .facts")
    page.click("#learner-ts-control")
    page.keyboard.type("an")
    page.wait_for_selector(".ts-dropdown .option")


def _wrong_question(page: Page, _: dict[str, str]) -> None:
    page.goto(f"{QUESTION}&period=custom&start=2026-02-01&end=2026-01-01&top=5000")
    page.wait_for_selector("#preview li")
    page.click("text=Ask for the report")
    page.wait_for_selector(".invalid-feedback")


def _asked_before(page: Page, states: dict[str, str]) -> None:
    page.goto(f"{states['ready']}/change")
    page.click("text=Ask for the report")
    page.wait_for_selector("[name=insist]")


def _other_formats(page: Page, states: dict[str, str]) -> None:
    page.goto(states["ready"])
    page.click("#formats summary")


def _ask_again(page: Page, states: dict[str, str]) -> None:
    page.goto(states["ready"])
    page.click("text=Ask again")


def _delete(page: Page, states: dict[str, str]) -> None:
    page.goto(states["ready"])
    page.click("summary:has-text('Name and description')")
    page.click("summary:has-text('Delete')")


def _another_chart(page: Page, states: dict[str, str]) -> None:
    page.goto(f"{states['ready']}?chart=line&sort=-1")


def _palette(page: Page, _: dict[str, str]) -> None:
    page.goto("/reports/")
    page.keyboard.press("Control+k")
    page.keyboard.type("re")
    page.wait_for_selector("#palette .found a")


def _template(page: Page, _: dict[str, str]) -> None:
    page.goto("/templates/?whose=system")
    page.click("#list .name >> nth=0")
    page.wait_for_selector("#versions-heading")


def _own_template(page: Page, _: dict[str, str]) -> None:
    """Saved from the form, with what can be changed open."""
    page.goto(QUESTION)
    page.click("text=Save as template")
    page.wait_for_selector("#template_name")
    page.fill("#tags", "board, monthly")
    page.click("form.card button.btn-primary")
    page.wait_for_selector("#share summary")
    page.click("#share summary")


def _template_refused(page: Page, _: dict[str, str]) -> None:
    page.goto(QUESTION)
    page.click("text=Save as template")
    page.fill("#filename", "{nmae}")
    page.click("form.card button.btn-primary")
    page.wait_for_selector(".invalid-feedback")


def _recipients_wrong(page: Page, _: dict[str, str]) -> None:
    """The form of a schedule, sent by the keyboard alone, with an address to which nothing may go."""
    page.goto(PAGES["new-schedule"])
    page.fill("#name", "To nobody")
    page.focus("#send_to")
    page.keyboard.type("nobody@elsewhere.example")
    for label in ("notify", "on_empty", "on_unchanged", "tell_changes"):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == label
    page.keyboard.press("Space")
    page.focus("#name")
    page.keyboard.press("Enter")
    page.wait_for_selector("#send_to-error")
    assert page.evaluate("document.activeElement.id") == "send_to"
    assert not page.is_checked("#tell_changes")


def _keys(page: Page, _: dict[str, str]) -> None:
    page.goto("/reports/")
    page.keyboard.press("?")
    page.wait_for_selector("#keys[open]")


def _cancel(page: Page, states: dict[str, str]) -> None:
    page.goto(states["running"])
    page.click("#cancel summary")


def _nameless(page: Page, states: dict[str, str]) -> None:
    page.goto(states["ready"])
    page.click("summary:has-text('Name and description')")
    page.fill("#name", "")
    page.click("#edit button")
    page.wait_for_selector("#edit .invalid-feedback")


def _password(page: Page, _: dict[str, str]) -> None:
    page.goto("/account")
    page.click("text=Change password")
    page.wait_for_selector(".invalid-feedback")


def _weak_password(page: Page, _: dict[str, str]) -> None:
    page.goto("/account")
    page.fill("#new", "password1234")
    page.wait_for_selector("#strength meter")


def _sign_out_everywhere(page: Page, _: dict[str, str]) -> None:
    page.goto("/account")
    page.click("summary:has-text('Sign out everywhere')")


def _ended_while_typing(page: Page, _: dict[str, str]) -> None:
    cookies = page.context.cookies()
    page.goto(QUESTION)
    page.wait_for_selector("#preview .facts")
    page.context.clear_cookies()
    page.select_option("#period", "last-90-days")
    page.wait_for_selector("[data-session-ended]")
    page.context.add_cookies(cookies)  # type: ignore[arg-type]


def _session_ended(page: Page, states: dict[str, str]) -> None:
    page.goto(states["ready"])
    page.context.clear_cookies()
    page.click("form[action$=share] button")
    page.wait_for_selector(".sign-in .alert-info")


def _send_again(page: Page, _: dict[str, str]) -> None:
    page.fill("#email", MANAGER)
    page.fill("#password", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_selector("text=Send it now?")


#: Seen on a narrow page only.
NARROW = frozenset({"pages-menu"})
#: Menus, errors and what opens; each shows itself on a manager's page. The last one signs out.
OPENED: dict[str, Callable[[Page, dict[str, str]], None]] = {
    "account-menu": _account_menu,
    "pages-menu": _pages_menu,
    "my-reports-chosen": _chosen,
    "department-priority": _department_priority,
    "new-report-open": _everything_open,
    "new-report-learners": _learners_open,
    "new-report-wrong": _wrong_question,
    "new-report-asked-before": _asked_before,
    "report-formats": _other_formats,
    "report-ask-again": _ask_again,
    "report-delete": _delete,
    "report-cancel": _cancel,
    "report-another-chart": _another_chart,
    "template": _template,
    "template-own": _own_template,
    "template-refused": _template_refused,
    "schedule-recipients-wrong": _recipients_wrong,
    "palette": _palette,
    "keys": _keys,
    "report-nameless": _nameless,
    "account-wrong": _password,
    "account-weak": _weak_password,
    "account-sign-out-everywhere": _sign_out_everywhere,
    "ended-while-typing": _ended_while_typing,
    "session-ended": _session_ended,
    "send-again": _send_again,
    "sign-in-wrong": _sign_in_wrong,
}
