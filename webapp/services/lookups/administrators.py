"""Whether somebody is left who may administer: the desk never locks everyone out."""

from __future__ import annotations

from collections.abc import Iterable

from bson import ObjectId

from webapp.documents import LookupCategory, User
from webapp.documents.lookup_value import active_lookups
from webapp.errors import ConflictError
from webapp.messages import Message
from webapp.services.permissions import Permission


class LastAdministratorError(ConflictError):
    """The change would leave nobody who may administer the desk."""

    code = "last-administrator"
    hint = Message("Give another active person a role that may administer first.")

    def __init__(self) -> None:
        super().__init__(Message("After this nobody could administer the desk any more, so nothing was changed."))


def roles_that_administer() -> list[str]:
    """Keys of the active roles that allow it."""
    roles = active_lookups(LookupCategory.ROLE)
    return [key for key, role in roles.items() if Permission.ADMINISTER in (role.metadata.get("permissions") or ())]


def first_administrator() -> User | None:
    """Who has been an administrator for longest: whose report it is when the terminal asks for one."""
    return User.objects(roles__in=roles_that_administer(), is_active=True).order_by("_id").first()


def require_one_left(*, roles: Iterable[str] | None = None, besides: ObjectId | None = None) -> None:
    """Raises LastAdministratorError unless someone active who can sign in holds one of `roles` (default: those that
    administer now), the person `besides` not counted."""
    wanted = roles_that_administer() if roles is None else list(roles)
    there = User.objects(roles__in=wanted, is_active=True, password_hash__exists=True, id__ne=besides)
    if not wanted or there.only("id").first() is None:
        raise LastAdministratorError
