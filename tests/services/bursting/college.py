"""A college of forty departments, each with a manager and a class, as plain lists; and what a report of it must say,
worked out from these lists alone."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bson import ObjectId

from tests.factories import make_record, make_user
from tests.worker.test_hostile_texts import Alone
from webapp import storage
from webapp.documents import Department, ReportJob, User
from webapp.services.bursting import making
from webapp.services.jobs import held
from webapp.services.rights import organisation
from webapp.settings import get_settings
from webapp.worker import execution

STATUSES = ("completed", "in-progress", "failed", "withdrawn")


@dataclass
class College:
    """`parents`: of each department, the number of the one above it. `rosters`: (department, status) of each learner."""

    departments: list[Department]
    parents: list[int | None]
    rosters: list[tuple[int, str]]
    managers: dict[int, User] = field(default_factory=dict)
    classes: list[ObjectId] = field(default_factory=list)

    # --- the reference ------------------------------------------------------------------------------------------------

    def tree_of(self, number: int) -> set[int]:
        """The department and all below it."""
        return {other for other in range(len(self.parents)) if number in self._above(other)}

    def _above(self, number: int) -> set[int]:
        found, place = set[int](), number
        while place is not None:
            found.add(place)
            place = self.parents[place]  # type: ignore[assignment]
        return found

    def rows_of(self, number: int) -> list[tuple[str, str]]:
        """Class and status of each enrollment, in order."""
        here = self.tree_of(number)
        return sorted((f"C{place:02}", status) for place, status in self.rosters if place in here)

    def groups_of(self, number: int) -> dict[str, tuple[int, float]]:
        """By class: how many enrollments, and which share of them is completed."""
        here = self.tree_of(number)
        all_of = Counter(place for place, _ in self.rosters if place in here)
        done = Counter(place for place, status in self.rosters if place in here and status == "completed")
        return {f"C{place:02}": (count, done[place] / count) for place, count in all_of.items()}

    def rate_of(self, number: int) -> float | None:
        here = self.tree_of(number)
        mine = [status for place, status in self.rosters if place in here]
        return mine.count("completed") / len(mine) if mine else None


def make_college(count: int = 40, *, empty: tuple[int, ...] = (), unmanaged: tuple[int, ...] = ()) -> College:
    """Department n is below (n - 1) // 3. Department n has n % 5 + 1 learners, those of `empty` none."""
    parents = [None if not number else (number - 1) // 3 for number in range(count)]
    ids = [ObjectId() for _ in parents]
    departments = [
        Department(id=ids[n], name=f"Department {n:02}", code=f"D{n:02}", external_id=f"D{n:02}", parent_id=None if above is None else ids[above])
        for n, above in enumerate(parents)
    ]  # fmt: skip
    Department.objects.insert(departments, load_bulk=False)
    organisation.forget()
    rosters = [
        (n, STATUSES[(n * 7 + learner) % len(STATUSES)])
        for n in range(count)
        if n not in empty
        for learner in range(n % 5 + 1)
    ]
    college = College(departments, parents, rosters, classes=[ObjectId() for _ in parents])
    for n, department in enumerate(departments):
        if n not in unmanaged:
            college.managers[n] = make_user(f"manager {n:02}", ["department-admin"], [department])
    publish(college)
    return college


def publish(college: College) -> None:
    """The record as the lists say it."""
    courses = [
        {"id": ObjectId(), "name": f"Course {n:02}", "code": f"K{n:02}", "department_id": each.id}
        for n, each in enumerate(college.departments)
    ]
    classes = [
        {"id": college.classes[n], "name": f"Class {n:02}", "code": f"C{n:02}", "course_id": course["id"]}
        for n, course in enumerate(courses)
    ]
    taught = [{"class_id": college.classes[n], "person_id": each.id} for n, each in college.managers.items()]
    persons = [{"id": each.id, "name": each.name} for each in college.managers.values()]
    rosters: list[dict[str, Any]] = [
        {"learner_id": ObjectId(), "class_id": college.classes[place], "status": status}
        for place, status in college.rosters
    ]
    make_record(courses=courses, classes=classes, persons=persons, rosters=rosters, teachings=taught)


# --- the worker's part ------------------------------------------------------------------------------------------------


def work_on(job_id: ObjectId, folder: Path) -> ReportJob:
    """As a worker does: really made, published and ended."""
    ReportJob.objects(id=job_id).update(set__status="queued", set__slot=f"x:{job_id}")
    hold = held.take(job_id, "worker")
    assert hold is not None
    job = ReportJob.objects.get(id=job_id)
    made = execution.execute(Alone(job, folder / f"{job_id}-{job.lease.fence}"))  # type: ignore[arg-type]
    assert held.finish(hold, storage=made.storage, provenance=made.provenance, records=made.records)
    return ReportJob.objects.get(id=job_id)


def make_parts(whole_id: ObjectId) -> list[ReportJob]:
    """As schedulers do, until nothing is to be made any more."""
    while making.make(whole_id):
        pass
    return list(ReportJob.objects(parent_id=whole_id))


def content_of(job: ReportJob) -> dict[str, Any]:
    """The JSON file."""
    files = storage.open_storage(get_settings().effective_storage_url)
    found: dict[str, Any] = json.loads(b"".join(files.read(job.output.storage.key)))
    return found


def bytes_beside(job: ReportJob) -> bytes:
    """The file and all that its page reads."""
    files = storage.open_storage(get_settings().effective_storage_url)
    keys = sorted(key for key, _, _ in files.list(f"reports/{job.id}/"))
    return b"\n".join(b"".join(files.read(key)) for key in keys)
