"""A database of an older version, or one that the LMS's own client has set up, becomes ours without losing anything."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId

from tests.commands import recorded
from tests.factories import People
from webapp.documents import AdminArea, Order, OrderState, ReportJob, connect, disconnect
from webapp.documents.indexes import IndexConflictError, ensure
from webapp.services import database_clock, database_setup
from webapp.services.jobs import held
from webapp.services.orders import lifecycle as order_lifecycle
from webapp.services.orders import orders
from webapp.services.queue import promotion

#: As Mongoose names them, from the seed's schema.
MONGOOSE = {
    "expiresAt_1": ([("expiresAt", 1)], {"expireAfterSeconds": 0}),
    "status_1_priorityRank_-1_scheduledFor_1__id_1": (
        [("status", 1), ("priorityRank", -1), ("scheduledFor", 1), ("_id", 1)],
        {},
    ),
    "requestedBy_1_status_1_createdAt_-1": ([("requestedBy", 1), ("status", 1), ("createdAt", -1)], {}),
    "lease.until_1": ([("lease.until", 1)], {"partialFilterExpression": {"lease.until": {"$type": "date"}}}),
    "slot_1": ([("slot", 1)], {"unique": True, "partialFilterExpression": {"slot": {"$type": "string"}}}),
    "output.storage.expiresAt_1": ([("output.storage.expiresAt", 1)], {"sparse": True}),
}


@pytest.fixture
def empty_database(mongo: str, database: Any) -> Any:
    """A database without indexes, for this test only."""
    name = f"{database.name}_empty"
    client = connect_to(mongo, name)
    yield client[name]
    client.drop_database(name)


def connect_to(mongo: str, name: str) -> Any:
    disconnect()
    return connect(mongo, name)


def test_an_index_of_the_lms_with_our_keys_is_ours_whatever_its_name(empty_database: Any) -> None:
    for name, (keys, options) in MONGOOSE.items():
        empty_database.reportjobs.create_index(keys, name=name, **options)
    with recorded() as commands:
        database_setup.prepare()
    asked = [
        index
        for command in commands
        if command.name == "createIndexes" and command.body["createIndexes"] == "reportjobs"
        for index in command.body["indexes"]
    ]
    assert not {index["name"] for index in asked} & {"job_ttl", "queue", "requester", "lease", "slot"}
    # A real MongoDB refuses two indexes with the same keys; the embedded server takes them.
    keys_there = [str(index["key"]) for index in empty_database.reportjobs.index_information().values()]
    assert len(set(keys_there)) == len(keys_there)
    # What uses an index by name would not find it.
    order_lifecycle.claim("w")
    assert held.expired_leases()[1] == []
    assert len(promotion.free_slots(ObjectId())) == 5


def test_preparing_twice_asks_for_no_index(database: Any) -> None:
    with recorded() as commands:
        database_setup.prepare()
    assert [command for command in commands if command.name == "createIndexes"] == []


@pytest.mark.parametrize(
    ("name", "keys", "options", "words"),
    [
        ("expiresAt_1", [("expiresAt", 1)], {"expireAfterSeconds": 60}, "“expiresAt_1” (expiresAt 1, expireAfter"),
        ("expiresAt_1", [("expiresAt", 1)], {}, "“expiresAt_1” (expiresAt 1)"),
        ("slot_1", [("slot", 1)], {"sparse": True}, "“slot_1” (slot 1, sparse True)"),
        ("queue", [("status", 1)], {}, "“queue” (status 1)"),
    ],
)
def test_a_real_conflict_is_one_sentence_that_names_both(
    empty_database: Any, name: str, keys: Any, options: dict[str, Any], words: str
) -> None:
    empty_database.reportjobs.create_index(keys, name=name, **options)
    with pytest.raises(IndexConflictError, match=re.escape(words)) as told:
        ensure(ReportJob)
    assert "reportjobs" in str(told.value)
    assert "Reportdesk needs “" in str(told.value)


def _old_orders(database: Any, people: People) -> dict[str, ObjectId]:
    now = database_clock.now()
    shared = {"area": "imports", "askedBy": people.administrator.id, "files": [], "tables": [], "askedAt": now}
    lease = {"workerId": "old", "claimId": "c", "leaseUntil": now + timedelta(seconds=60)}
    found = {
        "waiting": {"state": "waiting", "attempts": 0},
        "running": {"state": "running", "attempts": 2, "slot": "running", **lease},
        "done": {"state": "done", "attempts": 1, "summary": {"counts": []}, "endedAt": now, **lease},
    }
    rows = {key: {"_id": ObjectId(), "kind": "import-xapi", **shared, **own} for key, own in found.items()}
    database.chores.insert_many(rows.values())
    database.chores.create_index([("expiresAt", 1)], name="chore_ttl", expireAfterSeconds=0)
    return {key: row["_id"] for key, row in rows.items()}


@pytest.mark.parametrize("is_new_one_there", [False, True])
def test_orders_of_an_older_version_are_kept_and_go_on(
    empty_database: Any, people: People, is_new_one_there: bool
) -> None:
    old = _old_orders(empty_database, people)
    if is_new_one_there:  # a worker of this version was started first
        ensure(Order)
    for _ in range(2):
        database_setup.prepare()
    assert "chores" not in empty_database.list_collection_names()
    assert {order.state for order in Order.objects} == {"waiting", "running", "done"}
    assert "chore_ttl" not in Order._get_collection().index_information()
    assert "order_ttl" in Order._get_collection().index_information()
    running = Order.objects.get(id=old["running"])
    assert (running.lease.worker_id, running.lease.fence, running.crash_count) == ("old", 1, 1)
    assert order_lifecycle.claim("new") is None  # its worker has a lease still
    Order.objects(id=running.id).update(set__lease__until=database_clock.now() - timedelta(seconds=1))
    assert order_lifecycle.reap() == [running.id]
    assert Order.objects.get(id=old["done"]).lease.until is None
    Order.objects(id=running.id).delete()
    hold = order_lifecycle.claim("new")
    assert hold is not None
    assert (hold.id, hold.fence) == (old["waiting"], 1)
    assert order_lifecycle.finish(hold, {})
    assert orders.find(str(hold.id), AdminArea.IMPORTS).state == OrderState.DONE
