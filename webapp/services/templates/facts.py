"""The facts of templates that lists, searches and rights go through, kept in each process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from bson import ObjectId

from webapp.documents import LookupCategory, ReportTemplate
from webapp.services.collection_facts import CollectionFacts
from webapp.services.lookups import values as lookups
from webapp.services.plain_text import folded

_FIELDS = (
    *("name", "description", "tags", "reportType", "parameters.measures", "parameters.period", "defaultOutput.format"),
    *("createdBy", "departmentId", "visibility", "sharedWith", "usageCount", "lastUsedAt", "isActive", "version"),
    *("isLatest", "savedAt", "searchWords", "systemKey", "report.visibility"),
)


@dataclass(frozen=True, slots=True)
class TemplateFacts:
    """`words` are what a search finds it by, folded."""

    id: ObjectId
    name: str
    description: str
    tags: tuple[str, ...]
    words: str
    report_type: str
    measures: tuple[str, ...]
    period: str
    format: str
    created_by: ObjectId | None
    department_id: ObjectId | None
    visibility: str
    users: frozenset[ObjectId]
    departments: frozenset[ObjectId]
    roles: frozenset[str]
    usage_count: int
    last_used_at: datetime | None
    saved_at: datetime | None
    is_active: bool
    version: int
    system_key: str

    @property
    def is_system(self) -> bool:
        return bool(self.system_key)


class HasTexts(Protocol):
    """A template as a document, or its facts."""

    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def system_key(self) -> str: ...


def every() -> list[TemplateFacts]:
    """Every template, not its earlier versions, by name."""
    return _templates.everything()


def of(template: ReportTemplate) -> TemplateFacts:
    """The facts of a template that is read already. Raises ValueError for an earlier version."""
    found = _facts(template.to_mongo().to_dict())
    if found is None:
        raise ValueError("an earlier version has the rights of its template")
    return found


def read_ahead() -> None:
    """Begin to read all, for those who ask later."""
    _templates.read_ahead()


def forget() -> None:
    """Read all anew: another database, in tests."""
    _templates.forget()


def name_of(template: HasTexts) -> str:
    """What people read: of the desk's own templates, while nobody has renamed them, a Message."""
    return _seeded(template, template.name, lookups.label)


def description_of(template: HasTexts) -> str:
    """As `name_of`."""
    return _seeded(template, template.description or "", lookups.description)


def find(templates: Iterable[TemplateFacts], text: str, say: Callable[[str], str] = str) -> list[TemplateFacts]:
    """Those that have all words of `text`, the desk's own also as `say` tells them in the reader's language."""
    words = folded(text).split()
    return (
        [each for each in templates if all(word in _searched(each, say) for word in words)] if words else [*templates]
    )


def _searched(template: TemplateFacts, say: Callable[[str], str]) -> str:
    if not template.is_system:
        return template.words
    return f"{template.words} {folded(say(name_of(template)))} {folded(say(description_of(template)))}"


def _seeded(template: HasTexts, text: str, seeded: Any) -> str:
    found: str = seeded(LookupCategory.REPORT_TYPE, template.system_key) if template.system_key else text
    return found if found == text else text


def _facts(document: dict[str, Any]) -> TemplateFacts | None:
    if document.get("isLatest") is False:
        return None
    shared, parameters = document.get("sharedWith") or {}, document.get("parameters") or {}
    name, description = document.get("name") or "", document.get("description") or ""
    tags = tuple(document.get("tags") or ())
    return TemplateFacts(
        id=document["_id"],
        name=name,
        description=description,
        tags=tags,
        words=" ".join([folded(" ".join([name, description, *tags])), document.get("searchWords") or ""]),
        report_type=document.get("reportType") or "",
        measures=tuple(parameters.get("measures") or ()),
        period=parameters.get("period") or "",
        format=(document.get("defaultOutput") or {}).get("format") or "",
        created_by=document.get("createdBy"),
        department_id=document.get("departmentId"),
        visibility=document.get("visibility") or "private",
        users=frozenset(shared.get("users") or ()),
        departments=frozenset(shared.get("departments") or ()),
        roles=frozenset(shared.get("roles") or ()),
        usage_count=document.get("usageCount") or 0,
        last_used_at=document.get("lastUsedAt"),
        saved_at=document.get("savedAt"),
        is_active=document.get("isActive") is not False,
        version=document.get("version") or 1,
        system_key=document.get("systemKey") or "",
    )


_templates: CollectionFacts[TemplateFacts] = CollectionFacts(
    "reporttemplates", _FIELDS, _facts, lambda template: (folded(template.name), template.id)
)
