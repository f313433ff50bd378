"""Systems that are asked: what is new there is imported by an order, and the next one goes on from there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.factories import People
from tests.services.orders.test_dry_runs import carried_out
from tests.sources.lrs.store import BEGIN, KEY, SECRET, Store, statement, store
from tests.sources.oneroster_rest.service import Service, service
from tests.sources.web_server import Reply
from webapp import record
from webapp.documents import OrderKind
from webapp.errors import ForbiddenError
from webapp.services.orders import orders, pulls
from webapp.services.orders.told import Told
from webapp.services.permissions import TERMINAL
from webapp.services.rights import record_changes
from webapp.settings import get_settings
from webapp.sources.http_addresses import PullError


@pytest.fixture
def lrs(people: People, settings_env: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store with five statements that the settings name."""
    with store(*(statement(number) for number in range(5))) as running:
        settings_env.setenv("REPORTDESK_LRS_URL", running.access.url)
        settings_env.setenv("REPORTDESK_LRS_KEY", KEY)
        settings_env.setenv("REPORTDESK_LRS_SECRET", SECRET)
        settings_env.setenv("REPORTDESK_LRS_ALLOW_HTTP", "1")
        get_settings.cache_clear()
        yield running


@pytest.fixture
def rest(people: People, settings_env: pytest.MonkeyPatch) -> Iterator[Service]:
    with service() as running:
        access = running.access
        settings_env.setenv("REPORTDESK_ONEROSTER_URL", access.url)
        settings_env.setenv("REPORTDESK_ONEROSTER_TOKEN_URL", access.token_url)
        settings_env.setenv("REPORTDESK_ONEROSTER_CLIENT_ID", access.client_id)
        settings_env.setenv("REPORTDESK_ONEROSTER_CLIENT_SECRET", access.client_secret)
        settings_env.setenv("REPORTDESK_ONEROSTER_SCOPES", access.scopes)
        settings_env.setenv("REPORTDESK_ONEROSTER_ALLOW_HTTP", "1")
        get_settings.cache_clear()
        yield running


def synced(people: People, name: str, folder: Path) -> Told:
    order = orders.ask(people.administrator, OrderKind.SYNC, name, source=name).order
    return Told.from_document(carried_out(order, folder).summary)


def events() -> int:
    return len(record.select(record.current(), "events", ["id"]))


def test_a_store_is_read_to_its_end_and_the_next_time_from_there(people: People, lrs: Store, tmp_path: Path) -> None:
    [before] = pulls.pullable(record.current())
    assert (before.name, before.last_at) == ("lrs", None)
    assert synced(people, "lrs", tmp_path).summary.counts["events"].added == 5
    assert events() == 5
    [after] = pulls.pullable(record.current())
    assert after.last_at is not None
    assert SECRET not in after.address
    lrs.statements.append(statement(3_600))
    told = synced(people, "lrs", tmp_path)
    assert told.summary.counts["events"].added == 1
    assert "since" in lrs.site.asked[-1].query
    assert events() == 6
    assert orders.last_synced("lrs") is not None


def test_an_undone_sync_is_asked_for_again(people: People, lrs: Store, tmp_path: Path) -> None:
    synced(people, "lrs", tmp_path)
    record_changes.undo(0, by=TERMINAL)
    assert events() == 0
    synced(people, "lrs", tmp_path)
    assert events() == 5


def test_an_empty_store_makes_no_version(people: People, lrs: Store, tmp_path: Path) -> None:
    lrs.statements.clear()
    told = synced(people, "lrs", tmp_path)
    assert (told.version, told.looks) == (None, "There is nothing new.")
    assert record.current().number == 0


def test_another_store_is_asked_for_everything(
    people: People, lrs: Store, tmp_path: Path, settings_env: pytest.MonkeyPatch
) -> None:
    synced(people, "lrs", tmp_path)
    with store(statement(7, BEGIN)) as other:
        settings_env.setenv("REPORTDESK_LRS_URL", other.access.url)
        get_settings.cache_clear()
        synced(people, "lrs", tmp_path)
    assert "since" not in other.site.asked[0].query
    assert events() == 6


def test_a_dry_run_of_a_store_remembers_nothing(people: People, lrs: Store) -> None:
    with pulls.pulling(people.administrator, "lrs", dry_run=True) as imported:
        assert imported is not None
        assert imported.comparison.summary.counts["events"].added == 5
    assert record.current().number == 0


def test_a_store_that_refuses_is_told_in_words(people: People, lrs: Store, tmp_path: Path) -> None:
    lrs.site.answer = lambda asked: Reply({}, 401)
    with pytest.raises(PullError), pulls.pulling(people.administrator, "lrs"):
        pytest.fail("nothing was pulled")
    assert not list(get_settings().scratch_folder.glob("pull-*"))


def test_a_service_is_read_whole_and_then_for_what_changed(people: People, rest: Service, tmp_path: Path) -> None:
    told = synced(people, "oneroster-rest", tmp_path)
    assert told.source == "oneroster"
    assert told.summary.counts["persons"].added == 3
    first = record.current()
    assert first.state("oneroster")["oneroster-rest"]["watermarks"]
    again = synced(people, "oneroster-rest", tmp_path)
    assert (again.summary.added, again.summary.ended) == (0, 0)
    assert {each.name for each in pulls.pullable(record.current())} == {"oneroster-rest"}


def test_only_who_keeps_the_content_may_sync(people: People, lrs: Store) -> None:
    for person in (people.owner, people.colleague, people.manager, people.stranger):
        with pytest.raises(ForbiddenError):
            orders.ask(person, OrderKind.SYNC, "lrs", source="lrs")
        with pytest.raises(ForbiddenError), pulls.pulling(person, "lrs"):
            pytest.fail("nothing was pulled")
