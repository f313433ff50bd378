"""The id that an error page shows is in the web's log, once, with what support needs and nothing about anybody."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import pytest
from flask import Flask
from pymongo.errors import CursorNotFound, ServerSelectionTimeoutError
from pymongo.synchronous.topology import Topology

from tests.factories import People
from tests.web.conftest import Client
from webapp.documents.lookup_value import lookup_cache
from webapp.errors import ConflictError
from webapp.logs import JsonLines
from webapp.services import remembered
from webapp.services.jobs import lists as job_lists
from webapp.storage import StorageError

SECRET = "maria.perez@example.org"
SHOWN = re.compile(r"\b([0-9a-f]{8})\b\)?</")


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [json.loads(JsonLines().format(record)) for record in caplog.records]


@pytest.mark.parametrize("htmx", [False, True])
@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (KeyError(SECRET), 500, "KeyError"),
        (StorageError(SECRET), 503, "storage-unavailable"),
        (ServerSelectionTimeoutError(SECRET), 503, "ServerSelectionTimeoutError"),
        (CursorNotFound(SECRET), 503, "CursorNotFound"),
        (ConflictError(SECRET), 409, "conflict"),
    ],
)
def test_the_id_that_is_shown_is_found_in_the_log(
    people: People,
    as_person: Client,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    status: int,
    code: str,
    htmx: bool,
) -> None:
    client = as_person(people.owner)

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(job_lists, "page", fail)
    caplog.set_level(logging.INFO)
    caplog.clear()
    answer = client.get(f"/reports/?q={SECRET}", headers={"HX-Request": "true"} if htmx else {})
    assert answer.status_code == status
    (shown,) = SHOWN.findall(answer.text)
    (line,) = [line for line in lines(caplog) if line.get("error_id") == shown]
    assert (line["status"], line["code"], line["route"]) == (status, code, "/reports/")
    assert line["user_id"] == str(people.owner.id)
    assert ("stack" in line) == (status >= 500)
    assert SECRET not in json.dumps(lines(caplog))
    if status >= 500:
        assert "test_error_ids.py" in line["stack"]


@pytest.mark.parametrize("is_known", [False, True])
def test_a_page_says_in_words_that_the_database_is_away_and_asks_nothing_of_it(
    people: People, as_person: Client, monkeypatch: pytest.MonkeyPatch, is_known: bool
) -> None:
    client = as_person(people.owner)
    remembered.forget_everything()
    lookup_cache.forget()
    asked = []

    def nobody_answers(*_: object, **__: object) -> None:
        asked.append(1)
        raise ServerSelectionTimeoutError(SECRET)

    def go_away(*_: object, **__: object) -> None:
        monkeypatch.setattr(Topology, "select_server", nobody_answers)
        nobody_answers()

    if is_known:  # it goes when the page knows already whom it is for
        monkeypatch.setattr(job_lists, "page", go_away)
    else:
        monkeypatch.setattr(Topology, "select_server", nobody_answers)
    answer = client.get("/reports/")
    assert answer.status_code == 503
    assert "does not answer" in answer.text
    assert SECRET not in answer.text
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [("GET", f"/{SECRET}", 404), ("GET", f"/reports/{SECRET}", 404), ("POST", "/healthz", 405)],
)
def test_errors_of_addresses_are_written_down_without_the_address(
    people: People, as_person: Client, caplog: pytest.LogCaptureFixture, method: str, address: str, status: int
) -> None:
    client = as_person(people.owner)
    caplog.set_level(logging.INFO)
    answer = client.open(address, method=method)
    assert answer.status_code == status
    (shown,) = SHOWN.findall(answer.text)
    assert [line["status"] for line in lines(caplog) if line.get("error_id") == shown] == [status]
    assert SECRET not in json.dumps(lines(caplog))


def test_a_line_names_every_cause_by_its_kind_and_place(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("webapp.test")
    try:
        try:
            {}[SECRET]
        except KeyError as error:
            raise RuntimeError(SECRET) from error
    except RuntimeError:
        log.exception("failed")
    (line,) = lines(caplog)
    assert "builtins.RuntimeError\ncaused by\n" in line["stack"]
    assert line["stack"].endswith("builtins.KeyError")
    assert SECRET not in line["stack"]


def test_a_page_that_is_no_error_writes_nothing(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    app.test_client().get("/sign-in")
    assert [line for line in lines(caplog) if "error_id" in line] == []
