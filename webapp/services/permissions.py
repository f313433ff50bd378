"""What a role may allow, and who has it. Every service that changes something asks here, whatever door one came by."""

from __future__ import annotations

from enum import StrEnum
from typing import final

from bson import ObjectId

from webapp.documents import LookupCategory, User
from webapp.documents.lookup_value import active_lookups
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


def active_roles(user: User) -> list[str]:
    """Those of the person's roles that say anything: an account that is inactive has none, a role that is inactive
    says nothing."""
    if not user.is_active:
        return []
    roles = active_lookups(LookupCategory.ROLE)
    return [role for role in user.roles if role in roles]


def permissions_of_roles(roles: list[str]) -> frozenset[str]:
    """All permissions of those of these roles that are active."""
    known = active_lookups(LookupCategory.ROLE)
    return frozenset(
        permission for role in roles if role in known for permission in known[role].metadata.get("permissions") or ()
    )


def permissions_of(actor: Actor) -> frozenset[str]:
    """All permissions of the person's active roles; none of somebody who has left. Raises TypeError for nobody."""
    if isinstance(actor, Terminal):
        return frozenset(Permission)
    if not isinstance(actor, User):
        raise TypeError("an action needs a person, or the terminal, on whose behalf it is done")
    return permissions_of_roles(active_roles(actor))


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
