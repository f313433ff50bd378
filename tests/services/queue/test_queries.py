"""Every query that the queue makes all day is served by an index, so that it costs the same however much lies there."""

from __future__ import annotations

from typing import Any

import mongoengine
import pytest
from pymongo.monitoring import CommandListener, CommandStartedEvent

from tests.factories import People, make_job
from tests.factories import hold as hold_roles
from tests.services.bursting.conftest import ready
from tests.services.schedules.conftest import wish
from tests.worker.conftest import queue_job
from webapp.documents import Burst, JobStatus, disconnect
from webapp.documents.connection import JOBS, current_database
from webapp.services import database_clock
from webapp.services.bursting import making
from webapp.services.files import retention
from webapp.services.jobs import held, lifecycle
from webapp.services.queue import promotion
from webapp.services.queue.line import QueueLine
from webapp.services.requests import with_parts
from webapp.services.requests.waiting import require_room
from webapp.services.schedules import firing, keeping
from webapp.worker import reaper


class Recorder(CommandListener):
    """The finds and updates of report jobs that this process sends."""

    def __init__(self) -> None:
        self.finds: list[dict[str, Any]] = []
        self.writes: list[dict[str, Any]] = []  # the filters of updates and deletions

    def started(self, event: CommandStartedEvent) -> None:
        if event.command_name in ("update", "delete") and event.command[event.command_name] == "reportjobs":
            self.writes += [each["q"] for each in event.command[f"{event.command_name}s"]]
        if event.command_name == "find" and event.command["find"] == "reportjobs":
            self.finds.append({name: event.command[name] for name in ("find", "filter", "sort", "limit", "hint") if name in event.command})  # fmt: skip

    def succeeded(self, event: object) -> None: ...

    def failed(self, event: object) -> None: ...


@pytest.fixture
def recorder(database: Any, mongo: str, database_name: str) -> Recorder:
    """This process's connection, with every query written down."""
    disconnect()
    found = Recorder()
    options = {"host": mongo, "tz_aware": True, "uuidRepresentation": "standard", "event_listeners": [found]}
    mongoengine.connect(database_name, **options)
    mongoengine.connect(database_name, alias=JOBS, **options)
    return found


def test_no_query_of_the_queue_reads_the_whole_collection(recorder: Recorder) -> None:
    for number in range(5):
        make_job(name=f"{number}", status="ready")
    queue_job("plain")
    hold = QueueLine("w").claim()
    assert hold is not None
    held.beat([hold])
    held.record_progress(hold, step="x", percentage=1, processed=1, total=2)
    held.advance(hold, JobStatus.RENDERING)
    assert held.advance(hold, JobStatus.RENDERING)  # again, as after a lost answer
    held.finish(hold, storage={"key": "reports/1/1/a"}, provenance={}, records=1)
    reaper.reap()
    retention.expire_due_files(database_clock.now())
    again = queue_job("plain")
    assert lifecycle.hold_back(again.id, why="to see")
    assert promotion.promote(again.id)
    lifecycle.cancel(again.id, by=None)
    lifecycle.remove(again.id)
    assert len(recorder.writes) > 8
    for query in recorder.writes:
        # With a condition that is no field's, such as `$or`, the embedded server reads all documents.
        assert "_id" in query, query
        assert not any(name.startswith("$") for name in query), query
    assert len(recorder.finds) > 8
    are_served_by_an_index(recorder)


def test_no_query_for_parts_reads_the_whole_collection(recorder: Recorder, people: People) -> None:
    hold_roles(people.owner, ["staff"], [people.faculty]).save()
    schedule = keeping.create(people.owner, wish(burst=Burst(by="department")))
    whole = ready(firing.run_now(people.owner, schedule.id))
    recorder.finds.clear()
    assert making.waiting() == [whole.id]
    assert making.make(whole.id) == 2
    assert making.settle() == 0
    assert with_parts.cancel(people.owner, whole.reload(), None)
    require_room(people.owner.id)
    assert len(recorder.finds) > 8
    are_served_by_an_index(recorder)


def are_served_by_an_index(recorder: Recorder) -> None:
    for find in recorder.finds:
        if "_id" in find["filter"]:
            # By `_id` is by key, with or without more conditions; with a hint the embedded server reads all keys.
            assert "hint" not in find, find
        else:
            plan = current_database().command("explain", find)["queryPlanner"]["winningPlan"]
            assert "COLLSCAN" not in str(plan), (find, plan)
