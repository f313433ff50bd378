"""What stored documents of older versions still need. Done again it changes nothing; new rooms get no old furniture."""

from __future__ import annotations

from pymongo.errors import OperationFailure

from webapp.documents import Order, OrderKind, OrderState
from webapp.documents.connection import current_database
from webapp.services.people import account_migration, demo_accounts

#: What orders were called until 0.2, and their index of that name.
_OLD_ORDERS, _OLD_INDEX = "chores", "chore_ttl"
#: MongoDB's answers when another process has renamed it meanwhile: NamespaceNotFound, NamespaceExists.
_RENAMED_ALREADY = (26, 48)
_OLD_LEASE = ("workerId", "claimId", "leaseUntil")


def run() -> None:
    """Bring stored documents up to this version. Indexes come afterwards."""
    _rename_orders()
    _lease_orders()
    _compact_instead_of_rebuild()
    account_migration.run()
    demo_accounts.mark()


def _rename_orders() -> None:
    database = current_database()
    new = Order._get_collection()
    names = database.list_collection_names()
    if _OLD_ORDERS not in names:
        return
    if new.name not in names:
        try:
            database[_OLD_ORDERS].rename(new.name)
        except OperationFailure as error:
            if error.code not in _RENAMED_ALREADY:
                raise
        else:
            if _OLD_INDEX in new.index_information():
                new.drop_index(_OLD_INDEX)
            return
    # A worker of this version was here first, or one of an older version is still at work.
    for order in database[_OLD_ORDERS].find({}):
        new.update_one({"_id": order["_id"]}, {"$setOnInsert": order}, upsert=True)
    database.drop_collection(_OLD_ORDERS)


def _lease_orders() -> None:
    """The lease was four fields of its own. What ran goes on under the lease it had, until that ends."""
    orders = Order._get_collection()
    running = OrderState.RUNNING.value
    for order in orders.find({"claimId": {"$exists": True}}, [*_OLD_LEASE, "state", "attempts"]):
        lease = {"workerId": order.get("workerId"), "claimId": order["claimId"], "fence": 1}
        if order["state"] == running:
            lease["until"] = order.get("leaseUntil")
        change = {"lease": lease, "crashCount": max(int(order.get("attempts") or 0) - 1, 0)}
        same = {"_id": order["_id"], "claimId": order["claimId"]}
        orders.update_one(same, {"$set": change, "$unset": dict.fromkeys(_OLD_LEASE, "")})


def _compact_instead_of_rebuild() -> None:
    """What was read anew from documents is the record itself now."""
    old = {"kind": "rebuild-extract"}
    new = {"$set": {"kind": OrderKind.COMPACT.value}, "$unset": {"tables": ""}}
    if Order._get_collection().find_one(old, {"_id": 1}) is not None:
        Order._get_collection().update_many({**old, "sameAs": {"$exists": True}}, {"$unset": {"sameAs": ""}})
        Order._get_collection().update_many(old, new)
