"""Lookup values: the lists that administrators keep, such as report types and priorities."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import mongoengine as me

from webapp.documents.base import Stamped
from webapp.documents.connection import JOBS, jobs_are_shared
from webapp.settings import get_settings


class LookupCategory(StrEnum):
    REPORT_TYPE = "report-type"
    REPORT_STATUS = "report-status"
    REPORT_PRIORITY = "report-priority"
    REPORT_VISIBILITY = "report-visibility"
    OUTPUT_FORMAT = "output-format"
    MEASURE_TYPE = "measure-type"
    DIMENSION_ENTITY = "dimension-entity"
    ACTIVITY_EVENT = "activity-event"
    ROLE = "role"


class LookupValue(Stamped):
    """One value of one list; `key` is what documents store, `display_as` what people read."""

    meta = {
        "collection": "lookupvalues",
        "db_alias": JOBS,
        "indexes": [
            {"fields": ["category", "key"], "unique": True},
            ["category", "sort_order"],
        ],
    }

    category = me.StringField(required=True, max_length=100, regex=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    key = me.StringField(required=True, max_length=100, regex=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    display_as = me.StringField(db_field="displayAs", required=True, max_length=255)
    description = me.StringField(max_length=2000)
    sort_order = me.IntField(db_field="sortOrder", default=0)
    is_active = me.BooleanField(db_field="isActive", default=True)
    metadata = me.DictField()
    parent_lookup_id = me.ObjectIdField(db_field="parentLookupId")
    # Ours: what the program wrote here, so that a later version can tell what nobody has changed.
    seeded = me.DictField()


@dataclass(frozen=True)
class CachedLookup:
    """A lookup value as processes keep it: read-only, whole, active or not."""

    category: str
    key: str
    display_as: str
    description: str
    sort_order: int
    is_active: bool
    metadata: MappingProxyType[str, Any] = field(hash=False, compare=False)


class LookupCache:
    """All lookup values, read at most every `lookup_cache_seconds` by each process (at most 60 s old)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stored: list[dict[str, Any]] | None = None
        self._values: dict[str, dict[str, CachedLookup]] = {}
        self._read_at: float | None = None
        #: What the program knows by itself: it stands in for what a list shared with an LMS does not say.
        self.own: Callable[[], Iterable[CachedLookup]] = tuple

    def category(self, category: str) -> dict[str, CachedLookup]:
        """Values of `category` by key, in their sort order, inactive ones included."""
        with self._lock:
            if not self._is_fresh():
                # The driver's own documents: MongoEngine's cost twenty times as much, at every reading.
                # In the order of an index, so that no database reads a collection for it; the rest is ours.
                by_index = [("category", 1), ("sortOrder", 1)]
                stored = list(LookupValue._get_collection().find({}).sort(by_index))
                if stored != self._stored:
                    values = _by_category(stored)
                    self._values = self._with_own(values) if jobs_are_shared() else values
                    self._stored = stored
                self._read_at = time.monotonic()
            return self._values.get(category, {})

    def _is_fresh(self) -> bool:
        return self._read_at is not None and time.monotonic() - self._read_at < get_settings().lookup_cache_seconds

    def forget(self) -> None:
        """Read anew at the next question: called after this process has changed a value."""
        with self._lock:
            self._stored, self._read_at = None, None

    def _with_own(self, values: dict[str, dict[str, CachedLookup]]) -> dict[str, dict[str, CachedLookup]]:
        """`values`, and what they lack: ours after theirs; of one that is there, the metadata that it does not have."""
        for own in self.own():
            there = values.setdefault(own.category, {})
            if own.key in there:
                metadata = MappingProxyType({**own.metadata, **there[own.key].metadata})
                there[own.key] = replace(there[own.key], metadata=metadata)
            else:
                there[own.key] = own
        return values


def _by_category(stored: list[dict[str, Any]]) -> dict[str, dict[str, CachedLookup]]:
    values: dict[str, dict[str, CachedLookup]] = {}
    for value in sorted(stored, key=lambda each: (each["category"], each.get("sortOrder") or 0, each["key"])):
        values.setdefault(value["category"], {})[value["key"]] = CachedLookup(
            category=value["category"],
            key=value["key"],
            display_as=value["displayAs"],
            description=value.get("description") or "",
            sort_order=value.get("sortOrder") or 0,
            # What another client left out is as our own default says.
            is_active=bool(value.get("isActive", True)),
            metadata=MappingProxyType(dict(value.get("metadata") or {})),
        )
    return values


lookup_cache = LookupCache()


def active_lookups(category: LookupCategory) -> dict[str, CachedLookup]:
    """Active values of `category` by key, in their sort order."""
    return {key: value for key, value in lookup_cache.category(category).items() if value.is_active}
