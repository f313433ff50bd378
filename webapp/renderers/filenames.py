"""What a file is called: for people's computers, never a path."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from urllib.parse import quote

from pathvalidate import is_valid_filename, sanitize_filename
from pathvalidate.handler import ReservedNameHandler

#: File systems count bytes; this leaves room for an extension and a number.
MOST_BYTES = 180
#: Beside what pathvalidate knows of file systems: what turns a name round on the screen (`…fdp.exe` for `…exe.pdf`),
#: controls beyond ASCII, and halves of characters, which no file and no database can hold.
_UNSHOWN = re.compile(r"[\x80-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]+")

#: What a name may leave open until the file is made: `{date}`.
PLACEHOLDERS = ("name", "date", "period", "department")
_PLACEHOLDER = re.compile(rf"\{{({'|'.join(PLACEHOLDERS)})\}}")
_IN_BRACES = re.compile(r"\{[^{}]*\}?|\}")
#: Bytes of a department's name, or of a period, in a file's.
MOST_OF_ONE = 60


def is_file_name(text: str) -> bool:
    """Can every file system hold it, and every screen show it as it is?"""
    if _UNSHOWN.search(text) or text.startswith("."):
        return False
    # Windows keeps devices' names for itself, whatever follows the first dot and however many spaces stand before it.
    return all(is_valid_filename(each, platform="universal") for each in (text, text.partition(".")[0].rstrip()))


def file_name(stem: str, extension: str) -> str:
    """`stem` cleaned, cut to what file systems take, with the extension."""
    text = unicodedata.normalize("NFC", _UNSHOWN.sub(" ", stem))
    text = sanitize_filename(
        text,
        replacement_text=" ",
        platform="universal",
        max_len=MOST_BYTES,
        reserved_name_handler=ReservedNameHandler.as_is,
    )
    text = " ".join(text.split()).strip(". ")
    if not is_file_name(text):
        text = f"report {text}".strip()
    return f"{text}.{extension}"


def bad_placeholder(template: str) -> str:
    """The first thing in braces that is none of `PLACEHOLDERS`, or a brace alone; empty where there is none."""
    found = _IN_BRACES.search(_PLACEHOLDER.sub("", template))
    return found[0] if found else ""


def fill_template(template: str, *, name: str, day: date, period: str = "", department: str = "") -> str:
    """`template` with its `PLACEHOLDERS` filled in. Where that is too long the name is cut, so that the rest stays."""
    values = {"date": day.isoformat(), "period": _cut(period, MOST_OF_ONE), "department": _cut(department, MOST_OF_ONE)}
    rest = _PLACEHOLDER.sub(lambda found: values.get(found[1], ""), template)
    values["name"] = _cut(name, max(MOST_BYTES - len(rest.encode()), 0))
    # All at once: what a name has in braces is its own.
    return _PLACEHOLDER.sub(lambda found: values[found[1]], template)


def _cut(text: str, most: int) -> str:
    return text.encode()[:most].decode(errors="ignore").rstrip()


def content_disposition(name: str) -> str:
    """The header that names a download, for old browsers and for all of Unicode (RFC 6266)."""
    # Names of other clients' files were cleaned by nobody.
    name = _UNSHOWN.sub("_", re.sub(r"[\x00-\x1f\x7f/\\]+", "_", name))
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r'["%]', "_", plain).strip() or "report"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
