"""Functions that Ibis has no words for. DuckDB has them; another engine's backend says what stands for them."""

from __future__ import annotations

from typing import Any

import ibis


@ibis.udf.agg.builtin(name="fsum")
def exact_sum(value: float) -> float:  # type: ignore[empty-body]
    """Compensated sum: the same to the last digits in whatever order the threads add."""


@ibis.udf.scalar.builtin(name="strip_accents")
def without_accents(text: str) -> str:  # type: ignore[empty-body]
    """“Émile” -> “Emile”, however its letters are put together."""


def folded(text: Any) -> Any:
    """`text` as searches compare it, without case and accents: ΧΕΙΜΩΝΑΣ and χειμώνας are one, İ, I and ı are i.

    What is looked for and where it is looked for both go through this one function.
    """
    lower = without_accents(without_accents(text).lower())
    for letter, same in _SAME_IN_SMALL_LETTERS.items():
        lower = lower.replace(letter, same)
    return lower


#: What becomes of a word in capitals is not what it was in small letters.
_SAME_IN_SMALL_LETTERS = {"ς": "σ", "ı": "i", "ß": "ss"}
