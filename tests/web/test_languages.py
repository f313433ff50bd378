"""Pages in Spanish: complete, with plurals, numbers and dates of that language; what people typed stays as typed."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from html.parser import HTMLParser

import pytest
from flask import Flask

from tests import messages
from tests.factories import PASSWORD, People, make_job
from tests.web.conftest import Client
from webapp.documents import LookupCategory, ReportJob, User
from webapp.messages import Message
from webapp.services.jobs import held
from webapp.services.jobs.changes import Failure
from webapp.services.lookups import values as lookups
from webapp.services.permissions import TERMINAL
from webapp.web import formatting
from webapp.web.languages import LANGUAGES, in_readers_language

SPANISH = {"Accept-Language": "es-ES,es;q=0.9,en;q=0.1"}


@pytest.mark.parametrize("language", sorted(set(LANGUAGES) - {"en"}))
def test_every_text_is_translated_with_the_same_placeholders(language: str) -> None:
    catalog = messages.read(messages.catalogues()[language])
    wanted = {(message.id, message.context) for message in messages.wanted() if message.id}
    missing = wanted - {(message.id, message.context) for message in catalog}
    assert not missing, "run `make messages`, then translate what it added"
    assert messages.untranslated(catalog) == []
    assert {message.id: [str(error) for error in errors] for message, errors in catalog.check()} == {}


# --- nothing is left in English ---------------------------------------------------------------------------------------


class _Texts(HTMLParser):
    """The texts that a person reads or hears: between tags, and in the attributes that are read out or shown."""

    ATTRIBUTES = ("aria-label", "title", "alt", "placeholder", "label")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self._skipped = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._skipped += tag in ("script", "style", "code", "textarea")
        for name, value in attrs:
            if value and (name in self.ATTRIBUTES or name.startswith("data-say") or name == "data-copied"):
                self.found.add(value.strip())

    def handle_endtag(self, tag: str) -> None:
        self._skipped -= tag in ("script", "style", "code", "textarea")

    def handle_data(self, data: str) -> None:
        if not self._skipped:
            self.found.add(" ".join(data.split()))


def english_in(page: str) -> set[str]:
    """The texts of a Spanish page that are still the English original."""
    originals, pattern = _originals()
    found = _Texts(page).found
    return found & originals | {text for text in found if pattern.fullmatch(text)}


@cache
def _originals() -> tuple[set[str], re.Pattern[str]]:
    """The English texts that have a Spanish one, and what those with something filled in look like."""
    originals = {m.id for m in messages.spanish() if m.id and isinstance(m.id, str) and m.string != m.id}
    filled = [re.sub(r"%\\\(\w+\\\)[sd]", ".+", re.escape(each)) for each in originals if "%(" in each]
    # Where enough words are left that nothing else looks like them.
    return originals, re.compile("|".join(each for each in filled if len(each.replace(".+", "")) > 14))


def in_spanish(person: User) -> User:
    person.update(set__locale="es", set__time_zone="Europe/Madrid")
    return person.reload()


def _pages(app: Flask) -> list[str]:
    return sorted(
        rule.rule
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and not rule.arguments and not rule.endpoint.startswith("health.")
    )


def test_no_page_of_a_spanish_speaker_has_english_texts(
    app: Flask, people: People, as_person: Client, ready_job: Callable[..., ReportJob]
) -> None:
    ada = in_spanish(people.administrator)
    job = ready_job(requested_by=ada)
    make_job(
        ada.id, name="Fallido", status="failed", error={"code": "x", "message": "The period ends before it starts."}
    )
    client = as_person(ada)
    types = [f"/reports/new?type={each}" for each in ("enrollment-summary", "learner-activity", "certification-status")]
    admin = [f"/admin/lookups/{category.value}/" for category in LookupCategory]
    admin += ["/admin/lookups/measure-type/add", "/admin/lookups/report-type/transcript", "/admin/people/?q=zzz"]
    admin += [f"/admin/people/{ada.id}", f"/admin/departments/{people.department.id}", f"/admin/teams/{people.team.id}"]
    for address in [*_pages(app), *types, *admin, f"/reports/{job.id}", "/reports/?q=nada", "/nowhere"]:
        answer = client.get(address)
        if answer.mimetype == "text/html" and answer.status_code != 302:
            assert ("<html" in answer.text) == ('<html lang="es">' in answer.text), address
            assert english_in(answer.text) == set(), address


def test_what_is_checked_for_english_finds_english(people: People, as_person: Client) -> None:
    assert {"My reports", "New report", "Times are in UTC"} <= english_in(as_person(people.owner).get("/reports/").text)


def test_a_visitor_reads_what_the_browser_asks_for_and_a_person_what_they_chose(app: Flask, people: People) -> None:
    client = app.test_client()
    assert "Iniciar sesión" in client.get("/sign-in", headers=SPANISH).text
    assert "Sign in" in client.get("/sign-in", headers={"Accept-Language": "de"}).text
    client.post("/sign-in", data={"email": people.owner.email, "password": PASSWORD})
    assert "Mis informes" in client.get("/reports/", headers=SPANISH).text
    client.post("/account", data={"locale": "en", "time_zone": "Asia/Tokyo"})
    page = client.get("/reports/", headers=SPANISH).text
    assert "My reports" in page
    assert "Times are in Asia/Tokyo" in page


# --- plurals, numbers, dates ------------------------------------------------------------------------------------------


def test_one_and_many(people: People, as_person: Client) -> None:
    client = as_person(in_spanish(people.owner))
    make_job(people.owner.id)
    assert "1 informe</span>" in re.sub(r"\s+<", "<", client.get("/reports/").text)
    make_job(people.owner.id)
    assert "2 informes</span>" in re.sub(r"\s+<", "<", client.get("/reports/").text)


def test_numbers_dates_and_durations_are_written_as_the_language_writes_them(app: Flask) -> None:
    with app.test_request_context(headers=SPANISH):
        assert formatting.number(12_345.678, 2) == "12.345,68"
        assert formatting.size(1_500_000) == "1,5 MB"
        assert formatting.value(0.4567, {"unit": "ratio", "type": "number"}).replace("\xa0", " ") == "45,7 %"
        assert formatting.value("2026-03-02", {"type": "date"}) == "2 mar 2026"
        assert formatting.value("completed", {"key": "status", "type": "string"}) == "Completado"
        assert formatting.value("content-viewed", {"key": "event-type", "type": "string"}) == "Contenido visto"
        assert formatting.duration(0.2) == "menos de un segundo"
        assert "hace 3 horas" in formatting.since(datetime.now(UTC) - timedelta(hours=3))
        text = Message("%(count)s of %(field_)s", count=12_345, field=Message("Recorded time"))
        assert in_readers_language(text) == "12.345 of tiempo registrado"
        assert in_readers_language(Message.joined([])) == ""


def test_times_are_in_the_zone_of_the_person(people: People, as_person: Client) -> None:
    job = make_job(people.owner.id)
    ReportJob.objects(id=job.id).update(set__created_at=datetime(2020, 7, 1, 22, 30, tzinfo=UTC))
    page = as_person(in_spanish(people.owner)).get("/reports/").text
    assert "jueves, 2 de julio de 2020, 0:30:00" in page  # half past midnight in Madrid, and already Thursday


# --- texts made below the web layer -----------------------------------------------------------------------------------


def test_what_is_wrong_with_a_question_is_told_in_spanish(people: People, as_person: Client) -> None:
    asked = {
        "type": "enrollment-summary", "group": ["class"], "measure": ["event-count"], "period": "custom",
        "start": "2026-02-01", "end": "2026-01-01", "format": "csv", "visibility": "private", "priority": "normal",
        "submission": "one", "top": "-1",
    }  # fmt: skip
    client = as_person(in_spanish(people.owner))
    bad_number = client.post("/reports/new", data=asked)
    assert "Debe ser un número entre 1 y 1.000." in bad_number.text
    page = client.post("/reports/new", data={**asked, "top": ""})
    assert page.status_code == 422
    assert "La fecha final, 1 de enero de 2026, es anterior a la inicial, 1 de febrero de 2026." in page.text
    assert "La medida «event-count» no se aplica a matrículas." in page.text
    assert "Not a valid" not in client.post("/reports/new", data={**asked, "format": "docx"}).text  # WTForms' own texts


def test_a_report_without_a_name_gets_one_in_the_language_of_who_asks(people: People, as_person: Client) -> None:
    asked = {"type": "transcript", "detail": "y", "format": "csv", "visibility": "private", "priority": "normal"}
    client = as_person(in_spanish(people.owner))
    assert client.post("/reports/new", data={**asked, "submission": "x"}).status_code == 303
    assert ReportJob.objects.get().name == "Expediente académico"


def test_why_a_report_failed_is_told_in_the_language_of_whoever_reads_it(people: People, as_person: Client) -> None:
    job = make_job(people.owner.id, status="queued", slot="s", visibility="organization")
    hold = held.take(job.id, "worker")
    assert hold is not None
    text = Message(
        "A %(format)s shows the first %(shown)s of %(rows)s rows. %(advice)s",
        format=Message("PDF"),
        shown=5_000,
        rows=70_000,
        advice=Message("%(first)s and %(last)s have all.", first=["Excel", "CSV", "JSON"], last="Parquet"),
    )
    assert held.fail(hold, Failure("too-large", text))
    assert job.reload().error.message == (
        "A PDF shows the first 5,000 of 70,000 rows. Excel, CSV, JSON and Parquet have all."
    )  # for other clients: English
    assert "5,000 of 70,000" in as_person(people.colleague).get(f"/reports/{job.id}").text
    client = as_person(in_spanish(people.owner))
    assert (
        "Un PDF muestra las primeras 5.000 de 70.000 filas. Excel, CSV, JSON y Parquet las tienen todas."
        in client.get(f"/reports/{job.id}").text
    )
    assert "Un PDF muestra" in client.get("/reports/").text


def test_an_error_of_a_service_is_told_in_spanish(people: People, as_person: Client) -> None:
    job = make_job(people.manager.id, visibility="organization")
    page = as_person(in_spanish(people.owner)).post(f"/reports/{job.id}/delete")
    assert page.status_code == 403
    assert f"Solo quien pidió «{job.name}» puede cambiarlo." in page.text


def test_what_an_administrator_has_typed_stays_as_typed(people: People, as_person: Client) -> None:
    client = as_person(in_spanish(people.owner))
    assert "Resumen de matrículas" in client.get("/reports/new").text
    # A text that is in the catalogue too, as the name of something else.
    lookups.change(
        "report-type", "enrollment-summary", display_as="Home", description="100 % typed by Ada", by=TERMINAL
    )
    page = client.get("/reports/new").text
    assert re.search(r"<h2>\s*Home\s*</h2>", page)
    assert "100 % typed by Ada" in page
    assert "100 % typed by Ada" in client.get("/reports/new?type=enrollment-summary").text
