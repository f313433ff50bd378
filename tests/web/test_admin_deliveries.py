"""Administration: what went out to whom, what did not and why, and webhooks."""

from __future__ import annotations

from datetime import timedelta

import pytest
from bson import ObjectId

from tests.factories import People
from tests.web.conftest import Client
from tests.web.test_inbox import make_delivery
from webapp import clock
from webapp.documents import AdminEvent, Delivery, WebhookEndpoint
from webapp.messages import Message, to_document
from webapp.services.deliveries import overview
from webapp.services.deliveries.webhooks import signing
from webapp.settings import get_settings


def shown(page: str) -> set[str]:
    return {name for name in ("Alpha", "Beta", "Gamma", "Delta") if name in page}


def test_before_the_first_delivery_nothing_is_said_of_filters(people: People, as_person: Client) -> None:
    client = as_person(people.administrator)
    page = client.get("/admin/deliveries/").text
    assert "Nothing went out yet" in page
    assert "Show all" not in page
    assert "Show all" in client.get("/admin/deliveries/?state=failed").text


def test_deliveries_are_found_by_state_channel_recipient_and_report(people: People, as_person: Client) -> None:
    job_id = ObjectId()
    make_delivery(
        job_name="Alpha",
        state="failed",
        recipient="a@staff.example",
        why=to_document(Message("The report was cancelled.")),
    )
    make_delivery(job_name="Beta", state="sent", recipient="b@staff.example", job_id=job_id)
    make_delivery(job_name="Gamma", state="queued", channel="inbox", recipient=str(people.owner.id))
    make_delivery(
        job_name="Delta", state="sent", recipient="a@staff.example", made_at=clock.utcnow() - timedelta(days=40)
    )
    client = as_person(people.administrator)
    for query, names in {
        "": {"Alpha", "Beta", "Gamma", "Delta"},
        "?state=failed": {"Alpha"},
        "?channel=inbox": {"Gamma"},
        "?recipient=A@staff.example": {"Alpha", "Delta"},
        "?recipient=a@staff.example&state=sent": {"Delta"},
        f"?report={job_id}": {"Beta"},
        "?state=none-such": {"Alpha", "Beta", "Gamma", "Delta"},
        "?recipient=nobody@staff.example": set(),
        "?before=nonsense": {"Alpha", "Beta", "Gamma", "Delta"},
    }.items():
        answer = client.get(f"/admin/deliveries/{query}")
        assert (answer.status_code, shown(answer.text)) == (200, names), query
    page = client.get("/admin/deliveries/").text
    assert "The report was cancelled." in page
    assert people.owner.name in page


def test_pages_of_deliveries_follow_each_other(
    people: People, as_person: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "PAGE_SIZE", 2)
    for days, name in enumerate(("Alpha", "Beta", "Gamma")):
        make_delivery(job_name=name, made_at=clock.utcnow() - timedelta(days=days))
    client = as_person(people.administrator)
    first = client.get("/admin/deliveries/").text
    assert shown(first) == {"Alpha", "Beta"}
    older = first.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert shown(client.get(older).text) == {"Gamma"}


def test_what_failed_is_tried_again_and_it_is_written_down(people: People, as_person: Client) -> None:
    failed, sent = make_delivery(attempts=7), make_delivery(state="sent")
    client = as_person(people.administrator)
    answer = client.post(f"/admin/deliveries/{failed.id}/again", data={"back": "/admin/deliveries/?state=failed"})
    assert (answer.status_code, answer.location) == (303, "/admin/deliveries/?state=failed")
    found = Delivery.objects.get(id=failed.id)
    assert (found.state, found.attempts) == ("queued", 0)
    assert found.not_before is not None
    client.post(f"/admin/deliveries/{sent.id}/again")
    assert Delivery.objects.get(id=sent.id).state == "sent"
    assert [event.action for event in AdminEvent.objects(area="deliveries")] == ["delivery tried again"]


def test_a_webhook_is_added_changed_rotated_tested_and_deleted(
    people: People, as_person: Client, settings_env: pytest.MonkeyPatch
) -> None:
    for name in ("ALLOW_PRIVATE", "ALLOW_HTTP"):
        settings_env.setenv(f"REPORTDESK_WEBHOOK_{name}", "true")
    get_settings.cache_clear()
    client = as_person(people.administrator)
    assert client.post("/admin/webhooks/", data={"name": "Warehouse", "url": "http://127.0.0.1:9/x"}).status_code == 303
    endpoint = WebhookEndpoint.objects.get()
    here = f"/admin/webhooks/{endpoint.id}"
    assert signing.secret_of(endpoint) in client.get(here).text
    assert "Warehouse" in client.get("/admin/webhooks/").text
    client.post(f"{here}/rotate")
    page = client.get(here).text
    assert signing.secret_of(WebhookEndpoint.objects.get()) in page
    assert signing.secret_of(endpoint, 1) not in page
    assert "The secret before signs too" in page
    client.post(f"{here}/test")
    assert Delivery.objects.get().recipient == str(endpoint.id)
    changed = client.post(here, data={"name": "Store", "url": "http://127.0.0.1:9/y"})  # the tick is taken away
    assert changed.status_code == 303
    found = WebhookEndpoint.objects.get()
    assert (found.name, found.url, found.is_active) == ("Store", "http://127.0.0.1:9/y", False)
    client.post(f"{here}/delete")
    assert WebhookEndpoint.objects.count() == 0
    assert client.get(here).status_code == 404


@pytest.mark.parametrize(
    ("name", "url", "words"),
    [
        ("", "https://hooks.example/", "A webhook needs a name."),
        ("X", "", "A webhook needs an address."),
        ("X", "http://hooks.example/", "must begin with https://"),
        ("X", "https://127.0.0.1/", "is in a private network, or this machine itself"),
        ("X", "https://me:pw@hooks.example/", "with a user or a password"),
    ],
)
def test_what_is_wrong_with_a_webhook_is_told_under_its_field(
    people: People, as_person: Client, name: str, url: str, words: str
) -> None:
    answer = as_person(people.administrator).post("/admin/webhooks/", data={"name": name, "url": url})
    assert answer.status_code == 422
    assert words in answer.text
    assert WebhookEndpoint.objects.count() == 0
