"""What was typed into a form whose session had ended: signed, carried through the sign-in page, and shown again."""

from __future__ import annotations

import json
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode

from flask import current_app, request
from itsdangerous import BadData, URLSafeTimedSerializer
from werkzeug.datastructures import MultiDict

KEPT_SECONDS = 24 * 3600
LARGEST_BYTES = 512 * 1024
_NOT_KEPT = {"csrf_token"}


def pack() -> str:
    """The form of this request as one signed text."""
    pairs = [(name, value) for name, value in request.form.items(multi=True) if name not in _NOT_KEPT]
    squeezed = zlib.compress(json.dumps(pairs).encode())
    return _signer().dumps(urlsafe_b64encode(squeezed).decode())


def unpack(packed: str) -> MultiDict[str, str] | None:
    """The form that `pack` kept; None for anything that this server did not sign within a day."""
    try:
        squeezed = urlsafe_b64decode(_signer().loads(packed, max_age=KEPT_SECONDS))
        plain = zlib.decompressobj().decompress(squeezed, LARGEST_BYTES)
        return MultiDict((name, value) for name, value in json.loads(plain))
    except (BadData, ValueError, zlib.error):
        return None


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.secret_key or "", salt="resume-form")
