"""Accounts: making them, signing in, passwords."""

from __future__ import annotations

from collections.abc import Iterable
from zoneinfo import available_timezones

from bson import ObjectId
from mongoengine.errors import NotUniqueError, ValidationError

from webapp import clock
from webapp.documents import AdminArea, Membership, User
from webapp.documents.ids import id_or_nobody
from webapp.documents.problems import problems_of
from webapp.errors import ConflictError, InvalidRequestError, NotFoundError
from webapp.messages import Message
from webapp.services import audit
from webapp.services.people import memberships as membership_rules
from webapp.services.people import passwords, persons, sessions
from webapp.services.permissions import Actor, Permission, id_of, require_permission

#: Owns the reports that are asked for from the terminal where there is no administrator yet; cannot sign in.
TERMINAL_ADDRESS = "terminal@reportdesk.local"


NAMELESS = Message("A person needs a name.")


class TakenError(ConflictError):
    """Somebody else has the address."""

    code = "account-taken"
    hint = Message("Use another address, or change that account.")

    def __init__(self, email: str | None) -> None:
        super().__init__(Message("There is already an account with the address %(email)s.", email=email))


def create_user(
    by: Actor,
    *,
    name: str,
    email: str | None,
    password: str | None = None,
    roles: Iterable[str] = (),
    memberships: Iterable[Membership] = (),
    team_ids: Iterable[ObjectId] = (),
    time_zone: str | None = None,
    locale: str | None = None,
    person_id: ObjectId | None = None,
) -> User:
    """Make an account; without a password the person cannot sign in. `roles` are those for the whole desk;
    `person_id`: who they are in the learning record.

    Raises InvalidRequestError (no name, unknown role, a role without a department, weak password, no e-mail address)
    and ConflictError (address taken).
    """
    require_permission(by, Permission.ADMINISTER)
    errors: dict[str, str] = {}
    if not name.strip():
        errors["name"] = NAMELESS
    if email is not None and not looks_like_an_address(email):
        errors["email"] = Message("“%(email)s” is not an e-mail address.", email=email)
    if password is not None and email is None:
        errors["email"] = Message("An account with a password needs an e-mail address to sign in with.")
    if password is not None and (wrong := passwords.problem(password, User(name=name, email=email))):
        errors["password"] = wrong
    roles, places = list(roles), membership_rules.tidy(memberships)
    if problem := membership_rules.desk_roles_problem(roles):
        errors["roles"] = problem
    if problem := membership_rules.problem(places):
        errors["memberships"] = problem
    if problem := persons.problem(person_id):
        errors["person_id"] = problem
    if time_zone and time_zone not in available_timezones():
        errors["time_zone"] = Message("“%(zone)s” is not a time zone, such as Europe/Madrid.", zone=time_zone)
    if errors:
        raise InvalidRequestError(errors)
    user = User(
        name=name,
        email=email,
        password_hash=passwords.hash_password(password) if password else None,
        roles=roles,
        memberships=places,
        team_ids=list(team_ids),
        time_zone=time_zone,
        locale=locale or None,
        person_id=person_id,
    )
    try:
        user.save(force_insert=True)
    except NotUniqueError as error:
        raise TakenError(email) from error
    except ValidationError as error:
        raise InvalidRequestError(problems_of(error)) from error
    given = {"roles": list(user.roles), "memberships": membership_rules.in_words(user.memberships)}
    changes = {name: ("", value) for name, value in given.items() if value}
    audit.record(by, AdminArea.PEOPLE, "added", user.name, subject_id=user.id, changes=changes)
    return user


def authenticate(email: str, password: str) -> User | None:
    """The active account with this address and password, or None. Both answers take about the same time."""
    user = User.objects(email=email.strip().lower()).first() if email.strip() else None
    stored = user.password_hash if user is not None else None
    is_right = passwords.is_right(password, stored)
    if not is_right or user is None or stored is None or not user.is_active:
        return None
    if passwords.needs_new_hash(stored):
        User.objects(id=user.id, password_hash=stored).update(set__password_hash=passwords.hash_password(password))
    return user


def set_password(user: User, password: str, *, by: Actor) -> None:
    """Give the person a new password: their own, or an administrator's to give. Every session and every link for a new
    password ends with the old one.

    Raises InvalidRequestError for one that is too short or too easy to guess.
    """
    if id_of(by) != user.id:
        require_permission(by, Permission.ADMINISTER)
    if wrong := passwords.problem(password, user):
        raise InvalidRequestError({"password": wrong})
    # In one write: nobody may begin a session by the old password between the two.
    User.objects(id=user.id).update_one(
        set__password_hash=passwords.hash_password(password), set__updated_at=clock.utcnow(), inc__session_epoch=1
    )
    user.reload("password_hash", "updated_at")
    sessions.forget_all(user)


def set_preferences(actor: User, *, locale: str | None, time_zone: str | None) -> None:
    """A person's own language and time zone; empty: as the browser asks, as the installation is set."""
    actor.locale, actor.time_zone = locale or None, time_zone or None
    actor.save()


def active_user(user_id: str) -> User | None:
    """The active account with this id: whom a session may act for."""
    user = User.objects(id=id_or_nobody(user_id)).first()
    return user if user is not None and user.is_active else None


def user_by_email(email: str) -> User:
    """Raises NotFoundError where no active account has this address."""
    user = User.objects(email=email.strip().lower(), is_active=True).first()
    if user is None:
        raise NotFoundError(
            Message("There is no active account with the address %(email)s.", email=email),
            hint=Message("See `reportdesk users list`."),
        )
    return user


def looks_like_an_address(email: str) -> bool:
    """Whether `email` has what every address has. Only a letter that arrives proves one."""
    local, at, domain = email.strip().rpartition("@")
    return bool(local and at and domain) and not any(character.isspace() for character in email.strip())
