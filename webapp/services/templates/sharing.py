"""What the author of a template decides about it beside its content: whom it is shared with, and whether it is used."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from webapp import clock
from webapp.documents import AdminArea, LookupCategory, ReportTemplate, User
from webapp.documents.ids import ids_of
from webapp.documents.lookup_value import active_lookups
from webapp.errors import InvalidRequestError
from webapp.messages import Message
from webapp.services import audit, permissions
from webapp.services.lookups import values as lookups
from webapp.services.permissions import Actor, Permission, id_of
from webapp.services.requests import rules as request_rules
from webapp.services.rights import organisation
from webapp.services.templates import seeing
from webapp.services.templates.saving import editable

MOST_PEOPLE = 200


@dataclass(frozen=True)
class Sharing:
    """Who may see a template: a visibility, people by their e-mail addresses, departments and roles."""

    visibility: str = "private"
    addresses: tuple[str, ...] = ()
    departments: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()


def offered_departments(actor: User) -> list[ObjectId]:
    """The departments that `actor` may share with: their own, those they manage, all for an administrator."""
    return [each for each in organisation.departments() if request_rules.may_file_under(actor, each)]


def offered_roles() -> list[str]:
    """The roles that allow to ask for reports: a template is of use to nobody else."""
    roles = active_lookups(LookupCategory.ROLE)
    return [key for key in roles if Permission.REQUEST_REPORTS in permissions.permissions_of_roles([key])]


def now_shared(template: ReportTemplate) -> Sharing:
    """As it is, for a form to show."""
    shared = template.shared_with
    addresses = User.objects(id__in=list(shared.users)).scalar("email") if shared.users else ()
    return Sharing(
        template.visibility,
        tuple(sorted(address for address in addresses if address)),
        tuple(str(each) for each in shared.departments),
        tuple(shared.roles),
    )


def share(actor: User, template_id: str | ObjectId, wanted: Sharing) -> ReportTemplate:
    """Say who may see it. Departments that `actor` may not share with stay as they are.

    Raises TemplateNotFoundError, ForbiddenError and InvalidRequestError.
    """
    template = editable(actor, template_id)
    errors: dict[str, str] = {}
    request_rules.check_lookup(errors, "visibility", LookupCategory.REPORT_VISIBILITY, wanted.visibility)
    people = _people(wanted.addresses, errors)
    departments = _departments(actor, template, wanted.departments, errors)
    roles = list(dict.fromkeys(wanted.roles))
    if unknown := set(roles) - set(offered_roles()) - set(template.shared_with.roles):
        errors["roles"] = Message("Nobody asks for reports as “%(role)s”.", role=sorted(unknown)[0][:100])
    if errors:
        raise InvalidRequestError(errors)
    shared = {"users": list(people), "departments": departments, "roles": roles}
    before = template.to_mongo().to_dict()
    now = {"visibility": wanted.visibility, "sharedWith": shared}
    changed = _changed(template, now)
    told = _told(before, shared, wanted.visibility)
    if told:
        audit.record(actor, AdminArea.TEMPLATES, "shared", template.name, subject_id=template.id, changes=told)
    return changed


def retire(actor: Actor, template_id: str | ObjectId) -> ReportTemplate:
    """It is used no more, and stays to be read. Raises TemplateNotFoundError and ForbiddenError."""
    return _set_active(actor, template_id, False)


def bring_back(actor: Actor, template_id: str | ObjectId) -> ReportTemplate:
    """It can be used again. Raises TemplateNotFoundError and ForbiddenError."""
    return _set_active(actor, template_id, True)


def _set_active(actor: Actor, template_id: str | ObjectId, is_active: bool) -> ReportTemplate:
    template = editable(actor, template_id)
    if template.is_active is is_active:
        return template
    ended = (
        {"retiredAt": None, "retiredBy": None}
        if is_active
        else {"retiredAt": clock.utcnow(), "retiredBy": id_of(actor)}
    )
    changed = _changed(template, {"isActive": is_active, **ended})
    action = "brought back" if is_active else "retired"
    audit.record(actor, AdminArea.TEMPLATES, action, template.name, subject_id=template.id)
    return changed


def _changed(template: ReportTemplate, changes: dict[str, Any]) -> ReportTemplate:
    """Write these fields alone: a version that is saved meanwhile stays."""
    written = {**changes, "updatedAt": clock.utcnow()}
    ReportTemplate._get_collection().update_one({"_id": template.id}, {"$set": written}, hint="_id_")
    return seeing.find(template.id)


def _people(addresses: Iterable[str], errors: dict[str, str]) -> dict[ObjectId, str]:
    """The names of those with these addresses who may ask for reports, by id. Who may not is told as if not there."""
    typed = list(dict.fromkeys(each.strip().lower() for each in addresses if each.strip()))
    if len(typed) > MOST_PEOPLE:
        errors["people"] = Message(
            "There are %(count)s people; at most %(most)s are possible. Share it with a department or a role.",
            count=len(typed),
            most=MOST_PEOPLE,
        )
        return {}
    found = {each.email: each for each in User.objects(email__in=typed)} if typed else {}
    missing = [each for each in typed if each not in found or not permissions.may_ask(found[each])]
    if missing:
        errors["people"] = Message(
            "Nobody who may ask for reports has the address %(address)s.", address=missing[0][:100]
        )
        return {}
    return {found[each].id: found[each].name for each in typed}


def _departments(
    actor: User, template: ReportTemplate, chosen: Iterable[str], errors: dict[str, str]
) -> list[ObjectId]:
    offered, wanted = set(offered_departments(actor)), list(dict.fromkeys(ids_of(chosen)))
    before = list(template.shared_with.departments)
    if unknown := [each for each in wanted if each not in offered and each not in before]:
        # In the same words for a department that does not exist: its name is not for everybody.
        errors["departments"] = Message(
            "You belong to no department %(id)s, so it cannot be shared with it.", id=str(unknown[0])
        )
    kept = [each for each in before if each not in offered]
    return list(dict.fromkeys([*(each for each in wanted if each in offered), *kept]))


def _told(before: dict[str, Any], shared: dict[str, Any], visibility: str) -> dict[str, tuple[object, object]]:
    """For the trail: names of accounts, departments and roles, before and after."""
    old = before.get("sharedWith") or {}
    places = organisation.departments()
    names: dict[str, Callable[[Any], str]] = {
        "users": lambda each: people.get(each, "?"),
        "departments": lambda each: places[each].name if each in places else "?",
        "roles": lambda each: lookups.label(LookupCategory.ROLE, each),
    }
    people = organisation.names_of_people([*(old.get("users") or ()), *shared["users"]])
    pairs: dict[str, tuple[object, object]] = {"visibility": (before.get("visibility") or "", visibility)}
    for field, name in names.items():
        was, is_ = (", ".join(sorted(map(name, part))) for part in (old.get(field) or (), shared[field]))
        pairs[field] = (was, is_)
    return {field: pair for field, pair in pairs.items() if pair[0] != pair[1]}
