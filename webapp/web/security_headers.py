"""The headers that tell a browser what a page may do: nothing that we did not write."""

from __future__ import annotations

from http import HTTPStatus

from flask import Flask, Response, request

from webapp.settings import Settings

#: No inline script or style anywhere; `data:` because Tabler draws check marks and arrows that way.
CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)


def register(app: Flask, settings: Settings) -> None:
    """Put the headers on every response that has content."""

    @app.after_request
    def add(response: Response) -> Response:
        headers = response.headers
        # Pages are about people: no shared cache may keep them, and Back after signing out must not show them.
        headers.setdefault("Cache-Control", "no-store" if request.endpoint != "health.live" else "no-cache")
        if response.status_code == HTTPStatus.NOT_MODIFIED:
            return response  # nothing to protect: it has no content, and what it stands for had the headers
        headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("X-Frame-Options", "DENY")
        headers.setdefault("Referrer-Policy", "same-origin")
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
        if settings.secure_cookies:
            headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        return response
