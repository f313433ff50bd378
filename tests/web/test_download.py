"""Downloads: whole, in parts, taken up again; by a signed address from a cloud store; counted when they are finished."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import S3Bucket
from tests.factories import People
from tests.web.conftest import CONTENT, Client
from tests.web.test_visibility_matrix import CAST, SEES
from webapp import storage
from webapp.documents import ReportJob
from webapp.settings import get_settings
from webapp.web.jobs import report_view

MadeJob = Callable[..., ReportJob]


@pytest.mark.parametrize(
    ("asked", "status", "wanted"),
    [
        ("bytes=0-4", 206, CONTENT[:5]),
        ("bytes=5-", 206, CONTENT[5:]),
        ("bytes=-3", 206, CONTENT[-3:]),
        (f"bytes=0-{len(CONTENT) * 2}", 206, CONTENT),
        ("bytes=0-0,2-3", 200, CONTENT),  # several ranges at once: the whole file is a right answer
        ("chapters=1-2", 200, CONTENT),
        (f"bytes={len(CONTENT)}-", 416, b""),
        ("bytes=-0", 416, b""),
        ("bytes=9-3", 416, b""),
        ("bytes=", 416, b""),
        ("bytes=٣-", 416, b""),
        ("bytes=1-2-3", 416, b""),
        (f"bytes=0-{'9' * 4_000}", 206, CONTENT),
        (f"bytes={'9' * 4_000}-", 416, b""),
        (f"bytes=-{'9' * 4_000}", 206, CONTENT),
        (f"bytes=0-{'9' * 8_000}", 416, b""),
        (f"bytes={'0' * 4_000}-", 206, CONTENT),
        ("bytes" * 1_000, 200, CONTENT),
        (f"bytes={'0-1,' * 1_500}0-1", 416, b""),
        (f"bytes=-{len(CONTENT) + 1}", 206, CONTENT),
    ],
)
def test_a_part_is_given_as_asked(
    people: People, as_person: Client, ready_job: MadeJob, asked: str, status: int, wanted: bytes
) -> None:
    job = ready_job()
    answer = as_person(people.owner).get(f"/reports/{job.id}/download", headers={"Range": asked})
    assert (answer.status_code, answer.data) == (status, wanted)
    if status == 206:
        begin = CONTENT.index(wanted)
        assert answer.headers["Content-Range"] == f"bytes {begin}-{begin + len(wanted) - 1}/{len(CONTENT)}"
    if status == 416:
        assert answer.headers["Content-Range"] == f"bytes */{len(CONTENT)}"


def test_a_download_is_taken_up_again_only_while_the_file_is_the_same(
    people: People, as_person: Client, ready_job: MadeJob
) -> None:
    client, address = as_person(people.owner), f"/reports/{ready_job().id}/download"
    etag = client.get(address).headers["ETag"]
    rest = {"Range": "bytes=5-"}
    assert client.get(address, headers={**rest, "If-Range": etag}).data == CONTENT[5:]
    for other in ('"another"', "", "*", "Wed, 21 Oct 2015 07:28:00 GMT"):
        answer = client.get(address, headers={**rest, "If-Range": other})
        assert (answer.status_code, answer.data) == (200, CONTENT)
    for known in (etag, f"W/{etag}", f'"another", {etag}', "*"):
        answer = client.get(address, headers={"If-None-Match": known})
        assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", etag)
    for known in ('"another"', etag.strip('"')[:-1], "\x00", '"' * 4_000):
        assert client.get(address, headers={"If-None-Match": known}).data == CONTENT
    assert client.get(address).headers["Cache-Control"] == "private, no-cache"


def test_only_a_finished_download_counts(people: People, as_person: Client, ready_job: MadeJob) -> None:
    job = ready_job()
    client, address = as_person(people.owner), f"/reports/{job.id}/download"
    assert client.get(address, headers={"Range": "bytes=0-4"}).data == CONTENT[:5]
    assert client.head(address).data == b""
    answer = client.get(address, buffered=False)
    answer.close()  # the person cancels before the first byte
    job.reload()
    assert (job.status, job.download_count) == ("ready", 0)
    assert client.get(address).data == CONTENT
    job.reload()
    assert (job.status, job.download_count, job.downloaded_at is not None) == ("downloaded", 1, True)


def test_a_file_that_was_cut_behind_our_back_is_not_handed_out(
    people: People, as_person: Client, ready_job: MadeJob
) -> None:
    job = ready_job()
    path = Path(job.output.storage.path)
    path.write_bytes(CONTENT[:-3])
    answer = as_person(people.owner).get(f"/reports/{job.id}/download")
    assert answer.status_code == 503
    assert b"AAA" not in answer.data
    path.unlink()
    assert as_person(people.owner).get(f"/reports/{job.id}/download").status_code == 410


def test_a_cloud_store_is_reached_by_an_address_that_only_those_get_who_may_download(
    people: People, as_person: Client, settings_env: pytest.MonkeyPatch, s3_bucket: S3Bucket, ready_job: MadeJob
) -> None:
    settings_env.setenv("REPORTDESK_STORAGE_URL", s3_bucket.url)
    settings_env.setenv("REPORTDESK_SIGNED_URL_SECONDS", "120")
    get_settings.cache_clear()
    job = ready_job(visibility="team")
    stored = job.output.storage
    bucket = s3_bucket.url.split("/")[2]
    assert (stored.provider, stored.bucket, stored.key) == ("s3", bucket, f"reports/{job.id}/1/file.csv")
    for person in CAST:
        answer = as_person(getattr(people, person)).get(f"/reports/{job.id}/download")
        if person in SEES["team"]:
            assert answer.status_code == 302
            assert "X-Amz-Expires=120" in answer.location
            with urllib.request.urlopen(answer.location, timeout=5) as file:  # noqa: S310
                assert file.read() == CONTENT
        else:
            assert answer.status_code == 404
            assert "X-Amz" not in str(answer.headers)
    assert storage.open_storage(s3_bucket.url).stat(stored.key).size == len(CONTENT)


def test_a_picture_of_a_report_is_asked_about_at_each_use(
    people: People, as_person: Client, ready_job: MadeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_view, "chart_svg", lambda page, theme, kind: "<svg/>")
    job = ready_job(visibility="team")
    client, address = as_person(people.colleague), f"/reports/{job.id}/chart.svg"
    first = client.get(address)
    assert (first.status_code, first.headers["Cache-Control"]) == (200, "private, no-cache")
    known = {"If-None-Match": first.headers["ETag"]}
    assert client.get(address, headers=known).status_code == 304
    ReportJob.objects(id=job.id).update(set__visibility="private")
    # What the browser has kept is of no use to who may no longer see it.
    assert client.get(address, headers=known).status_code == 404


def test_nothing_about_a_report_may_be_shown_from_a_cache(
    people: People, as_person: Client, ready_job: MadeJob
) -> None:
    client, job = as_person(people.owner), ready_job()
    for part in ("", "/live", "/row", "/download", "/chart.svg", "/change"):
        kept = client.get(f"/reports/{job.id}{part}").headers["Cache-Control"]
        assert kept in ("no-store", "private, no-cache"), part
