"""What an expression of a mapping finds in a document."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Protocol

from bson import Decimal128

from webapp.messages import Message
from webapp.sources.lms_mongodb.mapping import ITEM, Expression, word
from webapp.sources.lms_mongodb.paths import fits, values_at
from webapp.sources.lms_mongodb.values import UnfitError, number, text, type_name


class Joined(Protocol):
    """What finds documents of other collections."""

    def look_up(self, join: Expression, document: Any) -> list[Any]: ...


class Words:
    """The value tables of a mapping, and the words that they lack."""

    def __init__(self, tables: Mapping[str, Mapping[str, str | None]]) -> None:
        self._tables = tables
        #: (value table, word) -> how often.
        self.unmapped: Counter[tuple[str, str]] = Counter()

    def ours(self, table: str, value: Any) -> tuple[str | None, bool]:
        """Our word, and whether the table has theirs. None: known, and of no use here."""
        if isinstance(value, Mapping | bytes):
            raise UnfitError(Message("a %(type)s is no word", type=type_name(value)))
        theirs = word(value)[:200]
        known = self._tables[table]
        if theirs in known:
            return known[theirs], True
        self.unmapped[table, theirs] += 1
        return None, False


def evaluate(
    expression: Expression, document: Any, joined: Joined, words: Words | None = None, unknown: list[str] | None = None
) -> list[Any]:
    """All that `expression` finds in `document`. A word that its value table lacks is put into `unknown`, and found
    by nobody else. Raises UnfitError."""
    found = _found(expression, document, joined, words)
    if expression.scale is not None or expression.out_of is not None:
        found = _scaled(expression, document, joined, found)
    if expression.values is not None and words is not None:
        theirs, found = found, []
        for value in theirs:
            ours, is_known = words.ours(expression.values, value)
            if ours is not None:
                found.append(ours)
            if not is_known and unknown is not None:
                unknown.append(word(value))
    return found


def _found(expression: Expression, document: Any, joined: Joined, words: Words | None) -> list[Any]:
    if expression.path is not None:
        return values_at(document, expression.path)
    if expression.constant is not None:
        return [expression.constant]
    if expression.text is not None:
        return _text(expression.text, document)
    if expression.first is not None:
        for each in expression.first:
            if found := [value for value in evaluate(each, document, joined, words) if value != ""]:
                return found
        return []
    if expression.all is not None:
        return [value for each in expression.all for value in evaluate(each, document, joined, words)]
    if expression.each is not None:
        elements = [each for each in values_at(document, expression.each) if fits(each, expression.where)]
        if expression.take is None:
            return elements
        return [value for element in elements for value in evaluate(expression.take, element, joined, words)]
    return joined.look_up(expression, document)


def _text(template: str, document: Any) -> list[Any]:
    """The template with its paths filled in, blanks in a row as one; nothing where none of its paths has a value."""
    is_filled = False

    def filled(place: re.Match[str]) -> str:
        nonlocal is_filled
        said = " ".join(part for value in values_at(document, place[1]) if (part := text(value)))
        is_filled = is_filled or bool(said)
        return said

    made = " ".join(re.sub(r"\{([^{}]+)\}", filled, template).split())
    return [made] if is_filled else []


def _scaled(expression: Expression, document: Any, joined: Joined, found: list[Any]) -> list[Any]:
    factor = Decimal(str(expression.scale)) if expression.scale is not None else Decimal(1)
    if expression.out_of is not None:
        whole = [value for value in evaluate(expression.out_of, document, joined) if value != ""]
        if not whole or not (divisor := number(whole[0])):
            # Out of nothing, or of nobody knows how much: no number says what it is worth.
            return []
        factor /= Decimal(str(divisor))
    made = []
    for value in found:
        if value == "":
            continue
        exactly = value.to_decimal() if isinstance(value, Decimal128) else Decimal(str(number(value)))
        result = float(exactly * factor) if exactly.is_finite() else math.nan
        if not math.isfinite(result):
            raise UnfitError(Message("it is no finite number"))
        made.append(result)
    return made


def with_item(document: Mapping[str, Any], element: Any) -> dict[str, Any]:
    """A document as a reading with `each` sees it: the element is called `item`."""
    return {**document, ITEM: element}
