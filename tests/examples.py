"""How many examples the property tests try: some in `make test`, many in `make proof`."""

from __future__ import annotations

import os

#: `make proof` sets it.
TIMES = int(os.environ.get("REPORTDESK_TEST_EXAMPLES", "1"))


def examples(number: int) -> int:
    """`number` of them in the short run."""
    return number * TIMES
