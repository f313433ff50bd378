"""A schedule of the owner's, who reads three departments and manages none, and its whole report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from bson import ObjectId

from tests.factories import People, hold
from tests.services.schedules.conftest import wish
from webapp import clock, record, renderers
from webapp.documents import Burst, NamedForPart, ReportJob, ReportSchedule
from webapp.services.jobs import held
from webapp.services.jobs.changes import Failure
from webapp.services.rights import organisation
from webapp.services.schedules import firing, keeping

Whole = Callable[..., ReportJob]


@pytest.fixture
def registrar(people: People) -> People:
    """The cast; the owner reads the faculty, the department below it and the other department."""
    hold(people.owner, ["staff"], [people.faculty, people.other_department]).save()
    organisation.forget()
    return people


@pytest.fixture
def schedule(registrar: People) -> ReportSchedule:
    return keeping.create(registrar.owner, wish(burst=Burst(by="department")))


@pytest.fixture
def whole(registrar: People, schedule: ReportSchedule) -> ReportJob:
    """Its report, ready."""
    return ready(firing.run_now(registrar.owner, schedule.id))


@pytest.fixture
def without_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """To draw them takes longer than all else, and nobody looks at them here."""
    monkeypatch.setattr(renderers.chart_svg, "draw", lambda result, reader: None)
    monkeypatch.setattr(renderers.chart_svg, "sketched", lambda result, reader, kind: None)


def ready(job: ReportJob, **made: Any) -> ReportJob:
    """As a worker leaves it; `made`: what else its provenance says."""
    ReportJob.objects(id=job.id).update(set__status="queued", set__slot=f"x:{job.id}")
    hold_of_it = held.take(job.id, "worker")
    assert hold_of_it is not None
    told = {"rowsWritten": 3, "recordVersion": record.current().number, "asOf": clock.utcnow(), **made}
    assert held.finish(hold_of_it, storage={"key": f"reports/{job.id}/1/a.csv"}, provenance=told, records=3)
    return ReportJob.objects.get(id=job.id)


def failed(job: ReportJob) -> ReportJob:
    ReportJob.objects(id=job.id).update(set__status="queued", set__slot=f"x:{job.id}")
    hold_of_it = held.take(job.id, "worker")
    assert hold_of_it is not None
    assert held.fail(hold_of_it, Failure("broken", "The disk is full."))
    return ReportJob.objects.get(id=job.id)


def named(part_id: ObjectId, *addresses: str) -> list[NamedForPart]:
    return [NamedForPart(part_id=part_id, addresses=list(addresses))]
