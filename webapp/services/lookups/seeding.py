"""What a start of the program writes to the lookup values: those that are missing, and what is seeded otherwise now.

A value keeps in `seeded` what it was seeded with. What still is as it was seeded follows the program; what an
administrator (or another client) has changed stays, field by field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from webapp.documents import LookupCategory
from webapp.services.lookups.former_seeds import former
from webapp.services.lookups.seed import Seed


def seeded_fields(seed: Seed) -> dict[str, Any]:
    """The fields of a new value that the program has written, by their names in MongoDB."""
    _, display_as, description, metadata = seed
    return {"displayAs": display_as, "description": description, "metadata": metadata}


def changes(category: LookupCategory, stored: Mapping[str, Any], seed: Seed) -> dict[str, Any]:
    """What to set in the stored value of this seed; empty where nothing is to be done."""
    wanted, has = seeded_fields(seed), _flat(stored)
    now = _flat(wanted)
    remembered = stored.get("seeded")
    before = _flat(remembered) if remembered else {**now, **former(category, seed[0])}
    found = {name: new for name, new in now.items() if has.get(name) == before.get(name) != new}
    if remembered != wanted:
        found["seeded"] = wanted
    return found


def _flat(value: Mapping[str, Any]) -> dict[str, Any]:
    """Names and texts, and each part of the metadata by itself: an administrator may have changed one of them."""
    metadata = {f"metadata.{name}": part for name, part in (value.get("metadata") or {}).items()}
    return {"displayAs": value.get("displayAs"), "description": value.get("description") or "", **metadata}
