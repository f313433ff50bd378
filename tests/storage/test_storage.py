"""The same suite on a local folder and on a real S3 endpoint (moto's server)."""

from __future__ import annotations

import hashlib
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from webapp.storage import FileGoneError, Storage, open_storage

CONTENT = bytes(range(256)) * 4096


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = ThreadedMotoServer("127.0.0.1", port)
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture
def s3(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Storage:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT": s3_endpoint,
        "AWS_ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(name, value)
    bucket = f"bucket-{hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12]}"
    urllib.request.urlopen(urllib.request.Request(f"{s3_endpoint}/{bucket}", method="PUT"), timeout=5).close()  # noqa: S310
    return Storage(f"s3://{bucket}/files")


@pytest.fixture(params=["local", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "local":
        return open_storage((tmp_path / "storage").as_uri())
    found: Storage = request.getfixturevalue("s3")
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file.bin"
    path.write_bytes(CONTENT)
    return path


@pytest.mark.parametrize("name", ["plain.csv", "Prüfung 100% [1] #2.csv", "a+b~c'.csv"])
def test_what_is_put_is_read_back_byte_for_byte(storage: Storage, file: Path, name: str) -> None:
    storage.put(file, f"reports/1/1/{name}")
    assert storage.stat(f"reports/1/1/{name}").size == len(CONTENT)
    assert storage.sha256(f"reports/1/1/{name}") == hashlib.sha256(CONTENT).hexdigest()
    assert b"".join(storage.read(f"reports/1/1/{name}")) == CONTENT
    assert [key for key, _, _ in storage.list("reports/1/")] == [f"reports/1/1/{name}"]


def test_a_file_larger_than_a_part_goes_up_in_parts(storage: Storage, tmp_path: Path) -> None:
    large = tmp_path / "large.bin"
    large.write_bytes(CONTENT * 20)
    storage.put(large, "reports/1/1/large")
    assert storage.sha256("reports/1/1/large") == hashlib.sha256(CONTENT * 20).hexdigest()


def test_a_part_of_a_file_is_read_by_its_bounds(storage: Storage, file: Path) -> None:
    storage.put(file, "reports/1/1/a")
    assert b"".join(storage.read("reports/1/1/a", 10, 300)) == CONTENT[10:300]
    assert b"".join(storage.read("reports/1/1/a", 1_000_000)) == CONTENT[1_000_000:]


def test_a_moved_file_lies_under_its_new_key_alone(storage: Storage, file: Path) -> None:
    storage.put(file, "incoming/1/1/x")
    storage.move("incoming/1/1/x", "reports/1/1/a.csv")
    assert storage.stat("reports/1/1/a.csv").size == len(CONTENT)
    assert list(storage.list("incoming/")) == []


def test_what_is_not_there_is_told_as_gone(storage: Storage) -> None:
    with pytest.raises(FileGoneError):
        storage.stat("reports/none")
    with pytest.raises(FileGoneError):
        list(storage.read("reports/none"))
    storage.delete("reports/none")


def test_a_list_tells_sizes_and_when_files_changed(storage: Storage, file: Path) -> None:
    storage.put(file, "reports/1/1/a")
    [(key, size, changed_at)] = list(storage.list("reports/"))
    assert (key, size) == ("reports/1/1/a", len(CONTENT))
    assert abs(datetime.now(UTC) - changed_at) < timedelta(minutes=1)


def test_a_deleted_file_leaves_no_empty_folders(tmp_path: Path, file: Path) -> None:
    storage = open_storage((tmp_path / "storage").as_uri())
    storage.put(file, "reports/1/1/a")
    storage.delete("reports/1/1/a")
    assert list((tmp_path / "storage").iterdir()) == []


def test_a_local_folder_signs_nothing_and_says_where_a_file_is(tmp_path: Path, file: Path) -> None:
    storage = open_storage((tmp_path / "storage").as_uri())
    storage.put(file, "reports/1/1/a")
    assert storage.signed_url("reports/1/1/a", timedelta(minutes=5)) is None
    assert storage.locate("reports/1/1/a") == {
        "provider": "local",
        "path": str(tmp_path / "storage/reports/1/1/a"),
        "key": "reports/1/1/a",
    }


def test_a_signed_address_downloads_with_the_file_name_and_says_when_it_ends(s3: Storage, file: Path) -> None:
    s3.put(file, "reports/1/1/a", attributes={"Content-Disposition": 'attachment; filename="a.csv"'})
    s3.move("reports/1/1/a", "reports/1/1/b")
    url = s3.signed_url("reports/1/1/b", timedelta(seconds=90))
    assert url is not None
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310
        assert answer.read() == CONTENT
        assert answer.headers["Content-Disposition"] == 'attachment; filename="a.csv"'
    assert "X-Amz-Expires=90" in url
    assert s3.locate("reports/1/1/b")["provider"] == "s3"
