"""The faults run on the embedded database as people have it: a process of its own, with a journal."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest

from tests.conftest import prepared_database
from webapp import embedded
from webapp.settings import Settings


@pytest.fixture(scope="session")
def mongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of the server."""
    if given := os.environ.get("REPORTDESK_TEST_MONGODB_URI"):
        yield given
        return
    home = tmp_path_factory.mktemp("embedded")
    yield embedded.ensure_running(Settings(home=home))
    embedded.stop(Settings(home=home))


@pytest.fixture(scope="session")
def database_name(mongo: str) -> Iterator[str]:
    """A database on that server: the fixture of all other tests keeps to theirs."""
    yield from prepared_database(mongo)


@pytest.fixture(autouse=True)
def seed() -> int:
    """What is chosen at random is told, and can be chosen again: REPORTDESK_TEST_SEED."""
    chosen = int(os.environ.get("REPORTDESK_TEST_SEED") or random.SystemRandom().randrange(2**32))
    random.seed(chosen)
    print(f"REPORTDESK_TEST_SEED={chosen}")
    return chosen
