"""Terms by their days, whatever days a source gives them."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from tests.factories import make_record
from webapp.services.questions import terms

TODAY = date(2026, 11, 1)
#: “No end” and “no beginning”, as rosters write them: the last second, or the first instant after the last day.
NO_END, NO_BEGIN = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)


@pytest.mark.usefixtures("database")
def test_a_term_without_an_end_is_on_beside_those_that_have_one() -> None:
    make_record(
        terms=[
            {"id": f"{n:024x}", "name": name, "starts_at": starts_at, "ends_at": ends_at}
            for n, (name, starts_at, ends_at) in enumerate(
                [
                    ("Always", NO_BEGIN, NO_END),
                    ("Spring", datetime(2026, 2, 2, tzinfo=UTC), datetime(2026, 6, 20, tzinfo=UTC)),
                    ("Autumn", datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 12, 20, 23, 59, 59, tzinfo=UTC)),
                    ("Never", NO_BEGIN, datetime(1, 1, 1, 1, tzinfo=UTC)),
                ]
            )
        ]
    )
    found = {each.name: (each.starts_on, each.ends_on) for each in terms.every()}
    assert found["Always"] == (date(1, 1, 1), date(9999, 12, 31))
    assert found["Autumn"] == (date(2026, 9, 1), date(2026, 12, 20))
    assert found["Spring"] == (date(2026, 2, 2), date(2026, 6, 19))
    current, last = terms.current_term(TODAY), terms.last_term(TODAY)
    assert current is not None
    assert current.name == "Autumn"
    assert last is not None
    assert last.name == "Spring"
