"""Nothing jumps: what a page shows stays where it was first painted."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Open

pytestmark = pytest.mark.browser

MOST_SHIFT = 0.01
#: Chromium's own measure (Layout Instability), from before the first paint.
OBSERVE = """
window.shifted = 0;
window.moved = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) {
    window.shifted += entry.value;
    for (const each of entry.sources) {
      const [was, now] = [each.previousRect, each.currentRect];
      const node = each.node?.outerHTML?.slice(0, 80) ?? each.node?.textContent?.slice(0, 40);
      window.moved.push(`${node}: ${was.x},${was.y},${was.width},${was.height} -> ${now.x},${now.y},${now.width},${now.height}`);
    }
  }
}).observe({ type: "layout-shift", buffered: true });
"""
ADDRESSES = [
    "/",
    "/reports/",
    "/reports/shared",
    "/reports/new",
    "/reports/new?type=enrollment-summary",
    "/department/",
]


@pytest.mark.parametrize("width", [1280, 360])
def test_no_page_shifts_its_layout_while_it_loads(open_as: Open, width: int) -> None:
    page = open_as("manager@demo.example", viewport={"width": width, "height": 800})
    page.add_init_script(OBSERVE)
    # A report that moves on is another row, and no jump of a page that loads: nothing is new while this looks.
    page.route(
        "**/*",
        lambda route: route.fulfill(status=304) if "hx-ptag" in route.request.headers else route.continue_(),
    )
    shifts = {}
    for address in ADDRESSES:
        page.goto(address)
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(250)
        shifts[address] = (round(page.evaluate("window.shifted"), 4), page.evaluate("window.moved"))
    assert {address: shift for address, shift in shifts.items() if shift[0] >= MOST_SHIFT} == {}


def test_short_texts_of_a_result_stand_on_one_line(open_as: Open) -> None:
    page = open_as("manager@demo.example", viewport={"width": 1280, "height": 800})
    page.goto("/reports/new?type=completion-rates&group=course&group=quarter&measure=completion-rate&measure=count")
    quarters = page.locator("#preview tbody td:nth-child(2)")
    quarters.first.wait_for()
    lines = quarters.evaluate_all(
        """(cells) => cells.map((cell) => {
          const range = document.createRange();
          range.selectNodeContents(cell);
          return range.getClientRects().length;
        })"""
    )
    assert len(lines) > 5
    assert set(lines) == {1}
