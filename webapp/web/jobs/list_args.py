"""A list's address: its filters (declared in `list_filters`), order and page. Whatever is typed there, the list
answers; links and forms carry on what was understood, never what was typed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from flask import request
from flask_babel import get_timezone
from werkzeug.datastructures import MultiDict

from webapp.services.jobs import list_filters
from webapp.services.jobs.list_filters import FILTERS, Control, ListFilter
from webapp.services.jobs.lists import NEWEST_FIRST, SORTS, JobListQuery
from webapp.services.lookups import values as lookups
from webapp.web.formatting import label
from webapp.web.languages import in_readers_language
from webapp.web.typed_numbers import page_number

#: By a filter's name, what a list offers to choose from: value -> name, in order.
Choices = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Chip:
    """One value of one filter that is in force, and the address without it."""

    name: str
    value: str
    text: str
    without: str


@dataclass(frozen=True)
class Field:
    """A filter as a list's form offers it. `value` is in the control; `others`, more values, go along hidden."""

    filter: ListFilter
    value: str
    others: tuple[str, ...]
    options: tuple[tuple[str, str], ...]


def read(source: MultiDict[str, str] | None = None, usual_states: tuple[str, ...] = ()) -> JobListQuery:
    """The query of this request's address (or of the same fields posted). Where it names no state, the `usual_states`
    are meant."""
    args = request.args if source is None else source
    sort = args.get("sort", NEWEST_FIRST)
    typed = {name: args.getlist(name) for name in FILTERS}
    if usual_states and not any(typed["state"] + typed["status"]):
        typed["state"] = list(usual_states)
    return JobListQuery(
        filters=list_filters.in_force(typed),
        sort=sort if sort.removeprefix("-") in SORTS else NEWEST_FIRST,
        page=page_number(args.get("page")),
        time_zone=str(get_timezone() or "UTC"),
    )


def pairs(query: JobListQuery, *, page: int | None = None) -> list[tuple[str, str]]:
    """The query as names and values: of an address, or of a form's hidden fields."""
    found = [(name, value) for name, values in query.filters.items() for value in values]
    if query.sort != NEWEST_FIRST:
        found.append(("sort", query.sort))
    if page is not None and page > 1:
        found.append(("page", str(page)))
    return found


def address(query: JobListQuery, *, page: int | None = None, sort: str | None = None) -> str:
    """This list's address for `query`, on page 1 unless one is given."""
    if sort is not None:
        query = JobListQuery(query.filters, sort, time_zone=query.time_zone)
    found = pairs(query, page=page)
    return f"{request.path}?{urlencode(found)}" if found else request.path


def sort_address(key: str, query: JobListQuery) -> str:
    """Sort by `key`; a second click turns the order round."""
    return address(query, sort=f"-{key}" if query.sort == key else key)


def state_address(groups: tuple[str, ...], query: JobListQuery) -> str:
    """Only the reports of these groups of states; of none, all."""
    kept = {name: values for name, values in query.filters.items() if name not in ("state", "status")}
    return address(JobListQuery({**kept, **({"state": groups} if groups else {})}, query.sort))


def chips(query: JobListQuery, choices: Choices) -> Iterator[Chip]:
    """One for each value in force."""
    for name, values in query.filters.items():
        for value in values:
            left = {**query.filters, name: tuple(each for each in values if each != value)}
            without = address(JobListQuery({key: rest for key, rest in left.items() if rest}, query.sort))
            yield Chip(name, value, _words(FILTERS[name], value, choices), without)


def fields(query: JobListQuery, choices: Choices) -> Iterator[Field]:
    """The filters that the list's form offers or carries on."""
    for name, each in FILTERS.items():
        values = query.filters.get(name, ())
        offered = _offered(each, choices)
        if each.control is Control.HIDDEN or (each.control is Control.CHOICE and not offered):
            yield Field(each, "", values, ())
            continue
        value = values[0] if values else ""
        unknown = ((value, _words(each, value, choices)),) if value and value not in offered else ()
        yield Field(each, value, values[1:], (*offered.items(), *unknown))


def _offered(each: ListFilter, choices: Choices) -> Mapping[str, str]:
    if each.lookup is not None:
        return {value.key: label(each.lookup, value.key) for value in lookups.active(each.lookup)}
    return choices.get(each.name) or {key: in_readers_language(text) for key, text in (each.choices or {}).items()}


def _words(each: ListFilter, value: str, choices: Choices) -> str:
    """A value in words. The name of a person or a department only where the list offers it to this reader."""
    if each.lookup is not None:
        return label(each.lookup, value)
    offered = _offered(each, choices)
    return str(offered[value].strip() if value in offered else in_readers_language(each.words(value)))
