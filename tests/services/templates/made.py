"""Templates for tests."""

from __future__ import annotations

from typing import Any

from webapp.documents import ReportTemplate, User
from webapp.services.questions.request import ReportRequest
from webapp.services.templates import saving
from webapp.services.templates.saving import Texts

QUESTION = ReportRequest(
    report_type="completion-rates", group_by=("class",), measures=("count", "completion-rate"), format="csv"
)


def make_template(
    by: User, name: str = "Rates of classes", question: ReportRequest = QUESTION, **more: Any
) -> ReportTemplate:
    texts = Texts(name, more.pop("description", ""), more.pop("tags", ()))
    return saving.create(by, texts, question, **more)
