"""A real desk and a real Chromium."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser import desk as desks
from tests.browser.desk import CHROMIUM, Desk

#: Without a graphics card one is imitated, which takes a tenth of the browser's time (Debian's start script asks for
#: one); extensions of the machine are none of ours.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-extensions",
    "--disable-gpu",
    "--disable-gpu-rasterization",
    "--disable-gpu-compositing",
    "--disable-software-rasterizer",
]
#: Other tests keep the machine busy.
expect.set_options(timeout=20_000)


@pytest.fixture(scope="session")
def desk(mongo: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    if CHROMIUM is None:
        if os.environ.get("REPORTDESK_TEST_REQUIRE_BROWSER"):
            pytest.fail("there is no Chromium on this machine")
        pytest.skip("there is no Chromium on this machine: install it (apt install chromium) to test the pages")
    home = tmp_path_factory.mktemp("desk") / "home"
    with desks.open_desk(mongo, f"browser_{uuid.uuid4().hex[:12]}", home) as desk:
        yield desk


@pytest.fixture(scope="session")
def browser(desk: Desk) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield found
        found.close()


@pytest.fixture(scope="session")
def states(desk: Desk, browser: Browser) -> dict[str, str]:
    """The address of a report of the manager's in each state."""
    return desks.reports_in_every_state(desk, browser)


Open = Callable[..., Page]


class Sessions:
    """Sessions of the desk's people that windows share, as tabs of one browser do: one signs in once, and again after
    a test has ended the session."""

    def __init__(self) -> None:
        self._cookies: dict[str, Any] = {}

    def enter(self, page: Page, email: str) -> None:
        """Bring `page` to the home of whoever has `email`."""
        if email in self._cookies:
            page.context.add_cookies(self._cookies[email])
            page.goto("/")
            if "/sign-in" not in page.url:
                return
            page.context.clear_cookies()
        desks.sign_in(page, email)
        self._cookies[email] = page.context.cookies()


@pytest.fixture(scope="session")
def sessions() -> Sessions:
    return Sessions()


@pytest.fixture
def open_as(browser: Browser, desk: Desk, sessions: Sessions) -> Iterator[Open]:
    """A page of a fresh browser window, signed in as one of the demo's people. What the console says is an error."""
    windows: list[BrowserContext] = []
    said: list[str] = []

    def open_page(email: str | None, **options: Any) -> Page:
        """`options` are Playwright's, of a new window."""
        window = browser.new_context(base_url=desk.address, accept_downloads=True, **options)
        window.set_default_timeout(20_000)
        windows.append(window)
        page = window.new_page()
        if email:
            sessions.enter(page, email)
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        return page

    yield open_page
    for window in windows:
        window.close()
    # A form that comes back, or a question asked before, is an answer and no fault; the browser logs it all the same.
    assert [text for text in said if "status of 4" not in text] == []
