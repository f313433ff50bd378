"""A question as a template keeps it, and back. The way of a job (`questions.ways`), with other names for its file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bson import ObjectId

from webapp.documents import ReportTemplate
from webapp.documents.ids import id_made_of
from webapp.services.questions import ways
from webapp.services.questions.request import ReportRequest

#: What a request says beside its question and its file, by the names of the documents.
_BESIDE = ("name", "description", "visibility", "priority", "departmentId")
_FILENAME, _TEMPLATE = "filename", "filenameTemplate"


def lasting(request: ReportRequest) -> ReportRequest:
    """`request` without what is of one time alone: the data of an earlier report, and the moment to wait for."""
    return request.model_copy(update={"as_of_job_id": None, "scheduled_for": None})


def fields_of(request: ReportRequest) -> dict[str, Any]:
    """What a template keeps of `request`, by the names in MongoDB."""
    document = ways.to_document(lasting(request))
    output = {_TEMPLATE if name == _FILENAME else name: value for name, value in document["output"].items()}
    return {
        "reportType": document.get("reportType"),
        "parameters": document["parameters"],
        "defaultOutput": output,
        "report": {name: document[name] for name in _BESIDE if name in document},
    }


def request_of(template: ReportTemplate) -> ReportRequest:
    """The question that a template keeps, its period as it was meant when it was saved. Raises InvalidRequestError."""
    return request_from(template.to_mongo().to_dict())


def request_from(stored: Mapping[str, Any]) -> ReportRequest:
    """As `request_of`, of the document as the database has it."""
    output = dict(stored.get("defaultOutput") or {})
    output[_FILENAME] = output.pop(_TEMPLATE, None)
    beside = {name: value for name, value in (stored.get("report") or {}).items() if name in _BESIDE}
    parameters = stored.get("parameters") or {}
    return ways.from_document(
        {"reportType": stored.get("reportType"), "parameters": parameters, "output": output} | beside
    )


def names_a_zone(template: ReportTemplate) -> bool:
    """Whether the question says whose days are meant. The desk's own templates leave that to whoever uses them."""
    return bool(template.parameters and template.parameters.time_zone)


def version_id(template_id: ObjectId, number: int) -> ObjectId:
    """The id under which this version is kept once another one is saved over it: two who do so keep it once."""
    return id_made_of(f"{template_id}:{number}")
