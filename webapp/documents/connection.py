"""The one connection of a process to MongoDB."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import mongoengine
from bson.codec_options import DatetimeConversion
from pymongo import MongoClient
from pymongo.database import Database

from webapp.settings import get_settings

#: A page must fail within seconds when the database is away, not hang for the driver's default of thirty.
SERVER_SELECTION_MS = 5_000
#: An answer may take long while the embedded server reads a big collection for somebody else. The driver's own
#: heartbeat goes by the same time: were it shorter, a busy server would be taken for a dead one.
SOCKET_MS = 60_000


#: How often the driver asks whether the server is there.
HEARTBEAT_MS = 10_000
_LONG_READS = "long-reads"
#: Where report jobs and lookup values live, which an LMS may share with us (REPORTDESK_JOBS_DATABASE).
JOBS = "jobs"
#: The collections that live there; all others of ours are in `database`, never beside an LMS's of the same name.
SHARED = frozenset({"reportjobs", "lookupvalues"})


@dataclass(frozen=True)
class Patience:
    """How long a connection may be silent. `answer_ms`: before the answer to a question; `heartbeat_ms`: how often the
    driver asks whether the server is there, which it must be told within `silence_ms`. When it is not, the questions
    that wait for their answers end too, so a long one need not be taken for a dead one."""

    answer_ms: int = SOCKET_MS
    silence_ms: int = SOCKET_MS
    heartbeat_ms: int = HEARTBEAT_MS


PATIENT = Patience()


def connect(
    uri: str, database: str, *, server_selection_ms: int = SERVER_SELECTION_MS, patience: Patience = PATIENT
) -> MongoClient:
    """Connect MongoEngine to `database` at `uri`, and to the database of jobs there, if that is another one. Instants
    come back aware, in UTC. Fork first, connect after."""
    options: dict[str, Any] = {
        "host": uri,
        "tz_aware": True,
        "uuidRepresentation": "standard",
        "datetime_conversion": DatetimeConversion.DATETIME_CLAMP,
        "serverSelectionTimeoutMS": server_selection_ms,
        "socketTimeoutMS": patience.answer_ms,
        "connectTimeoutMS": patience.silence_ms,
        "heartbeatFrequencyMS": patience.heartbeat_ms,
        "appname": "reportdesk",
    }
    # Made when it is first used, by those few who read whole collections.
    mongoengine.register_connection(_LONG_READS, database, **{**options, "socketTimeoutMS": SOCKET_MS})
    # The same client, whatever the database.
    mongoengine.register_connection(JOBS, get_settings().jobs_database or database, **options)
    return mongoengine.connect(database, alias="default", **options)


def disconnect() -> None:
    """Close the connection of this process."""
    mongoengine.disconnect(alias=_LONG_READS)
    mongoengine.disconnect(alias=JOBS)
    mongoengine.disconnect(alias="default")


def current_database() -> Database:
    """The database of this process, for the bulk work that goes below MongoEngine."""
    return mongoengine.get_db("default")


def database_of(collection: str) -> Database:
    """Where `collection` lives: the database of this process, or that of jobs."""
    return mongoengine.get_db(JOBS if collection in SHARED else "default")


def jobs_are_shared() -> bool:
    """Whether report jobs and lookup values live in another database than all else: then another client keeps the
    lookup values there, and this program adds none by itself."""
    return mongoengine.get_db(JOBS).name != mongoengine.get_db("default").name


def long_read_database() -> Database:
    """The same, for reads of whole collections: the embedded server builds its whole answer before the first batch,
    which may take longer than this process is patient otherwise."""
    return mongoengine.get_db(_LONG_READS)
