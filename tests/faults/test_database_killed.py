"""The embedded database is killed under load and started again: web and workers come back by themselves, and whatever
was answered with yes is there (issue D, must-show 4)."""

from __future__ import annotations

import itertools
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import urlencode

import pytest
from bson import ObjectId
from pymongo.errors import PyMongoError

from tests import factories
from tests.faults.test_faults import TIMES
from tests.faults.world import IS_FULL, ROOT, World, check, figures, workers
from webapp import embedded
from webapp.cli.web import server_command
from webapp.documents import ReportJob, User, connect, disconnect
from webapp.services import database_setup
from webapp.services.questions.request import ReportRequest
from webapp.services.requests import asking
from webapp.settings import get_settings

pytestmark = pytest.mark.slow

KILLS = 20 if IS_FULL else 2
#: In another process, as the server's parent is one of its own everywhere; the server outlives it.
START = """
from webapp import embedded
from webapp.settings import get_settings
server = embedded.ensure_embedded(get_settings())
print(server.pid, server.uri(get_settings().home))
"""
#: What `reportdesk run` does when it sees that its database has ended.
START_AGAIN = """
import sys
from webapp.cli.run import mind_database
from webapp.settings import get_settings
mind_database(get_settings(), sys.argv[1])
"""


def python(program: str, *arguments: str) -> str:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def start_database() -> tuple[int, str]:
    """(pid, URI) of the embedded server of this home, started if it does not run."""
    pid, uri = python(START).split()
    return int(pid), uri


class Browser:
    """Somebody who is signed in and asks for reports."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()), _NoRedirect())
        self._token = ""

    def sign_in(self, person: User) -> None:
        self._find_token("/sign-in")
        status, _, _ = self.post("/sign-in", email=person.email, password=factories.PASSWORD)
        check(status == 303, f"signing in was answered with {status}")
        self._find_token("/reports/new?type=enrollment-summary")

    def get(self, path: str) -> tuple[int, str, str]:
        return self._open(urllib.request.Request(f"{self._address}{path}"))  # noqa: S310 - our own address

    def post(self, path: str, **fields: str) -> tuple[int, str, str]:
        """(status, where it leads to, text); 0 when there was no answer at all."""
        data = urlencode({"csrf_token": self._token, **fields}).encode()
        return self._open(urllib.request.Request(f"{self._address}{path}", data=data))  # noqa: S310 - our own address

    def _open(self, request: urllib.request.Request) -> tuple[int, str, str]:
        try:
            with self._opener.open(request, timeout=30) as answer:
                return answer.status, answer.headers.get("Location") or "", answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers.get("Location") or "", error.read().decode()
        except OSError:
            return 0, "", ""

    def _find_token(self, path: str) -> None:
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.get(path)[2])
        check(found is not None, f"there is no form at {path}")
        self._token = found[1]  # type: ignore[index]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


class Askers:
    """Two people who ask all the time, one in the browser and one through the service, until they are stopped."""

    def __init__(self, browser: Browser, person: User) -> None:
        self.acknowledged: list[ObjectId] = []
        self.answers: Counter[int] = Counter()
        self.refused = 0
        self._browser = browser
        self._person = person
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=ask) for ask in (self._by_browser, self._by_service)]

    def __enter__(self) -> Askers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _by_browser(self) -> None:
        form = {"type": "enrollment-summary", "name": "sleep 0.2", "group": "class", "measure": "count"}
        for number in itertools.count():
            status = 0
            # Without an answer the same form is sent again, which must not make two.
            while status != 303 and not self._stopped.is_set():
                fields = {**form, "format": "csv", "insist": "1", "submission": f"form-{number}"}
                status, leads_to, _ = self._browser.post("/reports/new", **fields)
                self.answers[status] += 1
                if status == 303:
                    self.acknowledged.append(ObjectId(leads_to.rsplit("/", 1)[1]))
            if self._stopped.wait(0.2):
                return

    def _by_service(self) -> None:
        request = ReportRequest(
            report_type="enrollment-summary", group_by=("class",), measures=("count",), format="csv", name="sleep 0.2"
        )
        while not self._stopped.wait(0.2):
            try:
                self.acknowledged.append(asking.create(self._person, request, insist=True).id)
            except PyMongoError:
                self.refused += 1


@contextmanager
def web_server(uri: str) -> Iterator[str]:
    """The address of the real web server."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (get_settings().home / "web.log").open("ab") as log:
        process = subprocess.Popen(
            server_command(host="127.0.0.1", port=port, workers=2, threads=4),
            env={**os.environ, "REPORTDESK_MONGODB_URI": uri},
            stderr=log,
        )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture
def database_uri(settings_env: pytest.MonkeyPatch) -> Iterator[str]:
    """An embedded server of this test's own, empty but for the lookup values."""
    for name, value in TIMES.items():
        settings_env.setenv(f"REPORTDESK_{name}", value)
    get_settings.cache_clear()
    embedded.ensure_running(get_settings())  # the first user, so that the server stays
    _, uri = start_database()
    connect(uri, get_settings().mongodb_database)
    database_setup.prepare()
    try:
        yield uri
    finally:
        disconnect()
        embedded.stop(get_settings())


def test_killing_the_database_loses_nothing_that_was_acknowledged(database_uri: str, home: Any) -> None:
    people = factories.make_people()
    with workers(World(database_uri, home, {})) as world, web_server(database_uri) as address:
        for _ in range(2):
            world.start_worker(concurrency=2)
        browser = Browser(address)
        world.wait_until(lambda: browser.get("/readyz")[0] == 200, seconds=60, what="the web server ready")
        browser.sign_in(people.owner)
        with Askers(browser, people.colleague) as askers:
            back = [_kill_once(world, browser, database_uri) for _ in range(KILLS)]
            world.wait_until(lambda: len(askers.acknowledged) > 10, seconds=60, what="ten requests acknowledged")
        asked = len(askers.acknowledged)
        check(len(set(askers.acknowledged)) == asked, "one job was acknowledged twice")
        written = (home / "web.log").read_text(errors="replace").splitlines()
        told = [line for line in written if '"status": 500' in line or "Traceback" in line] or written[-3:]
        check(set(askers.answers) <= {303, 503}, f"the web answered {dict(askers.answers)}\n" + "\n".join(told))
        world.wait_for_all(askers.acknowledged, seconds=60 + asked)
        check(all(worker.poll() is None for worker in world.workers), "a worker did not survive")
        twice = _check_all_made(world, askers.acknowledged)
    print(
        f"{KILLS} kills of the database; {asked} acknowledged requests, all ready, one file each, {twice} made again; "
        f"web answers {dict(askers.answers)}; web and workers back after {figures(back)}"
    )


def _kill_once(world: World, browser: Browser, uri: str) -> float:
    """Kill, start again; returns the seconds until a page is served and a job is finished."""
    time.sleep(random.uniform(1, 3))
    pid, _ = start_database()
    os.kill(pid, signal.SIGKILL)
    time.sleep(random.uniform(0.1, 2))
    python(START_AGAIN, uri)
    finished: Callable[[], int] = lambda: ReportJob._get_collection().count_documents({"status": "ready"})  # noqa: E731
    before = finished()
    web = world.wait_until(lambda: browser.get("/reports/")[0] == 200, seconds=20, what="the web back")
    work = world.wait_until(lambda: finished() > before, seconds=36, what="the workers back")
    return web + work


def _check_all_made(world: World, job_ids: list[ObjectId]) -> int:
    """Every job is ready once, with its file; returns how many were made again behind a worker that lost its lease."""
    check(world.statuses(job_ids) == {"ready": len(job_ids)}, f"states: {world.statuses(job_ids)}")
    world.check_one_file_each(job_ids)
    for job_id in job_ids:
        moves = [event["to"] for event in world.document(job_id)["history"]]
        check(moves.count("ready") == 1, f"a job became ready {moves.count('ready')} times")
    twice = sum(times > 1 for times in world.published().values())
    # With the lease of production the database is back long before it ends.
    check(not IS_FULL or twice == 0, f"{twice} jobs were made again")
    return twice
