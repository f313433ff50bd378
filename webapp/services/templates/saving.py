"""Saving templates: new ones, new versions of one, an earlier version again, a copy of one's own.

Nothing is saved before it is whole and valid; every error stands under the name of its field, those of the template
itself as `template_name`, `tags`, …
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from mongoengine.errors import NotUniqueError, ValidationError

from webapp import clock
from webapp.documents import AdminArea, DefaultOutput, LookupCategory, Parameters, ReportDefaults, ReportTemplate, User
from webapp.documents.ids import id_made_of
from webapp.documents.problems import problems_of
from webapp.documents.report_job import NAME_LENGTH
from webapp.documents.report_template import MOST_TAGS, TAG_LENGTH
from webapp.errors import ForbiddenError, InvalidRequestError
from webapp.messages import Message
from webapp.renderers.reader import shortened
from webapp.services import audit, permissions
from webapp.services.permissions import Actor, Permission, id_of
from webapp.services.plain_text import folded
from webapp.services.questions import ways
from webapp.services.questions.request import CONTROL, ReportRequest
from webapp.services.requests import naming
from webapp.services.requests import rules as request_rules
from webapp.services.requests.rules import BY_ITSELF
from webapp.services.rights import data_scope
from webapp.services.rights.data_scope import DataScope
from webapp.services.templates import facts, kept, seeing, telling, using, versions
from webapp.services.templates.versions import ChangedMeanwhileError

log = logging.getLogger(__name__)

Say = Callable[[str], str]
#: Of a question that is kept, these may be changed without judging the whole of it anew.
_TEXTS_OF_REPORTS = ("name", "description", "filename")
#: In the audit trail nobody is named who was chosen.
_NOBODY = DataScope((), ())


@dataclass(frozen=True)
class Texts:
    """What a template says of itself."""

    name: str
    description: str = ""
    tags: tuple[str, ...] = ()


def suggested_name(actor: User, request: ReportRequest, say: Say = str) -> str:
    """What to call a template of this question: as its reports are, else by what it asks, but for whom."""
    unnamed = request.model_copy(update={"learner_ids": ()})
    return request.name or shortened(say(naming.name_of(unnamed, data_scope.data_scope(actor))), NAME_LENGTH)


def create(
    actor: User,
    texts: Texts,
    request: ReportRequest,
    *,
    visibility: str = "private",
    submission_id: str | None = None,
    say: Say = str,
) -> ReportTemplate:
    """Keep `request` as a new template of the actor's. The same `submission_id` again makes no second one.

    Raises InvalidRequestError with every field at fault, and ForbiddenError.
    """
    permissions.require_permission(actor, Permission.REQUEST_REPORTS)
    key = _submission_key(actor, submission_id)
    if key is not None and (made := ReportTemplate.objects(id=key).first()) is not None:
        return made
    errors: dict[str, str] = {}
    said = _checked_texts(texts, errors)
    asked = _checked_question(actor, request, errors, say)
    checked: dict[str, str] = {}
    request_rules.check_lookup(checked, "template_visibility", LookupCategory.REPORT_VISIBILITY, visibility)
    if errors := errors | checked:
        raise InvalidRequestError(errors)
    now = clock.utcnow()
    template = ReportTemplate(
        **said,
        **_document_fields(asked),
        created_by=actor.id,
        department_id=request_rules.usual_department(actor),
        visibility=visibility,
        saved_at=now,
        saved_by=actor.id,
        created_at=now,
    )
    if key is not None:
        template.id = key
    try:
        template.save(force_insert=True)
    except NotUniqueError:
        return ReportTemplate.objects.get(id=key)  # the other half of a double click
    except ValidationError as error:
        raise InvalidRequestError(problems_of(error)) from error
    told = {"visibility": ("", visibility)}
    audit.record(actor, AdminArea.TEMPLATES, "saved", template.name, subject_id=template.id, changes=told)
    log.info("template saved", extra={"template_id": str(template.id), "report_type": template.report_type})
    return template


def edit(
    actor: User,
    template_id: str | ObjectId,
    base: int,
    *,
    texts: Texts | None = None,
    request: ReportRequest | None = None,
    say: Say = str,
) -> ReportTemplate:
    """Save what is given as the version after `base`, which is the one that the actor has read. Where it says the same
    as that one, nothing is saved.

    Raises ChangedMeanwhileError where somebody else has saved one since, InvalidRequestError and ForbiddenError.
    """
    template = editable(actor, template_id)
    errors: dict[str, str] = {}
    changes: dict[str, Any] = _checked_texts(texts, errors) if texts is not None else {}
    if request is not None:
        changes |= _changed_question(actor, template, request, errors, say)
    if errors:
        raise InvalidRequestError(errors)
    return _saved_over(actor, template, base, changes)


def restore(actor: User, template_id: str | ObjectId, number: int, base: int) -> ReportTemplate:
    """An earlier version again, as the one after `base`. Raises VersionNotFoundError, and as `edit`."""
    template = editable(actor, template_id)
    old = seeing.version_of(template, number).to_mongo().to_dict()
    names = ("name", "description", "tags", "reportType", "parameters", "defaultOutput", "report", "searchWords")
    return _saved_over(actor, template, base, {name: old.get(name) for name in names})


def clone(
    actor: User,
    template_id: str | ObjectId,
    number: int | None = None,
    *,
    submission_id: str | None = None,
    say: Say = str,
) -> ReportTemplate:
    """A private copy of the actor's own. Raises as `create`: what the actor may not ask they cannot keep either."""
    template = seeing.visible_template(actor, template_id)
    version = seeing.version_of(template, number)
    name = say(Message("Copy of %(name)s", name=facts.name_of(version)))
    texts = Texts(shortened(name, NAME_LENGTH), say(facts.description_of(version)), tuple(version.tags))
    request = using.unmeant_for(actor, template, version)
    return create(actor, texts, request, submission_id=submission_id, say=say)


def editable(actor: Actor, template_id: str | ObjectId) -> ReportTemplate:
    """The template, if `actor` may change it. Raises TemplateNotFoundError and ForbiddenError."""
    template = seeing.visible_template(actor, template_id)
    if not seeing.may_edit(actor, template):
        raise ForbiddenError(
            Message("Only whoever made “%(name)s” may change it.", name=facts.name_of(template)),
            hint=Message("Copy it: the copy is yours to change."),
        )
    return template


def _saved_over(actor: User, template: ReportTemplate, base: int, changes: dict[str, Any]) -> ReportTemplate:
    if template.version != base:
        raise ChangedMeanwhileError(template)
    before = template.to_mongo().to_dict()
    changes = {name: value for name, value in changes.items() if (value or None) != (before.get(name) or None)}
    if not changes:
        return template
    saved = versions.replace(template.id, base, changes, id_of(actor))
    told = {each.what: (each.before, each.after) for each in telling.changes(template, saved, _NOBODY)}
    told["version"] = (str(base), str(saved.version))
    audit.record(actor, AdminArea.TEMPLATES, "changed", saved.name, subject_id=saved.id, changes=told)
    log.info("template changed", extra={"template_id": str(saved.id), "version": saved.version})
    return saved


def _checked_texts(texts: Texts, errors: dict[str, str]) -> dict[str, Any]:
    """Name, description and tags, by their names in documents (which are those in MongoDB)."""
    found: dict[str, str] = {}
    name = request_rules.clean_name(texts.name, found)
    if not name:
        found["name"] = Message("A template needs a name.")
    description = request_rules.clean_description(texts.description, found)
    errors |= {f"template_{field}": text for field, text in found.items()}
    return {"name": name, "description": description, "tags": _checked_tags(texts.tags, errors)}


def _checked_tags(given: Iterable[str], errors: dict[str, str]) -> list[str]:
    """Each once, whatever its case and accents, as it was first typed."""
    tags: dict[str, str] = {}
    for text in given:
        tag = " ".join(CONTROL.sub("", text).split())
        if tag:
            tags.setdefault(folded(tag), tag)
    if long := [tag for tag in tags.values() if len(tag) > TAG_LENGTH]:
        errors["tags"] = Message(
            "The tag “%(tag)s” is too long: at most %(most)s characters.", tag=long[0][:60], most=TAG_LENGTH
        )
    elif len(tags) > MOST_TAGS:
        errors["tags"] = Message(
            "There are %(count)s tags; at most %(most)s are possible.", count=len(tags), most=MOST_TAGS
        )
    return list(tags.values())


def _checked_question(
    actor: User, request: ReportRequest, errors: dict[str, str], say: Say
) -> tuple[ReportRequest, str]:
    """The question as it is kept, and the words to find it by. Judged as if it were asked now."""
    request = kept.lasting(request)
    try:
        job = request_rules.checked_job(actor, request, clock.utcnow(), BY_ITSELF, say)
    except InvalidRequestError as error:
        errors.update(error.fields)
        return request, ""
    texts = {"name": request_rules.clean_name(request.name, errors), "description": job.description or ""}
    return request.model_copy(update={**texts, "filename": job.output.filename or ""}), job.search_words or ""


def _changed_question(
    actor: User, template: ReportTemplate, request: ReportRequest, errors: dict[str, str], say: Say
) -> dict[str, Any]:
    """What of the question is another one than before, by the names in MongoDB. What its period meant is none of it."""
    before, after = kept.request_of(template), kept.lasting(request)
    if ways.to_address(before) == ways.to_address(after):
        return {}
    if ways.to_address(_untitled(before)) == ways.to_address(_untitled(after)):
        texts = {
            "name": request_rules.clean_name(after.name, errors),
            "description": request_rules.clean_description(after.description, errors) or "",
            "filename": request_rules.clean_filename(after.filename, after.format, errors) or "",
        }
        return kept.fields_of(before.model_copy(update=texts))
    asked, words = _checked_question(actor, after, errors, say)
    return {**kept.fields_of(asked), "searchWords": words}


def _untitled(request: ReportRequest) -> ReportRequest:
    return request.model_copy(update=dict.fromkeys(_TEXTS_OF_REPORTS, ""))


def _document_fields(asked: tuple[ReportRequest, str]) -> dict[str, Any]:
    request, words = asked
    fields = kept.fields_of(request)
    return {
        "report_type": fields["reportType"],
        "parameters": Parameters._from_son(fields["parameters"]),
        "default_output": DefaultOutput._from_son(fields["defaultOutput"]),
        "report": ReportDefaults._from_son(fields["report"]),
        "search_words": words,
    }


def _submission_key(actor: User, submission_id: str | None) -> ObjectId | None:
    """The id that this form's submission makes, so that sent twice it makes one template."""
    if not submission_id:
        return None
    return id_made_of(f"template:{actor.id}:{submission_id}")
