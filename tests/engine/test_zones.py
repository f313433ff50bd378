"""The changes of a zone's clocks between two moments, beside what the zone's own tables say at every moment."""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from webapp.engine import zones

#: Kiritimati leaves a day out on the last one of 1994, Lord Howe goes by half an hour, Apia left out 30 December 2011.
ZONES = ["UTC", "Europe/Madrid", "America/New_York", "Australia/Lord_Howe", "Pacific/Kiritimati", "Pacific/Apia"]
#: With the 20,000 hours that may follow all of it is before 2100: from then on the last offset is used.
_MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2097, 9, 1))  # noqa: DTZ001 - their zone is drawn


@settings(max_examples=examples(150), deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    start=_MOMENTS,
    hours=st.integers(0, 20_000),
    at=st.sampled_from([*ZONES, "Asia/Tokyo"]),
)
@example(zone="Pacific/Kiritimati", start=datetime(1994, 12, 31, 23), hours=48, at="Pacific/Kiritimati")  # noqa: DTZ001
@example(zone="Pacific/Kiritimati", start=datetime(1995, 1, 1, 0, 10), hours=1, at="Asia/Tokyo")  # noqa: DTZ001
def test_each_moment_between_has_the_offset_of_its_zone(zone: str, start: datetime, hours: int, at: str) -> None:
    begin = start.replace(tzinfo=ZoneInfo(at))
    end = begin + timedelta(hours=hours)
    found = zones.offsets(zone, begin, end)
    known = ZoneInfo(zone)
    first, last = begin.astimezone(UTC), end.astimezone(UTC)
    looked_at = [first + (last - first) * n / 40 for n in range(41)]
    looked_at += [
        moment
        for change, _ in found
        for near in (-1, 0)
        if first <= (moment := change.replace(tzinfo=UTC) + timedelta(seconds=near)) <= last
    ]
    for moment in looked_at:
        place = bisect_right([change for change, _ in found], moment.replace(tzinfo=None)) - 1
        assert place >= 0
        wanted = moment.astimezone(known).utcoffset()
        assert wanted == timedelta(seconds=found[place][1]), moment
