"""Signing in and out, and one's own account."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import logout_user

from webapp.errors import InvalidRequestError
from webapp.services.people import accounts
from webapp.settings import get_settings
from webapp.web import access
from webapp.web.access import actor_or_none, current_actor, local_path, public
from webapp.web.auth import resume
from webapp.web.auth.forms import PasswordForm, PreferencesForm, SignInForm
from webapp.web.auth.throttle import Throttle
from webapp.web.formatting import duration
from webapp.web.fragments import redirect_after
from webapp.web.languages import in_readers_language

auth = Blueprint("auth", __name__)
throttle = Throttle()


@auth.record_once
def _prepare(state: object) -> None:
    """What `access.sign_in_first` does with a form; and the pages that show theirs again, by address."""
    app = state.app  # type: ignore[attr-defined]
    app.extensions["reportdesk-resume"] = _sign_in_with_form
    app.extensions.setdefault("reportdesk-resumed", {})


@auth.route("/sign-in", methods=["GET", "POST"])
@public
def sign_in() -> ResponseReturnValue:
    """Sign in, and go where one wanted to go."""
    form = SignInForm()
    if request.method == "GET":
        if actor_or_none() is not None:
            return redirect(local_path(request.args.get("next")) or url_for("home.index"))
        form.next.data = local_path(request.args.get("next")) or ""
        return render_template("auth/sign_in.html", form=form, failure=None)
    if not form.validate():
        return _again(form, None, HTTPStatus.UNPROCESSABLE_ENTITY)
    email, address = form.email.data or "", request.remote_addr or ""
    if wait := throttle.wait_seconds(email, address):
        text = _("Too many failed attempts. Wait %(time)s, then try again.", time=duration(wait))
        return _again(form, text, HTTPStatus.TOO_MANY_REQUESTS, retry_after=wait)
    user = accounts.authenticate(email, form.password.data or "")
    if user is None:
        throttle.failed(email, address)
        text = _("E-mail address and password do not match an account. Check both and try again.")
        return _again(form, text, HTTPStatus.UNPROCESSABLE_ENTITY)
    throttle.succeeded(email)
    access.sign_in(user)
    return _onward(form)


def _again(form: SignInForm, failure: str | None, status: HTTPStatus, retry_after: int = 0) -> ResponseReturnValue:
    headers = {"Retry-After": str(retry_after)} if retry_after else {}
    return render_template("auth/sign_in.html", form=form, failure=failure), status, headers


def _onward(form: SignInForm) -> ResponseReturnValue:
    """To the form that was being filled in, else to the page that was wanted."""
    resumed = resume.unpack(form.resume.data) if form.resume.data else None
    if resumed is not None:
        return resume.show_again(resumed)
    return redirect(local_path(form.next.data) or url_for("home.index"), code=303)


def _sign_in_with_form() -> ResponseReturnValue | None:
    """The sign-in page for a form sent after its session had ended; what was typed goes along. None for a form that
    is not carried."""
    if not resume.may_keep():
        return None
    form = SignInForm(formdata=None)
    form.resume.data = resume.pack(resume.this_request())
    return render_template("auth/sign_in.html", form=form, failure=None), HTTPStatus.UNAUTHORIZED


@auth.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """End the session."""
    logout_user()
    session.clear()
    flash(_("You have signed out."), "success")
    return redirect(url_for("auth.sign_in"), code=303)


@auth.route("/account", methods=["GET", "POST"])
def account() -> ResponseReturnValue:
    """Language and time zone of the person."""
    actor = current_actor()
    form = PreferencesForm(obj=actor, default_zone=get_settings().time_zone)
    if request.method == "GET":
        form.locale.data, form.time_zone.data = actor.locale or "", actor.time_zone or ""
    elif form.validate():
        actor.locale, actor.time_zone = form.locale.data or None, form.time_zone.data or None
        actor.save()
        access.forget(actor)
        return redirect_after(url_for("auth.account"), _("Saved."))
    status = HTTPStatus.OK if request.method == "GET" else HTTPStatus.UNPROCESSABLE_ENTITY
    return render_template("auth/account.html", preferences=form, password=PasswordForm(formdata=None)), status


@auth.post("/account/password")
def password() -> ResponseReturnValue:
    """Change one's password; sessions elsewhere end, because they carry a trace of the old one."""
    actor = current_actor()
    form = PasswordForm()
    if form.validate() and _change_password(form):
        access.forget(actor)
        access.sign_in(actor.reload())
        return redirect_after(url_for("auth.account"), _("Your password is changed."))
    preferences = PreferencesForm(formdata=None, default_zone=get_settings().time_zone)
    preferences.locale.data, preferences.time_zone.data = actor.locale or "", actor.time_zone or ""
    return render_template("auth/account.html", preferences=preferences, password=form), HTTPStatus.UNPROCESSABLE_ENTITY


def _change_password(form: PasswordForm) -> bool:
    """Whether it was changed; otherwise the form carries the reason."""
    actor, address = current_actor(), request.remote_addr or ""
    if throttle.wait_seconds(actor.email, address):
        form.current.errors = [_("Too many failed attempts. Wait a few minutes, then try again.")]
        return False
    if accounts.authenticate(actor.email, form.current.data or "") is None:
        throttle.failed(actor.email, address)
        form.current.errors = [_("That is not your password.")]
        return False
    try:
        accounts.set_password(actor, form.new.data or "")
    except InvalidRequestError as error:
        form.new.errors = [in_readers_language(text) for text in error.fields.values()]
        return False
    return True
