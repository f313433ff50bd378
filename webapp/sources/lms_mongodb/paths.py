"""Dotted paths in documents, as MongoDB reads them: lists on the way are gone through."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bson import Code, ObjectId

from webapp.sources.lms_mongodb.mapping import Condition, Conditions


def values_at(document: Any, path: str) -> list[Any]:
    """Every value at `path`, the elements of lists one by one; nothing for what is missing or null."""
    found: list[Any] = [document]
    for name in path.split("."):
        found = [
            each[name] for value in found for each in _elements(value) if isinstance(each, Mapping) and name in each
        ]
    return [each for value in found for each in _elements(value) if each is not None]


def _elements(value: Any) -> Iterable[Any]:
    """A list's elements, those of lists in it too."""
    if not isinstance(value, list):
        return (value,)
    waiting, found = list(reversed(value)), []
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting += reversed(each)
        else:
            found.append(each)
    return found


def fits(document: Any, conditions: Conditions) -> bool:
    """Whether a part of a document is as `conditions` say (those that need another collection apart)."""
    return all(_fits(values_at(document, path), condition) for path, condition in conditions.items())


def _fits(found: list[Any], condition: Condition) -> bool:
    if condition.exists is not None:
        return bool(found) == condition.exists
    wanted = condition.is_ if condition.is_ is not None else condition.not_ or []
    there = any(_same(each, value) for each in found for value in wanted) or (not found and None in wanted)
    return there if condition.is_ is not None else not there


def _same(value: Any, wanted: Any) -> bool:
    """As MongoDB compares: a truth value is no number."""
    return isinstance(value, bool) == isinstance(wanted, bool) and bool(value == wanted)


def projection(paths: Iterable[str]) -> dict[str, int]:
    """What to ask for so that these paths are there: MongoDB refuses a path beside one that holds it."""
    wanted = set(paths) | {"_id"}
    return {path: 1 for path in sorted(wanted) if not any(path.startswith(f"{other}.") for other in wanted)}


def hashable(value: Any) -> Any:
    """A value that may be looked for in a join; None for one that may not."""
    if isinstance(value, bool):
        return ("bool", value)
    # Code is a str that has no hash.
    return value if isinstance(value, ObjectId | str | int | float) and not isinstance(value, Code) else None
