"""What asking would give."""

from __future__ import annotations

from tests.factories import People
from webapp import extract
from webapp.documents import Class, Enrollment
from webapp.services.questions.request import ReportRequest
from webapp.services.requests import previews
from webapp.services.rights.data_scope import DataScope

EVERYTHING = DataScope()
COUNTED = ReportRequest(report_type="enrollment-summary", measures=("count",))


def test_a_preview_shows_what_the_extract_has_and_how_old_it_is(people: People) -> None:
    assert previews.preview(ReportRequest(report_type="enrollment-summary"), EVERYTHING).published_at is None
    found = Class(name="Class", code="K", department_id=people.department.id).save()
    Enrollment(learner_id=people.owner.id, class_id=found.id, department_id=people.department.id).save()
    extract.refresh(["enrollments", "classes"])
    preview = previews.preview(COUNTED, EVERYTHING)
    assert preview.rows == [{"class": "K", "count": 1}]
    assert preview.published_at is not None
    outside = DataScope((str(people.other_department.id),), ())
    assert previews.preview(COUNTED, outside).rows == []
