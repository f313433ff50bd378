"""A list's address: which filters, search, order and page it names. Whatever is typed there, the list answers."""

from __future__ import annotations

from datetime import date
from urllib.parse import urlencode

from flask import request
from flask_babel import get_timezone
from werkzeug.datastructures import MultiDict

from webapp.services.jobs.lists import NEWEST_FIRST, SORTS, JobListQuery

#: States as people think of them; each chip of a list is one.
GROUPS: dict[str, tuple[str, ...]] = {
    "waiting": ("pending", "queued"),
    "running": ("processing", "rendering", "uploading"),
    "ready": ("ready", "downloaded"),
    "failed": ("failed",),
    "ended": ("cancelled", "expired"),
}
FILTERS = ("q", "state", "status", "type", "format", "requester", "department", "since", "until")


def read(source: MultiDict[str, str] | None = None) -> JobListQuery:
    """The query of this request's address (or of the same fields posted)."""
    args = request.args if source is None else source
    statuses = [status[:50] for status in args.getlist("status") if status]
    for group in args.getlist("state"):
        statuses.extend(GROUPS.get(group, (group[:50],)) if group else ())
    sort = args.get("sort", NEWEST_FIRST)
    return JobListQuery(
        text="".join(letter for letter in args.get("q", "")[:200] if letter.isprintable()),
        statuses=tuple(statuses[:20]),
        report_types=_many(args, "type"),
        formats=_many(args, "format"),
        requester_id=args.get("requester") or None,
        department_id=args.get("department") or None,
        since=_day(args.get("since")),
        until=_day(args.get("until")),
        sort=sort if sort.removeprefix("-") in SORTS else NEWEST_FIRST,
        page=_page(args.get("page")),
        time_zone=str(get_timezone() or "UTC"),
    )


def address(**changes: str | list[str] | int | None) -> str:
    """This page's address with some of its arguments changed; None removes one. Filters go back to page 1."""
    kept = {name: request.args.getlist(name) for name in (*FILTERS, "sort")}
    if "page" in changes:
        kept["page"] = []
    for name, value in changes.items():
        kept[name] = [] if value is None else [str(item) for item in value] if isinstance(value, list) else [str(value)]
    pairs = [(name, value) for name, values in kept.items() for value in values if value]
    return f"{request.path}?{urlencode(pairs)}" if pairs else request.path


def without(name: str, value: str) -> str:
    """This page's address without one value of one filter."""
    return address(**{name: [each for each in request.args.getlist(name) if each != value]})


def page_address(number: int) -> str:
    """Another page of the same list."""
    return address(page=number)


def sort_address(key: str, query: JobListQuery) -> str:
    """Sort by `key`; a second click turns the order round."""
    return address(sort=f"-{key}" if query.sort == key else key)


def _many(args: MultiDict[str, str], name: str) -> tuple[str, ...]:
    return tuple(value[:100] for value in args.getlist(name)[:50] if value)


def _day(text: str | None) -> date | None:
    try:
        day = date.fromisoformat(text) if text else None
    except ValueError:
        return None
    # A day of asking outside these years is a slip, and the database's calendar ends before Python's.
    return day if day and 1970 <= day.year <= 9000 else None


def _page(text: str | None) -> int:
    return min(int(text), 1_000_000) if text and text.isascii() and text.isdigit() and len(text) < 10 else 1
