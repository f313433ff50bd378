"""What a piece of code asks of the database, and by which plan the database answers it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pymongo.monitoring

#: What a driver says to a server on its own account.
_OWN = {"ismaster", "isMaster", "ping", "endSessions", "buildInfo", "getParameter"}
_QUERIES = ("find", "aggregate", "count", "distinct")
_ENVELOPE = {"$db", "lsid", "$clusterTime", "$readPreference", "txnNumber", "$uuid"}


@dataclass(frozen=True)
class Command:
    name: str
    body: dict[str, Any]

    @property
    def is_query(self) -> bool:
        return self.name in _QUERIES

    def __str__(self) -> str:
        return f"{self.name} {self.body.get(self.name)} {self.body.get('filter', self.body.get('pipeline', ''))}"


class _Listener(pymongo.monitoring.CommandListener):
    """Registered once for the whole process; hears only between `recorded()` and its end."""

    def __init__(self) -> None:
        self.heard: list[Command] | None = None

    def started(self, event: pymongo.monitoring.CommandStartedEvent) -> None:
        if self.heard is not None and event.command_name not in _OWN:
            self.heard.append(Command(event.command_name, dict(event.command)))

    def succeeded(self, event: pymongo.monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: pymongo.monitoring.CommandFailedEvent) -> None:
        pass


_listener = _Listener()
pymongo.monitoring.register(_listener)


@contextmanager
def recorded() -> Iterator[list[Command]]:
    """The commands that this process sends meanwhile, on connections made after this module was imported."""
    heard: list[Command] = []
    _listener.heard = heard
    try:
        yield heard
    finally:
        _listener.heard = None


def scans(database: Any, commands: list[Command], explained: set[str] | None = None) -> list[str]:
    """Those queries among `commands` that the database answers by reading a whole collection.

    `explained`: the forms of those that were found to be none before, which grows; an equal form is not asked again.
    """
    found = []
    explained = set() if explained is None else explained
    for command in commands:
        if not command.is_query:
            continue
        body = {key: value for key, value in command.body.items() if key not in _ENVELOPE}
        if (form := repr(_form(body))) in explained:
            continue
        plan = database.command({"explain": body, "verbosity": "queryPlanner"})
        stages = list(_stages(plan))
        assert stages, f"the plan of {command} names no stage"
        if "COLLSCAN" in stages or not {
            "IXSCAN",
            "IDHACK",
            "EXPRESS_IXSCAN",
            "COUNT_SCAN",
            "EOF",
            "DISTINCT_SCAN",
            "EXPRESS_CLUSTERED_IXSCAN",
        } & set(stages):
            found.append(str(command))
        else:
            explained.add(form)
    return found


def _form(value: Any) -> Any:
    """What decides the plan of a query: all of it but the values that are looked for, of which the kind is left."""
    if isinstance(value, dict):
        return {key: _form(each) for key, each in value.items()}
    if isinstance(value, list):
        # Lists of values are as good as one of them; of clauses each is a part of the question.
        return [_form(each) for each in (value if any(isinstance(each, dict) for each in value) else value[:1])]
    return value if isinstance(value, str | int | bool) or value is None else type(value).__name__


def _stages(plan: Any) -> Iterator[str]:
    """The names of all stages of the winning plan, however deep."""
    if isinstance(plan, dict):
        for key, value in plan.items():
            if key == "stage" and isinstance(value, str):
                yield value
            elif key != "rejectedPlans":
                yield from _stages(value)
    elif isinstance(plan, list):
        for each in plan:
            yield from _stages(each)
