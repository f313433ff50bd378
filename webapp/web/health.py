"""Is the process alive (/healthz), and can it serve (/readyz)? For load balancers and people on call."""

from __future__ import annotations

import hmac
from datetime import timedelta

from flask import Blueprint, Flask, Response, jsonify, request, url_for
from flask.typing import ResponseReturnValue
from pymongo.errors import PyMongoError
from werkzeug.exceptions import NotFound

from webapp import clock
from webapp.documents.connection import current_database
from webapp.services.queue import metrics as queue_metrics
from webapp.settings import get_settings
from webapp.web.access import public
from webapp.web.languages import LANGUAGES

health = Blueprint("health", __name__)

#: Shorter than the year that RFC 9116 recommends as the most.
SECURITY_TXT_LASTS = timedelta(days=180)


def register(app: Flask) -> None:
    app.register_blueprint(health)


@health.get("/healthz")
@public
def live() -> ResponseReturnValue:
    """The process answers."""
    return jsonify(status="ok")


@health.get("/metrics")
@public
def metrics() -> ResponseReturnValue:
    """What Prometheus collects; only with the token of `REPORTDESK_METRICS_TOKEN`, and not at all without one."""
    token = get_settings().metrics_token
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    wanted = token.get_secret_value().strip() if token is not None else ""
    # Closed unless somebody has set a token: an empty one never equals an empty header.
    if not wanted or scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), wanted.encode()):
        raise NotFound
    return Response(queue_metrics.text(), content_type=queue_metrics.CONTENT_TYPE)


@health.get("/.well-known/security.txt")
@public
def security_contact() -> ResponseReturnValue:
    """Whom to tell of a fault (RFC 9116). It is read anew before it expires, as long as the desk runs."""
    contact = get_settings().security_contact
    if contact is None:
        raise NotFound
    expires = (clock.utcnow() + SECURITY_TXT_LASTS).replace(microsecond=0)
    lines = [
        f"Contact: {contact}",
        f"Expires: {expires.isoformat().replace('+00:00', 'Z')}",
        f"Preferred-Languages: {', '.join(LANGUAGES)}",
        f"Canonical: {url_for('health.security_contact', _external=True)}",
    ]
    return Response("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")


@health.get("/readyz")
@public
def ready() -> ResponseReturnValue:
    """The database answers too."""
    try:
        current_database().command("ping")
    except PyMongoError:
        return jsonify(status="unavailable", database="does not answer"), 503
    return jsonify(status="ok", database="ok")
