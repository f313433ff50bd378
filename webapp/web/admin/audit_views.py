"""Who did what, to which thing, and when."""

from __future__ import annotations

from collections.abc import Iterator

from bson import ObjectId
from flask import Blueprint, Response, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from webapp.documents import AdminArea, JobStatus
from webapp.documents.ids import id_or_none
from webapp.errors import InvalidRequestError, NotFoundError
from webapp.renderers import csv_file
from webapp.renderers.csv_file import NEW_LINE, harmless_cell
from webapp.services import audit_trail
from webapp.services.audit import ReportAct, SessionAct
from webapp.services.audit_trail import EVERYTHING, KINDS, STATES, AuditEntry, AuditPage, AuditQuery
from webapp.services.people import accounts, directory
from webapp.services.permissions import Permission
from webapp.web.access import current_actor, permission_required
from webapp.web.admin import page_args
from webapp.web.admin.page_args import day_start, plain
from webapp.web.formatting import label

CSV_HEADING = ("when", "who", "who_id", "area", "what", "subject", "subject_id", "code", "changes")


@permission_required(Permission.ADMINISTER)
def index() -> ResponseReturnValue:
    """The newest first: what people did, or what became of reports, by person, thing, kind and period."""
    problems: dict[str, str] = {}
    query = _query(problems)
    found = AuditPage([], None) if problems else audit_trail.page(query)
    return render_template(
        "admin/audit.html", page=found, query=query, problems=problems, plain=plain, address=page_args.address,
        kinds=_kinds(), areas=_areas(), act_words=_act_words(), is_state=lambda entry: entry.area == STATES,
    )  # fmt: skip


@permission_required(Permission.ADMINISTER)
def export() -> ResponseReturnValue:
    """The same, whole, as CSV. What the page's filters mean is what the file holds."""
    problems: dict[str, str] = {}
    query = _query(problems)
    if problems:
        raise InvalidRequestError(problems)
    entries = audit_trail.export(current_actor(), query)
    response = Response(_lines(entries), mimetype=csv_file.FORMAT.mime_type)
    response.headers["Content-Disposition"] = 'attachment; filename="audit.csv"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _lines(entries: Iterator[AuditEntry]) -> Iterator[str]:
    yield ",".join(CSV_HEADING) + NEW_LINE
    for each in entries:
        changes = "; ".join(f"{name}: {old} → {new}" for name, (old, new) in each.changes.items())
        who = each.who or (f"worker {each.worker_id}" if each.worker_id else "")
        cells = (
            each.at.isoformat(), who, str(each.user_id or ""), each.area, each.action or "deleted", each.subject,
            each.subject_id, each.code, changes,
        )  # fmt: skip
        yield ",".join(harmless_cell(cell) for cell in cells) + NEW_LINE


def _areas() -> dict[AdminArea, str]:
    return {
        AdminArea.REPORTS: _("Reports"),
        AdminArea.TEMPLATES: _("Templates"),
        AdminArea.SESSIONS: _("Signing in"),
        AdminArea.SCHEDULES: _("Schedules"),
        AdminArea.CALENDARS: _("Calendars"),
        AdminArea.QUEUE: _("Queue and workers"),
        AdminArea.LOOKUPS: _("Lookup values"),
        AdminArea.PEOPLE: _("People"),
        AdminArea.DEPARTMENTS: _("Departments and teams"),
        AdminArea.IMPORTS: _("Imports"),
        AdminArea.STORAGE: _("Storage"),
        AdminArea.DELIVERIES: _("Deliveries"),
        AdminArea.AUDIT: _("This trail"),
    }


def _act_words() -> dict[ReportAct | SessionAct, str]:
    return {
        ReportAct.ASKED: _("asked for"),
        ReportAct.RENAMED: _("renamed or described anew"),
        ReportAct.SHARED: _("who may see it"),
        ReportAct.MOVED: _("priority changed"),
        ReportAct.CANCELLED: _("cancelled"),
        ReportAct.RETRIED: _("started again"),
        ReportAct.CANCEL_UNDONE: _("cancelling undone"),
        ReportAct.RETRY_UNDONE: _("starting again undone"),
        ReportAct.DELETED: _("deleted"),
        ReportAct.DOWNLOADED: _("downloaded"),
        ReportAct.DOWNLOADED_IN_PARTS: _("downloaded in parts"),
        ReportAct.LOOKED_AT: _("looked at"),
        ReportAct.VERIFIED: _("file verified"),
        ReportAct.SENT: _("sent"),
        ReportAct.DISCLOSED: _("sent outside (a disclosure)"),
        SessionAct.SIGNED_IN: _("signed in"),
        SessionAct.SIGN_IN_FAILED: _("sign-in failed"),
        SessionAct.SIGN_IN_SLOWED: _("sign-in slowed down"),
        SessionAct.SIGNED_OUT: _("signed out"),
        SessionAct.SIGNED_OUT_EVERYWHERE: _("signed out everywhere"),
        SessionAct.SESSION_ENDED: _("a session ended"),
        SessionAct.PASSWORD_CHANGED: _("password changed"),
        SessionAct.PASSWORD_LINK_MADE: _("password link made"),
        SessionAct.PASSWORD_RESET: _("password reset by link"),
    }


def _kinds() -> list[tuple[str, list[tuple[str, str]]]]:
    """Groups of kinds as the form offers them; a test holds that each of `KINDS` is among them."""
    areas, words = _areas(), _act_words()
    states = [(f"states.{state.value}", label("report-status", state.value)) for state in JobStatus]
    return [
        ("", [("", _("People's acts")), (EVERYTHING, _("Everything"))]),
        (_("By area"), [(area.value, text) for area, text in areas.items()]),
        (areas[AdminArea.REPORTS], [(f"reports.{act.value}", words[act]) for act in ReportAct]),
        (areas[AdminArea.SESSIONS], [(f"sessions.{act.value}", words[act]) for act in SessionAct]),
        (_("What became of reports"), [(STATES, _("Every state")), *states, ("states.deleted", _("deleted"))]),
    ]


def _query(problems: dict[str, str]) -> AuditQuery:
    return AuditQuery(
        person_id=_person(problems),
        about=_about(problems),
        kind=plain("kind") if plain("kind") in KINDS else "",
        since=day_start("since"),
        until=day_start("until", plus_days=1),
        before=plain("before"),
    )


def _person(problems: dict[str, str]) -> ObjectId | None:
    """The person with the e-mail address (or id) that was typed."""
    typed = plain("person")
    if not typed:
        return None
    try:
        return accounts.user_by_email(typed).id if "@" in typed else directory.find(typed).id
    except NotFoundError:
        problems["person"] = _("Nobody has this e-mail address.")
        return None


def _about(problems: dict[str, str]) -> ObjectId | None:
    """What it happened to: an id, the address of a page that ends with one, or a person's e-mail address."""
    typed = plain("about") or plain("report")  # as it was called; links to it are kept in people's notes
    if not typed:
        return None
    try:
        found = accounts.user_by_email(typed).id if "@" in typed else id_or_none(typed.rstrip("/").rpartition("/")[2])
    except NotFoundError:
        found = None
    if found is None:
        problems["about"] = _("That is no id, no page's address, and no person's e-mail address.")
    return found


def register(admin: Blueprint) -> None:
    """The addresses of this page."""
    admin.add_url_rule("/audit/", "audit", index)
    admin.add_url_rule("/audit/export.csv", "export_audit", export)
