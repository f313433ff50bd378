"""Who keeps the desk busy: the reports that wait or are being made, by the person who asked."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from bson import ObjectId

from webapp.documents import User
from webapp.services.jobs import facts as job_facts
from webapp.services.remembered import RIGHTS_SECONDS
from webapp.services.rights.visibility import Reach

PEOPLE_TOLD = 10


@dataclass(frozen=True)
class PersonLoad:
    person_id: ObjectId
    name: str
    waiting: int
    running: int


def load_by_person(actor: User) -> list[PersonLoad]:
    """The people with the most unfinished reports among those that `actor` steers, the busiest first."""
    reach = Reach(actor)
    # Told beside the list, which has just brought the facts up to date.
    mine = [job for job in job_facts.every(RIGHTS_SECONDS) if not job.state.is_finished and reach.steers(job)]
    waiting = Counter(job.requested_by for job in mine if job.state.is_waiting)
    running = Counter(job.requested_by for job in mine if job.state.is_running)
    busiest = (waiting + running).most_common(PEOPLE_TOLD)
    names = dict(User.objects(id__in=[person for person, _ in busiest]).scalar("id", "name")) if busiest else {}
    return [
        PersonLoad(person, names.get(person, ""), waiting[person], running[person])
        for person, _ in busiest
        if person is not None  # another client's job may name nobody
    ]
