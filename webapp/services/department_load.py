"""Who keeps the desk busy: the reports that wait or are being made, by the person who asked."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from bson import ObjectId

from webapp.documents import ReportJob, User
from webapp.documents.report_job import RUNNING, WAITING
from webapp.services import visibility

#: Unfinished reports looked at; a department that has more is told of the first so many.
JOBS_READ = 1_000
PEOPLE_TOLD = 10


@dataclass(frozen=True)
class PersonLoad:
    person_id: ObjectId
    name: str
    waiting: int
    running: int


def load_by_person(actor: User) -> list[PersonLoad]:
    """The people with the most unfinished reports among those that `actor` steers, the busiest first."""
    jobs = ReportJob.objects
    if not visibility.is_administrator(actor):
        jobs = jobs.filter(department_id__in=list(visibility.managed_department_ids(actor)))
    waiting, running = (
        Counter(jobs.filter(status__in=[state.value for state in states]).limit(JOBS_READ).scalar("requested_by"))
        for states in (WAITING, RUNNING)
    )
    busiest = (waiting + running).most_common(PEOPLE_TOLD)
    names = dict(User.objects(id__in=[person for person, _ in busiest]).scalar("id", "name")) if busiest else {}
    return [PersonLoad(person, names.get(person, ""), waiting[person], running[person]) for person, _ in busiest]
