"""What asking would give."""

from __future__ import annotations

from tests.factories import People, make_class, make_learner
from webapp.services.questions.request import ReportRequest
from webapp.services.requests import previews
from webapp.services.rights.data_scope import DataScope

EVERYTHING = DataScope()
COUNTED = ReportRequest(report_type="enrollment-summary", measures=("count",))


def test_a_preview_shows_what_the_record_has_and_how_old_it_is(people: People) -> None:
    assert previews.preview(ReportRequest(report_type="enrollment-summary"), EVERYTHING).published_at is None
    make_learner("Lee", of=make_class("Class", code="K", department=people.department))
    preview = previews.preview(COUNTED, EVERYTHING)
    assert preview.rows == [{"class": "K", "count": 1}]
    assert preview.published_at is not None
    outside = DataScope((str(people.other_department.id),), ())
    assert previews.preview(COUNTED, outside).rows == []
