"""What can be gone to by typing: pages, report types, reports, and people for those who keep them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flask import url_for
from flask_babel import gettext as _

from webapp.documents import LookupCategory, User
from webapp.services import permissions
from webapp.services.jobs import lists as job_lists
from webapp.services.jobs.lists import JobList, JobListQuery
from webapp.services.lookups import values as lookups
from webapp.services.people import directory
from webapp.services.people.directory import PeopleQuery
from webapp.services.permissions import Permission
from webapp.services.plain_text import folded
from webapp.services.templates import facts as template_facts
from webapp.services.templates import lists as template_lists
from webapp.web.formatting import label
from webapp.web.languages import in_readers_language

#: So many of each kind are offered; a list's own search has the rest.
MOST = 6
LONGEST = 200


@dataclass(frozen=True)
class Place:
    """Somewhere to go."""

    address: str
    text: str
    note: str = ""


@dataclass(frozen=True)
class Group:
    name: str
    places: list[Place]


def find(actor: User, typed: str) -> list[Group]:
    """What has all the words of `typed`, by kind; of nothing typed, the pages and the newest reports."""
    words = folded(typed[:LONGEST]).split()
    allowed = permissions.permissions_of(actor)
    groups = [Group(_("Pages"), _having(words, _pages(allowed)))]
    if Permission.REQUEST_REPORTS in allowed and words:
        groups.append(Group(_("New report"), _having(words, _types())))
        groups.append(Group(_("Templates"), _templates(actor, " ".join(words))))
    groups.append(Group(_("Reports"), _reports(actor, " ".join(words), Permission.MANAGE_DEPARTMENT in allowed)))
    if Permission.ADMINISTER in allowed and words:
        groups.append(Group(_("People"), _people(" ".join(words))))
    return [group for group in groups if group.places]


def _having(words: list[str], places: Iterable[Place]) -> list[Place]:
    return [place for place in places if all(word in folded(f"{place.text} {place.note}") for word in words)][:MOST]


def _pages(allowed: frozenset[str]) -> list[Place]:
    pages = [
        ("", "home.index", _("Home")),
        (Permission.REQUEST_REPORTS, "jobs.new", _("New report")),
        ("", "jobs.index", _("My reports")),
        ("", "jobs.shared", _("Shared with me")),
        (Permission.REQUEST_REPORTS, "schedules.index", _("Schedules")),
        ("", "inbox.index", _("Inbox")),
        (Permission.REQUEST_REPORTS, "report_templates.index", _("Templates")),
        (Permission.MANAGE_DEPARTMENT, "department.index", _("Department reports")),
        (Permission.ADMINISTER, "admin.index", _("The queue")),
        (Permission.ADMINISTER, "admin.people", _("People")),
        (Permission.ADMINISTER, "admin.departments", _("Departments")),
        (Permission.ADMINISTER, "admin.lookups", _("Lookup values")),
        (Permission.MANAGE_CONTENT, "admin.imports", _("Imports")),
        (Permission.MANAGE_CONTENT, "admin.quality", _("Data quality")),
        (Permission.ADMINISTER, "admin.storage", _("Storage")),
        (Permission.ADMINISTER, "admin.letterhead", _("Letterhead")),
        (Permission.ADMINISTER, "admin.calendars", _("Calendars")),
        (Permission.ADMINISTER, "admin.deliveries", _("Deliveries")),
        (Permission.ADMINISTER, "admin.webhooks", _("Webhooks")),
        (Permission.ADMINISTER, "admin.audit", _("Audit")),
        ("", "verify.index", _("Check a file")),
        ("", "auth.account", _("Your account")),
    ]
    return [Place(url_for(endpoint), text) for needed, endpoint, text in pages if not needed or needed in allowed]


def _types() -> list[Place]:
    return [
        Place(url_for("jobs.new", type=each.key), label(LookupCategory.REPORT_TYPE, each.key))
        for each in lookups.active(LookupCategory.REPORT_TYPE)
    ]


def _templates(actor: User, text: str) -> list[Place]:
    return [
        Place(
            url_for("report_templates.show", template_id=each.id),
            in_readers_language(template_facts.name_of(each)),
            label(LookupCategory.REPORT_TYPE, each.report_type),
        )
        for each in template_lists.search(actor, text, MOST, in_readers_language)
    ]


def _reports(actor: User, text: str, manages: bool) -> list[Place]:
    """Their own first, then those of others, the newest first; each once."""
    query = JobListQuery(filters={"q": (text,)} if text else {})
    lists = [JobList.OWN, JobList.SHARED, *([JobList.DEPARTMENT] if manages else [])]
    found = dict.fromkeys(job_id for which in lists for job_id in job_lists.matching_ids(actor, which, query)[:MOST])
    jobs = job_lists.rows(actor, list(found)[:MOST])
    names = job_lists.names_of(jobs, besides=actor)
    return [
        Place(
            url_for("jobs.show", job_id=job.id),
            job.name,
            " · ".join([label(LookupCategory.REPORT_STATUS, job.status), names.get(job.requested_by, "")]),
        )
        for job in jobs
    ]


def _people(text: str) -> list[Place]:
    people = directory.page(PeopleQuery(text=text)).people[:MOST]
    return [Place(url_for("admin.person", user_id=each.id), each.name, each.email or "") for each in people]
