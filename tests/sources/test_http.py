"""Asking over HTTP: what is waited for, what is trusted, what is shown."""

from __future__ import annotations

import ssl
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from tests.sources.web_server import Asked, Reply, site
from webapp.sources.http_addresses import Peer, PullError, origin_of, shown
from webapp.sources.http_client import Client
from webapp.sources.http_retries import Limits, is_temporary, pause_before, seconds_asked_for

PEER = Peer("The service", "SERVICE_URL", ("SERVICE_KEY",), "SERVICE_PAGE_SIZE", "SERVICE_ALLOW_HTTP")
NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)


ONCE = Limits(tries=1)


def body(url: str, limits: Limits = ONCE) -> bytes:
    with Client(PEER, url, limits=limits, wait=lambda seconds: None) as client:
        return client.get(url, {}, lambda answer: answer.body)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("Mon, 02 Mar 2026 08:00:30 GMT", 30),
        ("Mon, 02 Mar 2026 07:00:00 GMT", 0),
        ("Mon, 02 Mar 2026 08:00:30 -0000", 30),
        ("-5", None),
        ("1.5", None),
        ("²", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_a_number_of_seconds_or_an_instant(text: str | None, seconds: float | None) -> None:
    assert seconds_asked_for(text, NOW) == seconds


@given(st.integers(1, 30), st.none() | st.floats(-1e9, 1e9), st.integers(1, 10))
def test_a_pause_is_never_longer_than_the_longest_and_the_tries_come_to_an_end(
    tries: int, asked_for: float | None, most: int
) -> None:
    pause = pause_before(tries, asked_for, Limits(tries=most))
    assert (pause is None) == (tries >= most)
    assert pause is None or 0 <= pause <= Limits().longest_pause


def test_what_passes_is_told_from_what_does_not() -> None:
    passing = {status for status in range(100, 600) if is_temporary(status)}
    assert passing == {408, 425, 429, *range(500, 600)} - {501, 505}


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://me:secret@lrs.example:8443/xapi?token=1#x", "https://lrs.example:8443/xapi"),
        ("https://[::1/", "–"),
        ("lrs.example/a\nb", "lrs.example/ab"),
        (f"https://lrs.example/{'a' * 500}", f"https://lrs.example/{'a' * 180}"),
    ],
)
def test_an_address_is_shown_without_what_could_be_a_secret(url: str, told: str) -> None:
    assert shown(url) == told


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080/", "http://localhost/xapi", "http://[::1]/xapi", "http://127.9.9.9/"]
)
def test_this_machine_is_asked_without_encryption(url: str) -> None:
    assert origin_of(url, PEER).is_loopback


@pytest.mark.parametrize("url", ["http://lrs.example/", "http://localhost.example/", "http://10.0.0.1/", "http:///x"])
def test_no_other_is(url: str) -> None:
    with pytest.raises(PullError):
        origin_of(url, PEER)


def test_a_setting_allows_it() -> None:
    allowing = Peer(*list(vars(PEER).values())[:5], allow_http=True)
    assert origin_of("http://lrs.example/", allowing) == ("http", "lrs.example", 80)


def certificate(folder: Path) -> Path:
    """Of 127.0.0.1, signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def test_a_certificate_that_nobody_vouches_for_is_not_trusted_and_not_asked_twice(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path))
    with (
        site(lambda asked: Reply({}), context) as running,
        pytest.raises(PullError, match="a certificate that this machine does not trust") as failed,
    ):
        body(running.url, Limits())
    assert failed.value.is_permanent
    assert "SSL_CERT_FILE" in failed.value.hint
    assert running.asked == []


def test_a_redirect_to_another_port_is_another_host() -> None:
    with ExitStack() as stack:
        other = stack.enter_context(site(lambda asked: Reply({})))
        running = stack.enter_context(site(lambda asked: Reply({}, 302, {"Location": f"{other.url}/"})))
        with pytest.raises(PullError, match="another host"):
            body(running.url)
    assert other.asked == []


def test_a_server_that_drips_is_not_waited_for_without_end() -> None:
    with site(lambda asked: Reply({"a": "b" * 200_000})) as running, pytest.raises(PullError, match="broke off"):
        body(running.url, Limits(tries=1, answer_seconds=-1))


def test_a_server_that_says_nothing_is_not_waited_for_without_end() -> None:
    def silent(asked: Asked) -> Reply:
        time.sleep(0.5)
        return Reply({})

    with site(silent) as running, pytest.raises(PullError, match="broke off"):
        body(running.url, Limits(tries=1, read_seconds=0.05))


def test_a_proxy_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with site(lambda asked: Reply({"a": 1})) as running:
        assert body(running.url) == b'{"a":1}'


def test_a_proxy_of_the_environment_is_asked_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    with site(lambda asked: Reply({"a": 1})) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        url = "http://lrs.example/xapi"
        with Client(Peer(*list(vars(PEER).values())[:5], allow_http=True), url) as client:
            assert client.get(url, {}, lambda answer: answer.body) == b'{"a":1}'
    assert proxy.asked[0].headers["Host"] == "lrs.example"
