"""How many examples the property tests try, and how much of a product: some in `make test`, many in `make proof`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

Each = TypeVar("Each")

#: `make proof` sets it.
TIMES = int(os.environ.get("REPORTDESK_TEST_EXAMPLES", "1"))
#: `make proof` and `make faults` try whole products.
IS_WHOLE = TIMES > 1 or os.environ.get("REPORTDESK_TEST_FAULTS") == "full"


def examples(number: int) -> int:
    """`number` of them in the short run."""
    return number * TIMES


def rotated(every: Sequence[Each], turn: int, number: int = 1) -> list[Each]:
    """`number` of them in the short run, the next ones at each turn, so that all come up in turn; else all of them."""
    if IS_WHOLE or number >= len(every):
        return list(every)
    return [every[(turn * number + place) % len(every)] for place in range(number)]
