"""What was typed into a form whose session had ended: signed, carried through the sign-in page, and shown again to
the person who typed it, to be sent by their own hand."""

from __future__ import annotations

import json
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

from flask import current_app, render_template, request
from flask.typing import ResponseReturnValue
from itsdangerous import BadData, URLSafeTimedSerializer
from werkzeug.datastructures import MultiDict

from webapp.documents import User
from webapp.web.access import FORM_SECRET, form_belongs_to, local_path

KEPT_SECONDS = 24 * 3600
#: As it was typed; and packed, so that the sign-in form stays far under what a form may have.
LARGEST_BYTES = 400 * 1024
LARGEST_PACKED = 300 * 1024
#: A form with one of these is never carried: a password belongs into no page.
_SECRETS = {"password", "current", "new"}
#: Sent again they would only end what was just begun.
_NOT_AGAIN = {"auth.sign_out", "auth.end_session", "auth.end_all_sessions"}


@dataclass(frozen=True)
class Resumed:
    """A form as it was sent: by a person, to an address on this site, from the page `back`."""

    person_id: str
    address: str
    back: str
    form: MultiDict[str, str]

    @property
    def path(self) -> str:
        return self.address.partition("?")[0]


def this_request() -> Resumed | None:
    """The form of this request; None where it cannot be sent later as well.

    That it is a form of ours, and whose, is what its token says: what another site sent is not carried on.
    """
    origin = request.headers.get("Origin")
    if origin is not None and origin != request.host_url.rstrip("/"):
        return None
    person_id = form_belongs_to()
    if person_id is None or request.files or _SECRETS & set(request.form) or request.endpoint in _NOT_AGAIN:
        return None
    pairs = [(name, value) for name, value in request.form.items(multi=True) if name != FORM_SECRET]
    address = local_path(request.full_path.rstrip("?")) or request.path
    return Resumed(person_id, address, local_path(request.referrer) or "/", MultiDict(pairs))


def pack(resumed: Resumed) -> str | None:
    """The form as one signed text; None for one that is too large to be carried."""
    facts = [resumed.person_id, resumed.address, resumed.back, list(resumed.form.items(multi=True))]
    plain = json.dumps(facts).encode()
    if len(plain) > LARGEST_BYTES:
        return None
    packed = str(_signer().dumps(urlsafe_b64encode(zlib.compress(plain)).decode()))
    return packed if len(packed) <= LARGEST_PACKED else None


def unpack(packed: str) -> Resumed | None:
    """The form that `pack` kept; None for anything that this server did not sign within a day."""
    try:
        squeezed = urlsafe_b64decode(_signer().loads(packed, max_age=KEPT_SECONDS))
        person_id, address, back, pairs = json.loads(zlib.decompressobj().decompress(squeezed, LARGEST_BYTES))
        return Resumed(person_id, address, back, MultiDict((name, value) for name, value in pairs))
    except (BadData, ValueError, zlib.error):
        return None


def is_of(resumed: Resumed, person: User) -> bool:
    """Was it typed by this person? Whoever else signs in with this browser gets nothing of it."""
    return resumed.person_id == str(person.id)


def show_again(resumed: Resumed) -> ResponseReturnValue:
    """The form filled in as it was, where its page can do that; else a page that sends it, once a person says so."""
    view = current_app.extensions["reportdesk-resumed"].get(resumed.path)
    return view(resumed.form) if view is not None else render_template("auth/send_again.html", resumed=resumed)


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.secret_key or "", salt="resume-form")
