"""Which language and time zone a page speaks, and what a Message is in it (the catalogues: `webapp.catalogues`)."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Flask, current_app, request
from flask_babel import Babel, format_date, format_decimal, get_domain

from webapp.catalogues import LANGUAGES, SOURCE, compile_catalogues
from webapp.messages import Language, Message
from webapp.settings import Settings
from webapp.web.access import actor_or_none
from webapp.web.zones import all_zones


def register(app: Flask, settings: Settings) -> None:
    """Translate pages: by the person's own setting, else by what the browser asks for."""
    app.config["BABEL_DEFAULT_LOCALE"] = settings.default_locale
    app.config["BABEL_DEFAULT_TIMEZONE"] = settings.time_zone
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(compile_catalogues(SOURCE, settings.home / "cache"))
    zones = all_zones()

    def time_zone() -> str:
        actor = actor_or_none()
        return str(actor.time_zone) if actor is not None and actor.time_zone in zones else settings.time_zone

    Babel(app, locale_selector=language, timezone_selector=time_zone)
    app.jinja_env.globals["languages"] = LANGUAGES
    # Whatever a template shows: a Message is said in the reader's language.
    app.jinja_env.finalize = in_readers_language
    app.jinja_env.filters["translated"] = in_readers_language


def language() -> str:
    """The name of this request's language. Far cheaper than flask_babel's `get_locale`, which makes a locale of it."""
    actor = actor_or_none()
    if actor is not None and actor.locale in LANGUAGES:
        return str(actor.locale)
    return request.accept_languages.best_match(list(LANGUAGES)) or str(current_app.config["BABEL_DEFAULT_LOCALE"])


class _ReadersLanguage:
    """The language of this request."""

    def text(self, english: str) -> str:
        return str(get_domain().get_translations().ugettext(english))

    def counted(self, one: str, many: str, count: int) -> str:
        return str(get_domain().get_translations().ungettext(one, many, count))

    def number(self, value: float) -> str:
        return format_decimal(value)

    def day(self, value: date) -> str:
        # In English as in files and in the terminal, and as the pages write a day: its number first.
        return format_date(value, "d MMMM y" if language() == "en" else "long")


_READERS: Language = _ReadersLanguage()


def in_readers_language(text: Any) -> Any:
    """A Message as a text in the reader's language; anything else as it is."""
    return text.said_in(_READERS) if isinstance(text, Message) else text


__all__ = ["LANGUAGES", "in_readers_language", "language", "register"]
