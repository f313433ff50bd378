"""Import of xAPI statements against plain `insert_many` of the same documents, on the same server, with the same index.

Baseline and import take turns, so that neither always has the fresher server.
"""

from __future__ import annotations

import os
import tempfile
import time
from statistics import median
from typing import Any

from pymongo import MongoClient

from tests.conftest import SAMPLE
from webapp import embedded
from webapp.documents import connect, disconnect
from webapp.services import database_setup
from webapp.services.orders import imports
from webapp.services.permissions import TERMINAL
from webapp.settings import get_settings

ROUNDS = 2
BATCH = 2_000


def main() -> None:
    if not SAMPLE.is_dir():
        print(f"the sample data is not at {SAMPLE}")
        return
    with tempfile.TemporaryDirectory() as home:
        os.environ["REPORTDESK_HOME"] = home
        get_settings.cache_clear()
        settings = get_settings()
        uri = embedded.ensure_running(settings)
        try:
            _measure(uri)
        finally:
            embedded.stop(settings)


def _measure(uri: str) -> None:
    imported: list[float] = []
    plain: list[float] = []
    for number in range(ROUNDS):
        client = connect(uri, f"bench{number}")
        database_setup.prepare()
        imports.import_oneroster(TERMINAL, SAMPLE / "oneroster")
        begin = time.perf_counter()
        summary = imports.import_xapi(TERMINAL, [SAMPLE / "xapi.ndjson.gz"])
        imported.append(time.perf_counter() - begin)
        documents = list(client[f"bench{number}"].learningevents.find({}))
        plain.append(_insert(client, f"plain{number}", documents))
        disconnect()
        count = summary.of("statements").added
        print(
            f"{count:,} statements: import {count / imported[-1]:,.0f}/s, insert_many {count / plain[-1]:,.0f}/s, "
            f"ratio {plain[-1] / imported[-1]:.2f}"
        )
    print(f"import keeps {median(plain) / median(imported):.2f} of the speed of insert_many (aim: 0.80)")


def _insert(client: MongoClient[Any], database: str, documents: list[dict[str, Any]]) -> float:
    collection = client[database].learningevents
    collection.create_index("updatedAt")
    begin = time.perf_counter()
    for start in range(0, len(documents), BATCH):
        collection.insert_many(documents[start : start + BATCH], ordered=False)
    return time.perf_counter() - begin
