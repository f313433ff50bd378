"""Signing in and out, one's own account, and where one is signed in."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.exceptions import NotFound, RequestEntityTooLarge

from webapp.documents import User
from webapp.services import audit
from webapp.services.audit import SessionAct
from webapp.services.people import accounts, demo_accounts, sessions
from webapp.services.people.demo_accounts import DemoSignInError
from webapp.settings import get_settings
from webapp.web import access
from webapp.web.access import actor_or_none, current_actor, current_session, local_path, public
from webapp.web.auth import guessing, password_views, resume
from webapp.web.auth.forms import PreferencesForm, SignInForm
from webapp.web.formatting import duration
from webapp.web.fragments import redirect_after
from webapp.web.this_machine import is_of_this_machine

auth = Blueprint("auth", __name__)
password_views.register(auth)


@auth.record_once
def _prepare(state: object) -> None:
    """What `access.sign_in_first` does with a form; and the pages that show theirs again, by address."""
    app = state.app  # type: ignore[attr-defined]
    app.extensions["reportdesk-resume"] = _sign_in_with_form
    app.extensions["reportdesk-sign-in-again"] = _again
    app.extensions.setdefault("reportdesk-resumed", {})


@auth.route("/sign-in", methods=["GET", "POST"])
@public
def sign_in() -> ResponseReturnValue:
    """Sign in, and go where one wanted to go."""
    form = SignInForm()
    if request.method != "POST":
        if actor_or_none() is not None:
            return redirect(local_path(request.args.get("next")) or url_for("home.index"))
        form.next.data = local_path(request.args.get("next")) or ""
        return _page(form)
    if not form.validate():
        return _page(form), HTTPStatus.UNPROCESSABLE_ENTITY
    email = form.email.data or ""
    attempt = guessing.attempt_to_sign_in(email)
    if attempt.wait_seconds:
        audit.record_slowed_sign_in(email)
        text = _(
            "Too many failed attempts. Wait %(time)s, then try again; or choose a new password by a link.",
            time=duration(attempt.wait_seconds),
        )
        return _page(form, text), HTTPStatus.TOO_MANY_REQUESTS, {"Retry-After": str(attempt.wait_seconds)}
    user = accounts.authenticate(email, form.password.data or "")
    if user is None:
        audit.record_failed_sign_in(email)
        text = _("E-mail address and password do not match an account. Check both and try again.")
        return _page(form, text), HTTPStatus.UNPROCESSABLE_ENTITY
    attempt.was_right()
    try:
        demo_accounts.require_at_home(user, is_local=is_of_this_machine())
    except DemoSignInError as error:
        return _page(form, error.with_hint), HTTPStatus.FORBIDDEN
    guessing.remember_device(email)
    access.sign_in(user)
    audit.record_sign_in(user)
    return _onward(form, user)


def _again() -> ResponseReturnValue:
    """For a sign-in page that stood open until its own session had gone, or that another window has signed in past:
    what it carries goes on."""
    form = SignInForm()
    actor = actor_or_none()
    if actor is not None:
        return _onward(form, actor)
    return _page(form, _("This page was open for too long. Type your password once more.")), HTTPStatus.BAD_REQUEST


def _page(form: SignInForm, failure: str | None = None) -> str:
    return render_template("auth/sign_in.html", form=form, failure=failure)


def _onward(form: SignInForm, user: User) -> ResponseReturnValue:
    """To the form that was being filled in, else to the page that was wanted."""
    resumed = resume.unpack(form.resume.data) if form.resume.data else None
    if resumed is not None and resume.is_of(resumed, user):
        return resume.show_again(resumed)
    if form.resume.data:
        flash(_("What was typed before was not kept: it belongs to another account, or is older than a day."), "info")
        return redirect(url_for("home.index"), code=303)
    return redirect(local_path(form.next.data) or url_for("home.index"), code=303)


def _sign_in_with_form() -> ResponseReturnValue | None:
    """The sign-in page for a form sent after its session had ended; what was typed goes along. None for a form that
    is not carried: the page that it was on comes back after signing in."""
    try:
        resumed = resume.this_request()
        has_files = bool(request.files)
    except RequestEntityTooLarge:
        resumed, has_files = None, True
    packed = resume.pack(resumed) if resumed is not None else None
    if packed is None:
        if has_files:
            flash(_("Your session ended before the file was sent. Sign in, then choose the file again."), "info")
        elif resumed is not None:
            flash(_("Your session ended, and what you sent was too much to be kept. Sign in, then go on."), "info")
        return None
    form = SignInForm(formdata=None)
    form.resume.data = packed
    return _page(form), HTTPStatus.UNAUTHORIZED


@auth.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """End the session, wherever its cookie was copied to."""
    audit.record_sign_out(current_actor())
    access.sign_out()
    flash(_("You have signed out."), "success")
    return redirect(url_for("auth.sign_in"), code=303)


@auth.route("/account", methods=["GET", "POST"])
def account() -> ResponseReturnValue:
    """Language and time zone of the person; the password; where the person is signed in."""
    actor = current_actor()
    form = PreferencesForm(obj=actor, default_zone=get_settings().time_zone)
    if request.method != "POST":
        form.locale.data, form.time_zone.data = actor.locale or "", actor.time_zone or ""
    elif form.validate():
        accounts.set_preferences(actor, locale=form.locale.data, time_zone=form.time_zone.data)
        access.forget(actor)
        return redirect_after(url_for("auth.account"), _("Saved."))
    status = HTTPStatus.OK if request.method != "POST" else HTTPStatus.UNPROCESSABLE_ENTITY
    return password_views.account_page(actor, preferences=form), status


@auth.post("/account/sessions/end")
def end_all_sessions() -> ResponseReturnValue:
    """Sign out everywhere, here too."""
    actor = current_actor()
    sessions.end_all(actor)
    audit.record_session(actor, SessionAct.SIGNED_OUT_EVERYWHERE, actor)
    access.forget(actor)
    access.sign_out()
    flash(_("You have signed out everywhere."), "success")
    return redirect(url_for("auth.sign_in"), code=303)


@auth.post("/account/sessions/<session_id>/end")
def end_session(session_id: str) -> ResponseReturnValue:
    """Sign out in one other browser; in this one, it is signing out."""
    if session_id == str(current_session().id):
        return sign_out()
    if not sessions.end(current_actor(), session_id):
        raise NotFound
    audit.record_session(current_actor(), SessionAct.SESSION_ENDED, current_actor())
    access.forget_session(session_id)
    return redirect_after(url_for("auth.account"), _("That session has ended."))
