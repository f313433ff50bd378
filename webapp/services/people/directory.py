"""What administrators do to people: find, add, change, deactivate, give a new password. `accounts` signs them in."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import available_timezones

from bson import ObjectId
from mongoengine.errors import NotUniqueError, ValidationError

from webapp.documents import AdminArea, Membership, User
from webapp.documents.ids import id_or_nobody
from webapp.documents.problems import problems_of
from webapp.errors import ConflictError, InvalidRequestError, NotFoundError
from webapp.messages import Message
from webapp.services import audit
from webapp.services.lookups import administrators
from webapp.services.lookups.administrators import LastAdministratorError
from webapp.services.people import accounts, persons, sessions
from webapp.services.people import memberships as membership_rules
from webapp.services.permissions import Actor, Permission, id_of, require_permission
from webapp.services.plain_text import folded

PAGE_SIZE = 50
#: Accounts of the largest organisations.
ACCOUNTS_BOUND = 5_000
#: An older version kept learners among the accounts; until they are carried over into the record they are none.
LEARNER = "learner"
#: Every account by an index: each has been written at some time.
_ACCOUNTS = {"updatedAt": {"$gt": datetime(1970, 1, 1, tzinfo=UTC)}}
#: Unmistakable when read aloud or copied from paper: no 0, O, 1, l or I.
PASSWORD_LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # noqa: S105  (letters, not a password)
PASSWORD_LENGTH = 16
CHANGEABLE = ("name", "email", "roles", "memberships", "team_ids", "person_id", "time_zone", "locale")
#: Told in the audit trail by their values; of a name or an address only that it changed.
TOLD = frozenset({"roles", "memberships", "team_ids", "person_id", "is_active"})


@dataclass(frozen=True)
class PeopleQuery:
    """`role` empty: everyone; else who holds it anywhere. `state`: "", "active" or "inactive"."""

    text: str = ""
    role: str = ""
    state: str = ""
    page: int = 1


@dataclass(frozen=True)
class PlaceRow:
    """What a person is in one department."""

    department_id: ObjectId
    roles: tuple[str, ...]
    is_active: bool


@dataclass(frozen=True)
class PersonRow:
    """A person as lists show one: thousands are read to find fifty, so no whole document is made of each."""

    id: ObjectId
    name: str
    email: str | None
    desk_roles: tuple[str, ...]
    places: tuple[PlaceRow, ...]  # the primary one first
    is_active: bool
    folded: str

    @property
    def roles(self) -> frozenset[str]:
        """Everything that the person is, for the whole desk or in an active membership."""
        return frozenset(self.desk_roles).union(*(each.roles for each in self.places if each.is_active))


@dataclass(frozen=True)
class PeoplePage:
    """`is_cut`: there are more than were read."""

    people: list[PersonRow]
    count: int
    number: int
    is_cut: bool = False

    @property
    def pages(self) -> int:
        return max(1, -(-self.count // PAGE_SIZE))

    is_by_date = False
    is_bounded = False


def page(query: PeopleQuery) -> PeoplePage:
    """One page of accounts, by name. One read: they are few enough to be searched here, without case and accents."""
    found = [each for each in _rows(_ACCOUNTS) if LEARNER not in each.desk_roles]
    is_cut = len(found) > ACCOUNTS_BOUND
    words = folded(query.text).split()
    found = [each for each in found[:ACCOUNTS_BOUND] if all(word in each.folded for word in words)]
    if query.role:
        found = [each for each in found if query.role in each.roles]
    if query.state:
        found = [each for each in found if each.is_active == (query.state == "active")]
    number = min(max(query.page, 1), max(1, -(-len(found) // PAGE_SIZE)))
    return PeoplePage(found[(number - 1) * PAGE_SIZE : number * PAGE_SIZE], len(found), number, is_cut=is_cut)


def find(user_id: str) -> User:
    """Raises NotFoundError."""
    user = User.objects(id=id_or_nobody(user_id)).first()
    if user is None:
        raise NotFoundError(Message("There is no person %(id)s.", id=user_id[:24]))
    return user


def of_department(department_id: ObjectId, *, bound: int) -> list[PersonRow]:
    """Who is in a department, by name, `bound` at most."""
    return _rows({"memberships.departmentId": department_id})[:bound]


def of_team(team_id: ObjectId) -> list[PersonRow]:
    """Everyone in a team, by name."""
    return _rows({"teamIds": team_id})


def add(by: Actor, **fields: Any) -> tuple[User, str]:
    """A new account and its password, which is kept nowhere else. Raises InvalidRequestError and ConflictError."""
    password = new_password()
    return accounts.create_user(by, password=password, **fields), password


def change(user: User, *, by: Actor, **fields: Any) -> User:
    """Change what is given of `CHANGEABLE`. Raises InvalidRequestError, ConflictError (address taken) and
    LastAdministratorError."""
    require_permission(by, Permission.ADMINISTER)
    if unknown := set(fields) - set(CHANGEABLE):
        raise TypeError(f"not changeable: {sorted(unknown)}")
    _check(user, fields)
    if "memberships" in fields:
        fields["memberships"] = membership_rules.tidy(fields["memberships"])
    before = {name: _plain(getattr(user, name)) for name in fields}
    administered = _administers(user)
    if administered and not set(fields.get("roles", user.roles)) & set(administrators.roles_that_administer()):
        administrators.require_one_left(besides=user.id)
    for name, new in fields.items():
        setattr(user, name, new)
    _save(user)
    if administered and not _administers(user):
        _take_back_if_nobody_is_left(user, roles=before["roles"])
    changed = {name: (old, _plain(getattr(user, name))) for name, old in before.items()}
    changed = {name: pair for name, pair in changed.items() if pair[0] != pair[1]}
    if changed:
        told = {name: pair if name in TOLD else ("", "") for name, pair in changed.items()}
        audit.record(by, AdminArea.PEOPLE, "changed", user.name, subject_id=user.id, changes=told)
    return user


def set_active(user: User, is_active: bool, *, by: Actor) -> User:
    """End a person's access, or give it back. What they asked for stays. Raises LastAdministratorError, and
    ConflictError for one's own account."""
    require_permission(by, Permission.ADMINISTER)
    if bool(user.is_active) == is_active:
        return user
    if not is_active and id_of(by) == user.id:
        raise ConflictError(
            Message("You cannot deactivate your own account."),
            hint=Message("Ask another administrator to deactivate it."),
        )
    administered = _administers(user)
    if not is_active and administered:
        administrators.require_one_left(besides=user.id)
    user.is_active = is_active
    user.deactivated_by = None if is_active else id_of(by)
    user.save()
    if not is_active and administered:
        _take_back_if_nobody_is_left(user, is_active=True, deactivated_by=None)
    if not is_active:
        sessions.end_all(user)
    audit.record(by, AdminArea.PEOPLE, "activated" if is_active else "deactivated", user.name, subject_id=user.id)
    return user


def give_new_password(user: User, *, by: Actor) -> str:
    """A new password for the person, which is kept nowhere else; their sessions end. Raises InvalidRequestError."""
    require_permission(by, Permission.ADMINISTER)
    if not user.email:
        raise InvalidRequestError(
            {"email": Message("An account needs an e-mail address to sign in with. Save one first.")}
        )
    password = new_password()
    accounts.set_password(user, password, by=by)
    audit.record(by, AdminArea.PEOPLE, "new password", user.name, subject_id=user.id)
    return password


def new_password() -> str:
    return "".join(secrets.choice(PASSWORD_LETTERS) for _ in range(PASSWORD_LENGTH))


def _administers(user: User) -> bool:
    roles = set(administrators.roles_that_administer())
    return bool(user.is_active and user.password_hash and set(user.roles) & roles)


def _take_back_if_nobody_is_left(user: User, **before: Any) -> None:
    """Two administrators may end each other's rights at the same moment; then both keep them."""
    try:
        administrators.require_one_left()
    except LastAdministratorError:
        for name, old in before.items():
            setattr(user, name, old)
        user.save()
        raise


def _check(user: User, fields: dict[str, Any]) -> None:
    errors: dict[str, str] = {}
    if not (fields.get("name", user.name) or "").strip():
        errors["name"] = accounts.NAMELESS
    email = fields.get("email", user.email)
    if email and not accounts.looks_like_an_address(email):
        errors["email"] = Message("“%(email)s” is not an e-mail address.", email=email[:100])
    if not email and user.password_hash:
        errors["email"] = Message("An account with a password needs an e-mail address to sign in with.")
    if problem := membership_rules.desk_roles_problem(fields.get("roles", ()), user.roles):
        errors["roles"] = problem
    if problem := membership_rules.problem(fields.get("memberships", ()), user.memberships):
        errors["memberships"] = problem
    person_id = fields.get("person_id")
    if person_id != user.person_id and (problem := persons.problem(person_id)):
        errors["person_id"] = problem
    zone = fields.get("time_zone")
    if zone and zone not in available_timezones():
        errors["time_zone"] = Message("“%(zone)s” is not a time zone, such as Europe/Madrid.", zone=zone[:60])
    if errors:
        raise InvalidRequestError(errors)


def _save(user: User) -> None:
    try:
        user.save()
    except NotUniqueError as error:
        raise accounts.TakenError(user.email) from error
    except ValidationError as error:
        raise InvalidRequestError(problems_of(error)) from error


def _rows(matching: dict[str, Any]) -> list[PersonRow]:
    """The accounts that match, by name, one more than `ACCOUNTS_BOUND` at most."""
    fields = dict.fromkeys(("name", "email", "roles", "memberships", "isActive"), 1)
    found = User._get_collection().find(matching, fields).limit(ACCOUNTS_BOUND + 1)
    rows = [
        PersonRow(
            id=each["_id"],
            name=each["name"],
            email=each.get("email"),
            desk_roles=tuple(each.get("roles") or ()),
            places=_places(each.get("memberships") or ()),
            is_active=bool(each.get("isActive", True)),
            folded=folded(f"{each['name']} {each.get('email') or ''}"),
        )
        for each in found
    ]
    return sorted(rows, key=lambda row: (row.folded, row.id))


def _places(stored: Sequence[dict[str, Any]]) -> tuple[PlaceRow, ...]:
    return tuple(
        PlaceRow(each["departmentId"], tuple(each.get("roles") or ()), bool(each.get("isActive", True)))
        for each in sorted(stored, key=lambda each: not each.get("isPrimary"))
    )


def _plain(value: Any) -> Any:
    """As the trail tells it, and as it was before it changes."""
    if isinstance(value, list) and any(isinstance(each, Membership) for each in value):
        return membership_rules.in_words(value)
    return list(value) if isinstance(value, list) else value
