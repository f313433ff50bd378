"""Who may know about which template, applied first, everywhere. A template shows a question, never an answer."""

from __future__ import annotations

from functools import cached_property

from bson import ObjectId

from webapp.documents import ReportTemplate, User
from webapp.documents.ids import id_or_nobody
from webapp.errors import NotFoundError
from webapp.messages import Message
from webapp.services import permissions
from webapp.services.permissions import Actor, Permission, Terminal
from webapp.services.rights import organisation, visibility
from webapp.services.templates import facts
from webapp.services.templates.facts import TemplateFacts
from webapp.services.templates.kept import version_id


class TemplateNotFoundError(NotFoundError):
    """No such template, or not for this person: the two are told alike."""

    def __init__(self, template_id: str) -> None:
        super().__init__(Message("There is no template %(id)s.", id=template_id[:24]))


class VersionNotFoundError(NotFoundError):
    """The template has no such version."""

    def __init__(self, template: ReportTemplate, number: int) -> None:
        super().__init__(
            Message(
                "“%(name)s” has no version %(number)s; its newest is %(newest)s.",
                name=facts.name_of(template),
                number=str(number)[:20],
                newest=template.version,
            )
        )


class TemplateReach:
    """Which templates one person may know about; each right is looked up when the first template needs it.

    Nobody who may not ask for reports: a template is of no use to them. Of the others its author, whoever it is shared
    with, and those who manage its department; administrators all.
    """

    def __init__(self, actor: Actor) -> None:
        self._actor = actor

    def sees(self, template: TemplateFacts) -> bool:
        actor = self._actor
        if isinstance(actor, Terminal) or Permission.ADMINISTER in self._permissions:
            return True
        if Permission.REQUEST_REPORTS not in self._permissions:
            return False
        return (
            template.created_by == actor.id
            or actor.id in template.users
            or self._is_visible(template)
            or not template.departments.isdisjoint(self._departments)
            or not template.roles.isdisjoint(self._roles)
            or (template.department_id is not None and template.department_id in self._managed)
        )

    def _is_visible(self, template: TemplateFacts) -> bool:
        if template.visibility == visibility.EVERYONE:
            return True
        if template.visibility == "department":
            return template.department_id in self._departments
        return template.visibility == "team" and template.created_by in self._teammates

    @property
    def _person(self) -> User:
        assert isinstance(self._actor, User)  # noqa: S101 - the terminal was let in before
        return self._actor

    @cached_property
    def _permissions(self) -> frozenset[str]:
        return permissions.permissions_of(self._actor)

    @cached_property
    def _departments(self) -> frozenset[ObjectId]:
        return frozenset(organisation.departments_of(self._person))

    @cached_property
    def _managed(self) -> frozenset[ObjectId]:
        return visibility.managed_department_ids(self._person)

    @cached_property
    def _teammates(self) -> frozenset[ObjectId]:
        return organisation.teammates(self._person.team_ids)

    @cached_property
    def _roles(self) -> frozenset[str]:
        here = (role for held in permissions.held(self._person) for role in held.roles)
        return frozenset((*permissions.desk_roles(self._person), *here))


def visible_templates(actor: Actor) -> list[TemplateFacts]:
    """Templates `actor` may know about, retired ones too, by name. Every list, count and search starts here."""
    reach = TemplateReach(actor)
    return [template for template in facts.every() if reach.sees(template)]


def visible_template(actor: Actor, template_id: str | ObjectId) -> ReportTemplate:
    """The template, if `actor` may know about it. Raises TemplateNotFoundError otherwise, and for what is no id."""
    template = find(template_id)
    if not TemplateReach(actor).sees(facts.of(template)):
        raise TemplateNotFoundError(str(template_id))
    return template


def find(template_id: str | ObjectId) -> ReportTemplate:
    """The template, whoever asks. Raises TemplateNotFoundError."""
    template = ReportTemplate.objects(id=id_or_nobody(template_id)).first()
    if template is None or not template.is_latest:
        raise TemplateNotFoundError(str(template_id))
    return template


def version_of(template: ReportTemplate, number: int | None) -> ReportTemplate:
    """One version of a template that one may see; the newest for None. Raises VersionNotFoundError."""
    if number is None or number == template.version:
        return template
    found = (
        ReportTemplate.objects(id=version_id(template.id, number)).first() if 0 < number < template.version else None
    )
    if found is None:
        raise VersionNotFoundError(template, number)
    return found


def may_edit(actor: Actor, template: ReportTemplate) -> bool:
    """May `actor` change, share or retire it? Its author while they may ask for reports, and administrators."""
    if permissions.is_administrator(actor):
        return True
    return (
        template.created_by is not None
        and template.created_by == permissions.id_of(actor)
        and permissions.may_ask(actor)
    )
