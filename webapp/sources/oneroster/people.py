"""People of a bundle: who learns, who teaches, where they belong. A source writes no account."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from webapp.messages import Message
from webapp.sources.csv_tables import Row
from webapp.sources.oneroster.organisation import Organisation
from webapp.sources.oneroster.reading import Made, Reading, RowError
from webapp.sources.oneroster.values import cell, cells, day, is_active, is_true
from webapp.sources.oneroster.vocabulary import ROLES, is_of_another_kind

NEITHER = Message("people who neither learn nor teach")
ROLES_OVER = Message("people whose roles are over, and who are in no class")


@dataclass(frozen=True)
class Holding:
    """What roles.csv says of a person: roles held, roles that are over, where those held are held."""

    held: tuple[str, ...] = ()
    over: tuple[str, ...] = ()
    places: tuple[str, ...] = ()


@dataclass
class People:
    """`found` are the roles that enrollments and results tell of: the keys of people for each."""

    reading: Reading
    organisation: Organisation
    found: dict[str, set[str]] = field(default_factory=lambda: {"learner": set(), "instructor": set()})
    _holdings: dict[str, Holding] = field(default_factory=dict)
    #: Thousands of people hold the same role at the same school: one object for them all.
    _same: dict[Holding, Holding] = field(default_factory=dict)

    def read_roles(self) -> None:
        """OneRoster 1.2 keeps the roles of people, and where each holds, in a file of their own."""
        reading = self.reading
        today = reading.now.astimezone(reading.zone).date()

        def make(line: int, row: Row) -> None:
            role, user = cell(row, "role").casefold(), cell(row, "userSourcedId")
            if role not in ROLES and not is_of_another_kind(role):
                raise _no_role(row)
            ends_on = day(row, "endDate")
            is_held = is_active(row) and (ends_on is None or ends_on >= today)
            reading.set_aside("roles", Message("kept with the person who has the role"))
            if role in ROLES and user:
                self._hold(user, ROLES[role], cell(row, "orgSourcedId"), is_held)

        reading.each("roles", make)

    def _hold(self, user: str, role: str, place: str, is_held: bool) -> None:
        there = self._holdings.get(user, Holding())
        held = (*there.held, role) if is_held and role not in there.held else there.held
        over = (*there.over, role) if not is_held and role not in there.over else there.over
        places = (*there.places, place) if is_held and place and place not in there.places else there.places
        holding = Holding(held, over, places)
        self._holdings[user] = self._same.setdefault(holding, holding)

    def read_users(self) -> None:
        reading = self.reading

        def make(line: int, row: Row) -> tuple[str, Made] | None:
            key = row["sourcedid"]
            active = is_active(row) and is_true(row, "enabledUser", default=True)
            roles, places = self._roles(key, row), self._places(key, row)
            if not roles:
                if (given := cell(row, "role").casefold()) and not is_of_another_kind(given):
                    raise _no_role(row)
                is_over = bool(self._holdings.get(key, Holding()).over)
                reading.set_aside("persons", ROLES_OVER if is_over else NEITHER)
                return None
            email = cell(row, "email").casefold()
            return "persons", {
                "name": _name(row),
                "number": cell(row, "identifier") or None,
                "email": email or None,
                "email_sha1": _sha1(email) if email else None,
                "roles": roles,
                "department_ids": places,
                "is_active": active,
            }

        reading.each("users", make)

    def _roles(self, key: str, row: Row) -> list[str]:
        """By users.csv, by roles.csv, and by what they do; for a change that says nothing of roles, as they were."""
        holding = self._holdings.get(key, Holding())
        given = ROLES.get(cell(row, "role").casefold())
        roles = {
            *holding.held,
            *((given,) if given else ()),
            *(role for role, keys in self.found.items() if key in keys),
        }
        if not roles and (earlier := self._earlier(key)):
            roles = {*(earlier.get("roles") or ())} - {*holding.over}
        return sorted(roles)

    def _places(self, key: str, row: Row) -> list[str]:
        holding = self._holdings.get(key, Holding())
        keys = [cell(row, "primaryOrgSourcedId"), *cells(row, "orgSourcedIds"), *holding.places]
        found = [self.organisation.department(each) for each in dict.fromkeys(keys) if each]
        if any(each is None for each in found):
            self.reading.note(Message("people of organisations that are not there"))
        places = [each for each in found if each is not None]
        if not places and not any(keys) and (earlier := self._earlier(key)):
            return list(earlier.get("department_ids") or ())
        return places

    def _earlier(self, key: str) -> Made | None:
        """The person as an earlier import brought them; a file that holds everything needs no earlier one."""
        if self.reading.bundle.is_bulk("users"):
            return None
        return self.reading.known("persons", "roles", "department_ids").get(key)


def _name(row: Row) -> str:
    parts = (
        cell(row, "preferredGivenName") or cell(row, "givenName"),
        cell(row, "preferredFamilyName") or cell(row, "familyName"),
    )
    return " ".join(each for each in parts if each) or cell(row, "username") or row["sourcedid"]


def _sha1(email: str) -> str:
    """What an xAPI statement calls its `mbox_sha1sum`."""
    return hashlib.sha1(f"mailto:{email}".encode(), usedforsecurity=False).hexdigest()


def _no_role(row: Row) -> RowError:
    return RowError(Message("role %(role)s is none of OneRoster's", role=cell(row, "role")[:40] or "–"))
