"""Whether to try again, and when: pure functions of the facts (DESIGN §6)."""

from __future__ import annotations

from datetime import timedelta

SPREAD = 0.2


def backoff(tries: int, *, base: float, cap: float, jitter: float) -> timedelta:
    """How long to wait after the `tries`-th try (1, 2, 3 …): base seconds, doubling, never above `cap`, ± 20 %.

    `jitter` is between -1 and 1; it spreads jobs that failed together. Raises ValueError outside these ranges.
    """
    if tries < 1 or not -1 <= jitter <= 1:
        raise ValueError(f"no back-off for try {tries} with jitter {jitter}")
    # The exponent is bounded so that a job retried for years does not overflow a float.
    seconds = min(cap, base * 2.0 ** min(tries - 1, 60))
    return timedelta(seconds=seconds * (1 + SPREAD * jitter))


def after_failure(
    *, is_permanent: bool, retries: int, max_attempts: int, base: float, cap: float, jitter: float
) -> timedelta | None:
    """The wait before the next attempt, or None: give up. `retries` counts those already made."""
    if is_permanent or retries + 1 >= max_attempts:
        return None
    return backoff(retries + 1, base=base, cap=cap, jitter=jitter)


def after_crash(
    *, crashes: int, max_crashes: int, waited_out_lease: bool, base: float, cap: float, jitter: float
) -> timedelta | None:
    """The wait after the `crashes`-th crash, this one included, or None: the job is poison.

    A first crash that showed by its lease running out has waited long enough: it is due at once.
    """
    if crashes >= max_crashes:
        return None
    if waited_out_lease and crashes == 1:
        return timedelta(0)
    return backoff(crashes, base=base, cap=cap, jitter=jitter)
