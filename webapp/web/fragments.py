"""Answers to htmx: parts of pages, and 304 for polls that have nothing new."""

from __future__ import annotations

import hashlib
from typing import Any

from flask import Response, flash, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from webapp.web.languages import in_readers_language, language

#: The category of a message of something done that can be undone: this, and what `jobs.undo` takes it back by.
UNDO = "undo:"


def is_htmx() -> bool:
    """Does htmx ask for a part of a page?"""
    return request.headers.get("HX-Request") == "true" and request.headers.get("HX-History-Restore-Request") != "true"


def tag_of(*facts: object) -> str:
    """A short tag for what a fragment shows. Its language is one of the facts."""
    text = "\0".join(str(fact) for fact in (language(), *facts))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def unchanged(tag: str) -> Response | None:
    """304 when the poll already shows `tag`, else None. The `hx-ptag` extension sends and keeps the tag."""
    if request.headers.get("HX-PTag") != tag:
        return None
    response = Response(status=304)
    response.headers["HX-PTag"] = tag
    return response


def fragment(template: str, *, tag: str | None = None, status: int = 200, **context: Any) -> Response:
    """Render `template`, with its tag for the next poll."""
    response = make_response(render_template(template, **context), status)
    if tag is not None:
        response.headers["HX-PTag"] = tag
    return response


def redirect_after(to: str, message: str = "", category: str = "success") -> ResponseReturnValue:
    """After an action: say what happened, on the page it leads to, unless that page says it by itself. It stays there
    as long as the page does, so it must stay true. htmx is told to load that page."""
    if message:
        flash(in_readers_language(message), category)
    if is_htmx():
        response = Response(status=204)
        response.headers["HX-Redirect"] = to
        return response
    return redirect(to, code=303)
