"""What is wrong with a document, in words."""

from __future__ import annotations

from typing import Any

import pytest
from mongoengine.errors import ValidationError

from tests.factories import build_job
from webapp.documents import Condition, LookupValue, Parameters, ReportFilters
from webapp.documents.problems import problems_of

pytestmark = pytest.mark.usefixtures("mock_database")


def problems(document: Any) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        document.validate()
    return problems_of(caught.value)


def test_each_field_has_a_sentence_of_its_own() -> None:
    found = problems(LookupValue(category="report-type", key="Not Kebab", display_as="x" * 256))
    assert found == {
        "key": "Key has characters that are not possible there.",
        "display_as": "Display as is too long.",
    }
    assert problems(LookupValue(category="report-type", key="a"))["display_as"] == "Display as is missing."


def test_a_field_inside_another_is_named_with_it() -> None:
    found = problems(build_job(parameters=Parameters(measures=["count", "c" * 201], top=0)))
    assert found["parameters.top"] == "Parameters top is too small."
    assert found["parameters.measures.1"] == "Parameters measures 1 is too long."
    deep = Parameters(filters=ReportFilters(conditions=[Condition(field="score")]))
    assert problems(build_job(parameters=deep)) == {
        "parameters.filters.conditions.0.operator": "Parameters filters conditions 0 operator is missing."
    }


def test_what_clean_says_is_a_sentence_already() -> None:
    found = problems(build_job(report_type="made-up"))
    assert found["report_type"].startswith("reportType “made-up” is not an active report-type value. Allowed: ")


def test_what_nobody_has_words_for_is_told_with_its_reason() -> None:
    found = problems(LookupValue(category="a", key="a", display_as="A", sort_order="many"))
    assert found["sort_order"].startswith("Sort order cannot be stored as it is: ")
    assert problems_of(ValidationError("whole")) == {"": "whole"}
