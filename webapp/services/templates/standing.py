"""What keeps a template from being used as it stands: it is retired, or administrators no longer offer what it asks."""

from __future__ import annotations

from typing import Protocol

from webapp.documents import LookupCategory, ReportTemplate
from webapp.documents.lookup_value import active_lookups
from webapp.engine.asked_measures import split_measure
from webapp.errors import ConflictError, InvalidRequestError
from webapp.messages import Message
from webapp.services.lookups import values as lookups
from webapp.services.questions.report_types import report_type_of
from webapp.services.questions.request import ReportRequest
from webapp.services.rights import organisation
from webapp.services.templates import facts


class TemplateRetiredError(ConflictError):
    """It is not used any more."""

    code = "template-retired"
    hint = Message("Whoever may change it can bring it back; or use another template.")

    def __init__(self, template: ReportTemplate) -> None:
        name, who = facts.name_of(template), template.retired_by
        by = organisation.names_of_people([who]).get(who) if who else None
        if by is None:
            super().__init__(Message("The template “%(name)s” is retired.", name=name))
        else:
            super().__init__(Message("The template “%(name)s” was retired by %(who)s.", name=name, who=by))


class TemplateOutdatedError(ConflictError):
    """Something that it asks for is not offered any more. `problems`: what, each in a sentence."""

    code = "template-outdated"
    hint = Message("Use it with changes and leave that out, or save a new version without it.")

    def __init__(self, template: ReportTemplate, problems: list[str], *, is_of_type: bool = False) -> None:
        if is_of_type:
            self.hint = Message("Ask an administrator to offer it again, or use another template.")
        super().__init__(
            Message.joined([Message("“%(name)s” cannot be used as it is.", name=facts.name_of(template)), *problems])
        )
        self.problems = problems


class HasQuestion(Protocol):
    """As much of a template as says what has to be offered. Its facts are one."""

    @property
    def report_type(self) -> str: ...
    @property
    def measures(self) -> tuple[str, ...]: ...
    @property
    def format(self) -> str: ...


def problems(question: HasQuestion | ReportRequest) -> list[str]:
    """What of it is not offered any more, each in a sentence; none where all is well."""
    found = [*_type_problems(question.report_type)]
    measures = active_lookups(LookupCategory.MEASURE_TYPE)
    for key in dict.fromkeys(split_measure(text)[0] for text in question.measures):
        if key not in measures:
            label = lookups.label(LookupCategory.MEASURE_TYPE, key)
            found.append(Message("The measure “%(measure)s” is not offered any more.", measure=label))
    if question.format not in active_lookups(LookupCategory.OUTPUT_FORMAT):
        label = lookups.label(LookupCategory.OUTPUT_FORMAT, question.format)
        found.append(Message("The format “%(format)s” is not offered any more.", format=label))
    return found


def _type_problems(report_type: str) -> list[str]:
    if report_type not in active_lookups(LookupCategory.REPORT_TYPE):
        label = lookups.label(LookupCategory.REPORT_TYPE, report_type)
        return [Message("The report type “%(type)s” is not offered any more.", type=label)]
    try:
        report_type_of(report_type)
    except InvalidRequestError as error:
        return list(error.fields.values())
    return []


def is_type_offered(report_type: str) -> bool:
    """Whether there is a form to ask for such reports."""
    return not _type_problems(report_type)


def require_usable(template: ReportTemplate, version: ReportTemplate, request: ReportRequest) -> None:
    """`version` is the one to be used, with its question. Raises TemplateRetiredError and TemplateOutdatedError."""
    if not template.is_active:
        raise TemplateRetiredError(template)
    if found := problems(request):
        raise TemplateOutdatedError(version, found, is_of_type=not is_type_offered(request.report_type))
