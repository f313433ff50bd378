"""A question comes back from a template as it went into it, whatever it asks."""

from __future__ import annotations

from typing import Any

import bson
import pytest
from bson import ObjectId
from bson.codec_options import CodecOptions
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.factories import People
from tests.services.questions.asked import NOW, make_records, requests
from webapp import clock
from webapp.documents import ReportTemplate
from webapp.services.questions.request import FIELDS, ReportRequest
from webapp.services.templates import kept


@pytest.fixture(autouse=True)
def at_this_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "utcnow", lambda: NOW)


def as_stored(request: ReportRequest) -> ReportTemplate:
    """As bytes of the database give it back."""
    stored = {"_id": ObjectId(), "name": "Kept", "version": 3, **kept.fields_of(request)}
    return ReportTemplate._from_son(bson.decode(bson.encode(stored), CodecOptions(tz_aware=True)))


def test_a_request_comes_back_from_a_template_but_for_what_is_of_one_time(people: People) -> None:
    records = make_records(people)

    @settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        request = data.draw(requests(records))
        found = kept.request_of(as_stored(request))
        differing = {name for name in FIELDS if getattr(found, name) != getattr(request, name)}
        assert differing <= {"as_of_job_id", "scheduled_for"}
        assert (found.as_of_job_id, found.scheduled_for) == (None, None)

    holds()


def test_a_template_of_another_client_is_read_whatever_else_it_holds(database: Any) -> None:
    stored = {
        "_id": ObjectId(), "name": "Theirs", "reportType": "transcript", "colour": "blue",
        "defaultOutput": {"format": "pdf", "filenameTemplate": "{name} {period}", "paper": "A4"},
        "parameters": {"includeInactive": True, "layout": {"a": 1}},
    }  # fmt: skip
    request = kept.request_of(ReportTemplate._from_son(stored))
    assert (request.format, request.filename, request.include_inactive) == ("pdf", "{name} {period}", True)
    assert (request.name, request.visibility) == ("", "private")
