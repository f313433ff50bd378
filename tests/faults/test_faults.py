"""Every fault: in its short form, or (`make faults`) in the long one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.faults import connections, scenarios
from tests.faults.world import IS_FULL, World, workers
from tests.worker.conftest import SHORT_TIMES
from webapp.settings import get_settings

pytestmark = pytest.mark.slow

#: (scenario, its scale, settings)
Case = tuple[Callable[[World, int], list[str]], int, dict[str, str]]

SHORT: list[Case] = [
    (scenarios.each_once, 40, {}),
    (scenarios.kills, 6, {}),
    (scenarios.stopped_workers, 2, {}),
    # A worker that gets no processor for seconds loses its lease, and rightly; clocks are wrong by minutes here.
    (scenarios.wrong_clocks, 4, {"LEASE_SECONDS": "8", "HEARTBEAT_GRACE_SECONDS": "7"}),
    (scenarios.bad_jobs, 1, {"JOB_TIME_LIMIT_SECONDS": "12", "JOB_MEMORY_LIMIT_MB": "400"}),
    (scenarios.shutdowns, 2, {"SHUTDOWN_GRACE_SECONDS": "2"}),
    (scenarios.cancels, 4, {}),
    (scenarios.fairness, 15, {}),
    (connections.cut_connections, 1, {}),
]


#: The long proof, with the times of production: `make faults`.
FULL: list[Case] = [
    (scenarios.each_once, 10_000, {}),
    (scenarios.kills, 200, {}),
    (scenarios.stopped_workers, 100, {}),
    (scenarios.wrong_clocks, 50, {}),
    (scenarios.bad_jobs, 5, {"JOB_TIME_LIMIT_SECONDS": "20", "JOB_MEMORY_LIMIT_MB": "400"}),
    (scenarios.shutdowns, 20, {}),
    (scenarios.cancels, 100, {}),
    (scenarios.fairness, 500, {}),
    (connections.cut_connections, 100, {}),
]
CASES = FULL if IS_FULL else SHORT
TIMES: dict[str, str] = {} if IS_FULL else SHORT_TIMES


@pytest.fixture
def world(database: Any, database_name: str, mongo: str, home: Any) -> Iterator[World]:
    with workers(World(mongo, home, {"REPORTDESK_MONGODB_DATABASE": database_name})) as made:
        yield made


@pytest.mark.parametrize(("scenario", "scale", "times"), CASES, ids=[each[0].__name__ for each in CASES])
def test_the_queue_withstands(
    world: World,
    settings_env: pytest.MonkeyPatch,
    scenario: Callable[[World, int], list[str]],
    scale: int,
    times: dict[str, str],
) -> None:
    for name, value in {**TIMES, **times}.items():
        settings_env.setenv(f"REPORTDESK_{name}", value)
    get_settings.cache_clear()
    for line in scenario(world, scale):
        print(line)
