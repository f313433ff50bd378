"""Joins along references: what a document of one collection says by way of another.

Few documents ask for what they need; many read the other collection once, whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any

from webapp.sources.lms_mongodb.database import Lms
from webapp.sources.lms_mongodb.expressions import Joined, evaluate
from webapp.sources.lms_mongodb.mapping import Expression
from webapp.sources.lms_mongodb.paths import hashable, projection
from webapp.sources.lms_mongodb.values import UnfitError

#: Up to so many documents ask for what they need; more read the other collection whole.
FEW = 500
Key = tuple[Any, ...]


class _Index:
    """What one join finds: key -> values; None under a key that several documents answer differently."""

    def __init__(self) -> None:
        self.found: dict[Key, list[Any] | None] = {}
        self.asked: set[Key] = set()
        self.is_whole = False
        #: Documents that were taken in: a question may bring one a second time.
        self.taken: set[str] = set()


class Joins(Joined):
    """All joins of a mapping against one database, for one run."""

    def __init__(self, lms: Lms) -> None:
        self._lms = lms
        self._indexes: dict[int, _Index] = {}
        # An index is known by its expression, which must not go before it.
        self._kept: list[Expression] = []
        self.nowhere: Counter[tuple[str, str]] = Counter()
        self.ambiguous: Counter[tuple[str, str]] = Counter()
        self.first_nowhere: dict[tuple[str, str], list[str]] = {}

    def prepare(self, expressions: Iterable[Expression], documents: Sequence[dict[str, Any]]) -> None:
        """Read what these expressions look up for these documents."""
        for expression in expressions:
            for join in expression.joins:
                self._prepare(join, documents)

    def look_up(self, join: Expression, document: Any) -> list[Any]:
        index = self._index(join)
        keys = list(_keys(join.by or (), document, self))
        place = (str(join.in_), " + ".join(each.path or "…" for each in join.by or ()))
        values: list[Any] = []
        for key in keys:
            if key not in index.found:
                if place[1] == "_id":
                    continue  # its own key refers to nothing: there may be more about it, or not
                self.nowhere[place] += 1
                first = self.first_nowhere.setdefault(place, [])
                if len(first) < 5 and (told := " + ".join(map(str, key))) not in first:
                    first.append(told)
                continue
            answer = index.found[key]
            if answer is None:
                self.ambiguous[place] += 1
            else:
                values += answer
        return values

    def has(self, join: Expression, document: Any) -> bool:
        """Whether the other collection has such a document."""
        return any(key in self._index(join).found for key in _keys(join.by or (), document, self))

    def _index(self, join: Expression) -> _Index:
        if id(join) not in self._indexes:
            self._indexes[id(join)] = _Index()
            self._kept.append(join)
        return self._indexes[id(join)]

    def _prepare(self, join: Expression, documents: Sequence[dict[str, Any]]) -> None:
        index = self._index(join)
        if index.is_whole or join.in_ is None:
            return
        pair = plain_pair(join)
        wanted = {path for each in join.there for path in each.paths}
        asked_for, query = projection(wanted), self._lms.query(join.where)
        if pair is None or len(documents) > FEW:
            index.is_whole = True
            for batch in self._lms.batches(join.in_, query, asked_for):
                self._take_in(join, index, batch)
            return
        keys = {key for document in documents for key in _keys(join.by or (), document, self)} - index.asked
        if not keys:
            return
        index.asked |= keys
        values = list({key[pair]: None for key in keys})
        values = [value[1] if isinstance(value, tuple) else value for value in values]
        for batch in self._lms.those(join.in_, str(join.on[pair].path), values, asked_for, query):
            self._take_in(join, index, batch)

    def _take_in(self, join: Expression, index: _Index, batch: list[dict[str, Any]]) -> None:
        self.prepare(join.there, batch)
        for document in batch:
            if not index.is_whole:
                if (name := repr(document["_id"])) in index.taken:
                    continue
                index.taken.add(name)
            keys = list(_keys(join.on, document, self))
            if not keys or join.take is None:
                continue
            try:
                values = evaluate(join.take, document, self)
            except UnfitError:
                # As good as none: whoever looks for it finds nothing there.
                values = []
            for key in keys:
                there = index.found.setdefault(key, values)
                if there is not None and there != values:
                    # Which of them is meant, nobody has said: better none than a guess.
                    index.found[key] = None


def plain_pair(join: Expression) -> int | None:
    """The number of a pair of by and on that are both paths, by which the other collection can be asked."""
    pairs = zip(join.by or (), join.on, strict=True)
    return next((number for number, (by, on) in enumerate(pairs) if by.path and on.path), None)


def _keys(expressions: Sequence[Expression], document: Any, joined: Joined) -> Iterable[Key]:
    """Every key that these expressions give; none where one of them finds nothing, or what is no key."""
    parts = []
    for expression in expressions:
        try:
            found = [hashable(value) for value in evaluate(expression, document, joined)]
        except UnfitError:
            return []
        parts.append([value for value in found if value is not None])
    return product(*parts)
