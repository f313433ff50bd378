"""Whole workers are killed at random while they fire schedules, make the reports and deliver them: nothing is lost.

500 fires of 50 schedules, each for three addresses and an inbox, in `make faults` alone: it takes half an hour. What
was done is counted from what is left behind: files, letters, notices, the trail; never by asking the queue.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from tests.factories import People, make_spring
from tests.faults.world import IS_FULL, ROOT
from tests.services.deliveries import mail_server
from tests.services.deliveries.mail_server import MailServer
from tests.services.schedules.conftest import days, request, wish
from webapp import storage
from webapp.documents import (
    AdminEvent,
    Delivery,
    JobEvent,
    JobStatus,
    ReportJob,
    ReportSchedule,
    ScheduleFire,
    When,
    WorkerRecord,
)
from webapp.documents.job_status import RUNNING
from webapp.documents.notice import Notice
from webapp.services import database_clock
from webapp.services.deliveries import wishes
from webapp.services.files import retention
from webapp.services.schedules import keeping
from webapp.settings import get_settings

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not IS_FULL, reason="half an hour: `make faults`")]

SCHEDULES, FIRES_OF_EACH, WORKERS = 50, 10, 3
KILL_EVERY = 8  # fires that have been made
#: Of a fire's four deliveries, until all have ended.
PER_FIRE = 4
OUTSIDE, REFUSED = "board@partner.example", "gone@partner.example"
ENVIRONMENT = {
    "PUBLIC_URL": "https://desk.example",
    "SMTP_HOST": "127.0.0.1",
    "SMTP_SECURITY": "none",
    "MAIL_FROM": "reports@desk.example",
    "MAIL_ALLOWED_DOMAINS": "partner.example",
    "MAIL_PER_MINUTE": "100000",
    # Workers are killed all the time: what some of them had in hand is no poison for that.
    "MAX_CRASHES": "1000",
    "REQUESTER_CAP": "12",
    "HEARTBEAT_SECONDS": "1.5",
    "LEASE_SECONDS": "8",
    "HEARTBEAT_GRACE_SECONDS": "6",
    "REAP_SECONDS": "1",
    "RETRY_BASE_SECONDS": "0.5",
    "RETRY_CAP_SECONDS": "4",
}


class Workers:
    """`reportdesk worker`, some of them; whoever is killed is followed by another."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self.running: list[subprocess.Popen[bytes]] = []
        self.kills: Counter[str] = Counter()

    def start(self) -> None:
        command = [sys.executable, "-m", "webapp.cli", "worker", "--concurrency", "1", "--log-level", "WARNING"]
        with self._log.open("ab") as log:
            self.running.append(subprocess.Popen(command, cwd=ROOT, env=dict(os.environ), stderr=log))

    def kill_one(self) -> None:
        """At a random moment: one that makes a report, one that sends, one that has handed a letter over, or any."""
        what = random.choice(["makes", "sends", "has handed over", "any"])
        time.sleep(random.uniform(0, 1.5))
        found = self._busy_with(what) if what != "any" else None
        victim = found or random.choice(self.running)
        self.kills[what if found else "any"] += 1
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        self.running.remove(victim)
        self.start()

    def _busy_with(self, what: str) -> subprocess.Popen[bytes] | None:
        end = time.monotonic() + 3
        while time.monotonic() < end:
            for worker_id in _holders(what):
                record = WorkerRecord.objects(id=worker_id).only("pid").first()
                for each in self.running:
                    if record is not None and record.pid == each.pid:
                        return each
            time.sleep(0.01)
        return None

    def stop(self) -> None:
        for each in self.running:
            each.terminate()
        for each in self.running:
            each.wait(timeout=60)

    def end(self) -> None:
        for each in self.running:
            if each.poll() is None:
                each.kill()
                each.wait()


def _holders(what: str) -> list[str]:
    if what == "makes":
        busy = ReportJob.objects(status__in=[state.value for state in RUNNING]).only("lease")
    else:
        sending = {"channel": "email", "state": "sending"}
        handed = {"handed_over_at__exists": True} if what == "has handed over" else {}
        busy = Delivery.objects(**sending, **handed).only("lease")
    found = [each.lease.worker_id for each in busy if each.lease is not None]
    random.shuffle(found)
    return found


@contextmanager
def workers(log: Path) -> Iterator[Workers]:
    found = Workers(log)
    try:
        for _ in range(WORKERS):
            found.start()
        yield found
    finally:
        found.end()


class Schedules:
    """Some that nobody has run for ten days, and that make up for all of it as soon as they are due again."""

    def __init__(self, people: People, now: datetime) -> None:
        at = now - timedelta(hours=6)
        self.missed = [
            at.replace(minute=0, second=0, microsecond=0) - days(back) for back in reversed(range(FIRES_OF_EACH))
        ]
        addresses = f"{people.colleague.email} {OUTSIDE}"
        self.made = []
        for number in range(SCHEDULES):
            third = REFUSED if number % 2 else people.stranger.email
            wanted = [*wishes.letters(f"{addresses} {third}"), wishes.notify(people.owner, When.ENDED)]
            asked = wish(
                name=f"Numbers {number}",
                request=request(visibility="department"),
                timing={"time_of_day": f"{at:%H}:00"},
                catch_up="all",
                most_caught_up=FIRES_OF_EACH,
                delivery=[each.to_mongo().to_dict() for each in wanted],
            )
            self.made.append(keeping.create(people.owner, asked).id)
        self.waiting = list(self.made)

    def release(self) -> None:
        """Let one more be due."""
        ReportSchedule.objects(id=self.waiting.pop()).update(set__next_run_at=self.missed[0])

    @property
    def wanted(self) -> set[tuple[ObjectId, datetime]]:
        return {(schedule_id, moment) for schedule_id in self.made for moment in self.missed}


def test_killed_at_random_every_fire_is_made_once_and_reaches_each_recipient_once_or_says_why_not(
    people: People, settings_env: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    make_spring(people, "completed", "in-progress", "withdrawn")
    with mail_server.running(MailServer(thinks=0.1, refuses={REFUSED}), context=None) as mail:
        for name, value in {**ENVIRONMENT, "SMTP_PORT": str(mail.port)}.items():
            settings_env.setenv(f"REPORTDESK_{name}", value)
        get_settings.cache_clear()
        schedules = Schedules(people, database_clock.now())
        began = time.monotonic()
        with workers(tmp_path / "workers.log") as running:
            _drive(schedules, running)
            running.stop()
        took = time.monotonic() - began
        made = _check_fires(schedules)
        leftovers = _check_files(made, mail, people)
        twice, unsure = _check_letters(made, mail, people)
        _check_told(made, people)
    print(
        f"\n{len(schedules.wanted)} fires, {len(made)} jobs, {leftovers} leftovers of attempts swept, "
        f"{running.kills.total()} kills ({dict(running.kills)}), {sum(job.lease.fence > 1 for job in made)} reports "
        f"begun again, {len(mail.letters)} letters, {twice} twice under one Message-ID, {unsure} answers lost, "
        f"{took:.0f} s"
    )


def _drive(schedules: Schedules, running: Workers) -> None:
    """Until everything has ended: a schedule is let go whenever little is left to do, somebody killed again and again."""
    wanted = len(schedules.wanted)
    last, moved_at = None, time.monotonic()
    while True:
        ended = ScheduleFire.objects(outcome__ne="open").count()
        delivered = Delivery.objects(state__in=["sent", "skipped", "failed"]).count()
        under_way = (SCHEDULES - len(schedules.waiting)) * FIRES_OF_EACH - ended
        if ended >= wanted and delivered >= PER_FIRE * wanted:
            return
        if schedules.waiting and under_way < 3 * FIRES_OF_EACH:
            schedules.release()
        if running.kills.total() < ended // KILL_EVERY:
            running.kill_one()
        if (ended, delivered) != last:
            last, moved_at = (ended, delivered), time.monotonic()
        assert time.monotonic() - moved_at < 180, f"nothing moves: {_how_far()}"
        time.sleep(0.5)


def _how_far() -> dict[str, Any]:
    return {
        "fires": Counter(each.outcome for each in ScheduleFire.objects),
        "jobs": Counter(each.status for each in ReportJob.objects),
        "deliveries": Counter((each.channel, each.state) for each in Delivery.objects),
    }


def _check_fires(schedules: Schedules) -> list[ReportJob]:
    """Each fire once, its job once; and the schedules count what there was."""
    lines = list(ScheduleFire.objects)
    assert Counter((each.schedule_id, each.fired_for) for each in lines) == dict.fromkeys(schedules.wanted, 1)
    assert {each.outcome for each in lines} == {"made"}
    jobs = list(ReportJob.objects)
    assert {each.id for each in jobs} == {each.id for each in lines}
    assert {each.state for each in jobs} == {JobStatus.READY}
    for each in ReportSchedule.objects:
        counted = (each.fire_count, each.success_count, each.failure_count, each.failures_in_a_row, each.is_paused)
        assert counted == (FIRES_OF_EACH, FIRES_OF_EACH, 0, 0, False), f"{each.name}: {counted}"
        assert each.next_run_at > schedules.missed[-1]
        assert each.last_run is not None
    published = Counter(each.job_id for each in JobEvent.objects(status="ready"))
    assert published == {each.id: 1 for each in jobs}
    return jobs


def _check_files(jobs: list[ReportJob], mail: MailServer, people: People) -> int:
    """One file of each, the very one that was sent; what else lies there is of killed attempts, and is swept."""
    files = storage.open_storage(get_settings().effective_storage_url)
    swept = retention.sweep_orphans(database_clock.now() + timedelta(hours=1), older_than=timedelta())
    assert list(files.list("incoming/")) == []
    found = defaultdict[str, list[str]](list)
    for key, _, _ in files.list("reports/"):
        found[key.split("/")[1]].append(key)
    assert set(found) == {str(job.id) for job in jobs}
    sent = {_job_of(letter): letter for letter in mail.to(people.colleague.email)}
    for job in jobs:
        stored = job.output.storage
        folder = stored.key.rpartition("/")[0]
        assert sorted(found[str(job.id)]) == sorted([stored.key, f"{folder}/page.json", f"{folder}/rows.arrow"])
        content = b"".join(files.read(stored.key))
        assert hashlib.sha256(content).hexdigest() == stored.sha256
        (attached,) = (part for part in sent[str(job.id)].iter_attachments() if part.get_filename())
        assert attached.get_payload(decode=True) == content
    return swept.removed


def _job_of(letter: Any) -> str:
    text = letter.get_body(("plain",)).get_content()
    return str(text.partition("https://desk.example/reports/")[2][:24])


def _check_letters(jobs: list[ReportJob], mail: MailServer, people: People) -> tuple[int, int]:
    """Each recipient once, or told why not; twice only where an answer was lost. Returns how often both was."""
    half = len(jobs) // 2
    states = Counter((each.channel, each.recipient, each.state) for each in Delivery.objects)
    assert states == {
        ("email", people.colleague.email, "sent"): len(jobs),
        ("email", OUTSIDE, "sent"): len(jobs),
        ("email", people.stranger.email, "skipped"): half,
        ("email", REFUSED, "failed"): half,
        ("inbox", str(people.owner.id), "sent"): len(jobs),
    }
    assert all("may not see this report" in each.why_text for each in Delivery.objects(state="skipped"))
    assert all("No such person here" in each.server_said for each in Delivery.objects(state="failed"))
    unsure = {each.message_id: each.unsure_count for each in Delivery.objects(channel="email", state="sent")}
    came = Counter(letter["Message-ID"] for _, letter, _ in mail.letters)
    assert set(came) == set(unsure)
    assert len(came) == 2 * len(jobs)
    again = {message_id: count for message_id, count in came.items() if count > 1 + unsure[message_id]}
    assert again == {}, "a letter came again although no answer was lost"
    disclosed = Counter(each.subject_id for each in AdminEvent.objects(action="sent outside"))
    assert disclosed == {str(job.id): 1 for job in jobs}
    return sum(came.values()) - len(came), sum(unsure.values())


def _check_told(jobs: list[ReportJob], people: People) -> None:
    """The owner hears once of each report, and once of each that did not reach everyone."""
    told = Counter((each.about_id, each.said["message"]) for each in Notice.objects(user_id=people.owner.id))
    ready = {(job.id, "“%(name)s” is ready."): 1 for job in jobs}
    unreached = {(job.id, "“%(name)s” did not reach everyone. %(why)s"): 1 for job in jobs}
    assert told == {**ready, **unreached}
