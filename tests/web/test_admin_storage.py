"""Storage and retention: what is there and until when, told from what the sweep has counted; and what is ordered."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.factories import People, make_learner
from tests.web.conftest import Client
from webapp.documents import AdminEvent, Order, ReportJob
from webapp.services import database_clock
from webapp.services.files import retention
from webapp.services.orders import lifecycle as order_lifecycle
from webapp.settings import get_settings


def test_the_page_tells_what_the_sweep_counted(
    people: People, as_person: Client, ready_job: Callable[..., ReportJob]
) -> None:
    client = as_person(people.administrator)
    assert "Nothing has been counted yet" in client.get("/admin/storage/").text
    ready_job()
    make_learner("Lee")
    retention.sweep(database_clock.now())
    page = client.get("/admin/storage/").text
    assert str(get_settings().home / "storage") in page
    assert "<dt>Files</dt><dd>2</dd>" in page
    assert "<dt>Files</dt><dd>7 d</dd>" in page
    assert "<dt>Reports</dt><dd>30 d</dd>" in page
    row = page.split('<th scope="row">persons</th>')[1].split("</tr>")[0]
    assert '<td class="num">1</td>' in row


def test_a_password_in_the_storage_address_is_never_shown(
    people: People, as_person: Client, settings_env: pytest.MonkeyPatch
) -> None:
    client = as_person(people.administrator)
    settings_env.setenv("REPORTDESK_STORAGE_URL", "s3://key:secret@bucket/reports?token=abc")
    get_settings.cache_clear()
    page = client.get("/admin/storage/").text
    assert "s3://bucket/reports" in page
    assert "secret" not in page
    assert "abc" not in page.split("s3://bucket/reports")[1][:40]


def test_a_compaction_and_a_sweep_are_ordered_followed_and_written_down(people: People, as_person: Client) -> None:
    client = as_person(people.administrator)
    for ordered in ("compact", "sweep"):
        assert client.post(f"/admin/storage/{ordered}").status_code == 303
        assert client.post(f"/admin/storage/{ordered}").status_code == 303
        assert "ordered already and is not done yet" in client.get("/admin/storage/").text
    assert [order.kind for order in Order.objects.order_by("asked_at")] == ["compact-record", "sweep"]
    assert {event.action for event in AdminEvent.objects} == {"ordered compact-record", "ordered sweep"}
    poll = client.get("/admin/storage/orders", headers={"HX-Request": "true"})
    assert "hx-trigger" in poll.text
    again = {"HX-Request": "true", "HX-PTag": poll.headers["HX-PTag"]}
    assert client.get("/admin/storage/orders", headers=again).status_code == 304
    while (held := order_lifecycle.claim("worker-1")) is not None:
        order_lifecycle.finish(held, {})
    assert "hx-trigger" not in client.get("/admin/storage/orders", headers=again).text
