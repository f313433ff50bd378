"""The proxies' configurations say what the desk does: where files are sent, how large they and forms may be."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from flask import Flask

from webapp.app import LARGEST_FORM_BYTES, create_app
from webapp.settings import Settings

DEPLOY = Path(__file__).resolve().parents[1] / "deploy"
NGINX = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
CADDY = (DEPLOY / "Caddyfile").read_text(encoding="utf-8")
#: `request_buffers` came with 2.7.
OLDEST_CADDY = (2, 7)


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    return create_app(Settings(home=tmp_path), connect=False)


def takes_files_in_nginx(path: str) -> bool:
    found = re.search(r"location ~ (\S+) \{\s+client_max_body_size 1100m;", NGINX)
    assert found is not None
    return re.search(found[1], path) is not None


def takes_files_in_caddy(path: str) -> bool:
    found = re.search(r"@files path (.+)", CADDY)
    assert found is not None
    return any(path.startswith(each.removesuffix("*")) for each in found[1].split())


def test_files_may_be_sent_exactly_where_the_desk_takes_them(app: Flask) -> None:
    forms = 0
    for rule in app.url_map.iter_rules():
        if "POST" not in (rule.methods or ()):
            continue
        is_for_files = hasattr(app.view_functions[rule.endpoint], "upload_bytes")
        forms += not is_for_files
        # Below an address for files there may be forms: what is too large for those, the desk itself refuses.
        if is_for_files or not rule.rule.startswith(("/admin/imports", "/verify")):
            assert takes_files_in_nginx(rule.rule) == is_for_files, rule
            assert takes_files_in_caddy(rule.rule) == is_for_files, rule
    assert forms > 20


def test_the_proxies_take_what_the_desk_takes() -> None:
    largest = Settings.model_fields["upload_limit_mb"].default * 1_000_000
    small, large = (int(each) * 2**20 for each in re.findall(r"client_max_body_size (\d+)m;", NGINX))
    assert LARGEST_FORM_BYTES < small < large
    assert largest < large
    large, small = (int(each) * 1_000_000 for each in re.findall(r"max_size (\d+)MB", CADDY))
    assert LARGEST_FORM_BYTES < small < large
    assert largest < large


def test_what_caddy_keeps_inside_is_asked_before_all_else() -> None:
    """A bare `respond` comes after every `handle`, however far above it stands: nothing would ever reach it."""
    outside, files, forms = (CADDY.index(each) for each in ("handle @outside {", "handle @files {", "handle {"))
    assert outside < files < forms
    assert not re.search(r"^\trespond ", CADDY, re.MULTILINE)


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_nginx_takes_its_configuration(tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    request = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    request += ["-subj", "/CN=desk.example.org", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(request, check=True, capture_output=True)
    site = NGINX.replace("/etc/ssl/desk.example.org/fullchain.pem", str(certificate))
    (tmp_path / "site").write_text(site.replace("/etc/ssl/desk.example.org/privkey.pem", str(key)), encoding="utf-8")
    whole = f"pid {tmp_path}/pid; error_log stderr; events {{ }} http {{ access_log off; include {tmp_path}/site; }}"
    (tmp_path / "nginx.conf").write_text(whole, encoding="utf-8")
    told = subprocess.run(
        ["nginx", "-t", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")], check=False, capture_output=True
    )
    assert told.returncode == 0, told.stderr.decode()


def _caddys_version() -> tuple[int, ...]:
    if shutil.which("caddy") is None:
        return ()
    told = subprocess.run(["caddy", "version"], check=True, capture_output=True).stdout.decode()
    return tuple(int(each) for each in re.findall(r"\d+", told)[:2])


@pytest.mark.skipif(_caddys_version() < OLDEST_CADDY, reason="Caddy 2.7 or newer is not installed")
def test_caddy_takes_its_configuration() -> None:
    told = subprocess.run(
        ["caddy", "adapt", "--adapter", "caddyfile", "--config", str(DEPLOY / "Caddyfile")],
        check=False,
        capture_output=True,
    )
    assert told.returncode == 0, told.stderr.decode()
