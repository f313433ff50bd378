"""The faults run on the embedded database as people have it: a process of its own, with a journal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.conftest import prepared_database
from tests.faults.world import ROOT
from webapp import embedded
from webapp.settings import Settings


@pytest.fixture(scope="session")
def mongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of the server."""
    if given := os.environ.get("REPORTDESK_TEST_MONGODB_URI"):
        yield given
        return
    home = tmp_path_factory.mktemp("embedded")
    # A command starts it, and has ended by the time it is used, as everywhere: it is no child of this process.
    command = [sys.executable, "-m", "webapp.cli", "info"]
    own = {name: value for name, value in os.environ.items() if not name.startswith("REPORTDESK_")}
    environment = {**own, "REPORTDESK_HOME": str(home)}
    told = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout
    yield json.loads(told)["mongodb_uri"]
    embedded.stop(Settings(home=home))


@pytest.fixture(scope="session")
def database_name(mongo: str) -> Iterator[str]:
    """A database on that server: the fixture of all other tests keeps to theirs."""
    yield from prepared_database(mongo)
