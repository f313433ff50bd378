"""Whatever a document looks like, reading it raises nothing: it gives rows, or is refused with its _id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC as UTC_ZONE
from datetime import datetime
from typing import Any

from bson import Binary, Code, Decimal128, Int64, ObjectId, Regex
from bson.datetime_ms import DatetimeMS
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.sources.lms_mongodb.staged import UTC
from webapp.sources.lms_mongodb.expressions import Words
from webapp.sources.lms_mongodb.joins import Joins
from webapp.sources.lms_mongodb.mapping import Conditions
from webapp.sources.lms_mongodb.mapping_file import load
from webapp.sources.lms_mongodb.rows import RowMaker

_ODD: tuple[Any, ...] = (
    ObjectId(b"a" * 12), "a" * 24, Int64(7), Decimal128("NaN"), Decimal128("1E+6000"), DatetimeMS(2**60), Regex("a"),
    Code("a"), Binary(b"a", 128), datetime(1, 1, 1, tzinfo=UTC_ZONE), datetime(9999, 12, 31, tzinfo=UTC_ZONE),
    "active", "1e999", "2026-01-01", "∞",
)  # fmt: skip
_SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(max_size=6) | st.binary(max_size=4)
    | st.datetimes(timezones=st.just(UTC_ZONE))
    # By their number: Hypothesis takes what is a kind of str for a str, and breaks at it.
    | st.integers(0, len(_ODD) - 1).map(_ODD.__getitem__)
)  # fmt: skip
_NAMES = st.sampled_from([
    "_id", "person", "firstName", "departmentMemberships", "roles", "departmentId", "isActive", "courseId", "instructorIds",
    "startDate", "endDate", "learnerId", "classId", "status", "score", "maxScore", "percentage", "eventType", "timestamp",
    "contentId", "examId", "name", "title", "parentDepartmentId", "gradePercentage", "attemptNumber",
])  # fmt: skip
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3), max_leaves=8
)
_DOCUMENTS = st.lists(
    st.dictionaries(_NAMES, _VALUES, max_size=8).map(lambda each: {"_id": ObjectId(b"b" * 12), **each}), max_size=4
)


class AnyLms:
    """Every collection of it holds the same strange documents."""

    def __init__(self, documents: list[dict[str, Any]]) -> None:
        self._documents = documents

    def query(self, conditions: Conditions) -> dict[str, Any]:
        return {}

    def batches(self, collection: str, query: Any, projection: Mapping[str, int]) -> Iterator[list[dict[str, Any]]]:
        yield self._documents

    def those(
        self, collection: str, path: str, values: Any, projection: Any, query: Any
    ) -> Iterator[list[dict[str, Any]]]:
        yield self._documents


@given(_DOCUMENTS)
@settings(deadline=None, max_examples=examples(60))
def test_a_document_of_any_shape_gives_rows_or_is_refused_with_its_id(documents: list[dict[str, Any]]) -> None:
    mapping = load("cadence").mapping
    lms: Any = AnyLms(documents)
    for table, reading in mapping.readings:
        found = RowMaker(table, reading, Joins(lms), Words(mapping.values), UTC).read(documents)
        assert all(refused.reason and refused.collection == reading.collection for refused in found.refused)
        assert {refused.id for refused in found.refused} <= {str(each["_id"])[:100] for each in documents}
        if reading.each is None:
            assert len(found.rows) + len(found.refused) + found.aside == len(documents)
