"""What asking would give."""

from __future__ import annotations

from datetime import UTC, date, datetime

from tests.factories import People, Taught, make_class, make_learner, make_record, new_id
from webapp import renderers
from webapp.renderers import pdf_file
from webapp.services.questions.period import Period
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


def test_a_period_of_days_says_how_many_rows_are_of_terms_that_are_not_on_in_it(people: People) -> None:
    spring = _class_of("2026 spring", datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))
    autumn = _class_of("2026 autumn", datetime(2026, 9, 1, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC))
    days = [(spring, datetime(2026, 1, 20, tzinfo=UTC)), (spring, datetime(2026, 2, 3, tzinfo=UTC))]
    days += [(autumn, datetime(2026, 6, 15 + n, tzinfo=UTC)) for n in range(3)]
    make_record(rosters=[{"learner_id": new_id(), "class_id": c.id, "enrolled_at": at} for c, at in days])

    asked = COUNTED.model_copy(update={"period": Period(first=date(2026, 2, 1), last=date(2026, 6, 30))})
    found = previews.preview(asked, EVERYTHING)
    assert (found.result.rows_matched, found.other_terms) == (4, {"2026 autumn": 3})
    # The term itself is the two that are of it, whenever they enrolled.
    of_term = previews.preview(
        COUNTED.model_copy(update={"period": Period.of("last-term", date(2026, 8, 1))}), EVERYTHING
    )
    assert (of_term.result.rows_matched, of_term.other_terms) == (2, {})
    assert previews.preview(asked.model_copy(update={"terms": ("2026 spring",)}), EVERYTHING).result.rows_matched == 1


def _class_of(term: str, start: datetime, end: datetime) -> Taught:
    return make_class(f"Class of {term}", term=term, starts_at=start, ends_at=end)


def test_a_size_is_told_by_files_of_nearly_as_many_rows_and_not_by_what_every_file_weighs() -> None:
    small, large = (10, 40_000), (20_000, 6_040_000)
    assert previews.size_of(50_000, [small, large]) == 40_000 + 15_000_000
    assert previews.size_of(5, [small, large]) == 40_000
    # Ten rows in 40 kB say nothing about a row.
    assert previews.size_of(1_000_000, [small, (12, 40_100)]) is None


def test_a_pdf_of_more_rows_than_it_shows_weighs_what_it_shows() -> None:
    assert renderers.rows_in_file("pdf", 10**6, 5) == pdf_file.row_limit(5)
    assert renderers.rows_in_file("csv", 10**6, 5) == 10**6
    assert renderers.rows_in_file("excel", 10**9, 5) is None
