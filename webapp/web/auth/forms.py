"""What people type to sign in and about themselves."""

from __future__ import annotations

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from wtforms import EmailField, HiddenField, PasswordField, SelectField
from wtforms.validators import InputRequired, Length

from webapp.web.forms import DeskForm
from webapp.web.languages import LANGUAGES
from webapp.web.zones import ZoneField


class SignInForm(DeskForm):
    email = EmailField(
        _l("E-mail address"),
        [InputRequired(_l("Type your e-mail address.")), Length(max=320, message=_l("That is no e-mail address."))],
        render_kw={"autocomplete": "username", "autofocus": True},
    )
    password = PasswordField(
        _l("Password"),
        [InputRequired(_l("Type your password.")), Length(max=1024, message=_l("That password is not right."))],
        render_kw={"autocomplete": "current-password"},
    )
    next = HiddenField()
    # What was being typed when the session ended, signed (`auth.resume`).
    resume = HiddenField()


class PreferencesForm(DeskForm):
    locale = SelectField(_l("Language"), default="")
    time_zone = ZoneField(_l("Time zone"), validate_choice=True)

    def __init__(self, *args: object, default_zone: str, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.locale.choices = [("", gettext("As the browser asks")), *LANGUAGES.items()]
        self.time_zone.offer(("", gettext("As this installation: %(zone)s", zone=default_zone)))


#: The password is judged as it is typed; without scripts, when it is sent.
_NEW = {
    "autocomplete": "new-password",
    "hx-post": "/password-strength",
    "hx-trigger": "input changed delay:250ms",
    "hx-target": "#strength",
    "hx-swap": "innerHTML",
    "hx-sync": "this:replace",
}


class PasswordForm(DeskForm):
    current = PasswordField(
        _l("Password now"),
        [InputRequired(_l("Type your password.")), Length(max=1024, message=_l("That is not your password."))],
        render_kw={"autocomplete": "current-password"},
    )
    new = PasswordField(_l("New password"), [InputRequired(_l("Type a new password."))], render_kw=_NEW)


class NewPasswordForm(DeskForm):
    new = PasswordField(
        _l("New password"), [InputRequired(_l("Type a new password."))], render_kw={**_NEW, "autofocus": True}
    )


class ForgottenForm(DeskForm):
    email = EmailField(
        _l("E-mail address"),
        [InputRequired(_l("Type your e-mail address.")), Length(max=320, message=_l("That is no e-mail address."))],
        render_kw={"autocomplete": "username", "autofocus": True},
    )
