"""The demo organisation's accounts and teams: staff, managers and instructors, whose password is published."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo.errors import BulkWriteError

from webapp.demo import organisation as given
from webapp.documents import Team, User
from webapp.services.people import memberships, passwords

DEMO_PASSWORD = "northgate-demo"  # noqa: S105  (printed by `make run`: the demo's data is invented and its server local)
SIGN_INS = {email: roles[0] for email, _, roles, _, _ in given.STAFF[:4]}
INSTRUCTORS = 18
TEACHES = "instructor"
DUPLICATE_KEY = 11000

Document = dict[str, Any]


class Ids:
    """ObjectIds that are the same at every build: four letters, the kind, a number."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self.departments: dict[str, ObjectId] = {code: self.next("dept") for code, _, _ in given.DEPARTMENTS}

    def next(self, kind: str) -> ObjectId:
        number = self._numbers.get(kind, 0) + 1
        self._numbers[kind] = number
        return ObjectId(b"demo" + kind.encode("ascii")[:4].ljust(4) + number.to_bytes(4, "big"))


@dataclass(frozen=True)
class Teacher:
    """Whose account has the same id as their person of the record."""

    person_id: ObjectId
    key: str
    name: str
    department_id: ObjectId


class Accounts:
    """Everyone who signs in, with the same ids and names at every build."""

    def __init__(self, ids: Ids, chance: random.Random, now: datetime) -> None:
        self._ids, self._now = ids, now
        self._teams = {name: ids.next("team") for name, _ in given.TEAMS}
        self._accounts: list[tuple[ObjectId, str, str, list[str], ObjectId, list[ObjectId]]] = []
        for email, name, roles, department, teams in given.STAFF:
            joined = [self._teams[team] for team in teams]
            self._accounts.append((ids.next("staf"), email, name, roles, ids.departments[department], joined))
        teaching = [department for _, _, department in given.PROGRAMS]
        for number in range(INSTRUCTORS):
            place = ids.departments[teaching[number % len(teaching)]]
            email, name = f"instructor{number + 1}@demo.example", given.name_of_somebody(chance)
            self._accounts.append((ids.next("inst"), email, name, [TEACHES], place, []))

    def teachers(self) -> list[Teacher]:
        found = [each for each in self._accounts if TEACHES in each[3]]
        return [
            Teacher(row_id, f"demo-instructor-{number}", name, place)
            for number, (row_id, _, name, _, place, _) in enumerate(found)
        ]

    def are_there(self) -> bool:
        """Whether the last of them is: they are written in their order."""
        return User.objects(id=self._accounts[-1][0]).only("id").first() is not None

    def write(self) -> dict[str, int]:
        """Add those that are missing; returns how many of each collection."""
        teams = _insert_missing(Team, list(self._team_documents()))
        return {"teams": teams, "users": _insert_missing(User, list(self._documents()))}

    def _team_documents(self) -> Iterator[Document]:
        for name, department in given.TEAMS:
            place = self._ids.departments[department]
            yield {"_id": self._teams[name], "name": name, "departmentId": place, **self._stamps()}

    def _documents(self) -> Iterator[Document]:
        password_hash = passwords.hash_password(DEMO_PASSWORD)
        for row_id, email, name, roles, place, teams in self._accounts:
            desk, places = memberships.of_roles(roles, [place])
            yield {
                "_id": row_id,
                "email": email,
                "name": name,
                "passwordHash": password_hash,
                "roles": desk,
                "memberships": [dict(each.to_mongo()) for each in places],
                **({"personId": row_id} if TEACHES in roles else {}),
                "teamIds": teams,
                "isDemo": True,
                **self._stamps(),
            }

    def _stamps(self) -> Document:
        return {"isActive": True, "createdAt": self._now, "updatedAt": self._now}


def _insert_missing(document: type[Team] | type[User], documents: list[Document]) -> int:
    """One after the other: where the last is, all are."""
    collection = document._get_collection()
    known = {each["_id"] for each in collection.find({"_id": {"$in": [each["_id"] for each in documents]}}, {"_id": 1})}
    missing = [each for each in documents if each["_id"] not in known]
    try:
        return len(collection.insert_many(missing, ordered=True).inserted_ids) if missing else 0
    except BulkWriteError as error:
        if any(each["code"] != DUPLICATE_KEY for each in error.details["writeErrors"]):
            raise
        return int(error.details["nInserted"])  # another process builds the same at the same time
