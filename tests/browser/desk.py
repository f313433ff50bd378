"""A real desk of its own: gunicorn, a worker, the demo organisation in small, and one report in every state."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bson import ObjectId
from playwright.sync_api import Browser, Page
from pymongo import MongoClient

from tests.serving import wait_for
from webapp.services.changes.changes import Brought, Changes, Count, Kind, Reason, Row

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
REGISTRAR, MANAGER, ADMIN = "registrar@demo.example", "manager@demo.example", "admin@demo.example"
#: Somebody who has asked for nothing.
NEWCOMER = "content@demo.example"
PASSWORD = "northgate-demo"
#: The address of one report's page. A pattern of `**/reports/*` is that of the form, too: it waits for nothing there.
REPORT = re.compile(r"/reports/[0-9a-f]{24}$")
BUILD = """
from webapp.documents import connect
from webapp import demo
from webapp.services import database_setup
from webapp.settings import get_settings
settings = get_settings()
connect(settings.mongodb_uri, settings.mongodb_database)
database_setup.prepare()
demo.build(scale=0.02)
"""
#: The states that a report's page can show, and what the document says in each beside its status.
STATES: dict[str, dict[str, Any]] = {
    "waiting": {"status": "pending"},
    "running": {
        "status": "processing",
        "progress": {
            "currentStep": "Working out the numbers", "percentage": 42.0, "recordsProcessed": 1210, "totalRecords": 2880,
        },
    },
    "failed": {
        "status": "failed",
        "error": {"code": "worker-crashed", "message": "The worker crashed three times.", "stack": "Traceback: …"},
    },
    "cancelled": {"status": "cancelled", "cancelReason": "The numbers are not in yet."},
    "expired": {"status": "expired"},
}  # fmt: skip
CHANGES = Changes(
    since=datetime(2026, 10, 1, 6, tzinfo=UTC),
    before=812,
    after=840,
    counts=(Count(Kind.CHANGED, Reason.COMPLETED, 12), Count(Kind.CHANGED, Reason.CORRECTED, 2, (3,))),
    rows=(
        Row(Kind.CHANGED, Reason.COMPLETED, "Ana López", "NC-0401", "BIO101-2026-B4", "", "in-progress", "completed"),
        Row(
            Kind.CHANGED, Reason.CORRECTED, "Bo Lindgren", "NC-0061", "BIO230-2026-B4", "", "failed", "completed", (3,)
        ),
    ),
    versions={3: Brought(datetime(2026, 11, 3, 2, tzinfo=UTC))},
)


@dataclass(frozen=True)
class Desk:
    address: str
    home: Path
    database: Any  # pymongo's


@contextmanager
def open_desk(mongo: str, name: str, home: Path) -> Iterator[Desk]:
    """A desk in the database `name`, which is dropped at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("REPORTDESK_")} | {
        "REPORTDESK_HOME": str(home),
        "REPORTDESK_MONGODB_URI": mongo,
        "REPORTDESK_MONGODB_DATABASE": name,
        # So that forms ask for addresses; nothing listens there.
        "REPORTDESK_SMTP_HOST": "127.0.0.1",
        "REPORTDESK_SMTP_PORT": "9",
        "REPORTDESK_MAIL_FROM": "desk@demo.example",
        "REPORTDESK_PUBLIC_URL": f"http://127.0.0.1:{port}",
    }
    subprocess.run([sys.executable, "-c", BUILD], env=environment, check=True, timeout=240)
    commands = (["web", "--port", str(port), "--processes", "1"], ["worker", "--log-level", "ERROR"])
    processes = [
        subprocess.Popen([sys.executable, "-m", "webapp.cli", *command], env=environment, start_new_session=True)
        for command in commands
    ]
    client: MongoClient[Any] = MongoClient(mongo)
    try:
        wait_for(f"http://127.0.0.1:{port}/readyz")
        yield Desk(f"http://127.0.0.1:{port}", home, client[name])
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            process.wait(40)
        client.drop_database(name)
        client.close()


def sign_in(page: Page, email: str) -> None:
    """By the form; it leads to the home page."""
    page.goto("/sign-in")
    page.fill("#email", email)
    page.fill("#password", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url("**/")


def reports_in_every_state(desk: Desk, browser: Browser) -> dict[str, str]:
    """The address of a manager's report in each state. One is really made; the others are what it would look like."""
    window = browser.new_context(base_url=desk.address)
    window.set_default_timeout(240_000)  # other tests may keep the machine busy
    page = window.new_page()
    sign_in(page, MANAGER)
    page.goto("/reports/new?type=enrollment-summary&name=Enrollments+by+class&group=class&measure=count&format=excel")
    page.click("text=Ask for the report")
    page.wait_for_selector("#download")
    made = ObjectId(page.url.rsplit("/", 1)[1])
    window.close()
    document = desk.database.reportjobs.find_one({"_id": made})
    _say_what_changed(desk, document["output"]["storage"]["key"])
    found = {"ready": f"/reports/{made}", "changes": f"/reports/{made}/changes"}
    now = datetime.now(UTC)
    for state, facts in STATES.items():
        copy = {key: value for key, value in document.items() if key not in ("slot", "completedAt", "lease", "history")}
        # Not due for days, and leased for hours: no worker touches any of them.
        held = {"workerId": "nobody", "fence": 1, "until": now + timedelta(hours=6)} if state == "running" else {}
        copy |= {"_id": ObjectId(), "name": f"Enrollments, {state}", "scheduledFor": now + timedelta(days=3)} | facts
        copy |= {"lease": held} if held else {}
        desk.database.reportjobs.insert_one(copy)
        found[state] = f"/reports/{copy['_id']}"
    return found


def _say_what_changed(desk: Desk, key: str) -> None:
    """What the page of this report would have of the report before it."""
    path = desk.home / "storage" / Path(key).parent / "page.json"
    page = json.loads(path.read_bytes())
    page["changes"] = CHANGES.to_document()
    path.write_text(json.dumps(page), encoding="utf-8")
