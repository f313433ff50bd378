"""Lookup values: seeding them, reading them, and what administrators do to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from types import MappingProxyType
from typing import Any

from mongoengine.errors import NotUniqueError, ValidationError
from pymongo import UpdateOne

from webapp import clock
from webapp.documents import AdminArea, LookupCategory, LookupValue
from webapp.documents.connection import jobs_are_shared
from webapp.documents.lookup_value import CachedLookup, active_lookups, lookup_cache
from webapp.documents.problems import problems_of
from webapp.errors import ConflictError, InvalidRequestError, NotFoundError
from webapp.messages import Message
from webapp.services import audit
from webapp.services.lookups import rules as lookup_rules
from webapp.services.lookups import seeding
from webapp.services.lookups.seed import SEEDS, Seed
from webapp.services.permissions import Actor, Permission, require_permission

#: (what people read, description) as seeded.
_SEEDED = {
    (category, key): (display_as, description)
    for category, seeds in SEEDS.items()
    for key, display_as, description, _ in seeds
}


def seed() -> int:
    """Add the values that are missing and return how many were added; bring what nobody has changed to what is seeded
    now. What an administrator changed stays as it is.

    Nothing is written to lists that another client keeps: what they lack is known without being stored.
    """
    if jobs_are_shared():
        lookup_cache.forget()
        return 0
    now, values = clock.utcnow(), LookupValue._get_collection()
    stored = {(each["category"], each["key"]): each for each in values.find({})}
    writes: list[UpdateOne] = []
    for category, seeds in SEEDS.items():
        for position, each in enumerate(seeds):
            found = stored.get((category.value, each[0]))
            if found is None:
                writes.append(_added(category, 10 * (position + 1), each, now))
            elif changes := seeding.changes(category, found, each):
                # Not what an administrator changes meanwhile: the next start sees it as theirs.
                as_read = {"_id": found["_id"], "updatedAt": found.get("updatedAt")}
                writes.append(UpdateOne(as_read, {"$set": {**changes, "updatedAt": now}}))
    result = values.bulk_write(writes, ordered=False) if writes else None
    lookup_cache.forget()
    return result.upserted_count if result is not None else 0


def _own() -> Iterator[CachedLookup]:
    """The seeded values, as if they were stored."""
    for category, seeds in SEEDS.items():
        for position, (key, display_as, description, metadata) in enumerate(seeds):
            yield CachedLookup(
                category=category.value,
                key=key,
                display_as=display_as,
                description=description,
                sort_order=10_000 + position,
                is_active=True,
                metadata=MappingProxyType(dict(metadata)),
            )


lookup_cache.own = _own


def _added(category: LookupCategory, sort_order: int, seed: Seed, now: datetime) -> UpdateOne:
    # Another process may be seeding too: what it has written first stays.
    fields = seeding.seeded_fields(seed)
    value = {**fields, "seeded": fields, "sortOrder": sort_order, "isActive": True, "createdAt": now, "updatedAt": now}
    return UpdateOne({"category": category.value, "key": seed[0]}, {"$setOnInsert": value}, upsert=True)


def active(category: LookupCategory) -> list[CachedLookup]:
    """Active values of `category` in their order: what a form offers."""
    return list(active_lookups(category).values())


def every(category: LookupCategory) -> list[CachedLookup]:
    """All values of `category` in their order, inactive ones included."""
    return list(lookup_cache.category(category).values())


def label(category: LookupCategory, key: str | None) -> str:
    """What people read for `key`; the key itself where nobody has named it. Inactive values keep their name.

    A Message, which pages translate, while it is the text that every installation starts with; what an administrator
    has typed stays as it is typed, in every language.
    """
    if not key:
        return ""
    value = lookup_cache.category(category).get(key)
    return _seeded(category, key, value.display_as) if value else key


def description(category: LookupCategory, key: str | None) -> str:
    """What the value means, in a sentence; a Message or not, as with `label`."""
    value = lookup_cache.category(category).get(key or "")
    return _seeded(category, value.key, value.description) if value else ""


def _seeded(category: LookupCategory, key: str, text: str) -> str:
    return next((seeded for seeded in _SEEDED.get((category, key), ()) if seeded == text), text)


def add(
    category: str,
    key: str,
    display_as: str,
    *,
    description: str = "",
    sort_order: int | None = None,
    metadata: dict[str, Any] | None = None,
    by: Actor,
) -> LookupValue:
    """Add a value. Raises InvalidRequestError for a malformed one and ConflictError for a key already taken."""
    require_permission(by, Permission.ADMINISTER)
    if problems := lookup_rules.problems(category, metadata or {}):
        raise InvalidRequestError(problems)
    if sort_order is None:
        last = LookupValue.objects(category=category).order_by("-sort_order").first()
        sort_order = (last.sort_order if last else 0) + 10
    value = LookupValue(
        category=category,
        key=key,
        display_as=display_as,
        description=description,
        sort_order=sort_order,
        metadata=metadata or {},
    )
    try:
        value.save(force_insert=True)
    except ValidationError as error:
        raise InvalidRequestError(problems_of(error)) from error
    except NotUniqueError as error:
        raise ConflictError(
            Message("The list %(list)s already has a value “%(key)s”.", list=category, key=key),
            hint=Message("Choose another key, or change that value."),
        ) from error
    finally:
        lookup_cache.forget()
    audit.record(by, AdminArea.LOOKUPS, "added", f"{category} / {key}", changes={"name": ("", display_as)})
    return value


def change(category: str, key: str, *, by: Actor, **changes: Any) -> LookupValue:
    """Change `display_as`, `description`, `sort_order`, `is_active` or `metadata` of a value; its key stays for ever,
    because documents carry it.

    Raises NotFoundError, InvalidRequestError for a value that is not valid, and ConflictError where the desk needs the
    value as it is.
    """
    require_permission(by, Permission.ADMINISTER)
    allowed = {"display_as", "description", "sort_order", "is_active", "metadata"}
    if unknown := set(changes) - allowed:
        raise TypeError(f"not changeable: {sorted(unknown)}")
    value = LookupValue.objects(category=category, key=key).first()
    if value is None:
        raise NotFoundError(Message("The list %(list)s has no value “%(key)s”.", list=category, key=key))
    if changes.get("is_active") is False and value.is_active:
        lookup_rules.require_dispensable(category, key)
    if "metadata" in changes:
        if problems := lookup_rules.problems(category, changes["metadata"], value.metadata):
            raise InvalidRequestError(problems)
        if category == LookupCategory.ROLE:
            lookup_rules.require_administrator_left(key, list(changes["metadata"].get("permissions") or ()))
    before = {name: getattr(value, name) for name in changes}
    for name, new in changes.items():
        setattr(value, name, new)
    try:
        value.save()
    except ValidationError as error:
        raise InvalidRequestError(problems_of(error)) from error
    finally:
        lookup_cache.forget()
    changed = {name: (before[name], new) for name, new in changes.items() if before[name] != new}
    if changed:
        action = "changed"
        if (switched := changed.pop("is_active", None)) is not None:
            action = "activated" if switched[1] else "deactivated"
        audit.record(by, AdminArea.LOOKUPS, action, f"{category} / {key}", changes=changed)
    return value


def reorder(category: str, keys: Iterable[str], *, by: Actor) -> None:
    """Put the values of `category` in the order of `keys`; values not named keep their place after them."""
    require_permission(by, Permission.ADMINISTER)
    now, keys = clock.utcnow(), list(keys)
    writes = [
        UpdateOne({"category": category, "key": key}, {"$set": {"sortOrder": 10 * (position + 1), "updatedAt": now}})
        for position, key in enumerate(keys)
    ]
    if writes:
        LookupValue._get_collection().bulk_write(writes)
        audit.record(by, AdminArea.LOOKUPS, "reordered", category, changes={"order": ("", keys)})
    lookup_cache.forget()


def move(category: str, key: str, *, up: bool, by: Actor) -> None:
    """Put a value one place up or down; at the end already, it stays. Raises NotFoundError."""
    require_permission(by, Permission.ADMINISTER)
    keys = list(lookup_cache.category(category))
    if key not in keys:
        raise NotFoundError(f"The list {category} has no value “{key}”.")
    place = keys.index(key)
    other = place - 1 if up else place + 1
    if 0 <= other < len(keys):
        keys[place], keys[other] = keys[other], keys[place]
        reorder(category, keys, by=by)
