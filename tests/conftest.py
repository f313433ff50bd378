"""What every test may use: a real server, a clean database, and the cast.

The server is the embedded one, in this process, one per session; `REPORTDESK_TEST_MONGODB_URI` names another.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mongoengine
import mongomock
import pytest
from pymongo import MongoClient

from tests import factories
from tests.factories import People
from webapp.documents import LookupValue, connect, disconnect
from webapp.documents.lookup_value import lookup_cache
from webapp.services import job_facts, lookup_seed, lookups, remembered
from webapp.settings import Settings, get_settings

SAMPLE = Path(__file__).resolve().parents[2] / "shared" / "data" / "ou-aaa"


@pytest.fixture(scope="session")
def mongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of a real MongoDB server."""
    given = os.environ.get("REPORTDESK_TEST_MONGODB_URI")
    if given:
        yield given
        return
    from secantus import SecantusDBServer

    server = SecantusDBServer(
        port=0, storage_path=str(tmp_path_factory.mktemp("mongo")), durable=False, ttl_sweep_seconds=1
    )
    server.start()
    host, port = server.address
    yield f"mongodb://{host}:{port}/?retryWrites=false"
    server.stop()


@pytest.fixture(scope="session")
def database_name(mongo: str) -> Iterator[str]:
    """A database of this test process's own, dropped at the end."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    yield name
    client: MongoClient[Any] = MongoClient(mongo)
    client.drop_database(name)
    client.close()


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
def database(mongo: str, database_name: str, settings_env: pytest.MonkeyPatch) -> Iterator[Any]:
    """The real server, connected, emptied, with lookup values seeded. Child processes find it in the environment."""
    settings_env.setenv("REPORTDESK_MONGODB_URI", mongo)
    settings_env.setenv("REPORTDESK_MONGODB_DATABASE", database_name)
    get_settings.cache_clear()
    client = connect(mongo, database_name)
    found = client[database_name]
    for collection in found.list_collection_names():
        if not collection.startswith("system."):
            found[collection].delete_many({})
    lookup_cache.forget()
    remembered.forget_everything()
    job_facts.forget()
    lookups.seed()
    yield found
    disconnect()
    lookup_cache.forget()


@pytest.fixture
def mock_database(settings_env: pytest.MonkeyPatch) -> Iterator[None]:
    """mongomock, for the logic of documents; it proves nothing about races."""
    mongoengine.connect("mock", mongo_client_class=mongomock.MongoClient, tz_aware=True, uuidRepresentation="standard")
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


@pytest.fixture(scope="session")
def sample() -> Path:
    """The Open University sample."""
    if not SAMPLE.is_dir():
        pytest.skip(f"the sample data is not at {SAMPLE}")
    return SAMPLE
