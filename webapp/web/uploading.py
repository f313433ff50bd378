"""Views that take a file say how large it may be, and who may send one; everywhere else a form is small."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, current_app, request

from webapp.web.access import actor_or_none, permissions

View = TypeVar("View", bound=Callable[..., Any])


def accepts_upload(most_bytes: Callable[[], int], *, permission: str | None = None) -> Callable[[View], View]:
    """Let this view take a body of so many bytes, from people who are signed in, and have `permission` where one is
    named; what is larger, and what anybody else sends, is a 413 before it is read."""

    def decorate(view: View) -> View:
        view.upload_bytes, view.upload_permission = most_bytes, permission  # type: ignore[attr-defined]
        return view

    return decorate


def register(app: Flask) -> None:
    """Register before whatever reads the form, and with it the file: the sign-in and CSRF."""

    @app.before_request
    def allow_upload() -> None:
        view = current_app.view_functions.get(request.endpoint or "")
        most_bytes = getattr(view, "upload_bytes", None)
        if most_bytes is None or actor_or_none() is None:
            return
        permission = getattr(view, "upload_permission", None)
        if permission is None or permission in permissions():
            request.max_content_length = most_bytes()
