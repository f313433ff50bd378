"""Views that take more than a form: who may send how much is decided before the body is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, current_app, request

from webapp.settings import Settings
from webapp.web.access import permissions

View = TypeVar("View", bound=Callable[..., Any])


def accepts_upload(permission: str) -> Callable[[View], View]:
    """Let people with `permission` send files to this view; everybody else's bodies stay as small as a form's."""

    def decorate(view: View) -> View:
        view.upload_permission = permission  # type: ignore[attr-defined]
        return view

    return decorate


def register(app: Flask, settings: Settings) -> None:
    """Must come after the sign-in and before CSRF protection, which reads the body."""
    limit = settings.upload_limit_mb * 1_000_000

    @app.before_request
    def allow_uploads() -> None:
        view = current_app.view_functions.get(request.endpoint or "")
        permission = getattr(view, "upload_permission", None)
        if permission is not None and permission in permissions():
            request.max_content_length = limit
