"""Workers are killed at random while they deliver: nothing is lost, and each recipient is served once or told why not.

A letter comes twice only where the server had taken it and its answer was lost: counted, under one Message-ID.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.factories import People
from tests.services.deliveries import mail_server
from tests.services.deliveries.desk import ready_report
from tests.services.deliveries.mail_server import MailServer
from tests.worker.conftest import SHORT_TIMES
from webapp.documents import Delivery, When
from webapp.documents.notice import Notice
from webapp.services.deliveries import making, wishes
from webapp.settings import get_settings

pytestmark = pytest.mark.slow

#: The long form is `test_fires_killed.py`.
REPORTS, KILLS = 12, 6


class Workers:
    """Some processes by the names that their leases have."""

    def __init__(self, count: int) -> None:
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.killed: list[str] = []
        for _ in range(count):
            self.start()

    def start(self) -> None:
        name = uuid.uuid4().hex
        command = [sys.executable, "-m", "tests.faults.delivery_process", name]
        self.running[name] = subprocess.Popen(command, env=dict(os.environ))

    def kill_one_that_sends(self) -> bool:
        """At a random moment of a try, every other time after it was handed over; False when nothing is left."""
        wanted = {"state": "sending"} | ({"handed_over_at__exists": True} if len(self.killed) % 2 else {})
        while Delivery.objects(state__in=["queued", "sending"]).first() is not None:
            sending = Delivery.objects(channel="email", **wanted).only("lease").first()
            if sending is not None and sending.lease.worker_id in self.running:
                time.sleep(random.uniform(0, 0.1))
                self.killed.append(sending.lease.worker_id)
                self.running[sending.lease.worker_id].send_signal(signal.SIGKILL)
                self.running.pop(sending.lease.worker_id).wait()
                self.start()
                return True
        return False

    def end(self) -> None:
        for each in self.running.values():
            each.kill()
            each.wait()


@contextmanager
def workers(count: int) -> Iterator[Workers]:
    found = Workers(count)
    try:
        yield found
    finally:
        found.end()


def test_killed_at_random_each_recipient_is_served_once_or_told_why_not(
    people: People, settings_env: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with mail_server.running(MailServer(thinks=0.2), context=None) as mail:
        for name, value in {
            **SHORT_TIMES,
            "PUBLIC_URL": "https://desk.example",
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(mail.port),
            "SMTP_SECURITY": "none",
            "MAIL_FROM": "reports@desk.example",
            "MAIL_PER_MINUTE": "100000",
            "MAX_CRASHES": "1000",
        }.items():
            settings_env.setenv(f"REPORTDESK_{name}", value)
        get_settings.cache_clear()
        wanted = [
            *wishes.letters(f"{people.colleague.email} {people.stranger.email}"),
            wishes.notify(people.owner, When.READY),
        ]
        jobs = [ready_report(tmp_path, people.owner, wanted, name=f"Figures {number}") for number in range(REPORTS)]
        with workers(2) as running:
            making.make_due()
            kills = sum(running.kill_one_that_sends() for _ in range(KILLS))
            end = time.monotonic() + 120
            while Delivery.objects(state__in=["sent", "skipped", "failed"]).count() < 3 * REPORTS:
                assert time.monotonic() < end, Counter(each.state for each in Delivery.objects)
                time.sleep(0.1)
        states = Counter((each.channel, each.recipient, each.state) for each in Delivery.objects)
        assert states == {
            ("email", people.colleague.email, "sent"): REPORTS,
            ("email", people.stranger.email, "skipped"): REPORTS,
            ("inbox", str(people.owner.id), "sent"): REPORTS,
        }
        assert all("may not see this report" in each.why_text for each in Delivery.objects(state="skipped"))
        assert Notice.objects(user_id=people.owner.id, said__message="“%(name)s” is ready.").count() == REPORTS
        came = Counter(letter["Message-ID"] for letter in mail.to(people.colleague.email))
        assert set(came) == {each.message_id for each in Delivery.objects(channel="email", state="sent")}
        assert len(came) == len(jobs)
        unsure = {each.message_id: each.unsure_count for each in Delivery.objects(channel="email", state="sent")}
        twice = {message_id: count for message_id, count in came.items() if count > 1 + unsure[message_id]}
        assert twice == {}, "a letter came again although no answer was lost"
        assert kills == KILLS
        print(
            f"{kills} kills: {sum(came.values()) - len(came)} letters came twice, {sum(unsure.values())} answers were lost"
        )
