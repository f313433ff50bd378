"""What a role may allow, and who has it, where. Every service that changes something asks here, whatever door one came
by.

A role that allows something on the whole desk is held for all of it (`User.roles`), every other one in a department
(`User.memberships`): whoever manages A and teaches in B manages only A.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import final

from bson import ObjectId

from webapp.documents import LookupCategory, User
from webapp.documents.lookup_value import active_lookups, lookup_cache
from webapp.errors import ForbiddenError
from webapp.messages import Message


class Permission(StrEnum):
    """The keys in `metadata.permissions` of the `role` lookups."""

    REQUEST_REPORTS = "request-reports"
    MANAGE_DEPARTMENT = "manage-department"
    MANAGE_CONTENT = "manage-content"
    READ_BILLING = "read-billing"
    USE_HIGH_PRIORITY = "use-high-priority"
    USE_CRITICAL_PRIORITY = "use-critical-priority"
    ADMINISTER = "administer"


#: What is of no department. Where a role is held in one, these it does not give.
WHOLE_DESK = frozenset({Permission.ADMINISTER.value, Permission.MANAGE_CONTENT.value, Permission.READ_BILLING.value})


@dataclass(frozen=True)
class Held:
    """What somebody is in one of their departments, and may do there: by active roles, those held for the whole desk
    among them."""

    department_id: ObjectId
    roles: tuple[str, ...]
    permissions: frozenset[str]


@final
class Terminal:
    """Whoever has the shell of the server, and with it the database: may do everything, and is no person.

    It is always named (`TERMINAL`), so that an actor who was forgotten never passes as one who may do everything.
    """

    __slots__ = ()


TERMINAL = Terminal()
#: On whose behalf a service acts.
Actor = User | Terminal


def id_of(actor: Actor) -> ObjectId | None:
    """The person's id; None for the terminal."""
    return None if isinstance(actor, Terminal) else actor.id


def concerns_whole_desk(permissions: Iterable[str]) -> bool:
    """Is a role that allows this held for the whole desk?"""
    return not WHOLE_DESK.isdisjoint(permissions)


def is_global(role: str) -> bool:
    """Is it a role for the whole desk? Any other one, and one that does not exist, is held in a department."""
    known = lookup_cache.category(LookupCategory.ROLE).get(role)
    return known is not None and concerns_whole_desk(known.metadata.get("permissions") or ())


def desk_roles(user: User) -> list[str]:
    """The active roles that the person holds for the whole desk; an account that is inactive has none."""
    if not user.is_active:
        return []
    roles = active_lookups(LookupCategory.ROLE)
    return [role for role in user.roles if role in roles and is_global(role)]


def held(user: User) -> list[Held]:
    """What the person is in each department, the primary one first. A membership that is inactive counts for nothing,
    a role that is inactive says nothing; what somebody is for the whole desk they are in each of their departments."""
    if not user.is_active:
        return []
    known, everywhere = active_lookups(LookupCategory.ROLE), desk_roles(user)
    of_desk = permissions_of_roles(everywhere)
    found: list[Held] = []
    for each in sorted(user.memberships, key=lambda each: not each.is_primary):
        if each.is_active:
            here = [role for role in each.roles if role in known]
            allowed = (permissions_of_roles(here) - WHOLE_DESK) | of_desk
            found.append(Held(each.department_id, tuple(dict.fromkeys([*here, *everywhere])), allowed))
    return found


def permissions_of_roles(roles: Iterable[str]) -> frozenset[str]:
    """All permissions of those of these roles that are active."""
    known = active_lookups(LookupCategory.ROLE)
    return frozenset(
        permission for role in roles if role in known for permission in known[role].metadata.get("permissions") or ()
    )


def permissions_of(actor: Actor) -> frozenset[str]:
    """All that the person may do, on the whole desk or in some department (in which: `held`, `rights.organisation`);
    nothing for somebody who has left. Raises TypeError for nobody."""
    if isinstance(actor, Terminal):
        return frozenset(Permission)
    if not isinstance(actor, User):
        raise TypeError("an action needs a person, or the terminal, on whose behalf it is done")
    return permissions_of_roles(desk_roles(actor)).union(*(each.permissions for each in held(actor)))


def is_administrator(actor: Actor) -> bool:
    return Permission.ADMINISTER in permissions_of(actor)


def may_ask(actor: Actor) -> bool:
    """May they ask for reports? Who may is “everyone”, whom a report can be shared with."""
    return Permission.REQUEST_REPORTS in permissions_of(actor)


def require_permission(actor: Actor, permission: Permission) -> None:
    """Raises ForbiddenError when no role of `actor` allows `permission`."""
    if permission not in permissions_of(actor):
        raise ForbiddenError(
            Message(
                "Your account may not do this: it lacks the permission “%(permission)s”.", permission=permission.value
            )
        )
