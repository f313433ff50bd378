"""The ids of rows: worked out from what the source calls the thing, so that a reference needs no look-up."""

from __future__ import annotations

import hashlib


def id_of(source: str, table: str, key: str) -> str:
    """24 hex digits: the first 12 bytes of the SHA-256 of `source/table/key`."""
    return hashlib.sha256(f"{source}/{table}/{key}".encode()).hexdigest()[:24]
