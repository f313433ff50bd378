"""A question as the address of the form that asks it: to share, to reload, to change an earlier one."""

from __future__ import annotations

from typing import Any

from webapp.documents import ReportJob
from webapp.web.jobs import conditions


def of_job(job: ReportJob) -> dict[str, Any]:
    """The fields of the form, filled in as `job` was asked for."""
    parameters = job.parameters
    filters = parameters.filters
    days = parameters.date_range
    state: dict[str, Any] = {
        "type": job.report_type,
        "name": job.name,
        "description": job.description,
        "date_field": parameters.date_field,
        "time_zone": parameters.time_zone,
        "group": list(parameters.group_by),
        "slicer": list(parameters.slicers),
        "measure": list(parameters.measures),
        "sort": (parameters.sort or [None])[0],
        "top": parameters.top,
        "limit": parameters.limit,
        "detail": "y" if parameters.detail else None,
        "subtotals": "y" if parameters.subtotals else None,
        "inactive": "y" if parameters.include_inactive else None,
        "format": job.output.format,
        "filename": job.output.filename,
        **{f"with_{name}": "y" for name, wanted in (job.output.options or {}).items() if wanted},
        "visibility": job.visibility,
        "priority": job.priority,
    }
    if days is not None and (days.start_date or days.end_date):
        state |= {
            "period": "custom",
            "start": f"{days.start_date:%Y-%m-%d}" if days.start_date else None,
            "end": f"{days.end_date:%Y-%m-%d}" if days.end_date else None,
        }
    if filters is not None:
        state |= {
            "department": [str(each) for each in filters.department_ids],
            "course": [str(each) for each in filters.course_ids],
            "class_": [str(each) for each in filters.class_ids],
            "learner": [str(each) for each in filters.learner_ids],
            "content": [str(each) for each in filters.content_ids],
            "event": list(filters.event_types),
            "status": list(filters.statuses),
        }
    state = {name: value for name, value in state.items() if value not in (None, "", [])}
    rows = [conditions.shown(each) for each in filters.conditions or ()] if filters is not None else []
    if rows:
        # Three columns side by side: an empty cell keeps its place.
        state |= {
            "where": [row.field for row in rows],
            "compare": [row.operator for row in rows],
            "value": [row.value for row in rows],
        }
    return state
