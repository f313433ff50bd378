"""A real desk: gunicorn, a worker, the database, the demo organisation in small; and a real Chromium."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from pymongo import MongoClient

#: Other tests keep the machine busy.
expect.set_options(timeout=20_000)
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
BUILD = """
from webapp.documents import connect
from webapp.services import database_setup, demo
from webapp.settings import get_settings
from webapp import extract
from webapp.engine.catalogue.tables import TABLES
settings = get_settings()
connect(settings.mongodb_uri, settings.mongodb_database)
database_setup.prepare()
demo.build(scale=0.02)
extract.refresh(TABLES)
"""


@dataclass(frozen=True)
class Desk:
    address: str
    environment: dict[str, str]


@pytest.fixture(scope="session")
def desk(mongo: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    if CHROMIUM is None:
        if os.environ.get("REPORTDESK_TEST_REQUIRE_BROWSER"):
            pytest.fail("there is no Chromium on this machine")
        pytest.skip("there is no Chromium on this machine: install it (apt install chromium) to test the pages")
    database = f"browser_{uuid.uuid4().hex[:12]}"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("REPORTDESK_")} | {
        "REPORTDESK_HOME": str(tmp_path_factory.mktemp("desk") / "home"),
        "REPORTDESK_MONGODB_URI": mongo,
        "REPORTDESK_MONGODB_DATABASE": database,
    }
    subprocess.run([sys.executable, "-c", BUILD], env=environment, check=True, timeout=240)
    commands = (["web", "--port", str(port), "--processes", "1"], ["worker", "--log-level", "ERROR"])
    processes = [
        subprocess.Popen([sys.executable, "-m", "webapp.cli", *command], env=environment, start_new_session=True)
        for command in commands
    ]
    try:
        _wait(f"http://127.0.0.1:{port}/readyz")
        yield Desk(f"http://127.0.0.1:{port}", environment)
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            process.wait(40)
        client: MongoClient[Any] = MongoClient(mongo)
        client.drop_database(database)
        client.close()


def _wait(address: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(address, timeout=2).close()  # noqa: S310 - our own
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
        else:
            return
    raise TimeoutError(address)


@pytest.fixture(scope="session")
def browser(desk: Desk) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


Open = Callable[..., Page]


@pytest.fixture
def open_as(browser: Browser, desk: Desk, tmp_path: Path) -> Iterator[Open]:
    """A page of a fresh browser window, signed in as one of the demo's people. What the console says is an error."""
    windows: list[BrowserContext] = []
    said: list[str] = []

    def sign_in(email: str, **options: Any) -> Page:
        window = browser.new_context(base_url=desk.address, accept_downloads=True, **options)
        window.set_default_timeout(20_000)
        windows.append(window)
        page = window.new_page()
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto("/sign-in")
        page.fill("#email", email)
        page.fill("#password", "northgate-demo")
        page.click("button[type=submit]")
        page.wait_for_url(desk.address + "/")
        return page

    yield sign_in
    for window in windows:
        window.close()
    # A form that comes back, or a question asked before, is an answer and no fault; the browser logs it all the same.
    assert [text for text in said if "status of 4" not in text] == []
