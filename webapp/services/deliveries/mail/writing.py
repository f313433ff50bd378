"""What a letter about a report says, in its reader's language and zone; as text and as HTML, which say the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import css_inline
import vl_convert
from babel.dates import format_timedelta
from jinja2 import Environment, FileSystemLoader, StrictUndefined

import webapp
from webapp import record
from webapp.clock import aware
from webapp.documents import Delivery, ReportJob
from webapp.errors import NotFoundError
from webapp.messages import Message
from webapp.record.versions import NEVER, VersionGoneError
from webapp.renderers.about import LAYOUT
from webapp.renderers.numbers import decimal_text
from webapp.renderers.page_result import column_of
from webapp.renderers.reader import EMPTY, Reader
from webapp.services.changes import words
from webapp.services.changes.changes import Changes
from webapp.services.deliveries import links
from webapp.services.deliveries.mail import envelope, unsubscribing
from webapp.services.deliveries.mail.envelope import Letter
from webapp.services.files import downloads, letterhead
from webapp.services.questions import in_words, ways
from webapp.services.rights import data_scope
from webapp.services.rights.data_scope import DataScope

TEMPLATES = Path(webapp.__file__).resolve().parent.parent / "templates" / "mail"
MOST_FIGURES = 9
CHART_WIDTH_SCALE = 2.0


@dataclass(frozen=True)
class Said:
    """The letter's parts, said in the reader's language."""

    heading: str
    lead: Sequence[str]
    note: str = ""
    figures: Sequence[tuple[str, str]] = ()
    changes: str = ""
    chart_text: str = ""
    link: str = ""
    link_text: str = ""
    about_file: Sequence[str] = ()
    facts_heading: str = ""
    facts: Sequence[tuple[str, str]] = field(default_factory=tuple)
    foot: Sequence[str] = ()
    unsubscribe_text: str = ""


def ready(
    delivery: Delivery,
    job: ReportJob,
    reader: Reader,
    *,
    sender: str,
    now: datetime,
    rows: bool,
    about_file: Message,
    can_sign_in: bool,
) -> Letter:
    """That the report is ready. `rows`: with its figures and its chart. `about_file` says where the file is."""
    say, page = reader.text, downloads.page_for_letter(job) if rows else None
    chart = (page or {}).get("chart") or {}
    said = Said(
        heading=job.name,
        lead=[say(Message("%(name)s sends you this report.", name=sender))],
        note=delivery.note or "",
        figures=figures(page, reader) if page else (),
        changes=changed(page, reader),
        chart_text=say(chart.get("description") or Message("The chart of the report")),
        link=(links.of_report(job.id) or "") if can_sign_in else "",
        link_text=say(Message("Open the report")),
        about_file=[say(about_file)],
        facts_heading=say(Message("What it is about")) if rows else "",
        facts=facts(job, reader, now) if rows else (),
        foot=_foot(reader, sender),
        unsubscribe_text=say(Message("Unsubscribe from these letters")),
    )
    picture = _picture(chart["svg"]) if chart.get("svg") else None
    return _written(delivery, said, reader, job.name, picture)


def failed(delivery: Delivery, job: ReportJob, reader: Reader, *, sender: str, can_sign_in: bool) -> Letter:
    """That the report could not be made."""
    say = reader.text
    why = job.error.text if job.error is not None else ""
    said = Said(
        heading=say(Message("“%(name)s” could not be made", name=job.name)),
        lead=[line for line in (say(why), say(Message("Nothing else was sent."))) if line],
        link=(links.of_report(job.id) or "") if can_sign_in else "",
        link_text=say(Message("Open the report")),
        foot=_foot(reader, sender),
        unsubscribe_text=say(Message("Unsubscribe from these letters")),
    )
    return _written(delivery, said, reader, said.heading, None)


def figures(page: dict[str, Any], reader: Reader) -> list[tuple[str, str]]:
    """The totals of the result, by the name of their measure; without totals how many rows there are."""
    told: list[tuple[str, str]] = []
    totals = page.get("totals") or [None] * len(page["columns"])
    for stored, total in zip(page["columns"], totals, strict=True):
        column = column_of(stored)
        if column.role == "measure" and not stored.get("slice") and total is not None:
            cell = reader.cell(total, column)
            if cell != EMPTY:
                told.append((reader.heading(column), cell))
    rows = decimal_text(page["row_count"], 0, reader.language)
    return told[:MOST_FIGURES] or [(reader.text(Message("Rows")), rows)]


def changed(page: dict[str, Any] | None, reader: Reader) -> str:
    """What is different from the report before, in a line; empty where nothing was compared."""
    if not (stored := (page or {}).get("changes")):
        return ""
    told = Changes.from_document(stored)
    return reader.text(
        Message(
            "Since the report before (data of %(moment)s): %(changes)s",
            moment=reader.instant(told.since),
            changes=words.line(told, reader),
        )
    )


def facts(job: ReportJob, reader: Reader, now: datetime) -> list[tuple[str, str]]:
    """Period and filters in words, whose data, and how old they are."""
    say, scope = reader.text, DataScope.from_document(job.provenance["scope"])
    question = in_words.describe(ways.from_job(job), scope)
    told = [(say(what), say(said)) for what, said in question if str(what) not in LAYOUT]
    told.append((say(Message("Data scope")), say(data_scope.scope_in_words(scope))))
    if (age := _age(job.provenance, reader, now)) is not None:
        told.append((say(Message("Data")), say(age)))
    return told


def _age(provenance: dict[str, Any], reader: Reader, now: datetime) -> Message | None:
    """How old the data are: when the record that the report read was last changed, as long as that is known."""
    try:
        changed = record.at(int(provenance.get("recordVersion") or 0)).published_at
    except (VersionGoneError, NotFoundError):
        changed = NEVER
    if changed > NEVER:
        age = format_timedelta(aware(changed) - now, threshold=1.2, add_direction=True, locale=reader.language)
        return Message("last changed %(age)s (%(moment)s)", age=age, moment=reader.instant(changed))
    asked = provenance.get("asOf")
    return Message("as of %(moment)s", moment=reader.instant(asked)) if isinstance(asked, datetime) else None


def _foot(reader: Reader, sender: str) -> list[str]:
    organization = letterhead.read().name
    return [
        reader.text(
            Message("%(organization)s sent this in the name of %(name)s.", organization=organization, name=sender)
        )
    ]


def _picture(svg: str) -> bytes:
    """The chart as a PNG: programs for mail show no SVG."""
    return vl_convert.svg_to_png(svg, scale=CHART_WIDTH_SCALE)


def _written(delivery: Delivery, said: Said, reader: Reader, subject: str, picture: bytes | None) -> Letter:
    unsubscribe = links.of_unsubscribing(unsubscribing.token_of(delivery))
    html = _template().render(
        letter=said,
        language=reader.language,
        chart_cid=envelope.chart_cid(delivery) if picture else "",
        unsubscribe=unsubscribe,
    )
    inlined = css_inline.inline(html, keep_style_tags=False, load_remote_stylesheets=False)
    return Letter(subject, _text(said, bool(picture), unsubscribe), inlined, reader.language, picture)


def _text(said: Said, has_chart: bool, unsubscribe: str | None) -> str:
    """The same without HTML."""
    parts = [said.heading, *said.lead, said.note]
    parts.append("\n".join(f"{name}: {value}" for name, value in said.figures))
    parts.append(said.changes)
    if has_chart:
        parts.append(said.chart_text)
    if said.link:
        parts.append(f"{said.link_text}: {said.link}")
    parts += said.about_file
    if said.facts:
        parts.append("\n".join([said.facts_heading, *(f"{what}: {text}" for what, text in said.facts)]))
    foot = [*said.foot, *([f"{said.unsubscribe_text}: {unsubscribe}"] if unsubscribe else [])]
    return "\n\n".join(part for part in [*parts, "-- \n" + "\n".join(foot)] if part) + "\n"


@lru_cache(maxsize=1)
def _template() -> Any:
    # Whatever a name holds is text: every value is escaped.
    loader = FileSystemLoader(TEMPLATES)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("report.html")
