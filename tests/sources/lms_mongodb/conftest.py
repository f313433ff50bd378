"""LMS databases of these tests' own, on the server of all tests."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bson import json_util
from pymongo import MongoClient
from pymongo.uri_parser import parse_uri

#: Beside the project, or beside the folder of its work trees.
CADENCE = next(
    (found for each in Path(__file__).resolve().parents if (found := each / "shared" / "data" / "cadence").is_dir()),
    Path("../shared/data/cadence"),
)
#: The documents of each collection, as they stand in its file.
Lines = dict[str, list[dict[str, Any]]]


@pytest.fixture
def lms_database(mongo: str) -> Iterator[Any]:
    """An empty database, for a test to be an LMS."""
    client: MongoClient[Any] = MongoClient(mongo, tz_aware=True)
    name = f"lms_{uuid.uuid4().hex[:12]}"
    yield client[name]
    client.drop_database(name)
    client.close()


@pytest.fixture
def lms_uri(mongo: str, lms_database: Any) -> str:
    """The address of `lms_database`, its name in the path."""
    host, port = parse_uri(mongo)["nodelist"][0]
    return f"mongodb://{host}:{port}/{lms_database.name}?retryWrites=false"


@pytest.fixture
def cadence(lms_database: Any) -> Lines:
    """The reference LMS's own data in `lms_database`; and as it stands in its files."""
    if not CADENCE.is_dir():
        pytest.skip(f"the reference LMS's data is not at {CADENCE}")
    found = {}
    for path in sorted(CADENCE.glob("*.ndjson")):
        found[path.stem] = [
            json_util.loads(line, json_options=json_util.JSONOptions(tz_aware=True))
            for line in path.read_text("utf-8").splitlines()
        ]
        lms_database[path.stem].insert_many(found[path.stem])
    return found
