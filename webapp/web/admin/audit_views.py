"""Who did what, to which thing, and when."""

from __future__ import annotations

from bson import ObjectId
from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from webapp.documents import AdminArea, JobStatus
from webapp.errors import NotFoundError
from webapp.services import audit_trail
from webapp.services.audit_trail import AuditPage, AuditQuery
from webapp.services.people import accounts, directory
from webapp.services.permissions import Permission
from webapp.web.access import permission_required
from webapp.web.admin import page_args
from webapp.web.admin.page_args import day_start, plain
from webapp.web.formatting import label


def _kinds() -> list[tuple[str, str]]:
    areas = {
        AdminArea.SESSIONS: _("Signing in"),
        AdminArea.QUEUE: _("Queue and workers"),
        AdminArea.LOOKUPS: _("Lookup values"),
        AdminArea.PEOPLE: _("People"),
        AdminArea.DEPARTMENTS: _("Departments and teams"),
        AdminArea.IMPORTS: _("Imports"),
        AdminArea.STORAGE: _("Storage"),
        AdminArea.AUDIT: _("This trail"),
    }
    return [
        (audit_trail.REPORTS, _("Reports")),
        *((state.value, _("Reports: %(state)s", state=label("report-status", state.value))) for state in JobStatus),
        (audit_trail.DELETED, _("Reports: deleted")),
        *((area.value, text) for area, text in areas.items()),
    ]


@permission_required(Permission.ADMINISTER)
def index() -> ResponseReturnValue:
    """The newest first, by person, report, kind and period."""
    kinds = _kinds()
    kind = plain("kind") if plain("kind") in dict(kinds) else ""
    problems: dict[str, str] = {}
    query = AuditQuery(
        person_id=_person(problems),
        job_id=_report(problems),
        kind=kind,
        since=day_start("since"),
        until=day_start("until", plus_days=1),
        before=plain("before"),
    )
    found = AuditPage([], None) if problems else audit_trail.page(query)
    return render_template(
        "admin/audit.html", page=found, query=query, kinds=kinds, kind_names=dict(kinds), problems=problems,
        plain=plain, address=page_args.address,
    )  # fmt: skip


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


def _report(problems: dict[str, str]) -> ObjectId | None:
    typed = plain("report")
    found = audit_trail.id_or_none(typed) if typed else None
    if typed and found is None:
        problems["report"] = _("That is no report's id or address.")
    return found


def register(admin: Blueprint) -> None:
    """The address of this page."""
    admin.add_url_rule("/audit/", "audit", index)
