"""What a role may allow, and who has it. Every service that changes something asks here, whatever door one came by."""

from __future__ import annotations

from enum import StrEnum

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


def permissions_of(user: User) -> frozenset[str]:
    """All permissions of the user's active roles."""
    roles = active_lookups(LookupCategory.ROLE)
    return frozenset(
        permission for role in user.roles if role in roles for permission in roles[role].metadata.get("permissions", ())
    )


def is_administrator(actor: User) -> bool:
    return Permission.ADMINISTER in permissions_of(actor)


def require_permission(actor: User, permission: Permission) -> None:
    """Raises ForbiddenError when no role of `actor` allows `permission`."""
    if permission not in permissions_of(actor):
        raise ForbiddenError(
            Message(
                "Your account may not do this: it lacks the permission “%(permission)s”.", permission=permission.value
            )
        )
