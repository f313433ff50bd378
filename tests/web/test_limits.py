"""What is limited is limited over all processes, in words, and by the address that a trusted proxy names."""

from __future__ import annotations

import threading
from typing import Any

import limits as library
import pytest
from flask import Flask

from tests.factories import People
from tests.web.conftest import Client
from webapp.app import create_app
from webapp.documents import RateLimit
from webapp.settings import get_settings
from webapp.web.access import public
from webapp.web.limits import address_key, limiter, network


def add_costly(app: Flask) -> None:
    """A page that each person may have three times a minute."""

    @limiter.limit("3 per minute", error_message="That is a costly page.")
    def costly_page() -> str:
        return "here"

    app.add_url_rule("/costly", "costly", public(costly_page))


def test_a_costly_page_is_limited_for_each_person_and_says_when_to_come_back(
    app: Flask, people: People, as_person: Client
) -> None:
    add_costly(app)
    owner, colleague = as_person(people.owner), as_person(people.colleague)
    assert [owner.get("/costly").status_code for _ in range(5)] == [200, 200, 200, 429, 429]
    stopped = owner.get("/costly")
    assert "That is a costly page." in stopped.text
    assert 1 <= int(stopped.headers["Retry-After"]) <= 61
    fragment = owner.get("/costly", headers={"HX-Request": "true"})
    assert (fragment.status_code, fragment.headers["HX-Retarget"]) == (429, "#messages")
    assert colleague.get("/costly").status_code == 200


def test_counts_are_shared_by_all_processes(app: Flask, people: People, as_person: Client) -> None:
    add_costly(app)
    other = create_app(connect=False)
    add_costly(other)
    client, elsewhere = app.test_client(), other.test_client()
    answers = [each.get("/costly").status_code for each in (client, elsewhere, client, elsewhere)]
    assert answers == [200, 200, 200, 429]


def test_of_many_at_once_as_many_come_through_as_may(app: Flask, database: Any) -> None:
    item, passed = library.parse("20 per minute"), []

    def hit() -> None:
        for _ in range(10):
            passed.append(limiter.limiter.hit(item, "somebody"))

    threads = [threading.Thread(target=hit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(passed), sum(passed)) == (80, 20)


def test_a_count_ends_by_itself(app: Flask, database: Any) -> None:
    limiter.limiter.hit(library.parse("1 per minute"), "somebody")
    counter = RateLimit.objects.get()
    assert counter.count == 1
    index = RateLimit._get_collection().index_information()["rate_limit_ttl"]
    assert (index["key"], index["expireAfterSeconds"]) == ([("expireAt", 1)], 0)


@pytest.mark.parametrize(
    ("proxies", "forwarded", "counts_as"),
    [
        (0, "198.51.100.7", "127.0.0.1"),
        (1, "198.51.100.7", "198.51.100.7"),
        (1, "6.6.6.6, 198.51.100.7", "198.51.100.7"),
    ],
)
def test_the_address_is_what_a_trusted_proxy_says_and_nobody_else(
    database: Any, settings_env: pytest.MonkeyPatch, proxies: int, forwarded: str, counts_as: str
) -> None:
    settings_env.setenv("REPORTDESK_TRUSTED_PROXIES", str(proxies))
    get_settings.cache_clear()
    app = create_app(connect=False)
    seen: list[str] = []

    def whoami() -> str:
        seen.append(address_key())
        return ""

    app.add_url_rule("/whoami", "whoami", public(whoami))
    app.test_client().get("/whoami", headers={"X-Forwarded-For": forwarded})
    with app.test_request_context("/", environ_base={"REMOTE_ADDR": counts_as}):
        assert seen == [address_key()]


def test_the_many_addresses_of_one_ipv6_household_count_as_one() -> None:
    assert network("2001:db8:1:2::1") == network("2001:db8:1:2:ffff::9") != network("2001:db8:1:3::1")
    assert network("::ffff:192.0.2.1") == network("192.0.2.1")
    assert network("not an address") == network(None) == "unknown"


def test_without_the_database_it_is_said_in_words(
    app: Flask, people: People, as_person: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pymongo import MongoClient

    add_costly(app)
    away: MongoClient[Any] = MongoClient("mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=50")
    monkeypatch.setattr("webapp.web.limits.current_database", lambda: away["nowhere"])
    answer = app.test_client().get("/costly")
    away.close()
    assert answer.status_code == 503
    assert "does not answer" in answer.text
