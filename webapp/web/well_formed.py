"""What Flask takes for granted of a request, and only some clients keep: made so, or refused, before Flask sees it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*\.?|\[[0-9A-Fa-f:.]{{2,45}}\])(?::\d{{1,5}})?", re.ASCII)
_UNQUOTED = re.compile(r"[^\x21-\x7e]")
_REFUSED = b"Bad Request: the Host header is not the name of a host.\n"


def register(app: Flask) -> None:
    """No address can be built for what is no host, not even that of an error page; a query is ASCII (RFC 3986), and
    `request.args` fails on one that is not."""
    app.wsgi_app = _well_formed(app.wsgi_app)  # type: ignore[method-assign, assignment]


def _well_formed(application: WSGIApplication) -> WSGIApplication:
    def checked(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        host = environ.get("HTTP_HOST") or environ["SERVER_NAME"]
        if len(host) > 260 or not _HOST.fullmatch(host):
            start_response("400 Bad Request", [("Content-Type", "text/plain"), ("Content-Length", str(len(_REFUSED)))])
            return [_REFUSED]
        environ["QUERY_STRING"] = _UNQUOTED.sub(lambda found: f"%{ord(found[0]):02X}", environ.get("QUERY_STRING", ""))
        return application(environ, start_response)

    return checked
