"""The audit trail: everything once, the newest first, by person, report, kind and period."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from typing import Any

import pytest

from tests.factories import People, make_job
from tests.web.conftest import Client
from webapp.documents import AdminArea, AdminEvent, JobEvent
from webapp.documents.connection import current_database
from webapp.services import audit, audit_trail, database_clock
from webapp.services.audit_trail import KINDS, PAGE_SIZE, AuditQuery
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
    found = every(AuditQuery(kind="everything"))
    assert len(found) == 240 + 60
    assert len({each.id for each in found}) == 300
    assert [each.at for each in found] == sorted((each.at for each in found), reverse=True)


def test_filters_narrow_by_person_report_kind_and_period(people: People) -> None:
    add_events(people, 120)
    now = database_clock.now()
    assert every(AuditQuery(person_id=people.owner.id)) == []
    assert len(every(AuditQuery(person_id=people.owner.id, kind="everything"))) == 24
    assert len(every(AuditQuery(person_id=people.administrator.id))) == 30
    assert len(every(AuditQuery(kind="states.failed"))) == 60
    assert len(every(AuditQuery(kind="states"))) == 120
    assert len(every(AuditQuery(kind="people"))) == 30
    assert every(AuditQuery(kind="lookups")) == []
    since, until = now - timedelta(days=3), now - timedelta(days=1)
    inside = every(AuditQuery(kind="everything", since=since, until=until))
    assert inside
    assert len(inside) == len([each for each in every(AuditQuery(kind="everything")) if since <= each.at < until])
    job_id = JobEvent.objects.first().job_id
    assert [each.job_id for each in every(AuditQuery(about=job_id, kind="states"))] == [job_id]


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
    assert "That is no id" in client.get("/admin/audit/?about=x").text
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


def test_every_kind_is_offered_answers_and_shows_what_people_did_first(people: People, as_person: Client) -> None:
    job = make_job(people.owner.id, name="Spring figures")
    changing.share(people.owner, job.id, "organization", agreed=True)
    changing.cancel(people.owner, job.id, "No <need>")
    client = as_person(people.administrator)
    page = client.get("/admin/audit/").text
    offered = re.findall(r'<option value="([^"]*)"', page)
    assert sorted(offered) == sorted(KINDS)
    for kind in offered:
        assert client.get("/admin/audit/", query_string={"kind": kind}).status_code == 200, kind
    assert "No &lt;need&gt;" in page
    assert "people reached" in page
    assert len(every(AuditQuery(about=job.id))) == 2
    audit.record_failed_sign_in(people.owner.email)
    assert "somebody not signed in" in client.get(f"/admin/audit/?about={people.owner.email}").text


def test_the_export_holds_all_that_the_filters_mean_and_runs_no_formula(people: People, as_person: Client) -> None:
    for number in range(PAGE_SIZE * 2):
        audit.record(people.owner, AdminArea.PEOPLE, "changed", f"=cmd|'{number}'", changes={"roles": ("a,b", '"c"')})
    audit.record(people.owner, AdminArea.LOOKUPS, "changed", "elsewhere")
    client = as_person(people.administrator)
    answer = client.get("/admin/audit/export.csv?kind=people")
    assert answer.mimetype == "text/csv"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == PAGE_SIZE * 2
    assert {row["subject"] for row in rows} == {f"'=cmd|'{number}'" for number in range(PAGE_SIZE * 2)}
    assert {row["changes"] for row in rows} == {'roles: a,b → "c"'}
    assert AdminEvent.objects(area="audit").count() == 1
    assert client.get("/admin/audit/export.csv?person=nobody@x.example").status_code in (400, 422)
    assert as_person(people.manager).get("/admin/audit/export.csv").status_code == 404


def test_no_read_of_the_trail_goes_through_a_whole_collection(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    add_events(people, 40)
    finds: list[tuple[str, dict[str, Any], list[tuple[str, int]]]] = []
    read = audit_trail._read

    def noted(document: Any, wanted: Any, since: Any, until: Any, at_once: int) -> Any:
        found = read(document, wanted, since, until, at_once)
        period = {name: at for name, at in (("$gte", since), ("$lt", until)) if at is not None}
        collection = document._get_collection()
        matching = {**wanted, **({"at": period} if period else {})}
        # The same answer as without the index that is named.
        assert len(found) == min(len(list(collection.find(matching))), at_once), matching
        index = next((index for name, index in audit_trail._INDEXES.items() if name in wanted), [("at", 1)])
        finds.append((collection.name, matching, index))
        return found

    monkeypatch.setattr(audit_trail, "_read", noted)
    now = database_clock.now()
    for kind in KINDS:
        for person in (None, people.owner.id):
            for about in (None, JobEvent.objects.first().job_id):
                for since in (None, now - timedelta(days=3)):
                    audit_trail.page(AuditQuery(person_id=person, about=about, kind=kind, since=since))
    assert len(finds) > 100
    for collection, matching, index in finds:
        command = {"find": collection, "filter": matching, "sort": {"at": -1}, "limit": 50, "hint": dict(index)}
        plan = current_database().command("explain", command)["queryPlanner"]["winningPlan"]
        assert "COLLSCAN" not in str(plan), (matching, plan)
