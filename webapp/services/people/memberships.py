"""What accounts are in which department: the rules that a single membership cannot know, and words for it.

Roles for the whole desk stand beside the memberships (`services.permissions.is_global`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bson import ObjectId

from webapp.documents import LookupCategory, Membership, User
from webapp.documents.lookup_value import active_lookups
from webapp.errors import InvalidRequestError
from webapp.messages import Message
from webapp.services.permissions import is_global
from webapp.services.rights import organisation


def of_roles(roles: Iterable[str], department_ids: Iterable[ObjectId]) -> tuple[list[str], list[Membership]]:
    """These roles as an account holds them: for the whole desk, or in each of these departments, the first of them the
    primary one.

    Raises InvalidRequestError for a role that is held in a department when none is named.
    """
    wanted, places = list(dict.fromkeys(roles)), list(dict.fromkeys(department_ids))
    here = [role for role in wanted if not is_global(role)]
    if here and not places:
        raise InvalidRequestError({"roles": roles_problem(wanted) or _needs_department(here)})
    found = [Membership(department_id=each, roles=list(here), is_primary=not n) for n, each in enumerate(places)]
    return [role for role in wanted if is_global(role)], found


def replaced(
    user: User, roles: Iterable[str], department_ids: Sequence[ObjectId]
) -> dict[str, list[str] | list[Membership]]:
    """The fields of the account when these are its roles: in these departments, where some are named; otherwise all
    that it has.

    Raises InvalidRequestError where it is not clear in which department a role would be held.
    """
    wanted = list(dict.fromkeys(roles))
    here = [role for role in wanted if not is_global(role)]
    if problem := roles_problem(wanted):
        raise InvalidRequestError({"roles": problem})
    if department_ids:
        if everywhere := [role for role in wanted if is_global(role)]:
            raise InvalidRequestError({"roles": _of_whole_desk(everywhere)})
        return {"memberships": _with_roles_in(user.memberships, here, department_ids)}
    if here and len(user.memberships) != 1:
        raise InvalidRequestError({"roles": _needs_department(here)})
    places = [_copy(each, here) for each in user.memberships]
    return {"roles": [role for role in wanted if is_global(role)], "memberships": places}


def roles_problem(roles: Iterable[str]) -> str | None:
    """What is wrong with these roles, in a sentence; None when all are active."""
    known = active_lookups(LookupCategory.ROLE)
    unknown = [role for role in roles if role not in known]
    if unknown:
        return Message("Not an active role: %(roles)s. Possible: %(possible)s.", roles=unknown, possible=list(known))
    return None


def desk_roles_problem(roles: Sequence[str], before: Sequence[str] = ()) -> str | None:
    """What is wrong with these roles for the whole desk. A role that was switched off may stay where it is."""
    new = [role for role in roles if role not in before]
    if problem := roles_problem(new):
        return problem
    here = [role for role in new if not is_global(role)]
    return _needs_department(here) if here else None


def problem(memberships: Sequence[Membership], before: Sequence[Membership] = ()) -> str | None:
    """What is wrong with these memberships. What the account has already may stay as it is."""
    known, had = organisation.departments(), {each.department_id: set(each.roles) for each in before}
    seen: set[ObjectId] = set()
    for each in memberships:
        if each.department_id in seen:
            return Message("“%(name)s” is there twice: one line for each department.", name=_name(each.department_id))
        seen.add(each.department_id)
        if each.department_id not in known and each.department_id not in had:
            return Message("There is no department %(id)s.", id=str(each.department_id))
        new = [role for role in each.roles if role not in had.get(each.department_id, ())]
        if wrong := roles_problem(new):
            return wrong
        if everywhere := [role for role in new if is_global(role)]:
            return _of_whole_desk(everywhere)
    return None


def tidy(memberships: Iterable[Membership]) -> list[Membership]:
    """With exactly one primary membership as long as one is active: the first that says so, else the first."""
    found = list(memberships)
    active = [each for each in found if each.is_active]
    primary = next((each for each in active if each.is_primary), active[0] if active else None)
    for each in found:
        each.is_primary = each is primary
    return found


def in_words(memberships: Sequence[Membership]) -> str:
    """“History: staff; Physics: instructor (inactive)”, for the audit trail and the terminal: the primary one first."""
    placed = sorted(memberships, key=lambda each: not each.is_primary)
    return "; ".join(
        f"{_name(each.department_id)}: {', '.join(each.roles) or '–'}{'' if each.is_active else ' (inactive)'}"
        for each in placed
    )


def _with_roles_in(
    memberships: Sequence[Membership], roles: Sequence[str], department_ids: Sequence[ObjectId]
) -> list[Membership]:
    kept = [_copy(each, roles if each.department_id in department_ids else each.roles) for each in memberships]
    there = {each.department_id for each in kept}
    return [*kept, *(Membership(department_id=each, roles=list(roles)) for each in department_ids if each not in there)]


def _copy(membership: Membership, roles: Sequence[str]) -> Membership:
    return Membership(
        department_id=membership.department_id,
        roles=list(roles),
        is_primary=membership.is_primary,
        is_active=membership.is_active,
    )


def _name(department_id: ObjectId) -> str:
    known = organisation.departments().get(department_id)
    return known.name if known else "?"


def _needs_department(roles: list[str]) -> str:
    return Message("In which department? These roles are held in one: %(roles)s.", roles=roles)


def _of_whole_desk(roles: list[str]) -> str:
    return Message("These roles are held for the whole desk, in no department: %(roles)s.", roles=roles)
