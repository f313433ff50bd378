"""When a schedule runs, in words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from webapp.documents import ReportSchedule
from webapp.documents.report_schedule import Relative, Timing
from webapp.services.schedules.in_words import catch_up_in_words, cron_in_words, rule_in_words


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("30 6 * * 1-5", "At 06:30, on Monday, Tuesday, Wednesday, Thursday and Friday"),
        ("0 6,18 * * *", "At 06:00 and 18:00, every day"),
        ("*/20 * * * *", "Every 20 minutes, every day"),
        ("0 * * * SUN", "Every hour, on Sunday"),
        ("5,35 * 1 * *", "At the minutes 5, 35 of every hour, on day 1 of the month"),
        ("0 0-6 * 3,9 *", "At the minutes 0 of the hours 0, 1, 2, 3, 4, 5, 6, every day, in March and September"),
        ("0 9 L * *", "At 09:00, on the last day of the month"),
        ("0 9 LW * *", "At 09:00, on the last day of the month from Monday to Friday"),
        ("0 9 * * 1#1", "At 09:00, on the first Monday of the month"),
        ("0 9 * * 5L", "At 09:00, on the last Friday of the month"),
        ("0 9 13 * 5", "At 09:00, on day 13 of the month, and on Friday"),
        ("0 9 */2 * 7", "At 09:00, on day 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31 of the month, only on Sunday"),
        ("15 6 1 1 *", "At 06:15, on day 1 of the month, in January"),
    ],
)  # fmt: skip
def test_a_cron_expression_is_told_in_words(expression: str, words: str) -> None:
    assert cron_in_words(expression) == words


@pytest.mark.parametrize(
    ("timing", "words"),
    [
        ({"frequency": "once", "run_at": datetime(2030, 3, 1, 23, 30, tzinfo=UTC), "timezone": "Asia/Kathmandu"}, "Once, on 2 March 2030 at 05:15 (times of Asia/Kathmandu)."),
        ({"frequency": "weekly", "day_of_week": [0, 1, 4]}, "Every week on Monday, Thursday and Sunday at 06:00 (times of UTC)."),
        ({"frequency": "biweekly", "day_of_week": [5], "start_date": datetime(2030, 1, 4, tzinfo=UTC)}, "Every two weeks on Friday at 06:00 (times of UTC). From 4 January 2030 on."),
        ({"frequency": "monthly", "day_of_month": 15}, "Every month on day 15 at 06:00 (times of UTC)."),
        ({"frequency": "quarterly", "day_of_month": 31, "quarter_months": [3, 6, 9, 12]}, "In March, June, September and December on day 31 (of a shorter month: its last) at 06:00 (times of UTC)."),
        ({"frequency": "yearly", "day_of_month": 29, "month": 2, "end_date": datetime(2031, 1, 1, tzinfo=UTC)}, "Every year in February on day 29 (of a shorter month: its last) at 06:00 (times of UTC). Until 1 January 2031."),
        ({"frequency": "relative", "relative": Relative(days=5)}, "5 working days before a chosen class ends, at 06:00 (times of UTC)."),
        ({"frequency": "relative", "relative": Relative(days=-1, working_days=False, end="term")}, "1 day after a term has ended, at 06:00 (times of UTC)."),
        ({"frequency": "relative", "relative": Relative(days=0)}, "On the day on which a chosen class ends, at 06:00 (times of UTC)."),
    ],
)  # fmt: skip
def test_times_are_told_in_words(timing: dict[str, Any], words: str) -> None:
    schedule = ReportSchedule(schedule=Timing(**{"timezone": "UTC", "time_of_day": "06:00", **timing}))
    assert rule_in_words(schedule) == words


def test_closed_days_new_data_and_catching_up_are_told_too() -> None:
    daily = Timing(frequency="daily", timezone="UTC", time_of_day="06:00")
    schedule = ReportSchedule(schedule=daily, on_closed="before", trigger="both", catch_up="all", most_caught_up=3)
    assert rule_in_words(schedule, "Term time") == (
        "Every day at 06:00 (times of UTC). On days on which “Term time” is closed: the working day before. "
        "Whenever new data came, at most once an hour."
    )
    assert catch_up_in_words(schedule) == "Of runs that were missed the last 3 are made."
    schedule.trigger = "fresh-data"
    assert rule_in_words(schedule, "Term time") == "Whenever new data came, at most once an hour."
