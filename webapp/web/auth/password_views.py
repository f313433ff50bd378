"""A new password: by telling the one there is, or by a link."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from http import HTTPStatus

from flask import Blueprint, Flask, current_app, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import force_locale
from flask_babel import gettext as _

from webapp.documents import User
from webapp.errors import InvalidRequestError, NotFoundError
from webapp.services import audit
from webapp.services.audit import SessionAct
from webapp.services.people import accounts, passwords, resets, sessions
from webapp.services.people.resets import LinkEndedError, Mailer
from webapp.settings import get_settings
from webapp.web import access
from webapp.web.access import actor_or_none, current_actor, current_session, public
from webapp.web.auth import guessing
from webapp.web.auth.forms import ForgottenForm, NewPasswordForm, PasswordForm, PreferencesForm
from webapp.web.formatting import duration
from webapp.web.fragments import fragment, redirect_after
from webapp.web.languages import in_readers_language
from webapp.web.limits import limiter

log = logging.getLogger(__name__)

#: Where the browser keeps the token of the link that it followed.
LINK = "reset"
#: The thread that sends a letter: whoever asked waits equally long whether or not there is an account.
SENDER = "send-reset-link"


def change() -> ResponseReturnValue:
    """Change one's password; every other session ends, and this one begins anew."""
    actor = current_actor()
    form = PasswordForm()
    if form.validate() and _changed(form):
        audit.record_session(actor, SessionAct.PASSWORD_CHANGED, actor)
        access.forget(actor)
        access.sign_in(actor.reload())
        return redirect_after(
            url_for("auth.account"), _("Your password is changed. You are signed out everywhere else.")
        )
    preferences = PreferencesForm(formdata=None, default_zone=get_settings().time_zone)
    preferences.locale.data, preferences.time_zone.data = actor.locale or "", actor.time_zone or ""
    return account_page(actor, preferences=preferences, password=form), HTTPStatus.UNPROCESSABLE_ENTITY


def account_page(actor: User, *, preferences: PreferencesForm, password: PasswordForm | None = None) -> str:
    """One's own account."""
    return render_template(
        "auth/account.html",
        preferences=preferences,
        password=password or PasswordForm(formdata=None),
        shortest=passwords.SHORTEST,
        sessions=sessions.of_person(actor),
        here=current_session().id,
    )


def _changed(form: PasswordForm) -> bool:
    """Whether it was; otherwise the form carries the reason."""
    actor = current_actor()
    attempt = guessing.attempt_to_change(actor)
    if attempt.wait_seconds:
        text = _("Too many failed attempts. Wait %(time)s, then try again.", time=duration(attempt.wait_seconds))
        form.current.errors = [text]
        return False
    if accounts.authenticate(actor.email or "", form.current.data or "") is None:
        audit.record_failed_sign_in(actor.email or "")
        form.current.errors = [_("That is not your password.")]
        return False
    attempt.was_right()
    return _told(form, lambda new: accounts.set_password(actor, new, by=actor))


@limiter.limit("120 per minute")
@public
def strength() -> ResponseReturnValue:
    """How good the password is that is being typed; it is neither kept nor logged."""
    person = actor_or_none()
    if person is None:
        try:
            person = resets.person_of(session.get(LINK, ""))
        except LinkEndedError:
            person = User(name="")
    about = passwords.own_words(person.name or "", person.email)
    typed = request.form.get("new", "")
    return fragment("auth/_strength.html", typed=typed != "", strength=passwords.strength(typed, about))


@public
def forgotten() -> ResponseReturnValue:
    """Ask for a letter with a link. The answer is the same for every address."""
    form = ForgottenForm()
    mailer: Mailer | None = current_app.extensions["reportdesk-mailer"]
    if request.method != "POST" or mailer is None:
        return render_template("auth/forgotten.html", form=form, has_mail=mailer is not None, is_asked=False)
    if not form.validate():
        page = render_template("auth/forgotten.html", form=form, has_mail=True, is_asked=False)
        return page, HTTPStatus.UNPROCESSABLE_ENTITY
    attempt = guessing.attempt_to_ask_for_a_link()
    if attempt.wait_seconds:
        text = _("Too many links were asked for. Wait %(time)s, then try again.", time=duration(attempt.wait_seconds))
        form.email.errors = [text]
        page = render_template("auth/forgotten.html", form=form, has_mail=True, is_asked=False)
        return page, HTTPStatus.TOO_MANY_REQUESTS, {"Retry-After": str(attempt.wait_seconds)}
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    threading.Thread(target=_send_link, args=(app, mailer, form.email.data or ""), name=SENDER, daemon=True).start()
    minutes = get_settings().reset_link_minutes
    return render_template("auth/forgotten.html", form=form, has_mail=True, is_asked=True, minutes=minutes)


def _send_link(app: Flask, mailer: Mailer, email: str) -> None:
    """Send the link, where there is an account that signs in with this address."""
    with app.app_context():
        try:
            user = accounts.user_by_email(email)
            if not user.password_hash or not guessing.may_be_sent_a_link(email):
                return
            subject, text = resets.letter_for(user)
            with force_locale(user.locale or get_settings().default_locale):
                mailer.send(user.email, in_readers_language(subject), in_readers_language(text))
        except NotFoundError:
            return
        except Exception as error:  # noqa: BLE001 - whatever a mail server says: nobody waits for this thread
            # Its words may name the person.
            log.error("a link for a new password was not sent", extra={"error": type(error).__name__})


@public
def new_password() -> ResponseReturnValue:
    """Choose a new password by the link that one followed."""
    if (token := request.args.get("t")) is not None:
        # Out of the address, before any page can pass it on.
        session[LINK] = token[:100]
        answer = redirect(url_for("auth.new_password"), code=303)
        answer.headers["Referrer-Policy"] = "no-referrer"
        return answer
    token = session.get(LINK, "")
    person = resets.person_of(token)
    form = NewPasswordForm()
    if request.method == "POST" and form.validate() and _told(form, lambda new: resets.use(token, new)):
        access.forget(person)
        access.sign_out()
        guessing.remember_device(person.email or "")
        flash(_("Your new password is set. Sign in with it."), "success")
        return redirect(url_for("auth.sign_in"), code=303)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if request.method == "POST" else HTTPStatus.OK
    page = render_template("auth/new_password.html", form=form, person=person, shortest=passwords.SHORTEST)
    return page, status


def _told(form: PasswordForm | NewPasswordForm, set_to: Callable[[str], object]) -> bool:
    """Whether the new password was taken; otherwise the form says why not."""
    try:
        set_to(form.new.data or "")
    except InvalidRequestError as error:
        form.new.errors = [in_readers_language(text) for text in error.fields.values()]
        return False
    return True


def register(blueprint: Blueprint) -> None:
    """The addresses of these pages."""
    blueprint.add_url_rule("/account/password", "password", change, methods=["POST"])
    blueprint.add_url_rule("/password-strength", "strength", strength, methods=["POST"])
    blueprint.add_url_rule("/sign-in/forgotten", "forgotten", forgotten, methods=["GET", "POST"])
    blueprint.add_url_rule("/new-password", "new_password", new_password, methods=["GET", "POST"])
