"""Calendars: on which days nobody works."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from http import HTTPStatus
from typing import Any

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from webapp.clock import utcnow
from webapp.documents import Calendar
from webapp.errors import ConflictError, InvalidRequestError
from webapp.services.calendars import calendars, holidays
from webapp.services.permissions import Permission
from webapp.web.access import current_actor, permission_required
from webapp.web.admin.calendar_forms import CalendarForm, FileForm, HolidaysForm
from webapp.web.fragments import redirect_after
from webapp.web.typed_numbers import whole_number


@permission_required(Permission.ADMINISTER)
def index() -> ResponseReturnValue:
    """All calendars, retired ones included."""
    found = calendars.every(with_retired=True)
    return render_template("admin/calendars.html", calendars=found, used={c.id: calendars.used_by(c) for c in found})


@permission_required(Permission.ADMINISTER)
def add() -> ResponseReturnValue:
    """A new calendar."""
    form = CalendarForm.build(None)
    if form.validate_on_submit():
        try:
            found = calendars.add(
                current_actor(), name=form.name.data or "", weekend=form.weekend_days, days=form.read_days()
            )
        except InvalidRequestError as error:
            form.add_errors(error.fields)
        else:
            return redirect_after(url_for("admin.calendar", calendar_id=found.id), _("Added."))
    return _page(None, form=form)


@permission_required(Permission.ADMINISTER)
def calendar(calendar_id: str) -> ResponseReturnValue:
    """One calendar; what runs by it is planned anew when it changes."""
    found = calendars.find(calendar_id)
    form = CalendarForm.build(found)
    if form.validate_on_submit():
        revision = whole_number(form.revision.data) or 0
        try:
            calendars.change(
                current_actor(), found.id, revision=revision, name=form.name.data or "", weekend=form.weekend_days,
                days=form.read_days(),
            )  # fmt: skip
        except InvalidRequestError as error:
            form.add_errors(error.fields)
        else:
            return redirect_after(url_for("admin.calendar", calendar_id=found.id), _("Saved."))
    return _page(found, form=form)


@permission_required(Permission.ADMINISTER)
def fill(calendar_id: str) -> ResponseReturnValue:
    """Add the holidays of a country."""
    found = calendars.find(calendar_id)
    form = HolidaysForm.build()
    if form.validate():
        years = range(form.years.data or 0, (form.years.data or 0) + (form.count.data or 1))
        try:
            return _added(found, holidays.of_country(form.country.data, (form.part.data or "").strip(), years))
        except InvalidRequestError as error:
            form.add_errors(error.fields)
    return _page(found, form=CalendarForm.build(found), holidays_form=form)


@permission_required(Permission.ADMINISTER)
def upload(calendar_id: str) -> ResponseReturnValue:
    """Add the days of a calendar file."""
    found = calendars.find(calendar_id)
    form = FileForm()
    sent = request.files.get("file")
    try:
        content = sent.stream.read(holidays.LARGEST_FILE + 1) if sent is not None else b""
        return _added(found, holidays.of_file(content, utcnow().date()))
    except InvalidRequestError as error:
        form.file.errors = []
        form.add_errors(error.fields)
    return _page(found, form=CalendarForm.build(found), file_form=form)


@permission_required(Permission.ADMINISTER)
def set_active(calendar_id: str) -> ResponseReturnValue:
    """Retire a calendar, or take it back."""
    is_active = request.form.get("active") == "yes"
    here = url_for("admin.calendar", calendar_id=calendar_id)
    try:
        calendars.set_active(current_actor(), calendar_id, is_active)
    except ConflictError as error:
        return redirect_after(here, error.with_hint, "error")
    return redirect_after(here, _("It can be chosen again.") if is_active else _("It can be chosen no more."))


def _added(found: Calendar, days: Mapping[date, str]) -> ResponseReturnValue:
    """Add these days to the calendar; a day that it has keeps the name that it has there."""
    before = calendars.days_of(found)
    calendars.change(
        current_actor(), found.id, revision=found.revision, name=found.name, weekend=found.weekend,
        days={**days, **before},
    )  # fmt: skip
    count = len(days.keys() - before.keys())
    text = ngettext("%(num)d day was added.", "%(num)d days were added.", count)
    return redirect_after(url_for("admin.calendar", calendar_id=found.id), text)


def _page(found: Calendar | None, **forms: Any) -> ResponseReturnValue:
    if found is not None:
        forms = {"holidays_form": HolidaysForm.build(), "file_form": FileForm(), **forms}
    status = HTTPStatus.OK if request.method != "POST" else HTTPStatus.UNPROCESSABLE_ENTITY
    return render_template("admin/calendar.html", calendar=found, **forms), status


def register(admin: Blueprint) -> None:
    """The addresses of these pages."""
    admin.add_url_rule("/calendars/", "calendars", index)
    admin.add_url_rule("/calendars/add", "add_calendar", add, methods=["GET", "POST"])
    admin.add_url_rule("/calendars/<calendar_id>", "calendar", calendar, methods=["GET", "POST"])
    admin.add_url_rule("/calendars/<calendar_id>/holidays", "fill_calendar", fill, methods=["POST"])
    admin.add_url_rule("/calendars/<calendar_id>/file", "upload_calendar", upload, methods=["POST"])
    admin.add_url_rule("/calendars/<calendar_id>/active", "activate_calendar", set_active, methods=["POST"])
