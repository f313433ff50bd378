"""Whole numbers that somebody typed, or that an address carries: whatever stands there, the page answers."""

from __future__ import annotations

LAST_PAGE = 1_000_000
_DIGITS = 9


def whole_number(text: str | None) -> int | None:
    """One of a few digits, else None. Longer ones fit no database, and the longest Python does not read."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= _DIGITS else None


def page_number(text: str | None) -> int:
    found = whole_number(text)
    return 1 if found is None else min(found, LAST_PAGE)
