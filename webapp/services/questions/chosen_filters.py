"""The filters whose values are chosen from lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from webapp.documents import Class, Content, Course, Department, User
from webapp.messages import Message


@dataclass(frozen=True)
class ChosenFilter:
    """One of the seed's filters: its list in `ReportFilters`, the dimension it narrows, and how to name its values."""

    name: str
    dimension: str
    label: str
    document: Any = None
    text: str = "name"


CHOSEN_FILTERS = (
    ChosenFilter("department_ids", "department-tree", Message("Departments"), Department),
    ChosenFilter("course_ids", "course", Message("Courses"), Course),
    ChosenFilter("class_ids", "class", Message("Classes"), Class, "code"),
    ChosenFilter("learner_ids", "learner", Message("Learners"), User),
    ChosenFilter("content_ids", "content", Message("Contents"), Content),
    ChosenFilter("event_types", "event-type", Message("Events")),
    ChosenFilter("statuses", "status", Message("Statuses")),
)
