"""What was typed into a form whose session had ended: signed, carried through the sign-in page, and shown again."""

from __future__ import annotations

import json
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

from flask import current_app, render_template, request
from flask.typing import ResponseReturnValue
from itsdangerous import BadData, URLSafeTimedSerializer
from werkzeug.datastructures import MultiDict

from webapp.web.access import local_path

KEPT_SECONDS = 24 * 3600
LARGEST_BYTES = 512 * 1024
_NOT_KEPT = {"csrf_token"}
#: A form with one of these is never carried: a password belongs into no page.
_SECRETS = {"password", "current", "new"}


@dataclass(frozen=True)
class Resumed:
    """A form as it was sent: to `path`, from the page `back`."""

    path: str
    back: str
    form: MultiDict[str, str]


def may_keep() -> bool:
    """Is this request a form of ours, that can be sent later as well? What another site sent is not carried on."""
    origin = request.headers.get("Origin")
    is_ours = origin is None or origin == request.host_url.rstrip("/")
    return is_ours and not _SECRETS & set(request.form) and not request.files and request.endpoint != "auth.sign_out"


def this_request() -> Resumed:
    """The form of this request."""
    pairs = [(name, value) for name, value in request.form.items(multi=True) if name not in _NOT_KEPT]
    return Resumed(request.path, local_path(request.referrer) or "/", MultiDict(pairs))


def pack(resumed: Resumed) -> str:
    """The form as one signed text."""
    facts = [resumed.path, resumed.back, list(resumed.form.items(multi=True))]
    return _signer().dumps(urlsafe_b64encode(zlib.compress(json.dumps(facts).encode())).decode())


def unpack(packed: str) -> Resumed | None:
    """The form that `pack` kept; None for anything that this server did not sign within a day."""
    try:
        squeezed = urlsafe_b64decode(_signer().loads(packed, max_age=KEPT_SECONDS))
        path, back, pairs = json.loads(zlib.decompressobj().decompress(squeezed, LARGEST_BYTES))
        return Resumed(path, back, MultiDict((name, value) for name, value in pairs))
    except (BadData, ValueError, zlib.error):
        return None


def show_again(resumed: Resumed) -> ResponseReturnValue:
    """The form filled in as it was, where its page can do that; else a page that sends it, once a person says so."""
    view = current_app.extensions["reportdesk-resumed"].get(resumed.path)
    return view(resumed.form) if view is not None else render_template("auth/send_again.html", resumed=resumed)


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.secret_key or "", salt="resume-form")
