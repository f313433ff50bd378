"""The terminal in this process: what it prints, on which stream, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

from tests.terminal import invoke
from webapp.documents import connect, disconnect
from webapp.settings import get_settings

#: What the terminal is told, and what a person types when asked.
Terminal = Callable[..., Result]


@pytest.fixture
def terminal(database: Any, mongo: str, database_name: str) -> Terminal:
    """`reportdesk …`, where starting a process of its own would show nothing more. An error that is not in words is raised.

    A command connects and disconnects by itself: afterwards this test is connected again.
    """

    def run(*arguments: str, typed: str = "") -> Result:
        disconnect()
        get_settings.cache_clear()
        try:
            return invoke(*arguments, typed=typed)
        finally:
            connect(mongo, database_name)

    return run
