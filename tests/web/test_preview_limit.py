"""However many previews one person asks for, few are worked out at once, and the others are told so in calm words."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
from bson import ObjectId

from tests.factories import People, make_user
from tests.web.conftest import Client
from webapp.errors import ConflictError
from webapp.services.requests import previews
from webapp.settings import Settings
from webapp.web import preview_slots
from webapp.web.preview_slots import ALL, PER_PERSON

ASKED = {"type": "learner-activity"}
TOGETHER = 60


class Counted:
    """In place of the engine: holds every preview until it is told, and counts them."""

    def __init__(self) -> None:
        self.lock, self.go_on = threading.Lock(), threading.Event()
        self.begun = 0

    def __call__(self, *_: object) -> Any:
        with self.lock:
            self.begun += 1
        assert self.go_on.wait(60)
        raise ConflictError("counted")


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counted]:
    counted = Counted()
    monkeypatch.setattr(previews, "preview", counted)
    yield counted
    counted.go_on.set()


def test_of_sixty_previews_of_one_person_two_are_worked_out(
    people: People, as_person: Client, counted: Counted
) -> None:
    client = as_person(people.owner)
    cookie = str(client.get_cookie("reportdesk").value)
    told: list[Any] = []

    def ask(_: int) -> None:
        browser = client.application.test_client()
        browser.set_cookie("reportdesk", cookie)
        answer = browser.post("/reports/new/preview", data=ASKED, headers={"HX-Request": "true"})
        told.append(answer)
        if len(told) == TOGETHER - PER_PERSON:
            counted.go_on.set()  # only those that are being worked out are left

    with ThreadPoolExecutor(TOGETHER) as pool:
        list(pool.map(ask, range(TOGETHER)))
    assert counted.begun == PER_PERSON
    statuses = [answer.status_code for answer in told]
    assert (statuses.count(429), statuses.count(200)) == (TOGETHER - PER_PERSON, PER_PERSON)
    refused = next(answer for answer in told if answer.status_code == 429)
    assert refused.headers["Retry-After"] == "2"
    # It stays in the preview's own place, and asks again.
    assert "HX-Retarget" not in refused.headers
    assert 'hx-trigger="load delay:2s"' in refused.text
    assert "follows by itself" in refused.text
    # Afterwards there is room again.
    assert client.post("/reports/new/preview", data=ASKED).status_code == 200


def test_one_person_leaves_room_for_others_and_all_together_leave_room_for_pages(settings: Settings) -> None:
    persons = [ObjectId() for _ in range(ALL)]
    with ExitStack() as stack:
        mine = [stack.enter_context(preview_slots.slot(persons[0])) for _ in range(PER_PERSON + 1)]
        assert mine == [True] * PER_PERSON + [False]
        others = [stack.enter_context(preview_slots.slot(person)) for person in persons[1:] for _ in range(2)]
        assert others.count(True) == ALL - PER_PERSON
        assert others == sorted(others, reverse=True)
    with preview_slots.slot(persons[0]) as is_free:
        assert is_free


def _hold(person: ObjectId, taken: Any) -> None:
    with preview_slots.slot(person) as is_free:
        taken.send(is_free)
        threading.Event().wait(60)


def test_all_processes_count_as_one_and_a_killed_one_leaves_nothing(settings: Settings) -> None:
    spawn, person = multiprocessing.get_context("spawn"), ObjectId()
    pipes = [spawn.Pipe() for _ in range(PER_PERSON)]
    children = [spawn.Process(target=_hold, args=(person, ours)) for _, ours in pipes]
    for child in children:
        child.start()
    assert [pipe.poll(60) and pipe.recv() for pipe, _ in pipes] == [True] * PER_PERSON
    with preview_slots.slot(person) as is_free:
        assert not is_free
    for child in children:
        child.kill()
        child.join(60)
    with preview_slots.slot(person) as is_free:
        assert is_free


def test_a_preview_that_fails_gives_its_place_back(people: People, as_person: Client, counted: Counted) -> None:
    counted.go_on.set()
    client = as_person(make_user("another", ["staff"], [people.department]))
    for _ in range(ALL * 2):
        assert client.post("/reports/new/preview", data=ASKED).status_code == 200
    assert counted.begun == ALL * 2
