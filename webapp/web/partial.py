"""Stored bytes over HTTP: whole, in parts, or not again when the browser has them. The headers are read by Werkzeug."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus

from flask import Response, request
from werkzeug.datastructures import Range


def answer(
    read: Callable[[int, int], Iterable[bytes]], *, size: int, etag: str, mime_type: str, disposition: str
) -> Response:
    """What `read(start, end)` gives of `size` bytes, as far as the request asks for it.

    Bytes of one state of a file never follow those of another: a part is only given while `etag` is what `If-Range`
    names. Every time is asked anew whether it may be seen: nothing is served from a cache on its own.
    """
    response = Response(content_type=mime_type)
    response.headers["Content-Disposition"] = disposition
    response.cache_control.private = True
    response.cache_control.no_cache = True
    response.accept_ranges = "bytes"
    response.set_etag(etag)
    if request.if_none_match.contains_weak(etag):
        response.status_code = HTTPStatus.NOT_MODIFIED
        return response
    asked = _asked(size, etag)
    start, end = (0, size) if asked is None else asked.range_for_length(size) or (size, size)
    if start == end and asked is not None:
        refused = Response(status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
        refused.headers["Content-Range"] = f"bytes */{size}"
        return refused
    if asked is not None:
        response.status_code = HTTPStatus.PARTIAL_CONTENT
        response.content_range.set(start, end, size)
    response.content_length = end - start
    response.response = read(start, end)
    return response


def _asked(size: int, etag: str) -> Range | None:
    """The part that is asked for; None for the whole, which is a right answer to several parts at once, to other units,
    and to who goes on with another state of the file."""
    header = request.headers.get("Range", "")
    if not header.lower().lstrip().startswith("bytes=") or (
        "If-Range" in request.headers and request.if_range.etag != etag
    ):
        return None
    found = request.range
    if found is None:
        return Range("bytes", [])  # not to be understood, so not to be had
    if len(found.ranges) > 1:
        return None
    start, end = found.ranges[0]
    # The last so many bytes of a file that has fewer are all of it (RFC 9110, 14.1.2).
    return Range(found.units, [(max(start, -size), end)])
