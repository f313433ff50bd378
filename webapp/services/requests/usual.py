"""What a person asks for most, and how: lists begin with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from webapp.documents import ReportJob, User
from webapp.services.jobs import facts
from webapp.services.jobs.facts import JobFacts
from webapp.services.remembered import caching_factor

#: So many stand at the front.
MOST_IN_FRONT = 6
#: Counts of a moment ago are new enough.
SECONDS = 60.0


def first_the_most_asked(actor: User, report_types: Sequence[str]) -> list[str]:
    """`report_types`, those that `actor` asks for most at the front: `MOST_IN_FRONT` of them at most, and the others in
    the order that they have."""
    asked = Counter(each.report_type for each in _of(actor))
    front = sorted((key for key in report_types if asked[key]), key=lambda key: -asked[key])[:MOST_IN_FRONT]
    return [*front, *(key for key in report_types if key not in front)]


def last_columns(actor: User, report_type: str) -> list[str]:
    """The columns that `actor` chose last for the rows of this report type; none where they never did."""
    asked = [each.id for each in _of(actor) if each.report_type == report_type]
    found = ReportJob.objects(id__in=asked[-20:]).only("parameters.columns", "created_at").order_by("-created_at")
    return next((list(job.parameters.columns) for job in found if job.parameters and job.parameters.columns), [])


def _of(actor: User) -> list[JobFacts]:
    return [each for each in facts.every(SECONDS * caching_factor()) if each.requested_by == actor.id]
