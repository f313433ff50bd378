"""Files as they come: alone, in a folder, in a zip, packed with gzip whatever they are called. Nothing is unpacked to a
path that an archive names; what is damaged, encrypted or made to do harm is told in one sentence."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from webapp.errors import InvalidRequestError
from webapp.messages import Message

#: Text shrinks to a tenth or so; what unpacks to far more, or holds this many files, was made to do harm.
MOST_EXPANSION = 200
MOST_MEMBERS = 1_000
#: Below this, how far something expands does no harm.
SMALL = 64 << 20
#: Of one file of a zip, unpacked: a bundle of a large university is a tenth of it.
LARGEST_MEMBER = 4 << 30
BUFFER = 1 << 18
#: So many bytes are unpacked at a time, and so many packed ones read. Large: each time costs a wait for the reader.
PIECE, PACKED_PIECE = 1 << 20, 1 << 17
#: What zlib calls the header and the checksums of gzip.
GZIP_HEADER = 16 + zlib.MAX_WBITS
_GZIP, _ZIP = b"\x1f\x8b", (b"PK\x03\x04", b"PK\x05\x06")
_NOTHING = re.compile(rb"\s*\[\s*\]\s*")
_BOM = b"\xef\xbb\xbf"
_ENCRYPTED = 0x1


class SourceFileError(InvalidRequestError):
    """A file that cannot be read as what it was sent as. Nothing of it was taken."""

    code = "unreadable-file"
    hint = Message("Correct the file, or choose the right one, and send it again.")

    def __init__(self, text: str) -> None:
        super().__init__({"path": text})


@dataclass(frozen=True)
class SourceFile:
    """`name` is what people call it; `open_bytes` gives its content anew each time, unpacked."""

    name: str
    open_bytes: Callable[[], IO[bytes]]
    packed_size: int

    @property
    def stem(self) -> str:
        """The last part of the name without its endings, in small letters: `Users.CSV` is `users`."""
        return self.base.partition(".")[0]

    @property
    def base(self) -> str:
        return self.name.replace("\\", "/").rpartition("/")[2].casefold()

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Its bytes. Raises SourceFileError where they cannot be read, also half-way."""
        with told_in_words(self.name), self.open_bytes() as file:
            yield file

    def begin(self, size: int = 4096) -> bytes:
        """The first bytes: enough to tell what it is."""
        with self.open() as file:
            return file.read(size)

    def is_empty(self) -> bool:
        """Does it hold nothing but blanks, or a list of nothing?"""
        with self.open() as file:
            begin = file.read(BUFFER).removeprefix(_BOM)
            while begin and not begin.strip():
                begin = file.read(BUFFER)
        return not begin or _NOTHING.fullmatch(begin) is not None


@contextmanager
def told_in_words(name: str) -> Iterator[None]:
    """What libraries raise for damaged files becomes one sentence that names the file."""
    try:
        yield
    except (EOFError, zlib.error) as error:
        raise SourceFileError(
            Message(
                "“%(file)s” is cut off or damaged: its packed content ends or breaks before its end. Nothing of it was "
                "taken.",
                file=name,
            )
        ) from error
    except zipfile.BadZipFile as error:
        raise SourceFileError(
            Message("“%(file)s” is damaged: what it holds is not what its zip says.", file=name)
        ) from error
    except NotImplementedError as error:
        raise SourceFileError(
            Message("“%(file)s” is packed in a way that is not understood. Pack it as an ordinary zip.", file=name)
        ) from error
    except RuntimeError as error:
        if "password" not in str(error) and "encrypted" not in str(error):
            raise
        raise _encrypted(name) from error
    except OSError as error:
        raise SourceFileError(
            Message("“%(file)s” cannot be read: %(reason)s.", file=name, reason=error.strerror or type(error).__name__)
        ) from error


def files_of(path: Path, shown: str | None = None) -> list[SourceFile]:
    """The files that `path` holds: itself, those of a folder, those of a zip (its folders with them); by name.

    `shown` is what people call it. Raises SourceFileError for what is not there or cannot be opened.
    """
    name = shown or str(path)
    with told_in_words(name):
        if path.is_dir():
            return sorted(
                (_plain(each, each.name) for each in path.iterdir() if each.is_file() and not is_litter(each.name)),
                key=lambda each: each.name,
            )
        if not path.exists():
            raise SourceFileError(Message("There is no file “%(file)s”.", file=name))
        with path.open("rb") as file:
            begin = file.read(4)
        return _members(path, name) if begin in _ZIP else [_plain(path, name)]


def _plain(path: Path, name: str) -> SourceFile:
    return SourceFile(name, lambda: _unpacked(path.open("rb"), name), path.stat().st_size)


def _unpacked(file: IO[bytes], name: str) -> IO[bytes]:
    """The content: unpacked where its first bytes say gzip, whatever the file is called."""
    begin = file.read(2)
    file.seek(0)
    if begin != _GZIP:
        return file
    return io.BufferedReader(_Gunzipped(file, name), BUFFER)


class _Packed(io.RawIOBase):
    """A stream that unpacks, and knows how far in the packed bytes it is."""

    def packed_position(self) -> int:
        raise NotImplementedError


def packed_position(file: IO[bytes]) -> int:
    """How many of a file's `packed_size` bytes have been read."""
    raw = getattr(file, "raw", None)
    return raw.packed_position() if isinstance(raw, _Packed) else file.tell()


class _Gunzipped(_Packed):
    """What is packed with gzip, unpacked by a thread a piece ahead of its reader; what has no end is stopped."""

    def __init__(self, packed: IO[bytes], name: str) -> None:
        self._packed, self._name = packed, name
        self._member = zlib.decompressobj(GZIP_HEADER)
        self._left = b""  # packed bytes that wait
        self._count = 0
        self._piece = memoryview(b"")
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="unpacking")
        self._following = self._ahead.submit(self._unpack)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if not self._piece:
            self._piece = memoryview(self._following.result())
            if self._piece:
                self._following = self._ahead.submit(self._unpack)
        count = min(len(buffer), len(self._piece))
        buffer[:count], self._piece = self._piece[:count], self._piece[count:]
        return count

    def _unpack(self) -> bytes:
        """The next piece; none at the end. Raises EOFError for a file that is cut off, zlib.error for a damaged one."""
        piece = b""
        while not piece:
            given = self._left or self._packed.read(PACKED_PIECE)
            if not given and self._member.eof:
                return b""
            if not given:
                raise EOFError
            if self._member.eof:
                # Another member may follow, and zeros before it.
                self._left = given.lstrip(b"\0")
                self._member = zlib.decompressobj(GZIP_HEADER) if self._left else self._member
                continue
            piece = self._member.decompress(given, PIECE)
            self._left = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
        self._count += len(piece)
        if self._count > SMALL and self._count > MOST_EXPANSION * max(self._packed.tell(), 1):
            raise _bomb(self._name)
        return piece

    def packed_position(self) -> int:
        return self._packed.tell()

    def close(self) -> None:
        self._ahead.shutdown(cancel_futures=True)
        self._packed.close()
        super().close()


def _members(path: Path, name: str) -> list[SourceFile]:
    with zipfile.ZipFile(path) as archive:
        members = [each for each in archive.infolist() if not each.is_dir() and not is_litter(each.filename)]
    unpacked = sum(each.file_size for each in members)
    packed = sum(each.compress_size for each in members)
    if len(members) > MOST_MEMBERS:
        raise SourceFileError(
            Message("“%(file)s” holds %(count)s files; an export has a few.", file=name, count=len(members))
        )
    if unpacked > SMALL and unpacked > MOST_EXPANSION * max(packed, 1):
        raise _bomb(name)
    found: list[SourceFile] = []
    for each in members:
        if each.flag_bits & _ENCRYPTED:
            raise _encrypted(name)
        if each.file_size > LARGEST_MEMBER:
            raise SourceFileError(
                Message("%(file)s is larger than %(most)s GB.", file=each.filename, most=LARGEST_MEMBER >> 30)
            )
        found.append(_member(path, each))
    return sorted(found, key=lambda each: each.name)


def _member(path: Path, member: zipfile.ZipInfo) -> SourceFile:
    def open_bytes() -> IO[bytes]:
        archive = zipfile.ZipFile(path)
        try:
            # Read in place, by the member itself: names may stand in a zip twice.
            shrunk_to = member.compress_size / max(member.file_size, 1)
            return io.BufferedReader(_Member(archive, archive.open(member), shrunk_to), BUFFER)
        except BaseException:
            archive.close()
            raise

    # Windows programs write folders with a backslash, which a zip does not know.
    name = member.filename.replace("\\", "/")
    return SourceFile(name, open_bytes, member.compress_size)


class _Member(_Packed):
    """A member of a zip, whose archive is closed with it."""

    def __init__(self, archive: zipfile.ZipFile, member: IO[bytes], shrunk_to: float) -> None:
        self._archive, self._member, self._shrunk_to = archive, member, shrunk_to
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        chunk = self._member.read(len(buffer))
        self._count += len(chunk)
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def packed_position(self) -> int:
        return int(self._count * self._shrunk_to)

    def close(self) -> None:
        self._member.close()
        self._archive.close()
        super().close()


def is_litter(name: str) -> bool:
    """What operating systems leave in folders and zips: never part of an export."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return "__MACOSX" in parts or (
        bool(parts) and (parts[-1].startswith(".") or parts[-1] in ("Thumbs.db", "desktop.ini"))
    )


def is_empty(name: str) -> SourceFileError:
    """Of a file without a letter, a folder or zip without a file, or one of such files."""
    return SourceFileError(Message("“%(file)s” is empty.", file=name))


def _encrypted(name: str) -> SourceFileError:
    return SourceFileError(Message("“%(file)s” is encrypted. Send it without a password.", file=name))


def _bomb(name: str) -> SourceFileError:
    return SourceFileError(Message("“%(file)s” would unpack to far more than an export holds.", file=name))
