"""What people are told stands in their inbox, once, until they have read it; nobody reads another's."""

from __future__ import annotations

import threading

import pytest
from bson import ObjectId

from tests.factories import People
from webapp.catalogues import language_of
from webapp.documents.notice import Notice, SubjectKind
from webapp.messages import Message
from webapp.services.deliveries import inbox
from webapp.services.deliveries.telling import Subject, tell

READY = Message("“%(name)s” is ready.", name="Quarterly figures")


def test_a_person_is_told_and_nobody_else_is(people: People) -> None:
    about = Subject(SubjectKind.REPORT, ObjectId())
    assert tell(people.owner.id, READY, about=about)
    (notice,) = inbox.page(people.owner).notices
    assert (notice.text, notice.about_kind, notice.about_id) == (READY, "report", about.id)
    assert inbox.page(people.colleague).notices == []
    assert (inbox.unread(people.owner), inbox.unread(people.colleague)) == (1, 0)


def test_a_notice_is_said_in_the_language_in_which_it_is_read(people: People) -> None:
    tell(people.owner.id, Message("At %(count)s", count=1234))
    (notice,) = inbox.page(people.owner).notices
    assert isinstance(notice.text, Message)
    assert notice.text.said_in(language_of("es")) == "At 1.234"


def test_an_occasion_is_told_once_however_many_tell_it(people: People) -> None:
    told: list[bool] = []
    threads = [
        threading.Thread(target=lambda: told.append(tell(people.owner.id, READY, once="ready:1"))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == [False] * 7 + [True]
    assert tell(people.owner.id, READY, once="ready:2")
    assert tell(people.colleague.id, READY, once="ready:1")


def test_what_was_read_is_not_counted_and_nobody_reads_anothers(people: People) -> None:
    for _ in range(3):
        tell(people.owner.id, READY)
    first, second, third = inbox.page(people.owner).notices
    assert inbox.mark_read(people.colleague, [first.id, second.id]) == 0
    assert inbox.unread(people.owner) == 3
    assert inbox.mark_read(people.owner, [first.id]) == 1
    assert inbox.mark_read(people.owner, [first.id]) == 0
    assert inbox.unread(people.owner) == 2
    assert inbox.mark_all_read(people.colleague) == 0
    assert inbox.mark_all_read(people.owner) == 2
    assert Notice.objects(id=third.id).get().is_unread is False


def test_pages_of_an_inbox_follow_each_other_the_newest_first(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "PAGE_SIZE", 2)
    for number in range(3):
        tell(people.owner.id, Message("%(number)s", number=number))
    first, second = inbox.page(people.owner), inbox.page(people.owner, 2)
    assert (len(first.notices), first.has_older) == (2, True)
    assert ([str(each.text) for each in second.notices], second.has_older) == (["0"], False)
