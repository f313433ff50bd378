"""Views that take a file say how large it may be; everywhere else a form is small."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, current_app, request

View = TypeVar("View", bound=Callable[..., Any])


def takes_upload(most_bytes: int) -> Callable[[View], View]:
    """Let this view take a body of so many bytes; what is larger is answered with 413."""

    def decorate(view: View) -> View:
        view.most_bytes = most_bytes  # type: ignore[attr-defined]
        return view

    return decorate


def register(app: Flask) -> None:
    """Register before CSRF, which reads the form and with it the file."""

    @app.before_request
    def allow_upload() -> None:
        view = current_app.view_functions.get(request.endpoint or "")
        if (most_bytes := getattr(view, "most_bytes", None)) is not None:
            request.max_content_length = most_bytes
