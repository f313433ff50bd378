"""Faults while a file is stored: the child killed at each step, a full disk, a cut connection.

Never a file that can be downloaded and is not whole; never one that is left after the sweep; and the report says what
happened. All steps on both storages: `make faults`.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.conftest import S3Bucket
from tests.factories import People, make_spring
from tests.storage.cutting_proxy import CuttingProxy
from tests.worker import publishing
from tests.worker.conftest import RecordingJanitor, all_finished, run_until
from webapp import storage
from webapp.documents import ReportJob, User
from webapp.services import database_clock
from webapp.services.files import downloads, retention
from webapp.services.files.downloads import NotReadyError
from webapp.services.questions.request import ReportRequest
from webapp.services.requests import asking, changing
from webapp.settings import get_settings
from webapp.worker.loop import Worker

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

IS_FULL = os.environ.get("REPORTDESK_TEST_FAULTS") == "full"
#: Before and after the file's upload, the question, and between and after the moves.
STEPS = list(range(1, publishing.STEPS + 1)) if IS_FULL else [8, 14, 16, 18]
AGE = timedelta(0)


@pytest.fixture
def world(short_times: None, people: People, settings_env: pytest.MonkeyPatch) -> People:
    """Something to report on, and room for all jobs at once."""
    settings_env.setenv("REPORTDESK_REQUESTER_CAP", "50")
    get_settings.cache_clear()
    make_spring(people, "completed", "failed", "withdrawn")
    return people


def ask(owner: User, name: str) -> ReportJob:
    request = ReportRequest(
        report_type="enrollment-summary", group_by=("class",), measures=("count",), format="csv", name=name
    )
    return asking.create(owner, request, insist=True)


def work_on(*found: ReportJob, owner: User) -> None:
    """Let a worker make them; while it does, whatever can be downloaded is whole."""
    worker = Worker(
        get_settings(),
        get_settings().mongodb_uri or "",
        run_job=publishing.work,
        janitor=RecordingJanitor(),
        concurrency=2,
    )
    finished = all_finished(*found)

    def look() -> bool:
        for job in found:
            assert downloaded(owner, job) in (None, *WHOLE)
        return finished()

    run_until(worker, look, seconds=240)


#: The report as it must be.
WHOLE = (b"Class,Class code,Count\r\nSpring,HIS1-S,3\r\n", b"Class,Count\r\nHIS1-S,3\r\n")


def downloaded(owner: User, job: ReportJob) -> bytes | None:
    """What a download gives; None while there is none."""
    try:
        found = downloads.open_download(owner, job.id)
    except NotReadyError:
        return None
    if found.redirect_url is not None:
        key = job.reload().output.storage.key
        return b"".join(storage.open_storage(get_settings().effective_storage_url).read(key))
    return b"".join(found.read())


def check_left(*found: ReportJob) -> None:
    """After the sweep there is exactly what jobs point to: the file, its page and the rows of it."""
    retention.sweep_orphans(database_clock.now() + timedelta(seconds=2), older_than=AGE)
    files = storage.open_storage(get_settings().effective_storage_url)
    left = {key for folder in ("incoming/", "reports/") for key, _, _ in files.list(folder)}
    wanted = set()
    for job in found:
        stored = job.reload().output.storage
        if stored is not None and stored.key:
            assert files.sha256(stored.key) == stored.sha256
            folder = stored.key.rpartition("/")[0]
            wanted |= {stored.key, f"{folder}/page.json", f"{folder}/rows.arrow"}
    assert left == wanted
    if files.is_local:
        root = Path(get_settings().home / "storage")
        assert {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()} == wanted


@pytest.fixture(params=["local", "s3"] if IS_FULL else ["local"])
def stored_at(request: pytest.FixtureRequest, settings_env: pytest.MonkeyPatch) -> str:
    if request.param == "s3":
        use_bucket(request.getfixturevalue("s3_bucket"), settings_env)
    return str(request.param)


def use_bucket(bucket: S3Bucket, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("REPORTDESK_STORAGE_URL", bucket.url)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        environment.setenv(f"REPORTDESK_TEST_{name}", os.environ[name])
    get_settings.cache_clear()


def test_a_child_killed_at_any_step_leaves_one_whole_file_in_the_end(stored_at: str, world: People) -> None:
    found = [ask(world.owner, f"kill {step}") for step in STEPS]
    work_on(*found, owner=world.owner)
    for job in found:
        job.reload()
        assert job.state.has_file, (job.name, job.status)
        # (On a machine that is busy with other things, a later attempt may be handed back for want of a heartbeat.)
        assert (job.attempts[0].outcome, job.attempts[-1].outcome) == ("crashed", "ready"), job.name
        assert "ended abruptly" in job.attempts[0].message
        assert downloaded(world.owner, job) in WHOLE
    check_left(*found)


@pytest.fixture
def small_disk(home: Path) -> Iterator[Callable[[str], bool]]:
    """Puts a folder of the home on a disk of 16 KB; False where this machine lets nobody mount one."""
    mounted: list[Path] = []

    def mount(name: str) -> bool:
        path = home / name
        path.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", path], capture_output=True)
        if done.returncode == 0:
            mounted.append(path)
        return done.returncode == 0

    with contextlib.ExitStack() as _:
        yield mount
    for path in mounted:
        subprocess.run(["umount", path], check=True)


@pytest.mark.parametrize(
    ("folder", "code", "words"),
    [
        ("storage", "storage-full", "The storage has no space left for the file."),
        ("scratch", "worker-disk-full", "The disk of the worker has no space left"),
    ],
)
def test_a_full_disk_is_told_and_leaves_nothing(
    world: People,
    settings_env: pytest.MonkeyPatch,
    small_disk: Callable[[str], bool],
    folder: str,
    code: str,
    words: str,
) -> None:
    settings_env.setenv("REPORTDESK_MAX_ATTEMPTS", "2")
    get_settings.cache_clear()
    if small_disk(folder):
        (get_settings().home / folder / "others").write_bytes(b"x" * 14_000)
        job = ask(world.owner, "full")
    elif folder == "storage":
        job = ask(world.owner, "limit 20")
    else:
        pytest.skip("no disk can be mounted here, and a limit on files would end the worker's own writes too")
    work_on(job, owner=world.owner)
    job.reload()
    assert (job.status, job.error.code) == ("failed", code)
    assert job.error.message.startswith(words)
    assert "Tell an administrator" in job.error.message
    if folder == "storage":
        (get_settings().home / folder / "others").unlink(missing_ok=True)
        check_left(job)


def test_a_connection_cut_in_an_upload_is_tried_again_then_told_and_leaves_nothing(
    world: People, s3_bucket: S3Bucket, settings_env: pytest.MonkeyPatch
) -> None:
    proxy = CuttingProxy(s3_bucket.endpoint, after=400)
    settings_env.setenv("AWS_ENDPOINT", proxy.endpoint)
    settings_env.setenv("REPORTDESK_MAX_ATTEMPTS", "1")
    use_bucket(s3_bucket, settings_env)
    proxy.cuts_left = 2
    job = ask(world.owner, "cut twice")
    work_on(job, owner=world.owner)
    assert proxy.cuts_made == 2
    assert downloaded(world.owner, job) in WHOLE
    proxy.cuts_left = -1
    lost = ask(world.owner, "cut for ever")
    work_on(lost, owner=world.owner)
    proxy.cuts_left = 0
    lost.reload()
    assert (lost.status, lost.error.code) == ("failed", "storage-unavailable")
    assert lost.error.message.startswith("The storage does not answer as it should")
    changing.retry(world.owner, lost.id)
    work_on(lost, owner=world.owner)
    assert downloaded(world.owner, lost) in WHOLE
    check_left(job, lost)
    proxy.close()
