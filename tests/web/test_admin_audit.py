"""The audit trail: everything once, the newest first, by person, report, kind and period."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from tests.factories import People, make_job
from tests.web.conftest import Client
from webapp.documents import AdminArea, AdminEvent, JobEvent
from webapp.services import audit, audit_trail, database_clock
from webapp.services.audit_trail import PAGE_SIZE, AuditQuery
from webapp.services.jobs import events as job_events
from webapp.services.permissions import TERMINAL
from webapp.services.requests import changing


def every(query: AuditQuery) -> list[audit_trail.AuditEntry]:
    """All pages, one after the other."""
    found: list[audit_trail.AuditEntry] = []
    before: str | None = ""
    while before is not None:
        page = audit_trail.page(AuditQuery(**{**vars(query), "before": before}))
        found += page.entries
        before = page.older
    return found


def add_events(people: People, count: int) -> None:
    """Reports' events and administration's, mixed, some at the same instant, over some sixty days."""
    now = database_clock.now().replace(microsecond=0)
    JobEvent.objects.insert(
        [
            JobEvent(
                id=f"{number:024x}:1", job_id=f"{number:024x}", seq=1, status="ready" if number % 2 else "failed",
                at=now - timedelta(hours=6 * (number // 3)), report_type="transcript",
                user_id=people.owner.id if number % 5 == 0 else None,
            )
            for number in range(count)
        ]
    )  # fmt: skip
    AdminEvent.objects.insert(
        [
            AdminEvent(
                at=now - timedelta(hours=6 * number), user_id=people.administrator.id, area="people",
                action="changed", subject=f"Person {number}",
            )
            for number in range(count // 4)
        ]
    )  # fmt: skip


def test_the_pages_hold_everything_once_and_in_order(people: People) -> None:
    add_events(people, 240)
    found = every(AuditQuery())
    assert len(found) == 240 + 60
    assert len({each.id for each in found}) == 300
    assert [each.at for each in found] == sorted((each.at for each in found), reverse=True)


def test_filters_narrow_by_person_report_kind_and_period(people: People) -> None:
    add_events(people, 120)
    now = database_clock.now()
    assert len(every(AuditQuery(person_id=people.owner.id))) == 24
    assert len(every(AuditQuery(person_id=people.administrator.id))) == 30
    assert len(every(AuditQuery(kind="failed"))) == 60
    assert len(every(AuditQuery(kind="reports"))) == 120
    assert len(every(AuditQuery(kind="people"))) == 30
    assert every(AuditQuery(kind="lookups")) == []
    since, until = now - timedelta(days=3), now - timedelta(days=1)
    inside = every(AuditQuery(since=since, until=until))
    assert inside
    assert len(inside) == len([each for each in every(AuditQuery()) if since <= each.at < until])
    job_id = JobEvent.objects.first().job_id
    assert [each.job_id for each in every(AuditQuery(job_id=job_id))] == [job_id]


def test_the_page_says_who_did_what(people: People, as_person: Client) -> None:
    job = make_job(people.owner.id, name="Spring figures")
    changing.cancel(people.owner, job.id, "No <need>")
    job_events.copy([job.id])
    audit.record(people.administrator, AdminArea.LOOKUPS, "deactivated", "output-format / pdf")
    audit.record(TERMINAL, AdminArea.PEOPLE, "changed", "Somebody", changes={"roles": (["staff"], ["staff", "boss"])})
    client = as_person(people.administrator)
    page = client.get("/admin/audit/").text
    assert f"/reports/{job.id}" in page
    assert "Spring figures" in page
    assert "the terminal" in page
    assert "staff → staff, boss" in page
    own = client.get(f"/admin/audit/?person={people.owner.email}").text
    assert "Spring figures" in own
    assert "output-format / pdf" not in own
    assert "Spring figures" in client.get(f"/admin/audit/?report=http://localhost/reports/{job.id}").text
    assert "Nobody has this" in client.get("/admin/audit/?person=nobody@x.example").text
    assert "no report" in client.get("/admin/audit/?report=x").text
    assert "Nothing matches" in client.get("/admin/audit/?kind=departments").text


def test_older_pages_are_one_click_away_and_keep_the_filters(people: People, as_person: Client) -> None:
    for number in range(PAGE_SIZE + 5):
        audit.record(people.administrator, AdminArea.PEOPLE, "changed", f"Person {number}")
    client = as_person(people.administrator)
    page = client.get("/admin/audit/?kind=people").text
    older = re.search(r'rel="next" href="([^"]+)"', page)
    assert older is not None
    second = client.get(older[1].replace("&amp;", "&")).text
    assert "kind=people" in older[1]
    assert second.count("Person ") == 5
    assert ">Newest" in re.sub(r"<svg.*?</svg>", "", second)


def test_a_lost_cursor_begins_at_the_newest(people: People) -> None:
    audit.record(people.administrator, AdminArea.PEOPLE, "changed", "Person")
    for before in ("x", "~", "2026-01-01", "9999-99-99~a", "2026-01-01T00:00:00~x", "\x00~\x00", "~" * 500):
        answer: Any = audit_trail.page(AuditQuery(before=before))
        assert [each.subject for each in answer.entries] == ["Person"], before
