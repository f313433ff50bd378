"""Answers that a process remembers for a few seconds, because every poll and every page asks for them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar
from weakref import WeakSet

from mongoengine.connection import ConnectionFailure
from pymongo.errors import PyMongoError

from webapp.settings import get_settings

log = logging.getLogger(__name__)

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

#: What a right depends on is never older than this: who loses one acts on for so long at most.
RIGHTS_SECONDS = 5.0
KEYS_KEPT = 5_000


def caching_factor() -> float:
    """From 0 (nothing is remembered: tests) to 1, as the installation caches lookup values."""
    return get_settings().lookup_cache_seconds / 60


class Remembered(Generic[K, V]):
    """`read(key)`, asked again after `seconds`: less where lookup values are cached for less than a minute, too."""

    def __init__(self, read: Callable[[K], V], seconds: float = RIGHTS_SECONDS, *, kept: int = KEYS_KEPT) -> None:
        self._read = read
        self._seconds = seconds
        self._kept = kept
        self._lock = threading.Lock()
        self._known: dict[K, tuple[float, V]] = {}
        _all.add(self)

    def get(self, key: K) -> V:
        now = time.monotonic()
        with self._lock:
            known = self._known.get(key)
        if known is not None and now - known[0] < self._seconds * caching_factor():
            return known[1]
        answer = self._read(key)
        with self._lock:
            if len(self._known) >= self._kept:
                self._known.clear()
            self._known[key] = (now, answer)
        return answer

    def read_ahead(self, key: K) -> None:
        """Begin to read the answer for `key`, so that whoever asks first does not wait for all of it."""
        threading.Thread(target=self._try, args=(key,), daemon=True).start()

    def _try(self, key: K) -> None:
        try:
            self.get(key)
        except (PyMongoError, ConnectionFailure) as error:
            log.warning("what was to be read ahead is read when it is asked for", extra={"error": str(error)})

    def forget(self, key: K | None = None) -> None:
        """Ask again for `key`, or for everything: this process has changed it."""
        with self._lock:
            if key is None:
                self._known.clear()
            else:
                self._known.pop(key, None)


_all: WeakSet[Remembered] = WeakSet()


def forget_everything() -> None:
    """Ask for everything again: another database, in tests."""
    for each in list(_all):
        each.forget()
