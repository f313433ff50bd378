"""Webhooks to a real receiver: signed, told again with patience, ended where nobody wants them, and never into the house."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.factories import People
from tests.services.deliveries import receiver
from tests.services.deliveries.desk import deliveries, due_at_once, failed_report, ready_report, send_all
from tests.services.deliveries.receiver import Receiver
from webapp.documents import AdminEvent, Delivery, DeliveryWish, WebhookEndpoint, When
from webapp.documents.notice import Notice
from webapp.errors import ForbiddenError, InvalidRequestError
from webapp.services.deliveries import wishes
from webapp.services.deliveries.webhooks import addresses, endpoints, posting, signing
from webapp.services.deliveries.webhooks import sending as webhook_sending
from webapp.settings import get_settings


@pytest.fixture
def hook(settings_env: pytest.MonkeyPatch, database: Any) -> Iterator[Receiver]:
    """A receiver on this machine, to which webhooks may go here."""
    for name in ("ALLOW_HTTP", "ALLOW_PRIVATE"):
        settings_env.setenv(f"REPORTDESK_WEBHOOK_{name}", "true")
    settings_env.setenv("REPORTDESK_PUBLIC_URL", "https://desk.example")
    get_settings.cache_clear()
    with receiver.running() as found:
        yield found


@pytest.fixture
def endpoint(hook: Receiver, people: People) -> WebhookEndpoint:
    made = endpoints.add(people.administrator, name="Warehouse", url=hook.url)
    hook.secret = signing.secret_of(made)
    return made


def told(endpoint: WebhookEndpoint, when: When = When.ENDED) -> list[DeliveryWish]:
    return [DeliveryWish(channel="webhook", recipient=str(endpoint.id), when=when.value)]


def test_the_signature_is_that_of_the_specification() -> None:
    # The vector of the Standard Webhooks' own libraries.
    at = datetime.fromtimestamp(1614265330, UTC)
    secret, message_id = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek"
    signed = signing.signature(secret, message_id, at, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_webhook_is_signed_and_tells_ids_and_links_and_nothing_that_is_anybodys(
    people: People, hook: Receiver, endpoint: WebhookEndpoint, tmp_path: Path
) -> None:
    job = ready_report(tmp_path, people.owner, told(endpoint))
    assert send_all() == ["sent"]
    ((path, headers, body),) = hook.got
    assert hook.unverified == 0
    assert path == "/hooks?for=desk"
    assert body["type"] == "report.ready"
    assert body["data"] == {
        "reportId": str(job.id),
        "reportType": "enrollment-summary",
        "format": "csv",
        "status": "ready",
        "requestedBy": str(people.owner.id),
        "departmentId": str(people.department.id),
        "links": {
            "page": f"https://desk.example/reports/{job.id}",
            "file": f"https://desk.example/reports/{job.id}/download",
        },
    }
    assert headers["content-type"] == "application/json"
    delivery = deliveries()[str(endpoint.id)]
    assert (delivery.message_id, delivery.server_said) == (headers["webhook-id"], "204 No Content")


def test_a_report_that_failed_is_told_too(people: People, hook: Receiver, endpoint: WebhookEndpoint) -> None:
    failed_report(people.owner, told(endpoint))
    assert send_all() == ["sent"]
    assert hook.got[0][2]["type"] == "report.failed"
    assert "file" not in hook.got[0][2]["data"]["links"]


def test_what_is_not_taken_is_told_again_under_the_same_id_with_longer_waits_over_a_day(
    people: People, hook: Receiver, endpoint: WebhookEndpoint, tmp_path: Path
) -> None:
    hook.answers = [(500, {}), (503, {"Retry-After": "900"}), (302, {"Location": hook.url}), (200, {})]
    ready_report(tmp_path, people.owner, told(endpoint))
    waits = []
    for _ in range(3):
        assert send_all() == ["put off"]
        found = deliveries()[str(endpoint.id)]
        waits.append(round((found.not_before - datetime.now(UTC)).total_seconds(), -1))
        due_at_once()
    assert waits == [0, 900, 1800]
    assert send_all() == ["sent"]
    assert len({headers["webhook-id"] for _, headers, _ in hook.got}) == 1
    assert hook.unverified == 0
    # All that are not the last one: for a day in all.
    total = sum(webhook_sending.WAITS, timedelta())
    assert timedelta(hours=17) < total < timedelta(hours=24)


def test_gone_ends_the_endpoint_and_its_keeper_is_told(
    people: People, hook: Receiver, endpoint: WebhookEndpoint, tmp_path: Path
) -> None:
    hook.answers = [(410, {})]
    ready_report(tmp_path, people.owner, told(endpoint))
    assert send_all() == ["failed"]
    assert WebhookEndpoint.objects.get().is_active is False
    assert [each.user_id for each in Notice.objects(about_kind__exists=False)] == [people.administrator.id]
    with pytest.raises(InvalidRequestError):
        wishes.check(people.owner, told(endpoint))
    hook.answers = [(200, {})]
    endpoints.change(people.administrator, str(endpoint.id), name="Warehouse", url=hook.url, is_active=True)
    ready_report(tmp_path, people.owner, told(endpoint), name="Second")
    assert send_all() == ["sent"]


def test_a_redirect_is_not_followed_wherever_it_leads(
    people: People, hook: Receiver, endpoint: WebhookEndpoint, tmp_path: Path
) -> None:
    with receiver.running() as inside:
        for status in (301, 302, 303, 307, 308):
            hook.answers = [(status, {"Location": inside.url})]
            ready_report(tmp_path, people.owner, told(endpoint), name=f"Status {status}")
            assert send_all() == ["put off"]
        assert inside.got == []
    assert len(hook.got) == 5
    assert deliveries()[str(endpoint.id)].server_said.endswith("Redirect")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.1", "0x7f000001", "2130706433", "0.0.0.0"])  # noqa: S104
def test_nothing_goes_to_this_machine_however_it_is_written(
    people: People,
    hook: Receiver,
    endpoint: WebhookEndpoint,
    settings_env: pytest.MonkeyPatch,
    tmp_path: Path,
    host: str,
) -> None:
    settings_env.setenv("REPORTDESK_WEBHOOK_ALLOW_PRIVATE", "false")
    get_settings.cache_clear()
    url = hook.url.replace("127.0.0.1", host)
    with pytest.raises(InvalidRequestError, match=r"private network|no server by the name"):
        endpoints.add(people.administrator, name="Inside", url=url)
    # And where one was kept before the setting was changed:
    WebhookEndpoint.objects.update(set__url=url)
    ready_report(tmp_path, people.owner, told(endpoint))
    assert send_all() in (["failed"], ["put off"])
    assert hook.got == []


@pytest.mark.parametrize(
    "address",
    ["10.0.0.1", "172.16.9.9", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255", "fe80::1",
     "fc00::1", "::", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "2001:0:a00:1::", "ff02::1"],
)  # fmt: skip
def test_what_is_of_no_public_network_is_none(address: str) -> None:
    assert not addresses.is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::5db8:d822"])
def test_what_is_of_the_public_network_is(address: str) -> None:
    assert addresses.is_public(ipaddress.ip_address(address))


def test_a_name_that_means_one_public_and_one_private_address_is_refused(
    people: People, settings_env: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo

    def lookup(host: str, port: int, *args: Any, **more: Any) -> Any:
        if host != "hooks.example":
            return real(host, port, *args, **more)
        return [(2, 1, 6, "", (each, port)) for each in ("93.184.216.34", "10.0.0.7")]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    with pytest.raises(InvalidRequestError, match="private network"):
        endpoints.add(people.administrator, name="Two", url="https://hooks.example/x")


def test_the_connection_goes_to_the_address_that_was_judged_whatever_the_name_means_a_moment_later(
    people: People, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = socket.getaddrinfo

    def lookup(host: str, port: int, *args: Any, **more: Any) -> Any:
        asked.append(host)
        if host == "hooks.example":
            assert asked.count(host) == 1, "asked a second time"
            return [(2, 1, 6, "", ("127.0.0.1", port))]
        return real(host, port, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    target = addresses.target_of(hook.url.replace("127.0.0.1", "hooks.example"))
    hook.secret = "whsec_QQ=="
    at = datetime.now(UTC)
    answer = posting.post(target, signing.headers(["whsec_QQ=="], "msg_1", at, b"{}"), b"{}")
    assert answer.status == 204
    assert hook.got[0][1]["host"] == f"hooks.example:{target.port}"


@pytest.mark.parametrize(
    "url",
    ["ftp://a.example", "https://", "https://user:pw@a.example/", "https://a.example/#x", "https://a b.example", "x",
     "https://a.example:99999/", "https://[::1", "https://exa\u0131mple.org", "javascript:alert(1)", ""],
)  # fmt: skip
def test_what_is_no_address_of_the_web_is_not_kept(people: People, hook: Receiver, url: str) -> None:
    with pytest.raises(InvalidRequestError):
        endpoints.add(people.administrator, name="X", url=url)


def test_webhooks_go_out_encrypted_unless_a_setting_allows_less(
    people: People, hook: Receiver, settings_env: pytest.MonkeyPatch
) -> None:
    settings_env.setenv("REPORTDESK_WEBHOOK_ALLOW_HTTP", "false")
    get_settings.cache_clear()
    with pytest.raises(InvalidRequestError, match="https://"):
        endpoints.add(people.administrator, name="Plain", url=hook.url)


def test_after_a_rotation_both_secrets_sign_for_a_while_and_then_only_the_new_one(
    people: People, hook: Receiver, endpoint: WebhookEndpoint, tmp_path: Path
) -> None:
    former = signing.secret_of(endpoint)
    rotated = endpoints.rotate(people.administrator, str(endpoint.id))
    new = signing.secret_of(rotated)
    assert new != former
    ready_report(tmp_path, people.owner, told(endpoint))
    assert send_all() == ["sent"]
    assert hook.unverified == 0  # with the former one still
    hook.secret = new
    ready_report(tmp_path, people.owner, told(endpoint), name="Second")
    send_all()
    assert hook.unverified == 0
    WebhookEndpoint.objects.update(set__former_until=datetime.now(UTC) - timedelta(seconds=1))
    hook.secret = former
    ready_report(tmp_path, people.owner, told(endpoint), name="Third")
    send_all()
    assert hook.unverified == 1


def test_no_secret_is_in_the_database(people: People, endpoint: WebhookEndpoint, database: Any) -> None:
    endpoints.rotate(people.administrator, str(endpoint.id))
    secret = signing.secret_of(WebhookEndpoint.objects.get()).removeprefix(signing.PREFIX)
    stored = "".join(str(document) for name in database.list_collection_names() for document in database[name].find())
    assert secret not in stored
    assert str(endpoint.id) in stored


def test_a_test_goes_out_as_a_webhook_does(people: People, hook: Receiver, endpoint: WebhookEndpoint) -> None:
    for _ in range(2):
        endpoints.test(people.administrator, str(endpoint.id))
    assert send_all() == ["sent", "sent"]
    assert [body["type"] for _, _, body in hook.got] == ["test", "test"]
    assert hook.unverified == 0


def test_a_server_that_answers_nothing_is_left_in_time(
    people: People, hook: Receiver, endpoint: WebhookEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "STEP_SECONDS", 0.2)
    hook.hangs = 0.6
    ready_report(tmp_path, people.owner, told(endpoint))
    assert send_all() == ["put off"]
    assert "did not answer in time" in deliveries()[str(endpoint.id)].why_text


def test_endpoints_are_kept_by_administrators_and_what_they_do_is_written_down(
    people: People, hook: Receiver, endpoint: WebhookEndpoint
) -> None:
    key = str(endpoint.id)
    for person in (people.owner, people.manager, people.stranger):
        for act in (
            lambda by: endpoints.add(by, name="Mine", url=hook.url),
            lambda by: endpoints.change(by, key, name="Mine", url=hook.url, is_active=False),
            lambda by: endpoints.rotate(by, key),
            lambda by: endpoints.test(by, key),
            lambda by: endpoints.delete(by, key),
            endpoints.every,
        ):
            with pytest.raises(ForbiddenError):
                act(person)
    assert WebhookEndpoint.objects.get() == endpoint
    assert Delivery.objects.count() == 0
    endpoints.rotate(people.administrator, key)
    endpoints.delete(people.administrator, key)
    assert [event.action for event in AdminEvent.objects(area="deliveries").order_by("at")] == [
        "webhook added",
        "webhook secret rotated",
        "webhook deleted",
    ]
