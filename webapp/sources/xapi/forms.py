"""The forms of single values that the xAPI standard asks for: IRI, UUID, language tag, timestamp, duration, address."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from webapp.sources.xapi.values import instant

#: RFC 3987. What a path may hold beside letters and digits; a percent sign only before two hexadecimal digits.
_LETTERS = r"A-Za-z0-9\u00a0-\ud7ff\uf900-\ufdcf\ufdf0-\uffef\U00010000-\U0001fffd\U00020000-\U000efffd"
_NAME = rf"(?:[{_LETTERS}\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{{2}})"
_PATH = rf"(?:[{_LETTERS}\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{{2}})"
_PRIVATE = r"\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd"
_QUERY = rf"(?:[{_LETTERS}{_PRIVATE}\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{{2}})"
_FRAGMENT = rf"(?:[{_LETTERS}\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{{2}})"
_HOST = rf"(?:\[[0-9A-Fa-f:.]+\]|\[v[0-9A-Fa-f]+\.[{_LETTERS}\-._~!$&'()*+,;=:]+\]|{_NAME}*)"
_IRI = re.compile(
    rf"[A-Za-z][A-Za-z0-9+.\-]*:"
    rf"(?://(?:(?:{_NAME}|:)*@)?{_HOST}(?::[0-9]*)?(?:/{_PATH}*)?|(?!//){_PATH}*)"
    rf"(?:\?{_QUERY}*)?(?:\#{_FRAGMENT}*)?"
)
_UUID = re.compile(r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}")
_MBOX = re.compile(r"mailto:[^@?\s]+@[^@?\s]+", re.IGNORECASE)
_SHA1 = re.compile(r"[0-9A-Fa-f]{40}")
_MEDIA_TYPE = re.compile(r"[\w!#$&^.+\-]+/[\w!#$&^.+\-]+\s*(?:;.*)?", re.ASCII | re.DOTALL)
_VERSION = re.compile(r"[12]\.0(?:\.\d+(?:[-+.][0-9A-Za-z.+\-]*)?)?", re.ASCII)

_TAG = re.compile(
    r"(?:(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4}|[a-z]{5,8})"
    r"(?:-[a-z]{4})?(?:-(?:[a-z]{2}|[0-9]{3}))?"
    r"(?P<variants>(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*)"
    r"(?P<extensions>(?:-[0-9a-wy-z](?:-[a-z0-9]{2,8})+)*)"
    r"(?:-x(?:-[a-z0-9]{1,8})+)?|x(?:-[a-z0-9]{1,8})+)",
    re.IGNORECASE | re.ASCII,
)
#: Tags from before RFC 4646 that its grammar does not know.
_OLD_OF_IANA = (
    "ami", "bnn", "default", "enochian", "hak", "klingon", "lux", "mingo", "navajo", "pwn", "tao", "tay", "tsu",
)  # fmt: skip
_OLD_TAGS = {"en-gb-oed", "sgn-be-fr", "sgn-be-nl", "sgn-ch-de"} | {f"i-{name}" for name in _OLD_OF_IANA}

_NUMBER = r"\d+(?:[.,]\d+)?"
_DURATION = re.compile(
    rf"P(?=[\dT])(?:{_NUMBER}W|(?:{_NUMBER}Y)?(?:{_NUMBER}M)?(?:{_NUMBER}D)?"
    rf"(?:T(?=\d)(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?)",
    re.ASCII,
)
#: Only the smallest part of a duration may be broken.
_BROKEN_BEFORE_ANOTHER = re.compile(r"[.,]\d+[A-Z]T?\d")

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|\+\d\d:\d\d|-(?!00:00)\d\d:\d\d)", re.ASCII)
_ISO_8601 = re.compile(
    r"(?:\d{4}-\d\d-\d\d|\d{8}|\d{4}-W\d\d-\d|\d{4}W\d{3}|\d{4}-\d{3}|\d{7})"
    r"[Tt](?:\d\d:\d\d(?::\d\d)?|\d\d(?:\d\d){0,2})(?:[.,]\d+)?"
    r"(?:[Zz]|\+\d\d(?::?\d\d)?|-(?!00(?::?00)?$)\d\d(?::?\d\d)?)?",
    re.ASCII,
)


@lru_cache(maxsize=1 << 16)
def _is_iri(text: str) -> bool:
    return _IRI.fullmatch(text) is not None


def is_iri(value: Any) -> bool:
    """An IRI with its scheme."""
    return isinstance(value, str) and _is_iri(value)


def is_uuid(value: Any) -> bool:
    return isinstance(value, str) and _UUID.fullmatch(value) is not None


def is_mbox(value: Any) -> bool:
    return is_iri(value) and _MBOX.fullmatch(value) is not None


def is_sha1(value: Any) -> bool:
    return isinstance(value, str) and _SHA1.fullmatch(value) is not None


def is_media_type(value: Any) -> bool:
    return isinstance(value, str) and _MEDIA_TYPE.fullmatch(value) is not None


def is_version(value: Any) -> bool:
    """1.0, 2.0, and what came or may come after them without another meaning."""
    return isinstance(value, str) and _VERSION.fullmatch(value) is not None


@lru_cache(maxsize=1 << 12)
def _is_language(text: str) -> bool:
    found = _TAG.fullmatch(text)
    if found is None:
        return text.lower() in _OLD_TAGS
    variants = (found["variants"] or "").lower().split("-")[1:]
    singletons = re.findall(r"-([0-9a-z])(?=-)", (found["extensions"] or "").lower())
    return len(set(variants)) == len(variants) and len(set(singletons)) == len(singletons)


def is_language(value: Any) -> bool:
    """A language tag of RFC 5646: well-formed, no variant or extension twice."""
    return isinstance(value, str) and _is_language(value)


def is_duration(value: Any) -> bool:
    """ISO 8601: weeks alone, or years to seconds; only the smallest part may be broken."""
    return (
        isinstance(value, str)
        and _DURATION.fullmatch(value) is not None
        and _BROKEN_BEFORE_ANOTHER.search(value) is None
    )


def is_timestamp(value: Any, *, is_version_2: bool) -> bool:
    """ISO 8601, in xAPI 2.0 RFC 3339; the offset -00:00 is none."""
    form = _RFC_3339 if is_version_2 else _ISO_8601
    if not isinstance(value, str) or form.fullmatch(value) is None:
        return False
    try:
        instant(value)
    except ValueError:
        return False
    return True
