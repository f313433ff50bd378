"""What a file is called: for people's computers, never a path."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from urllib.parse import quote

#: File systems count bytes; this leaves room for an extension and a number.
MOST_BYTES = 180
_FORBIDDEN = re.compile(r'[/\\:*?"<>|\x00-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]+')
_RESERVED = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)


def file_name(stem: str, extension: str) -> str:
    """`stem` cleaned, cut to what file systems take, with the extension."""
    text = unicodedata.normalize("NFC", _FORBIDDEN.sub(" ", stem))
    text = " ".join(text.split()).strip(". ")
    while len(text.encode()) > MOST_BYTES:
        text = text[:-1].rstrip(". ")
    if not text or _RESERVED.match(text):
        text = f"report {text}".strip()
    return f"{text}.{extension}"


def fill_template(template: str, *, name: str, day: date) -> str:
    """`{name}` and `{date}` in `template`. Where that is too long the name is cut, so that the date stays."""
    rest = template.replace("{name}", "").replace("{date}", day.isoformat())
    room = max(MOST_BYTES - len(rest.encode()), 0)
    short = name.encode()[:room].decode(errors="ignore").rstrip()
    return template.replace("{date}", day.isoformat()).replace("{name}", short)


def content_disposition(name: str) -> str:
    """The header that names a download, for old browsers and for all of Unicode (RFC 6266)."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r'["\\%\x00-\x1f\x7f]', "_", plain).strip() or "report"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
