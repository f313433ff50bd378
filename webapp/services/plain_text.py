"""Text as searches compare it."""

from __future__ import annotations

import unicodedata


def folded(text: str) -> str:
    """Without case and accents: “Zoë” is found by “zoe”."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in plain if not unicodedata.combining(letter)) if not plain.isascii() else plain
