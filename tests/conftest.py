"""What every test may use: a real server, a clean database, and the cast.

The server is the embedded one, in this process, one per session; `REPORTDESK_TEST_MONGODB_URI` names another.
"""

from __future__ import annotations

import gc
import os
import shutil
import socket
import tempfile
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mongoengine
import mongomock
import pytest
from argon2 import PasswordHasher
from pymongo import MongoClient, monitoring

from tests import factories
from tests.factories import People
from webapp.documents import LookupValue, connect, disconnect
from webapp.documents.lookup_value import LookupCache, lookup_cache
from webapp.services import database_setup, remembered
from webapp.services.jobs import facts as job_facts
from webapp.services.lookups import seed as lookup_seed
from webapp.services.lookups import values as lookups
from webapp.services.people import passwords
from webapp.services.record import kept
from webapp.services.record import reading as record_reading
from webapp.services.schedules import lists as schedule_lists
from webapp.services.templates import facts as template_facts
from webapp.settings import Settings, get_settings

#: Fixtures behind which a server stands.
SERVERS = frozenset({"mongo", "s3_endpoint", "desk"})
SAMPLE = Path(__file__).resolve().parents[2] / "shared" / "data" / "ou-aaa"


#: Tests write a hundred thousand small files. Where there is room for them in memory, nobody waits for a disk.
_IN_MEMORY = Path("/dev/shm")
if "TMPDIR" not in os.environ and _IN_MEMORY.is_dir() and shutil.disk_usage(_IN_MEMORY).free > 4 * 2**30:
    os.environ["TMPDIR"] = str(_IN_MEMORY)
    tempfile.tempdir = None


#: What shares something that takes long to set up is run by one process, and begun first.
TOGETHER = {
    "tests/browser/": "browser",
    "tests/test_sample_figures.py": "sample",
    "tests/renderers/test_same_cells.py": "demo",
}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Tests one by one to whoever is free, but for those of `TOGETHER`. (xdist 3.8's own groups do nothing in pytest 9.)"""
    from xdist.scheduler import LoadGroupScheduling

    class Scheduling(LoadGroupScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return next((name for place, name in TOGETHER.items() if nodeid.startswith(place)), nodeid)

    return Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`make quick` leaves out what waits for servers."""
    for item in items:
        if not SERVERS.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker("server")


def pytest_collection_finish() -> None:
    """All that was loaded stays until the end: to look through it for garbage again and again is a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


# Argon2 is slow on purpose, and the tests sign in a thousand times. Servers that a test starts have the real one.
passwords._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
passwords._DECOY_HASH = passwords._hasher.hash("no account has this password")


class _WritesOfLookups(monitoring.CommandListener):
    """What this process writes into the lookup values is read by its next question, and by no other: to read them all
    before each took half the time of the tests. Processes that a test starts never keep them."""

    WRITES = frozenset({"insert", "update", "delete", "findAndModify", "drop"})

    def __init__(self) -> None:
        self._under_way: set[int] = set()

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        name, collection = event.command_name, event.command.get(event.command_name)
        if name in {"bulkWrite", "dropDatabase"} or (name in self.WRITES and collection == "lookupvalues"):
            self._under_way.add(event.request_id)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        self._ended(event.request_id)

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        self._ended(event.request_id)

    def _ended(self, request_id: int) -> None:
        if request_id in self._under_way:
            self._under_way.discard(request_id)
            lookup_cache.forget()


monitoring.register(_WritesOfLookups())


@pytest.fixture
def lookups_do_not_age(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LookupCache, "_is_fresh", lambda cache: cache._read_at is not None)


class _Written:
    """The collections that were written to, as the embedded server sees it: by this process, or by one that a test
    has started. To look into each of them before every test took a fifth of the tests' time."""

    READING = frozenset({"find", "getMore", "count", "distinct", "hello", "isMaster", "ping", "listCollections"})

    def __init__(self) -> None:
        self._seen: dict[str, set[str]] | None = None

    def watch(self) -> None:
        """From now on, what the embedded server of this process is told."""
        from secantus import server

        seen = self._seen = {}
        dispatch = server.dispatch

        def watched(command: dict[str, Any], context: Any) -> dict[str, Any]:
            name, collection = next(iter(command.items()))
            if name not in self.READING:
                seen.setdefault(context.db_name, set()).update([collection] if isinstance(collection, str) else [ANY])
            answer: dict[str, Any] = dispatch(command, context)
            return answer

        server.dispatch = watched

    def taken(self, database: Any) -> set[str]:
        """Those of `database` since the last time; all there are, where nobody watched."""
        found = {ANY} if self._seen is None else self._seen.pop(database.name, set())
        return set(database.list_collection_names()) if ANY in found else found


#: A command that names no collection, or several.
ANY = "*"
written = _Written()


@pytest.fixture(scope="session")
def mongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of a real MongoDB server."""
    given = os.environ.get("REPORTDESK_TEST_MONGODB_URI")
    if given:
        yield given
        return
    from secantus import SecantusDBServer

    written.watch()
    server = SecantusDBServer(
        port=0, storage_path=str(tmp_path_factory.mktemp("mongo")), durable=False, ttl_sweep_seconds=1
    )
    server.start()
    host, port = server.address
    yield f"mongodb://{host}:{port}/?retryWrites=false"
    server.stop()


def prepared_database(uri: str) -> Iterator[str]:
    """The name of a new database at `uri`, with its indexes; dropped at the end."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    connect(uri, name)
    database_setup.prepare()
    disconnect()
    yield name
    client: MongoClient[Any] = MongoClient(uri)
    client.drop_database(name)
    client.close()


@pytest.fixture(scope="session")
def database_name(mongo: str) -> Iterator[str]:
    """A database of this test process's own."""
    yield from prepared_database(mongo)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """REPORTDESK_HOME of this test."""
    return tmp_path / "home"


@pytest.fixture
def settings_env(monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[pytest.MonkeyPatch]:
    """The environment of settings: a home of this test's own, and lookup values never cached."""
    for name in [name for name in os.environ if name.startswith("REPORTDESK_") and "TEST" not in name]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("REPORTDESK_HOME", str(home))
    monkeypatch.setenv("REPORTDESK_LOOKUP_CACHE_SECONDS", "0")
    get_settings.cache_clear()
    yield monkeypatch
    get_settings.cache_clear()


@pytest.fixture
def settings(settings_env: pytest.MonkeyPatch) -> Settings:
    return get_settings()


@pytest.fixture
def database(
    mongo: str, database_name: str, settings_env: pytest.MonkeyPatch, lookups_do_not_age: None
) -> Iterator[Any]:
    """The real server, connected, emptied, with lookup values seeded. Child processes find it in the environment."""
    settings_env.setenv("REPORTDESK_MONGODB_URI", mongo)
    settings_env.setenv("REPORTDESK_MONGODB_DATABASE", database_name)
    get_settings.cache_clear()
    client = connect(mongo, database_name)
    found = client[database_name]
    lookup_cache.forget()
    remembered.forget_everything()
    job_facts.forget()
    schedule_lists.forget()
    template_facts.forget()
    # Each test has a home, and so a record, of its own.
    record_reading.forget()
    kept.forget_everything()
    _empty(found)
    yield found
    disconnect()
    lookup_cache.forget()


#: The lookup values as a first start writes them.
_seeded: list[dict[str, Any]] = []


def _empty(database: Any) -> None:
    """Nothing but the lookup values, as a first start writes them. What a test has left as it was stays."""
    lookup_values = LookupValue._get_collection_name()
    changed = written.taken(database)
    for collection in changed:
        if collection.startswith("system.") or collection == lookup_values:
            continue
        if database[collection].find_one({}, {"_id": 1}) is not None:
            database[collection].delete_many({})
    stored = database[lookup_values]
    if not _seeded:
        stored.delete_many({})
        lookups.seed()
        _seeded.extend(sorted(stored.find({}), key=_id))
    elif lookup_values in changed and sorted(stored.find({}), key=_id) != _seeded:
        stored.delete_many({})
        stored.insert_many(_seeded)
    # What was done here is no test's.
    written.taken(database)


def _id(document: dict[str, Any]) -> Any:
    return document["_id"]


@pytest.fixture
def mock_database(settings_env: pytest.MonkeyPatch) -> Iterator[None]:
    """mongomock, for the logic of documents; it proves nothing about races."""
    mongoengine.connect("mock", mongo_client_class=mongomock.MongoClient, tz_aware=True, uuidRepresentation="standard")
    mongoengine.register_connection(
        "jobs", "mock", mongo_client_class=mongomock.MongoClient, tz_aware=True, uuidRepresentation="standard"
    )
    LookupValue.drop_collection()
    # One by one: mongomock 4.3 does not know the bulk upserts of today's driver.
    for category, values in lookup_seed.SEEDS.items():
        for key, display_as, _, metadata in values:
            LookupValue(category=category, key=key, display_as=display_as, metadata=metadata).save()
    lookup_cache.forget()
    yield
    disconnect()
    lookup_cache.forget()


@pytest.fixture
def people(database: Any) -> People:
    """The cast: owner, colleague (same team and department), manager, stranger (another department), administrator."""
    return factories.make_people()


@dataclass(frozen=True)
class S3Bucket:
    """A bucket of this test's own; `endpoint` speaks S3."""

    url: str
    endpoint: str


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """A real S3 server: moto's."""
    from moto.server import ThreadedMotoServer

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = ThreadedMotoServer("127.0.0.1", port)
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture
def s3_bucket(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> S3Bucket:
    """A new bucket, and the environment that finds it, as an installation has it."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT": s3_endpoint,
        "AWS_ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(name, value)
    bucket = f"bucket-{uuid.uuid4().hex[:12]}"
    urllib.request.urlopen(urllib.request.Request(f"{s3_endpoint}/{bucket}", method="PUT"), timeout=5).close()  # noqa: S310
    return S3Bucket(f"s3://{bucket}/files", s3_endpoint)


@pytest.fixture(scope="session")
def sample() -> Path:
    """The Open University sample."""
    if not SAMPLE.is_dir():
        pytest.skip(f"the sample data is not at {SAMPLE}")
    return SAMPLE
