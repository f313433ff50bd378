"""The filters whose values are chosen from lists."""

from __future__ import annotations

from dataclasses import dataclass

from webapp.messages import Message


@dataclass(frozen=True)
class ChosenFilter:
    """One of the seed's filters: its field of a request, the dimension it narrows, and, where its values are records,
    which kind of `filter_choices` they are."""

    name: str
    dimension: str
    label: str
    kind: str = ""


CHOSEN_FILTERS = (
    ChosenFilter("department_ids", "department-tree", Message("Departments"), "department"),
    ChosenFilter("course_ids", "course", Message("Courses"), "course"),
    ChosenFilter("class_ids", "class", Message("Classes"), "class"),
    ChosenFilter("learner_ids", "learner", Message("Learners"), "learner"),
    ChosenFilter("content_ids", "content", Message("Contents"), "content"),
    ChosenFilter("terms", "term", Message("Terms")),
    ChosenFilter("event_types", "event-type", Message("Events")),
    ChosenFilter("statuses", "status", Message("Statuses")),
)
#: Fields of a request whose values are records, with the kind of record.
KINDS_OF_RECORDS = {each.name: each.kind for each in CHOSEN_FILTERS if each.kind} | {"department_id": "department"}
