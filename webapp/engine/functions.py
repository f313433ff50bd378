"""Functions that Ibis has no words for. DuckDB has them; another engine's backend says what stands for them."""

from __future__ import annotations

import ibis


@ibis.udf.agg.builtin(name="fsum")
def exact_sum(value: float) -> float:  # type: ignore[empty-body]
    """Compensated sum: the same to the last digits in whatever order the threads add."""


@ibis.udf.scalar.builtin(name="strip_accents")
def without_accents(text: str) -> str:  # type: ignore[empty-body]
    """“Émile” -> “Emile”."""
