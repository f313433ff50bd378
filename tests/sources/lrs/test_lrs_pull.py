"""What a record store gives is in the files, all of it and nothing else, whatever happens on the way."""

from __future__ import annotations

import itertools
import logging
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.sources.lrs.store import BEGIN, KEY, SECRET, Store, statement, store
from tests.sources.web_server import Reply, site
from webapp.settings import Settings
from webapp.sources import lrs
from webapp.sources.csv_tables import Unread
from webapp.sources.files import files_of
from webapp.sources.http_addresses import PullError
from webapp.sources.http_retries import Limits
from webapp.sources.lrs import LrsAccess, LrsPull
from webapp.sources.lrs.watermark import OVERLAP
from webapp.sources.xapi.statements import statements

NOT_NOW = Reply({}, 503)
CUT = Reply({"statements": [statement(1), statement(2)], "more": ""}, cut=40)


def fetched(access: LrsAccess, into: Path, *args: Any, waits: list[float] | None = None, **more: Any) -> LrsPull:
    return lrs.pull(access, into, *args, wait=(waits if waits is not None else []).append, **more)


def read(folder: Path) -> list[Any]:
    return [found for file in files_of(folder) for _, found in statements(file)]


def ids(folder: Path) -> list[str]:
    return [each["id"] for each in read(folder)]


def test_all_pages_are_fetched_in_the_order_in_which_they_were_stored(tmp_path: Path) -> None:
    with store(*(statement(number) for number in range(25))) as running:
        told: list[tuple[int, int]] = []
        found = fetched(
            replace(running.access, page_size=10), tmp_path, on_page=lambda pages, count: told.append((pages, count))
        )
    assert read(tmp_path) == running.statements
    assert (found.statements, found.pages, found.since, found.retries) == (25, 3, None, 0)
    assert [path.name for path in found.files] == [f"statements-00000{number}.ndjson" for number in (1, 2, 3)]
    assert told == [(1, 10), (2, 20), (3, 25)]
    assert running.site.asked[0].query == {"ascending": "true", "limit": "10"}


def test_the_next_pull_asks_for_what_was_stored_since_with_an_overlap(tmp_path: Path) -> None:
    with store(*(statement(number) for number in range(0, 300, 10))) as running:
        first = fetched(running.access, tmp_path / "first")
        assert first.watermark == BEGIN + timedelta(seconds=290)
        running.statements.append(statement(295))
        second = fetched(running.access, tmp_path / "second", first.watermark)
    assert second.since == "2026-03-02T08:03:50.000Z"
    assert ids(tmp_path / "second") == [statement(number)["id"] for number in (240, 250, 260, 270, 280, 290, 295)]
    assert second.watermark == BEGIN + timedelta(seconds=295)


def test_the_store_says_until_when_it_has_told_everything(tmp_path: Path) -> None:
    with store(statement(1), statement(50)) as running:
        running.consistent_through = BEGIN + timedelta(seconds=20)
        found = fetched(running.access, tmp_path)
        # What is being written meanwhile may get an earlier instant than what is there.
        assert found.watermark == BEGIN + timedelta(seconds=20)
        assert fetched(running.access, tmp_path, BEGIN + timedelta(hours=1)).watermark == BEGIN + timedelta(hours=1)


def test_a_store_cannot_promise_what_is_later_than_its_own_answer(tmp_path: Path) -> None:
    with store(statement(1)) as running:
        running.consistent_through = BEGIN.replace(year=2199)
        found = fetched(running.access, tmp_path)
    assert found.watermark is not None
    assert found.watermark < running.consistent_through


def test_an_empty_store_gives_no_file_and_no_watermark(tmp_path: Path) -> None:
    with store() as running:
        found = fetched(running.access, tmp_path)
    assert (found.files, found.watermark, list(tmp_path.iterdir())) == ((), None, [])


def test_it_waits_as_long_as_the_store_asks_and_not_without_end(tmp_path: Path) -> None:
    waits: list[float] = []
    with store(statement(1)) as running:
        running.site.failures = [
            Reply({}, 429, {"Retry-After": "7"}),
            NOT_NOW,
            Reply({}, 503, {"Retry-After": "86400"}),
            CUT,
            Reply({}, 429, {"Retry-After": "soon"}),
        ]
        found = fetched(running.access, tmp_path, waits=waits)
    assert waits == [7, 2, 120, 8, 16]
    assert (found.retries, ids(tmp_path)) == (5, [statement(1)["id"]])


def test_a_store_that_stays_away_is_told_with_its_address_and_how_often_it_was_asked(tmp_path: Path) -> None:
    with store(statement(1)) as running:
        running.site.answer = lambda asked: NOT_NOW
        with pytest.raises(PullError) as failed:
            fetched(running.access, tmp_path, limits=Limits(tries=3))
    assert str(failed.value) == (
        f"The learning record store at {running.site.url}/xapi/statements is not to be had just now (503 Service "
        "Unavailable). It was tried 3 times; nothing of this was taken."
    )
    assert not failed.value.is_permanent
    assert len(running.site.asked) == 3


def test_a_store_that_is_not_there_is_told(tmp_path: Path) -> None:
    with store() as running:
        access = running.access
    with pytest.raises(PullError, match=r"cannot be reached. It was tried 7 times"):
        fetched(access, tmp_path)


def test_a_connection_cut_in_the_middle_is_asked_again_and_told_when_it_stays_so(tmp_path: Path) -> None:
    with store(statement(1)) as running:
        running.site.answer = lambda asked: CUT
        with pytest.raises(PullError, match="broke off before its answer was whole"):
            fetched(running.access, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_json_that_breaks_off_though_the_answer_is_whole_is_asked_again(tmp_path: Path) -> None:
    with store(statement(1)) as running:
        running.site.failures = [Reply(CUT.payload[:60])]
        assert fetched(running.access, tmp_path).retries == 1
    assert ids(tmp_path) == [statement(1)["id"]]


@pytest.mark.parametrize(
    ("reply", "sentence", "hint"),
    [
        (Reply({}, 401), "does not know who asks (401 Unauthorized)", "REPORTDESK_LRS_KEY, REPORTDESK_LRS_SECRET"),
        (Reply({}, 403), "does not let us read this (403 Forbidden)", "the right to read"),
        (Reply({}, 404), "there is nothing", "REPORTDESK_LRS_URL"),
        (Reply({}, 400), "does not take the question (400 Bad Request)", "REPORTDESK_LRS_URL"),
        (Reply({}, 501), "does not take the question (501 Not Implemented)", "REPORTDESK_LRS_URL"),
        (Reply({"items": []}), "JSON without “statements”", "REPORTDESK_LRS_URL"),
        (Reply({"statements": 7}), "JSON without “statements”", "REPORTDESK_LRS_URL"),
        (Reply([]), "JSON without “statements”", "REPORTDESK_LRS_URL"),
        (
            Reply(b"<html>Sign in</html>", headers={"Content-Type": "text/html; charset=utf-8"}),
            "answers with text/html, not with JSON",
            "REPORTDESK_LRS_URL",
        ),
        (
            Reply({}, 400, {"X-Experience-API-Version": "2.0.0"}),
            "speaks xAPI 2.0.0; it was asked in 1.0.3",
            "REPORTDESK_LRS_VERSION",
        ),
        (
            Reply({"statements": []}, headers={"X-Experience-API-Version": "0.95"}),
            "speaks xAPI 0.95",
            "REPORTDESK_LRS_VERSION",
        ),
        (
            Reply({}, 302, {"Location": "https://elsewhere.example/xapi/statements"}),
            "another host",
            "REPORTDESK_LRS_URL",
        ),
        (Reply({"statements": [], "more": "//elsewhere.example/more"}), "another host", "REPORTDESK_LRS_URL"),
        (Reply({"statements": [], "more": "https://127.0.0.1/more"}), "another host", "REPORTDESK_LRS_URL"),
        (Reply({}, 302, {"Location": "statements"}), "only sends us on", "REPORTDESK_LRS_URL"),
    ],
)
def test_what_cannot_be_used_is_told_at_once_with_what_to_do(
    reply: Reply, sentence: str, hint: str, tmp_path: Path
) -> None:
    with store() as running:
        running.site.answer = lambda asked: reply
        with pytest.raises(PullError) as failed:
            fetched(running.access, tmp_path)
    assert sentence in str(failed.value)
    assert running.site.url.removeprefix("http://") in str(failed.value)
    assert hint in failed.value.hint
    assert failed.value.is_permanent
    assert SECRET not in failed.value.with_hint


def test_a_redirect_on_the_same_host_is_followed(tmp_path: Path) -> None:
    with store(statement(1)) as running:
        running.site.failures = [Reply({}, 307, {"Location": "/xapi/statements?limit=5&ascending=true"})]
        fetched(running.access, tmp_path)
    assert ids(tmp_path) == [statement(1)["id"]]


def test_key_and_secret_go_to_no_other_host(tmp_path: Path) -> None:
    with site(lambda asked: Reply({"statements": [], "more": ""})) as other, store(statement(1)) as running:
        running.site.answer = lambda asked: Reply({"statements": [], "more": f"{other.url}/xapi/statements"})
        with pytest.raises(PullError, match="another host"):
            fetched(running.access, tmp_path)
    assert other.asked == []


def test_a_more_that_leads_back_is_no_endless_pull(tmp_path: Path) -> None:
    with store() as running:
        running.site.answer = lambda asked: Reply({"statements": [statement(1)], "more": "/xapi/statements?more=1"})
        with pytest.raises(PullError, match="goes round in circles"):
            fetched(running.access, tmp_path)
        count = itertools.count()
        running.site.answer = lambda asked: Reply({"statements": [], "more": f"/xapi/statements?more={next(count)}"})
        with pytest.raises(PullError, match="goes round in circles"):
            fetched(running.access, tmp_path)


def test_an_answer_without_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    with store(*(statement(number) for number in range(9000))) as running:
        running.most = 9000
        with pytest.raises(PullError, match="answers with more than 1 MB at once") as failed:
            fetched(replace(running.access, page_size=9000), tmp_path, limits=Limits(most_bytes=1 << 20))
    assert "REPORTDESK_LRS_PAGE_SIZE" in failed.value.hint


def test_a_bad_letter_or_byte_spoils_its_own_statement_only(tmp_path: Path) -> None:
    good, bad = statement(1), statement(2)
    body = orjson.dumps({"statements": [bad, good, bad], "more": ""})
    body = body.replace(bad["id"].encode(), b"\\ud800", 1)
    body = body.replace(bad["id"].encode(), b"caf\xe9", 1)
    with store() as running:
        running.site.answer = lambda asked: Reply(body)
        assert fetched(running.access, tmp_path).statements == 3
    found = read(tmp_path)
    assert len(found) == 3
    assert found[1] == good
    assert isinstance(found[0], Unread)
    assert isinstance(found[2], Unread)


def test_the_settings_say_where_the_store_is(settings_env: pytest.MonkeyPatch) -> None:
    with pytest.raises(PullError, match="REPORTDESK_LRS_URL, REPORTDESK_LRS_KEY, REPORTDESK_LRS_SECRET"):
        lrs.access(Settings())
    settings_env.setenv("REPORTDESK_LRS_URL", "https://lrs.example/xapi")
    settings_env.setenv("REPORTDESK_LRS_KEY", KEY)
    settings_env.setenv("REPORTDESK_LRS_SECRET", SECRET)
    found = lrs.access(Settings())
    assert found == LrsAccess("https://lrs.example/xapi", KEY, SECRET)
    assert SECRET not in repr(found) + repr(Settings())
    for url in ("https://lrs.example/xapi", "https://lrs.example/xapi/", "https://lrs.example/xapi/statements/"):
        assert replace(found, url=url).statements_url == "https://lrs.example/xapi/statements"


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://lrs.example/xapi", "is not private"),
        ("ftp://lrs.example/xapi", "is no address of the web"),
        ("lrs.example", "is no address of the web"),
        ("https://lrs.example:port/", "is no address of the web"),
        ("https://me:mine@lrs.example/xapi", "has a user in it"),
    ],
)
def test_an_address_that_would_give_secrets_away_is_not_asked(url: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(PullError, match=sentence) as failed:
        fetched(LrsAccess(url, KEY, SECRET), tmp_path)
    assert "REPORTDESK_LRS_URL" in failed.value.hint
    assert "mine" not in failed.value.with_hint


def test_a_store_is_asked_whether_it_is_there() -> None:
    with store(statement(1), statement(5)) as running:
        found = lrs.check(running.access)
        assert (found.version, found.newest_stored) == ("1.0.3", BEGIN + timedelta(seconds=5))
        with pytest.raises(PullError, match="does not know who asks"):
            lrs.check(replace(running.access, secret="another"))
        running.version = "2.0.0"
        assert lrs.check(replace(running.access, version="2.0.0")).version == "2.0.0"


def test_secrets_stand_in_no_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with store(statement(1)) as running:
        running.site.failures = [NOT_NOW]
        fetched(running.access, tmp_path)
    assert "asking again" in caplog.text
    secret = running.access.headers["Authorization"].removeprefix("Basic ")
    assert all(SECRET not in str(vars(each)) and secret not in str(vars(each)) for each in caplog.records)


failures = st.lists(st.sampled_from([NOT_NOW, CUT, Reply({}, 429, {"Retry-After": "1"}), Reply(b"{", 200)]), max_size=4)


@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    offsets=st.lists(st.integers(0, 400), min_size=1, max_size=40),
    rounds=st.integers(1, 4),
    page_size=st.integers(1, 12),
    most=st.integers(1, 12),
    troubles=st.lists(failures, min_size=4, max_size=4),
    late=st.lists(st.integers(0, int(OVERLAP.total_seconds()) - 1), max_size=5),
    has_promise=st.booleans(),
)
def test_whatever_the_pages_and_failures_all_pulls_together_have_exactly_the_stores_statements(
    running: Store,
    tmp_path_factory: pytest.TempPathFactory,
    offsets: list[int],
    rounds: int,
    page_size: int,
    most: int,
    troubles: list[list[Reply]],
    late: list[int],
    has_promise: bool,
) -> None:
    """Statements come in rounds, some of them stored a little earlier than what was there already (a store on several
    machines); the union over the pulls, each since the last one's watermark, is the store."""
    offsets = sorted(offsets)
    cuts = [number * len(offsets) // rounds for number in range(rounds + 1)]
    parts = [offsets[begin:end] for begin, end in itertools.pairwise(cuts)]
    numbers = itertools.count()
    running.statements, running.most, running.consistent_through = [], most, None
    seen: dict[str, Any] = {}
    watermark = None
    for part, trouble in zip(parts, troubles, strict=False):
        newest = max((each["stored"] for each in running.statements), default=None)
        running.statements += [statement(next(numbers), BEGIN + timedelta(seconds=each)) for each in part]
        if newest is not None and watermark is not None:
            running.statements += [statement(next(numbers), watermark - timedelta(seconds=each)) for each in late]
        if has_promise and part:
            running.consistent_through = BEGIN + timedelta(seconds=part[0])
        running.site.failures = list(trouble)
        folder = tmp_path_factory.mktemp("pull")
        found = fetched(replace(running.access, page_size=page_size), folder, watermark)
        watermark = found.watermark
        assert len(ids(folder)) == len(set(ids(folder))) == found.statements
        assert found.retries == len(trouble)
        seen |= {each["id"]: each for each in read(folder)}
    assert seen == {each["id"]: each for each in running.statements}


@pytest.fixture
def running() -> Any:
    with store() as found:
        yield found
