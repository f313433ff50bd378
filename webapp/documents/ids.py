"""Ids: what a text must be to name a document, and ids that are made of what a document is about."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from bson import ObjectId
from bson.errors import InvalidId

#: An id that no document has.
NOBODY = ObjectId("000000000000000000000000")


def id_or_none(text: object) -> ObjectId | None:
    """The id that `text` writes; None for anything else."""
    if isinstance(text, ObjectId):
        return text
    if not isinstance(text, str):
        return None
    try:
        return ObjectId(text)
    except InvalidId:
        return None


def id_or_nobody(text: object) -> ObjectId:
    """As `id_or_none`, but what is no id matches nothing."""
    return id_or_none(text) or NOBODY


def ids_of(texts: Iterable[object]) -> list[ObjectId]:
    """The ids among `texts`; what is none is left out."""
    return [found for text in texts if (found := id_or_none(text)) is not None]


def id_made_of(text: str) -> ObjectId:
    """Always the same for the same text: of several who write the same document, one does."""
    return ObjectId(hashlib.sha256(text.encode()).digest()[:12])
