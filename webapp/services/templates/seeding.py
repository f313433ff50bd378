"""The desk's own templates, one for each report type, written when a program starts (as the lookup values are).

A template keeps in `seeded` what it was written with. While it still says that, it follows the program, by a version of
its own; what an administrator has changed stays as it is, and one that is retired stays retired.
"""

from __future__ import annotations

from typing import Any

from bson import ObjectId
from pymongo import UpdateOne

from webapp import clock
from webapp.documents import LookupCategory, ReportTemplate
from webapp.documents.ids import id_made_of
from webapp.documents.lookup_value import CachedLookup
from webapp.engine.declarations import ReportType
from webapp.errors import InvalidRequestError
from webapp.services.lookups import values as lookups
from webapp.services.plain_text import folded
from webapp.services.questions.period import ALL, Period
from webapp.services.questions.report_types import report_type_of
from webapp.services.questions.request import ReportRequest
from webapp.services.rights.visibility import EVERYONE
from webapp.services.templates import kept, versions

#: What people mean when they ask for these rows without saying of when, by the dataset; of all others this year's.
_PERIODS = {"activity": "last-30-days", "certificates": ALL}
_USUAL_PERIOD = "academic-year"
#: Of whom nothing was seen for long, whenever they came.
_OF_EVER = ("last-access",)
#: What is written, and compared with what is there.
_FIELDS = ("name", "description", "reportType", "parameters", "defaultOutput", "report")


def seed() -> int:
    """Add the templates that are missing and return how many were added; bring those that nobody has changed to what is
    seeded now. Doing it again changes nothing."""
    wanted = {
        _id_of(value.key): found for value in lookups.every(LookupCategory.REPORT_TYPE) if (found := _seed_of(value))
    }
    templates = ReportTemplate._get_collection()
    stored = {each["_id"]: each for each in templates.find({"_id": {"$in": list(wanted)}})}
    missing = [_added(key, fields) for key, fields in wanted.items() if key not in stored]
    added = templates.bulk_write(missing, ordered=False).upserted_count if missing else 0
    for key, document in stored.items():
        _follow(document, wanted[key])
    return added


def _seed_of(value: CachedLookup) -> dict[str, Any] | None:
    """None for a type that says nothing of what it counts, or is not offered."""
    try:
        declared = report_type_of(value.key)
    except InvalidRequestError:
        return None
    if not value.is_active:
        return None
    # Its shape is left to the report type. Its days are those of whoever uses it, so no zone is kept.
    request = ReportRequest(report_type=value.key, period=Period(phrase=_phrase(declared)))
    fields = kept.fields_of(request)
    del fields["parameters"]["timeZone"]
    return {"name": value.display_as, "description": value.description, **fields}


def _phrase(declared: ReportType) -> str:
    # A transcript has all of it, and what is missing or overdue is so whenever it began.
    if declared.detail_first or declared.where or declared.key in _OF_EVER:
        return ALL
    return _PERIODS.get(declared.dataset, _USUAL_PERIOD)


def _id_of(report_type: str) -> ObjectId:
    """The same in every process: of two that start at once one writes it."""
    return id_made_of(f"system-template:{report_type}")


def _added(key: ObjectId, fields: dict[str, Any]) -> UpdateOne:
    now = clock.utcnow()
    document = {
        **fields, "seeded": fields, "systemKey": fields["reportType"], "visibility": EVERYONE, "isActive": True,
        "isLatest": True, "version": 1, "usageCount": 0, "searchWords": _words(fields), "createdAt": now,
        "updatedAt": now, "savedAt": now,
    }  # fmt: skip
    return UpdateOne({"_id": key}, {"$setOnInsert": document}, upsert=True)


def _follow(stored: dict[str, Any], wanted: dict[str, Any]) -> None:
    seeded = stored.get("seeded") or {}
    if seeded == wanted or any(stored.get(name) != seeded.get(name) for name in _FIELDS):
        return
    try:
        versions.replace(
            stored["_id"], stored["version"], {**wanted, "seeded": wanted, "searchWords": _words(wanted)}, None
        )
    except versions.ChangedMeanwhileError:
        return  # by an administrator, or by another process that starts: theirs stays


def _words(fields: dict[str, Any]) -> str:
    return folded(f"{fields['name']} {fields['description']}")
