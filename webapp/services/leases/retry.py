"""Whether to try again, and when (DESIGN §6): pure functions of the facts, and the same with the waits that are set."""

from __future__ import annotations

import random
from datetime import timedelta

from webapp.settings import get_settings

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


def failure_delay(*, is_permanent: bool, retries: int, max_attempts: int) -> timedelta | None:
    """`after_failure` with the waits that are set, and jitter."""
    return after_failure(is_permanent=is_permanent, retries=retries, max_attempts=max_attempts, **_waits())


def crash_delay(crashes: int, *, waited_out_lease: bool) -> timedelta | None:
    """`after_crash` with the waits and the patience that are set, and jitter."""
    most = get_settings().max_crashes
    return after_crash(crashes=crashes, max_crashes=most, waited_out_lease=waited_out_lease, **_waits())


def _waits() -> dict[str, float]:
    settings = get_settings()
    jitter = random.uniform(-1, 1)  # noqa: S311 - spreads load, guards nothing
    return {"base": settings.retry_base_seconds, "cap": settings.retry_cap_seconds, "jitter": jitter}
