"""How the bytes of a text file are to be read: which encoding it has, and which it must not have."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from webapp.messages import Message
from webapp.sources.files import SourceFile, SourceFileError

CHUNK = 1 << 20
_UTF16_32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class Encoding:
    """`codec` is Python's name; `note` says what is worth telling about it, empty for UTF-8."""

    codec: str
    note: str = ""


def encoding_of(file: SourceFile) -> Encoding:
    """UTF-8 (with or without a byte order mark) or Windows-1252, decided by the whole file, never by a part of it.

    Raises SourceFileError for UTF-16 and for bytes that are no text.
    """
    refuse_wide_letters(file.begin(), file.name)
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_utf8, seen = True, b""
    with file.open() as opened:
        while chunk := opened.read(CHUNK):
            if is_utf8:
                try:
                    decoder.decode(chunk)
                except UnicodeDecodeError:
                    is_utf8 = False
            if not is_utf8 and any(byte in chunk for byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D)):
                seen = chunk
                break
    if is_utf8:
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            is_utf8 = False
    if is_utf8:
        return Encoding("utf-8-sig")
    if seen:
        raise SourceFileError(
            Message("“%(file)s” is neither in UTF-8 nor in Windows-1252. Save it as UTF-8.", file=file.name)
        )
    return Encoding(
        "cp1252", Message("%(file)s is in Windows-1252, not in UTF-8, and was read as that", file=file.base)
    )


def refuse_wide_letters(begin: bytes, name: str) -> None:
    """Raises SourceFileError for UTF-16 and UTF-32, with or without a byte order mark."""
    is_marked = begin.startswith(_UTF16_32)
    every_other = len(begin) >= 8 and (not any(begin[0:64:2]) or not any(begin[1:64:2]))
    if is_marked or every_other:
        raise SourceFileError(Message("“%(file)s” is in UTF-16. Save it as UTF-8 and send it again.", file=name))
