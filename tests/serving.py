"""Servers that tests and benches start."""

from __future__ import annotations

import time
import urllib.error
import urllib.request

LONGEST_START = 60.0


def wait_for(address: str) -> None:
    """Until it answers. Raises TimeoutError."""
    deadline = time.monotonic() + LONGEST_START
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(address, timeout=2).close()  # noqa: S310 - our own
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
        else:
            return
    raise TimeoutError(address)
