"""The lookup values that every installation starts with (DESIGN §3). Plain data: `services.lookups.values` writes them.

Each line is (key, what people read, description, metadata); the order is the sort order. What the program itself knows
of a value (what a measure means, how a file is called) stands where it knows it, and is only gathered here.
"""

from __future__ import annotations

from typing import Any

from webapp.documents import LookupCategory
from webapp.documents.job_status import STATES
from webapp.engine.catalogue import DIMENSIONS, MEASURE_TYPES
from webapp.engine.catalogue import REPORT_TYPES as DECLARED_TYPES
from webapp.engine.catalogue.measure_types import MeasureType
from webapp.engine.declarations import UNITS_SHOWN
from webapp.messages import Message
from webapp.renderers import FORMATS
from webapp.services.lookups import activity_events

Seed = tuple[str, str, str, dict[str, Any]]

REPORT_TYPES: list[Seed] = [(each.key, each.label, each.description, {}) for each in DECLARED_TYPES.values()]

REPORT_STATUSES: list[Seed] = [
    (key.value, state.label, state.description, {"color": state.color}) for key, state in STATES.items()
]

REPORT_PRIORITIES: list[Seed] = [
    (
        "critical",
        Message("Critical"),
        Message("Before everything else."),
        {"rank": 50, "permission": "use-critical-priority"},
    ),
    ("high", Message("High"), Message("Before ordinary requests."), {"rank": 40, "permission": "use-high-priority"}),
    ("normal", Message("Normal"), Message("In the order of asking."), {"rank": 30}),
    ("low", Message("Low"), Message("When nothing ordinary waits."), {"rank": 20}),
    ("scheduled", Message("Scheduled"), Message("Recurring reports, when the desk is idle."), {"rank": 10}),
]

REPORT_VISIBILITIES: list[Seed] = [
    ("private", Message("Only me"), Message("The person who asked, and those who manage the department."), {}),
    ("team", Message("My teams"), Message("Everyone who shares a team with the person who asked."), {}),
    ("department", Message("The department"), Message("Everyone in the report's department."), {}),
    ("organization", Message("Everyone"), Message("Everyone who may ask for reports."), {}),
]

OUTPUT_FORMATS: list[Seed] = [
    (each.key, each.label, each.description, {"mimeType": each.mime_type, "extension": each.extension})
    for each in FORMATS.values()
]


def _measure_type(measure: MeasureType) -> Seed:
    shown = next((word for word, unit in UNITS_SHOWN.items() if unit is measure.unit), "number")
    metadata = {
        "format": shown,
        "requiresField": measure.requires_field,
        "applicableTo": list(measure.datasets),
    }
    return measure.key, measure.label, measure.definition, metadata


MEASURES: list[Seed] = [_measure_type(each) for each in MEASURE_TYPES.values()]

DIMENSION_ENTITIES: list[Seed] = [(each.key, each.label, each.what, {}) for each in DIMENSIONS.values() if each.what]

ACTIVITY_EVENTS: list[Seed] = [
    (each.key, each.label, "", {"xapiVerbs": list(each.verbs)} if each.verbs else {})
    for each in activity_events.ACTIVITY_EVENTS
]

ROLES: list[Seed] = [
    ("learner", Message("Learner"), Message("Learns; does not sign in here."), {"permissions": []}),
    (
        "instructor",
        Message("Instructor"),
        Message("Asks for reports about the classes they teach."),
        {"permissions": ["request-reports"]},
    ),
    (
        "staff",
        Message("Staff"),
        Message("Asks for reports about their departments."),
        {"permissions": ["request-reports"]},
    ),
    (
        "department-admin",
        Message("Department manager"),
        Message("Sees, stops and re-prioritises every report of their departments and those below."),
        {"permissions": ["request-reports", "manage-department", "use-high-priority"]},
    ),
    (
        "content-admin",
        Message("Content administrator"),
        Message("Keeps courses and imports."),
        {"permissions": ["request-reports", "manage-content"]},
    ),
    (
        "billing-admin",
        Message("Billing administrator"),
        Message("Reads usage."),
        {"permissions": ["request-reports", "read-billing"]},
    ),
    (
        "system-admin",
        Message("System administrator"),
        Message("Sees and does everything."),
        {
            "permissions": [
                "request-reports",
                "manage-department",
                "manage-content",
                "read-billing",
                "use-high-priority",
                "use-critical-priority",
                "administer",
            ]
        },
    ),
]

SEEDS: dict[LookupCategory, list[Seed]] = {
    LookupCategory.REPORT_TYPE: REPORT_TYPES,
    LookupCategory.REPORT_STATUS: REPORT_STATUSES,
    LookupCategory.REPORT_PRIORITY: REPORT_PRIORITIES,
    LookupCategory.REPORT_VISIBILITY: REPORT_VISIBILITIES,
    LookupCategory.OUTPUT_FORMAT: OUTPUT_FORMATS,
    LookupCategory.MEASURE_TYPE: MEASURES,
    LookupCategory.DIMENSION_ENTITY: DIMENSION_ENTITIES,
    LookupCategory.ACTIVITY_EVENT: ACTIVITY_EVENTS,
    LookupCategory.ROLE: ROLES,
}
