"""A letter as a program for mail shows it: whole, and loading nothing from anywhere."""

from __future__ import annotations

import email
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.factories import People
from tests.services.deliveries.conftest import mail, mail_settings  # noqa: F401 - fixtures
from tests.services.deliveries.desk import ready_report, send_all
from tests.services.deliveries.mail_server import MailServer
from webapp.services.deliveries import wishes

pytestmark = pytest.mark.browser


def _unpacked(letter: EmailMessage, folder: Path) -> Path:
    """As a program for mail does: the page in a file, and what it names by `cid:` in files beside it."""
    page = letter.get_body(("html",))
    assert page is not None
    html = page.get_content()
    for number, part in enumerate(letter.walk()):
        if part["Content-ID"]:
            picture = folder / f"{number}.png"
            picture.write_bytes(part.get_payload(decode=True))  # type: ignore[arg-type]
            html = html.replace(f"cid:{part['Content-ID'].strip('<>')}", picture.name)
    assert "cid:" not in html
    found = folder / "letter.html"
    found.write_text(html, encoding="utf-8")
    return found


@pytest.mark.parametrize("width", [1000, 360])
def test_a_letter_has_no_broken_picture_and_loads_nothing_from_anywhere(
    people: People,
    mail: MailServer,  # noqa: F811
    browser: Browser,
    tmp_path: Path,
    width: int,
) -> None:
    ready_report(tmp_path, people.owner, wishes.letters(people.colleague.email, note="For Monday."))
    assert send_all() == ["sent"]
    letter = email.message_from_bytes(mail.letters[0][2], policy=default)
    assert isinstance(letter, EmailMessage)
    window = browser.new_context(viewport={"width": width, "height": 800})
    asked: list[str] = []
    page = window.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.goto(_unpacked(letter, tmp_path).as_uri())
    pictures = page.evaluate(
        "[...document.images].map((each) => [each.complete && each.naturalWidth > 0, each.alt, each.clientWidth])"
    )
    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    link = page.get_by_role("link", name="Open the report").get_attribute("href")
    text = page.inner_text("body")
    window.close()
    assert [(is_whole, words) for is_whole, words, _ in pictures] == [(True, "Count by class")]
    assert all(shown > 100 for _, _, shown in pictures)
    assert [url for url in asked if not url.startswith("file:")] == []
    assert overflow <= 0
    assert link is not None
    assert link.startswith("https://desk.example/reports/")
    for said in ("Quarterly figures", "1,234", "61.3 %", "For Monday.", "Unsubscribe from these letters"):
        assert said in text
