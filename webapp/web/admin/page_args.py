"""What the addresses of these pages carry; whatever is typed there, the page answers."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import request
from flask_babel import get_timezone

from webapp.web import typed_numbers

TEXT_LENGTH = 200


def plain(name: str) -> str:
    """The argument `name`, cut to what a person types, without what cannot be printed."""
    return "".join(letter for letter in request.args.get(name, "")[:TEXT_LENGTH] if letter.isprintable()).strip()


def page_number() -> int:
    return typed_numbers.page_number(request.args.get("page"))


def day_start(name: str, *, plus_days: int = 0) -> datetime | None:
    """Midnight, in the person's zone, of the day that the argument `name` names; None for none."""
    try:
        found = date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None
    if not 1970 < found.year < 9000:
        return None
    return datetime.combine(found + timedelta(days=plus_days), time(), tzinfo=ZoneInfo(str(get_timezone() or "UTC")))


def address(**changes: str | int | None) -> str:
    """This page's address with some arguments changed; None takes one away."""
    kept = {name: value[:TEXT_LENGTH] for name, value in request.args.items()}
    for name, value in changes.items():
        if value is None:
            kept.pop(name, None)
        else:
            kept[name] = str(value)
    return f"{request.path}?{urlencode(kept)}" if kept else request.path
