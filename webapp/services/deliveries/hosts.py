"""The pace of each server that deliveries go to, for all workers together; one that cannot be reached is left alone for
a while, rather than asked once for each delivery."""

from __future__ import annotations

from datetime import datetime, timedelta

from pymongo.errors import DuplicateKeyError

from webapp.documents import DeliveryHost
from webapp.services.leases import retry
from webapp.services.leases.lease import after, counted

AWAY_FIRST_SECONDS, AWAY_LONGEST_SECONDS = 30.0, 900.0
KEPT = timedelta(days=7)


def take_turn(host: str, per_minute: int, now: datetime) -> bool:
    """May one delivery go to `host` now? Then the next one's turn is a little later, for every worker."""
    wait = timedelta(seconds=60 / per_minute)
    change = [{"$set": {"nextAt": after(wait), "expiresAt": after(KEPT)}}]
    try:
        DeliveryHost._get_collection().update_one(
            {"_id": host, "nextAt": {"$lt": now + timedelta(milliseconds=1)}}, change, upsert=True
        )
    except DuplicateKeyError:  # it is there, and its turn is not yet
        return False
    return True


def is_away(host: str) -> None:
    """It could not be reached: nothing goes there for a while, longer each time in a row."""
    hosts = DeliveryHost._get_collection()
    found = hosts.find_one({"_id": host}, {"failures": 1}) or {}
    wait = retry.backoff(
        int(found.get("failures") or 0) + 1, base=AWAY_FIRST_SECONDS, cap=AWAY_LONGEST_SECONDS, jitter=0
    )
    sets = {"nextAt": after(wait), "failures": counted("failures"), "expiresAt": after(KEPT)}
    hosts.update_one({"_id": host}, [{"$set": sets}], upsert=True)


def is_known_away(host: str) -> bool:
    """Could it not be reached when it was last tried?"""
    found = DeliveryHost._get_collection().find_one({"_id": host}, {"failures": 1}) or {}
    return int(found.get("failures") or 0) > 0


def answered(host: str) -> None:
    """It is there again."""
    DeliveryHost._get_collection().update_one({"_id": host, "failures": {"$gt": 0}}, {"$set": {"failures": 0}})
