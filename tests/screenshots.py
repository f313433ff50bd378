"""`make screenshots`: every page and state, at 1280 and 360 px, light and dark, of a desk of its own.

All of them go into `build/screenshots/`, which git ignores; those that the README shows are also renewed in `docs/`.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from secantus import SecantusDBServer

from tests.browser import desk as desks
from tests.browser.desk import ADMIN, CHROMIUM, MANAGER, NEWCOMER, Desk
from tests.browser.page_states import ADMIN_PAGES, NEW_PAGES, OPENED, PAGES, SIGNED_OUT

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "build" / "screenshots"
#: Flat pages need few colours, and a picture of few colours is small.
COLOURS = 64
#: A page longer than this says nothing new further down.
TALLEST = 2_400


def main() -> None:
    if CHROMIUM is None:
        sys.exit("There is no Chromium on this machine: install it (apt install chromium).")
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("*.png"):
        old.unlink()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = SecantusDBServer(port=0, storage_path=f"{folder}/mongo", durable=False)
        server.start()
        try:
            host, port = server.address
            uri = f"mongodb://{host}:{port}/?retryWrites=false"
            with desks.open_desk(uri, "screenshots", Path(folder) / "home") as desk:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
                states = desks.reports_in_every_state(desk, browser)
                for width in (1280, 360):
                    for theme in ("light", "dark"):
                        _all(desk, browser, states, width, theme)
                browser.close()
        finally:
            server.stop()
    for shown in shown_by_the_readme():
        shutil.copy(FOLDER / shown.name, shown)


def shown_by_the_readme() -> list[Path]:
    """The pictures that the repository keeps."""
    return [ROOT / picture for picture in re.findall(r"\((docs/screenshots/[^)]+)\)", (ROOT / "README.md").read_text())]


def _all(desk: Desk, browser: Browser, states: dict[str, str], width: int, theme: str) -> None:
    def window(email: str | None) -> Page:
        context = browser.new_context(
            base_url=desk.address,
            viewport={"width": width, "height": 800},
            color_scheme=theme,
            reduced_motion="reduce",
        )
        context.set_default_timeout(120_000)  # other work may keep the machine busy
        page = context.new_page()
        if email:
            desks.sign_in(page, email)
        return page

    def shoot(page: Page, name: str) -> None:
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(250)
        height = page.evaluate("document.documentElement.scrollHeight")
        # The window grows to the page, so that what sticks to its edges is where it belongs.
        page.set_viewport_size({"width": width, "height": max(800, min(height, TALLEST))})
        picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
        picture = picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        picture.save(FOLDER / f"{name}-{width}-{theme}.png", optimize=True)
        page.set_viewport_size({"width": width, "height": 800})

    def visit(page: Page, pages: dict[str, str]) -> None:
        for name, address in pages.items():
            page.goto(address)
            shoot(page, name)
        page.wait_for_load_state("networkidle")

    visit(window(None), SIGNED_OUT)
    visit(window(NEWCOMER), NEW_PAGES)
    page = window(MANAGER)
    visit(page, {**PAGES, **{f"report-{state}": address for state, address in states.items()}})
    for name, show in OPENED.items():
        show(page, states)
        shoot(page, name)
    visit(window(ADMIN), ADMIN_PAGES)
    for context in browser.contexts:
        context.close()


if __name__ == "__main__":
    main()
