"""Bytes under a key: a local folder, S3, Google Cloud Storage or Azure, by one URL (`REPORTDESK_STORAGE_URL`).

A key is made of this program's own ids and of cleaned file names; it is never a path that somebody typed.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import LocalStore, from_url

from webapp.errors import ReportdeskError
from webapp.messages import Message

CHUNK = 1 << 20
#: Larger files go up in parts of this size, and a cut connection costs one part, not the file.
PART = 8 << 20
#: A cut connection is tried again at once, for some seconds. A store that stays away is the queue's matter: the job
#: waits and comes again.
_RETRIES: Any = {"max_retries": 4, "retry_timeout": timedelta(seconds=60)}
#: EFBIG is how a quota on the size of files is told.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FULL_WORDS = tuple(f"os error {number}" for number in _FULL)


class StorageError(ReportdeskError):
    """The storage did not do what was asked of it."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "storage-unavailable"
    hint = Message("Try again in a few minutes.")
    is_permanent = False


class StorageFullError(StorageError):
    code = "storage-full"
    hint = Message("Tell an administrator: the storage has no space left.")


class FileGoneError(StorageError):
    """No file lies under the key."""

    status = HTTPStatus.GONE
    code = "file-gone"
    hint = Message("Make the report again.")
    is_permanent = True


@dataclass(frozen=True)
class StoredObject:
    size: int
    etag: str
    modified_at: datetime


class Storage:
    """One storage. Every method raises StorageError (FileGoneError, StorageFullError) for what goes wrong."""

    def __init__(self, url: str) -> None:
        parsed = urlparse(url)
        self.scheme = parsed.scheme
        self.bucket = parsed.netloc or None
        self._root: Path | None = None
        if self.scheme == "file":
            self._root = Path(unquote(parsed.path))
            self._store: Any = LocalStore(self._root, mkdir=True)
        else:
            self._store = from_url(url, retry_config=_RETRIES)

    @property
    def is_local(self) -> bool:
        return self._root is not None

    def put(self, source: Path, key: str, *, attributes: dict[str, str] | None = None) -> None:
        """Store the file `source` under `key`, in parts when it is large. `attributes` are HTTP headers of a download
        straight from a cloud store; a local folder has none."""
        with _in_words(key):
            obstore.put(
                self._store,
                key,
                source,
                chunk_size=PART,
                attributes=None if self.is_local else attributes,
            )

    def create(self, key: str, content: bytes) -> bool:
        """Store `content` under `key`, whole or not at all. False, and nothing done, when something lies there."""
        with _in_words(key):
            try:
                obstore.put(self._store, key, content, mode="create")
            except AlreadyExistsError:
                return False
            return True

    def stat(self, key: str) -> StoredObject:
        with _in_words(key):
            meta = obstore.head(self._store, key)
            return StoredObject(meta["size"], (meta["e_tag"] or "").strip('"'), meta["last_modified"])

    def sha256(self, key: str) -> str:
        """Of the bytes as stored, read back."""
        digest = hashlib.sha256()
        for chunk in self.read(key):
            digest.update(chunk)
        return digest.hexdigest()

    def move(self, source: str, target: str) -> None:
        """`target` is there whole or not at all; what lay there is replaced."""
        with _in_words(source):
            obstore.rename(self._store, source, target)

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` up to but without `end`, in chunks."""
        with _in_words(key):
            options: Any = {"range": (start, end)} if end is not None else {"range": {"offset": start}}
            found = obstore.get(self._store, key, options=options) if start or end else obstore.get(self._store, key)
            for chunk in found.stream(min_chunk_size=CHUNK):
                yield bytes(chunk)

    def path(self, key: str) -> Path | None:
        """Where `key` lies on this machine; None for a cloud store. Raises FileGoneError."""
        if self._root is None:
            return None
        with _in_words(key):
            (self._root / key).stat()
            return self._root / key

    def delete(self, key: str) -> None:
        """Delete `key`; one that is not there is no error. Empty folders of a local storage go too."""
        with _in_words(key):
            if self._root is not None:
                (self._root / key).unlink(missing_ok=True)
                _remove_empty_folders(self._root, (self._root / key).parent)
                return
            with contextlib.suppress(NotFoundError):
                obstore.delete(self._store, key)

    def list(self, prefix: str) -> Iterator[tuple[str, int, datetime]]:
        """(key, size, changed at) of everything under `prefix`, which ends with a slash."""
        with _in_words(prefix):
            if self._root is not None:
                yield from _files_below(self._root, prefix)
                return
            for batch in obstore.list(self._store, prefix.rstrip("/")):
                for meta in batch:
                    yield meta["path"], meta["size"], meta["last_modified"]

    def signed_url(self, key: str, lasting: timedelta) -> str | None:
        """An address that anyone who has it can download from while it lasts; None for a local folder."""
        if self.is_local:
            return None
        with _in_words(key):
            return str(obstore.sign(self._store, "GET", key, expires_in=lasting))

    def locate(self, key: str) -> dict[str, Any]:
        """Where `key` is, in the words of the job document (`output.storage`)."""
        if self._root is not None:
            return {"provider": "local", "path": str(self._root / key), "key": key}
        provider = {"s3": "s3", "s3a": "s3", "gs": "gcs", "az": "azure", "abfs": "azure", "azure": "azure"}
        return {
            "provider": provider.get(self.scheme, "s3"),
            "bucket": self.bucket,
            "key": key,
            "url": f"{self.scheme}://{self.bucket}/{key}",
        }


@lru_cache(maxsize=8)
def _open(url: str, _process: int) -> Storage:
    return Storage(url)


def open_storage(url: str) -> Storage:
    """The storage of this URL, opened once in each process: its threads do not survive a fork."""
    try:
        return _open(url, os.getpid())
    except (OSError, ValueError, BaseError) as error:
        raise StorageError(Message("The storage cannot be opened (%(kind)s).", kind=type(error).__name__)) from error


def _files_below(root: Path, prefix: str) -> Iterator[tuple[str, int, datetime]]:
    """Also what a writer that was killed has left (`key#1`), which obstore hides: it would stay for ever."""
    for folder, _, names in os.walk(root / prefix):
        for name in names:
            path = Path(folder, name)
            try:
                found = path.stat()
            except FileNotFoundError:
                continue  # it was moved or deleted meanwhile
            yield path.relative_to(root).as_posix(), found.st_size, datetime.fromtimestamp(found.st_mtime, UTC)


def _remove_empty_folders(root: Path, folder: Path) -> None:
    while folder != root and root in folder.parents:
        try:
            folder.rmdir()
        except OSError:
            return  # not empty, or gone already
        folder = folder.parent


@contextmanager
def _in_words(key: str) -> Iterator[None]:
    """Whatever the library raises as an error that people can read; its own text is for the log."""
    try:
        yield
    except (FileNotFoundError, NotFoundError) as error:
        raise FileGoneError(Message("The file %(name)s is not in the storage.", name=key.rpartition("/")[2])) from error
    except (OSError, BaseError) as error:
        text = str(error)
        if getattr(error, "errno", None) in _FULL or any(words in text for words in _FULL_WORDS):
            raise StorageFullError(Message("The storage has no space left for the file.")) from error
        raise StorageError(
            Message("The storage does not answer as it should (%(kind)s).", kind=type(error).__name__)
        ) from error


__all__ = ["FileGoneError", "Storage", "StorageError", "StorageFullError", "StoredObject", "open_storage"]
