"""Is the process alive (/healthz), and can it serve (/readyz)? For load balancers and people on call."""

from __future__ import annotations

from flask import Blueprint, Flask, jsonify
from flask.typing import ResponseReturnValue
from pymongo.errors import PyMongoError

from webapp.documents.connection import current_database
from webapp.web.access import public

health = Blueprint("health", __name__)


def register(app: Flask) -> None:
    app.register_blueprint(health)


@health.get("/healthz")
@public
def live() -> ResponseReturnValue:
    """The process answers."""
    return jsonify(status="ok")


@health.get("/readyz")
@public
def ready() -> ResponseReturnValue:
    """The database answers too."""
    try:
        current_database().command("ping")
    except PyMongoError:
        return jsonify(status="unavailable", database="does not answer"), 503
    return jsonify(status="ok", database="ok")
