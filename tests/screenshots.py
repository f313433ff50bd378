"""`make screenshots`: every page, at 1280 and 360 px, light and dark, of a desk that `reportdesk run` serves.

Start it first: `make run` in another terminal (PORT is honoured here too).
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from webapp.services.demo import DEMO_PASSWORD

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "screenshots"
PAGES = {
    "home": "/",
    "my-reports": "/reports/",
    "no-match": "/reports/?q=nothing+like+it",
    "shared": "/reports/shared",
    "department": "/department/",
    "choose": "/reports/new",
    "new-report": "/reports/new?type=completion-rates&group=course&group=status&measure=count&measure=completion-rate",
    "account": "/account",
    "not-found": "/nowhere",
}

ADMIN_PAGES = {
    "queue": "/admin/",
    "lookups": "/admin/lookups/",
    "roles": "/admin/lookups/role/",
    "add-measure": "/admin/lookups/measure-type/add",
    "people": "/admin/people/",
    "learners": "/admin/people/?role=learner",
    "departments": "/admin/departments/",
    "imports": "/admin/imports/",
    "storage": "/admin/storage/",
    "audit": "/admin/audit/",
}
#: Where a page's address has an id in it: the page before, and what to click there.
ADMIN_THINGS = {
    "person": ("/admin/people/?q=okafor", "td.main a.name"),
    "one-department": ("/admin/departments/", "td.main a.name"),
}


def main() -> None:
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        sys.exit("There is no Chromium on this machine.")
    address = f"http://127.0.0.1:{os.environ.get('PORT', '8000')}"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for width in (1280, 360):
            for theme in ("light", "dark"):
                window = browser.new_context(
                    base_url=address, viewport={"width": width, "height": 800}, color_scheme=theme
                )
                _shoot(window.new_page(), f"{width}-{theme}")
                window.close()
        browser.close()


def _shoot(page: Page, suffix: str) -> None:
    def shot(name: str) -> None:
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(700)
        page.screenshot(path=FOLDER / f"{name}-{suffix}.png", full_page=True)

    page.goto("/sign-in")
    shot("sign-in")
    page.fill("#email", "manager@demo.example")
    page.fill("#password", DEMO_PASSWORD)
    page.click("button[type=submit]")
    for name, path in PAGES.items():
        page.goto(path)
        shot(name)
    page.context.clear_cookies()
    page.goto("/sign-in")
    page.fill("#email", "admin@demo.example")
    page.fill("#password", DEMO_PASSWORD)
    page.click("button[type=submit]")
    for name, path in ADMIN_PAGES.items():
        page.goto(path)
        shot(name)
    for name, (path, link) in ADMIN_THINGS.items():
        page.goto(path)
        page.click(link)
        shot(name)
    page.goto("/reports/shared")
    page.click("#job-rows a.name >> nth=0")
    shot("report")


main()
