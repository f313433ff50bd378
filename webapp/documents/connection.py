"""The one connection of a process to MongoDB."""

from __future__ import annotations

import mongoengine
from bson.codec_options import DatetimeConversion
from pymongo import MongoClient
from pymongo.database import Database

#: A page must fail within seconds when the database is away, not hang for the driver's default of thirty.
SERVER_SELECTION_MS = 5_000
#: An answer may take long while the embedded server reads a big collection for somebody else. The driver's own
#: heartbeat goes by the same time: were it shorter, a busy server would be taken for a dead one.
SOCKET_MS = 60_000


def connect(uri: str, database: str, *, server_selection_ms: int = SERVER_SELECTION_MS) -> MongoClient:
    """Connect MongoEngine to `database` at `uri`. Instants come back aware, in UTC. Fork first, connect after."""
    return mongoengine.connect(
        database,
        host=uri,
        alias="default",
        tz_aware=True,
        uuidRepresentation="standard",
        datetime_conversion=DatetimeConversion.DATETIME_CLAMP,
        serverSelectionTimeoutMS=server_selection_ms,
        socketTimeoutMS=SOCKET_MS,
        connectTimeoutMS=SOCKET_MS,
        appname="reportdesk",
    )


def disconnect() -> None:
    """Close the connection of this process."""
    mongoengine.disconnect(alias="default")


def current_database() -> Database:
    """The database of this process, for the bulk work that goes below MongoEngine."""
    return mongoengine.get_db("default")
