"""Errors in plain words: what happened, what to do next, and an id that support can find in the log."""

from __future__ import annotations

import logging
import secrets
from http import HTTPStatus

from flask import Flask, Response, current_app, jsonify, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from pymongo.errors import ConnectionFailure, CursorNotFound, ServerSelectionTimeoutError
from werkzeug.exceptions import HTTPException

from webapp.errors import ReportdeskError
from webapp.web.access import actor_or_none, ask_no_more_of_the_database
from webapp.web.auth import resume
from webapp.web.fragments import is_htmx
from webapp.web.languages import in_readers_language

log = logging.getLogger(__name__)

_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def register(app: Flask) -> None:
    """Every way to fail has its page, and its fragment for htmx."""
    app.register_error_handler(ReportdeskError, _deliberate)
    app.register_error_handler(CSRFError, _form_expired)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(ConnectionFailure, _no_database)
    app.register_error_handler(ServerSelectionTimeoutError, _no_database)
    # A server that has started again knows nothing of what it was read by before.
    app.register_error_handler(CursorNotFound, _no_database)
    app.register_error_handler(Exception, _unexpected)


def _deliberate(error: ReportdeskError) -> ResponseReturnValue:
    return show(HTTPStatus(error.status), str(error), error.hint, error)


def _form_expired(error: CSRFError) -> ResponseReturnValue:
    """Mostly someone who has signed in anew in another window: their form comes back, to be sent by their own hand."""
    if request.endpoint == "auth.sign_in":
        again: ResponseReturnValue = current_app.extensions["reportdesk-sign-in-again"]()
        return again
    actor = actor_or_none()
    resumed = resume.this_request() if actor is not None and not is_htmx() else None
    if actor is not None and resumed is not None and resume.is_of(resumed, actor):
        return make_response(resume.show_again(resumed), HTTPStatus.BAD_REQUEST)
    return show(
        HTTPStatus.BAD_REQUEST,
        _("This form was opened in a session that has ended, so nothing was changed."),
        _("Send the form: it comes back filled in. Or reload the page.")
        if is_htmx()
        else _("Go back, reload the page and send it again."),
        error,
    )


def _http(error: HTTPException) -> ResponseReturnValue:
    if error.code is None or error.code < 400:
        return error.get_response()
    message, hint = _words(error.code)
    answer = make_response(show(HTTPStatus(error.code), message, hint, error))
    if (retry := getattr(error, "retry_after", None)) is not None:
        answer.headers["Retry-After"] = str(retry)
    if (allow := getattr(error, "valid_methods", None)) is not None:
        answer.headers["Allow"] = ", ".join(allow)
    return answer


def _words(code: int) -> tuple[str, str]:
    texts = {
        400: (_("The request could not be understood."), _("Go back, reload the page and try again.")),
        403: (_("Your account may not do this."), _("Ask an administrator if you need it.")),
        404: (
            _("There is no such page here, or it is not shared with you."),
            _("Check the address, or ask the person who shared it."),
        ),
        405: (_("This address does not answer that kind of request."), _("Start again from the home page.")),
        413: (
            _("That is more than this page can take."),
            _("Send a smaller file, a shorter text or fewer values, then try again."),
        ),
        414: (_("The address is too long."), _("Choose fewer filters, then try again.")),
        416: (_("That part of the file does not exist."), _("Download the whole file again.")),
        429: (_("Too many attempts in a short time."), _("Wait a few minutes, then try again.")),
    }
    return texts.get(code, (_("The request could not be answered."), _("Go back and try again.")))


def _no_database(error: Exception) -> ResponseReturnValue:
    ask_no_more_of_the_database()
    return show(
        HTTPStatus.SERVICE_UNAVAILABLE,
        _("The database does not answer at the moment. Reports that were asked for are safe."),
        _("Wait a minute and reload the page."),
        error,
    )


def _unexpected(error: Exception) -> ResponseReturnValue:
    if current_app.config.get("PROPAGATE_EXCEPTIONS"):
        raise error
    return show(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        _("Something went wrong here. It is our fault, not yours, and it has been written down."),
        _("Try again; if it happens again, tell support the id below."),
        error,
    )


def show(status: HTTPStatus, message: str, hint: str, error: Exception | None = None) -> Response:
    """The error as a page, as a fragment for htmx, or as JSON where JSON was asked for. Its id is in the log."""
    error_id = secrets.token_hex(4)
    _write_down(error_id, status, error)
    message, hint = in_readers_language(message), in_readers_language(hint)
    context = {"status": status, "message": message, "hint": hint, "error_id": error_id}
    if request.path.startswith("/api/"):
        body = jsonify(error={"status": int(status), "message": message, "hint": hint, "id": error_id})
        return make_response(body, status)
    response = make_response(render_template("errors/_error.html" if is_htmx() else "errors/page.html", **context))
    response.status_code = status
    if is_htmx():
        # An error never replaces the thing that was on the screen: it is told in the page's message region.
        response.headers["HX-Retarget"] = "#messages"
        response.headers["HX-Reswap"] = "innerHTML"
    return response


def _write_down(error_id: str, status: HTTPStatus, error: Exception | None) -> None:
    """One line of the log for what one person was told. Of the request only what we named ourselves: what people typed,
    into an address too, may be about people."""
    actor = actor_or_none()
    is_ours = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    log.log(
        logging.ERROR if is_ours else logging.INFO,
        "a person was told of an error",
        extra={
            "error_id": error_id,
            "status": int(status),
            "code": _code(status, error),
            "method": request.method if request.method in _METHODS else "other",
            "route": request.url_rule.rule if request.url_rule else None,
            "user_id": str(actor.id) if actor is not None else None,
        },
        exc_info=error if is_ours else None,
    )


def _code(status: HTTPStatus, error: Exception | None) -> str:
    if isinstance(error, ReportdeskError):
        return error.code
    return type(error).__name__ if error is not None else status.name.lower()
