"""`reportdesk users`: who may sign in, and as what."""

from __future__ import annotations

import re

import click
from bson import ObjectId
from mongoengine import Q

from webapp.cli.session import connected
from webapp.documents import Department, LookupCategory, User
from webapp.services import audit, database_setup
from webapp.services.audit import SessionAct
from webapp.services.lookups import values as lookups
from webapp.services.people import accounts, directory, memberships, resets
from webapp.services.people import departments as department_tree
from webapp.services.permissions import TERMINAL, is_global
from webapp.settings import PUBLIC_URL

#: Learners are people too, but not ones who sign in; listing them is asked for.
STAFF_LIMIT = 500


@click.group("users")
def command() -> None:
    """People who may sign in.

    \b
    reportdesk users list
    reportdesk users add registrar@example.org --name "Ana Ruiz" --role staff --department registry
    reportdesk users set-password registrar@example.org
    reportdesk users reset-link registrar@example.org
    """


@command.command("list")
@click.option("--role", help="Only people with this role.")
def list_users(role: str | None) -> None:
    """Show who may sign in (or who has a role), at most 500."""
    with connected():
        known = {each.key for each in lookups.every(LookupCategory.ROLE)}
        if role is not None and role not in known:
            raise click.BadParameter(f"There is no role “{role}”. Known: {', '.join(sorted(known))}.")
        held = Q(roles=role) | Q(memberships__roles=role)
        found = User.objects(held) if role else User.objects(password_hash__exists=True)
        codes = dict(Department.objects.scalar("id", "code"))
        shown = list(found.order_by("name").limit(STAFF_LIMIT + 1))
        for user in shown[:STAFF_LIMIT]:
            state = "" if user.is_active else "  (inactive)"
            click.echo(f"{user.email or '-'}  {user.name}  {_told(user, codes)}{state}")
        if len(shown) > STAFF_LIMIT:
            click.echo(f"… and more: the first {STAFF_LIMIT} are shown. Narrow the list with --role.")


@command.command("add")
@click.argument("email")
@click.option("--name", required=True, help="The person's full name.")
@click.option("--role", "roles", multiple=True, required=True, help="A role's key; may be given more than once.")
@click.option(
    "--department",
    "departments",
    multiple=True,
    help="Code or id of a department in which the roles are held; may be given more than once, the primary one first.",
)
@click.option("--time-zone", help="An IANA name, such as Europe/Madrid.")
@click.password_option(help="Asked for when not given. At least 12 characters, hard to guess.")
def add(
    email: str, name: str, roles: tuple[str, ...], departments: tuple[str, ...], time_zone: str | None, password: str
) -> None:
    """Make an account for EMAIL."""
    with connected():
        database_setup.prepare()
        desk_roles, places = memberships.of_roles(roles, [_department(code).id for code in departments])
        user = accounts.create_user(
            TERMINAL,
            name=name,
            email=email,
            password=password,
            roles=desk_roles,
            memberships=places,
            time_zone=time_zone,
        )
        click.echo(f"{user.email} may now sign in as {', '.join(dict.fromkeys(roles))}.")


@command.command("set-password")
@click.argument("email")
@click.password_option(help="Asked for when not given. At least 12 characters, hard to guess.")
def set_password(email: str, password: str) -> None:
    """Give the person with the address EMAIL a new password."""
    with connected():
        user = accounts.user_by_email(email)
        accounts.set_password(user, password, by=TERMINAL)
        audit.record_session(TERMINAL, SessionAct.PASSWORD_CHANGED, user)
        click.echo(f"{email} has a new password.")


@command.command("reset-link")
@click.argument("email")
@click.option("--at", "address", help="Where people find the desk; default: REPORTDESK_PUBLIC_URL.")
def reset_link(email: str, address: str | None) -> None:
    """Print a link by which the person with the address EMAIL chooses a new password. It works once, for an hour."""
    # Whoever gets the link follows it: a slip here would send them elsewhere, or nowhere.
    if address is not None and not re.match(PUBLIC_URL, address := address.rstrip("/")):
        raise click.BadParameter(f"“{address}” is not an address such as https://reports.example.org.")
    with connected() as settings:
        base = address or settings.public_url or "http://127.0.0.1:8000"
        token = resets.make(accounts.user_by_email(email), by=TERMINAL)
        click.echo(resets.link(token, base))
        click.echo(
            f"It works once, for {settings.reset_link_minutes} minutes. Whoever has it chooses the password.", err=True
        )


@command.command("set-roles")
@click.argument("email")
@click.argument("roles", nargs=-1, required=True)
@click.option(
    "--department",
    "departments",
    multiple=True,
    help="Only in this one, by its code or id; may be given more than once.",
)
def set_roles(email: str, roles: tuple[str, ...], departments: tuple[str, ...]) -> None:
    """Replace the roles of the person with the address EMAIL: in the departments named, or all of them.

    \b
    reportdesk users set-roles ana@example.org department-admin --department history
    """
    with connected():
        user = accounts.user_by_email(email)
        fields = memberships.replaced(user, roles, [_department(code).id for code in departments])
        directory.change(user, by=TERMINAL, **fields)
        where = f" in {', '.join(departments)}" if departments else ""
        click.echo(f"{email} now has the roles: {', '.join(roles)}{where}.")


@command.command("deactivate")
@click.argument("email")
def deactivate(email: str) -> None:
    """End the access of the person with the address EMAIL; what they asked for stays."""
    with connected():
        directory.set_active(accounts.user_by_email(email), False, by=TERMINAL)
        click.echo(f"{email} can no longer sign in.")


@command.command("roles")
def roles() -> None:
    """Show the roles there are, and what each allows."""
    with connected():
        for role in lookups.active(LookupCategory.ROLE):
            allowed = ", ".join(role.metadata.get("permissions", ())) or "nothing"
            where = "for the whole desk" if is_global(role.key) else "in a department"
            click.echo(f"{role.key}: {role.display_as}. {role.description} (allows: {allowed}; held {where})")


def _told(user: User, codes: dict[ObjectId, str]) -> str:
    """Every role, and where it is held: “history: staff; physics: instructor”."""
    desk = [", ".join(user.roles)] if user.roles else []
    here = [
        f"{codes.get(each.department_id, '?')}: {', '.join(each.roles) or '-'}{'' if each.is_active else ' (inactive)'}"
        for each in sorted(user.memberships, key=lambda each: not each.is_primary)
    ]
    return f"[{'; '.join([*desk, *here])}]"


def _department(text: str) -> Department:
    """The one of this code or id."""
    found = department_tree.meant_by(text)
    if not found:
        known = ", ".join(sorted(Department.objects(is_active=True).scalar("code"))[:20]) or "none yet"
        raise click.BadParameter(f"there is no department with the code {text}. Known: {known}.")
    if len(found) > 1:
        told = ", ".join(f"{each.name} {each.id}" for each in found[:10])
        raise click.BadParameter(f"{len(found)} departments have the code {text}: {told}. Say which one by its id.")
    return found[0]
