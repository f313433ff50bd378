"""One version saved over another: what was there is kept as it was, and of two who save at once one is told."""

from __future__ import annotations

from typing import Any

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from webapp import clock
from webapp.documents import ReportTemplate
from webapp.errors import ConflictError
from webapp.messages import Message
from webapp.services.rights import organisation
from webapp.services.templates import facts
from webapp.services.templates.kept import version_id

#: What makes a version: everything that saving changes, by the names in MongoDB.
CONTENT = (
    *("name", "description", "tags", "reportType", "parameters", "defaultOutput", "report", "searchWords"),
    *("version", "previousVersionId", "savedAt", "savedBy"),
)
#: Earlier versions that are read at once.
MOST_READ = 200


class ChangedMeanwhileError(ConflictError):
    """Somebody else has saved a version since this one was read. `version`: theirs."""

    code = "template-changed-meanwhile"
    hint = Message("Look at what changed, and save yours once more: it then becomes the version after theirs.")

    def __init__(self, template: ReportTemplate) -> None:
        name, who = facts.name_of(template), template.saved_by
        by = organisation.names_of_people([who]).get(who) if who else None
        if by is None:
            text = Message(
                "“%(name)s” was changed meanwhile: it is version %(version)s now.", name=name, version=template.version
            )
        else:
            text = Message(
                "“%(name)s” was changed meanwhile by %(who)s: it is version %(version)s now.",
                name=name,
                who=by,
                version=template.version,
            )
        super().__init__(text)
        self.version: int = template.version


def replace(template_id: ObjectId, base: int, changes: dict[str, Any], by: ObjectId | None) -> ReportTemplate:
    """Save `changes` (fields by their names in MongoDB; None takes one away) as the version after `base`.

    Raises ChangedMeanwhileError where `base` is not the newest any more.
    """
    templates, now = ReportTemplate._get_collection(), clock.utcnow()
    before = templates.find_one({"_id": template_id, "version": base})
    if before is not None:
        kept = _kept(before)
        set_ = {name: value for name, value in changes.items() if value is not None}
        set_ |= {"version": base + 1, "previousVersionId": kept, "savedAt": now, "savedBy": by, "updatedAt": now}
        unset = {name: "" for name, value in changes.items() if value is None}
        change = {"$set": set_, **({"$unset": unset} if unset else {})}
        # Guarded by the version that was read: of two who save over it, the second finds another.
        if templates.update_one({"_id": template_id, "version": base}, change, hint="_id_").matched_count:
            return ReportTemplate.objects.get(id=template_id)
    raise ChangedMeanwhileError(ReportTemplate.objects.get(id=template_id))


def _kept(document: dict[str, Any]) -> ObjectId:
    """Keep this version beside the template, and return its id. Whoever else saves over it keeps the same."""
    number = version_id(document["_id"], document["version"])
    old = {name: document[name] for name in CONTENT if name in document}
    old |= {"templateId": document["_id"], "createdBy": document.get("createdBy"), "isLatest": False}
    try:
        ReportTemplate._get_collection().update_one({"_id": number}, {"$setOnInsert": old}, upsert=True)
    except DuplicateKeyError:
        return number  # the other one was faster
    return number


def earlier(template: ReportTemplate, count: int, *, below: int | None = None) -> list[ReportTemplate]:
    """The `count` versions before number `below` (default: the newest), the newer first."""
    newest = (below or template.version) - 1
    numbers = range(newest, max(newest - min(count, MOST_READ), 0), -1)
    ids = [version_id(template.id, number) for number in numbers]
    found = {each.id: each for each in ReportTemplate.objects(id__in=ids)} if ids else {}
    return [found[each] for each in ids if each in found]
