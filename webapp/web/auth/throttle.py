"""Guessing passwords must be slow. Counted in this process: a few gunicorn workers give a guesser a bit more."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import timedelta

WINDOW = timedelta(minutes=10)
#: A person who mistypes needs a handful; an address that tries many accounts is no person.
FAILURES_PER_ACCOUNT = 8
FAILURES_PER_ADDRESS = 60
KEYS_KEPT = 20_000


class Throttle:
    """Failed sign-ins of the last ten minutes, by account and by address."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: dict[tuple[str, str], deque[float]] = {}

    def wait_seconds(self, email: str, address: str) -> int:
        """0 when the next attempt may be made, else the seconds until it may."""
        with self._lock:
            waits = (
                self._wait(("account", email.strip().lower()), FAILURES_PER_ACCOUNT),
                self._wait(("address", address), FAILURES_PER_ADDRESS),
            )
        return max(waits)

    def failed(self, email: str, address: str) -> None:
        """Count one failed attempt."""
        with self._lock:
            if len(self._failures) > KEYS_KEPT:
                self._failures.clear()
            for key in (("account", email.strip().lower()), ("address", address)):
                self._failures.setdefault(key, deque(maxlen=FAILURES_PER_ADDRESS)).append(self._clock())

    def reset(self) -> None:
        """Forget everything."""
        with self._lock:
            self._failures.clear()

    def succeeded(self, email: str) -> None:
        """Forget the failures of this account."""
        with self._lock:
            self._failures.pop(("account", email.strip().lower()), None)

    def _wait(self, key: tuple[str, str], allowed: int) -> int:
        failures = self._failures.get(key)
        if not failures:
            return 0
        now, window = self._clock(), WINDOW.total_seconds()
        while failures and now - failures[0] >= window:
            failures.popleft()
        if not failures:
            del self._failures[key]
        if len(failures) < allowed:
            return 0
        return max(1, round(window - (now - failures[-allowed])))
