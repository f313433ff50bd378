"""The same suite on a local folder and on a real S3 endpoint (moto's server)."""

from __future__ import annotations

import hashlib
import hmac
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlsplit

import pytest

from tests.conftest import S3Bucket
from tests.storage.cutting_proxy import CuttingProxy
from webapp.storage import FileGoneError, Storage, StorageError, open_storage

CONTENT = bytes(range(256)) * 4096


@pytest.fixture
def s3(s3_bucket: S3Bucket) -> Storage:
    return Storage(s3_bucket.url)


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


def test_what_a_killed_writer_left_is_listed_and_deleted(tmp_path: Path, file: Path) -> None:
    """obstore writes `key#1` and renames it; it neither lists nor deletes what it never came to rename."""
    storage = open_storage((tmp_path / "storage").as_uri())
    storage.put(file, "incoming/1/1/x")
    torn = tmp_path / "storage/incoming/1/1/y#1"
    torn.write_bytes(b"half")
    assert {key for key, _, _ in storage.list("incoming/")} == {"incoming/1/1/x", "incoming/1/1/y#1"}
    storage.delete("incoming/1/1/y#1")
    assert not torn.exists()
    assert storage.stat("incoming/1/1/x").size == len(CONTENT)


def test_an_upload_that_is_cut_goes_on_or_is_told_and_never_leaves_half_a_file(
    s3_bucket: S3Bucket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    large = tmp_path / "large.bin"
    large.write_bytes(CONTENT * 20)  # 20 MB: three parts
    proxy = CuttingProxy(s3_bucket.endpoint, after=1_000_000)
    monkeypatch.setenv("AWS_ENDPOINT", proxy.endpoint)
    storage = Storage(s3_bucket.url)
    proxy.cuts_left = 2
    storage.put(large, "reports/1/1/a")
    assert proxy.cuts_made == 2
    assert storage.sha256("reports/1/1/a") == hashlib.sha256(CONTENT * 20).hexdigest()
    proxy.cuts_left = -1  # for ever
    with pytest.raises(StorageError) as caught:
        storage.put(large, "reports/1/1/b")
    assert "does not answer as it should" in str(caught.value)
    assert not caught.value.is_permanent
    proxy.cuts_left = 0
    assert [key for key, _, _ in storage.list("reports/")] == ["reports/1/1/a"]
    proxy.close()


def test_the_minutes_of_a_signed_address_are_signed_with_it(s3: Storage, file: Path) -> None:
    """moto does not look at the clock; every S3 server refuses an address after the minutes that its signature covers.
    Worked out here as AWS writes it down (Signature Version 4, query string)."""
    s3.put(file, "reports/1/1/a")
    before = datetime.now(UTC).replace(microsecond=0)
    url = s3.signed_url("reports/1/1/a", timedelta(minutes=5))
    assert url is not None
    told = dict(parse_qsl(urlsplit(url).query))
    signed_at = datetime.strptime(told["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert before <= signed_at <= datetime.now(UTC)
    assert told["X-Amz-Expires"] == "300"
    assert told["X-Amz-Signature"] == _signature(url, "300")
    assert told["X-Amz-Signature"] != _signature(url, "301")


def _signature(url: str, expires: str) -> str:
    parts = urlsplit(url)
    told = dict(parse_qsl(parts.query)) | {"X-Amz-Expires": expires}
    told.pop("X-Amz-Signature")
    query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(told.items()))
    request = f"GET\n{parts.path}\n{query}\nhost:{parts.netloc}\n\nhost\nUNSIGNED-PAYLOAD"
    key_id, _, scope = told["X-Amz-Credential"].partition("/")
    assert key_id == "test"
    key = b"AWS4test"
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    digest = hashlib.sha256(request.encode()).hexdigest()
    return hmac.digest(key, f"AWS4-HMAC-SHA256\n{told['X-Amz-Date']}\n{scope}\n{digest}".encode(), "sha256").hex()
