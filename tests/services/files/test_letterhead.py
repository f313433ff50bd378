"""The organisation's name and logo: who may set them, what a logo may be, and that files have them."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import pdfplumber
import pytest

from tests.factories import People
from tests.renderers.results import make_about, make_result
from webapp import renderers
from webapp.documents import AdminEvent
from webapp.errors import ForbiddenError, InvalidRequestError
from webapp.services.files import letterhead
from webapp.settings import get_settings

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect width="40" height="20" fill="#123456"/></svg>'


def png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 2, 1, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" + b"\x12\x34\x56" * 2)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize("logo", [SVG, png()], ids=["svg", "png"])
def test_name_and_logo_stand_at_the_top_of_files(people: People, tmp_path: Path, logo: bytes) -> None:
    assert letterhead.read().name == get_settings().organization_name
    letterhead.change(people.administrator, name=" Hill Academy ", logo=logo)
    found = letterhead.read()
    assert (found.name, letterhead.logo()) == ("Hill Academy", logo)
    assert AdminEvent.objects(action="letterhead changed").count() == 1
    about = make_about(organization=found.name, logo=letterhead.logo())
    result: Any = make_result(tmp_path)
    renderers.render("excel", result, about, tmp_path / "x", filename_stem="r")
    path = renderers.render("pdf", result, about, tmp_path / "p", filename_stem="r").path
    with pdfplumber.open(path) as pdf:
        assert "Hill Academy" in pdf.pages[0].extract_text()
        assert pdf.pages[0].images or pdf.pages[0].rects
    letterhead.change(people.administrator, name="", logo=None, without_logo=True)
    assert (letterhead.read().name, letterhead.logo()) == (get_settings().organization_name, None)


@pytest.mark.parametrize(
    "logo",
    [
        b"no picture",
        b"<html/>",
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>',
        b'<svg xmlns="http://www.w3.org/2000/svg" onload="a()"/>',
        b'<svg xmlns="http://www.w3.org/2000/svg"><image href="https://example.org/a.png"/></svg>',
        b'<!DOCTYPE svg [<!ENTITY a "b">]>' + SVG,
        b"\x89PNG\r\n\x1a\n broken",
        SVG + b" " * letterhead.MOST_BYTES,
    ],
)
def test_what_is_no_picture_or_does_more_than_draw_is_refused(people: People, logo: bytes) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        letterhead.change(people.administrator, name="N", logo=logo)
    assert set(refused.value.fields) == {"logo"}
    assert letterhead.logo() is None


def test_only_administrators_change_it(people: People) -> None:
    with pytest.raises(ForbiddenError):
        letterhead.change(people.owner, name="N", logo=None)
