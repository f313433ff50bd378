"""Accounts of versions that knew one list of roles and one of departments, to memberships.

Learners stood in the same collection; whoever has no password and no role but the learner's is no account, and stays as
it is for the learning record to take over.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from bson import ObjectId

from webapp.documents import LookupCategory, LookupValue, User
from webapp.documents.connection import current_database
from webapp.services.permissions import concerns_whole_desk

log = logging.getLogger(__name__)

Document = dict[str, Any]
LEARNER, INSTRUCTOR = "learner", "instructor"


def run() -> None:
    """Give every account of an older version its memberships. Done again it changes nothing."""
    users, desk = User._get_collection(), _roles_of_the_desk()
    for user in _of_before():
        change = {"$set": _held(user, desk), "$unset": {"departmentIds": ""}}
        users.update_one({"_id": user["_id"], "memberships": {"$exists": False}}, change)


def _of_before() -> Iterator[Document]:
    """Without reading through the learners, of whom there may be 50,000: by the roles that others have, and by their
    passwords. Who has neither can do nothing here."""
    users, seen = User._get_collection(), set[ObjectId]()
    others = [key for key in LookupValue.objects(category=LookupCategory.ROLE.value).scalar("key") if key != LEARNER]
    fields = ["roles", "departmentIds", "externalId", "passwordHash", "personId", "memberships"]
    for matching in ({"roles": {"$in": others}}, {"passwordHash": {"$exists": True}}):
        for user in list(users.find(matching, fields)):
            if user["_id"] not in seen and "memberships" not in user and _is_account(user):
                seen.add(user["_id"])
                yield user


def _is_account(user: Document) -> bool:
    return bool(user.get("passwordHash")) or set(user.get("roles") or ()) != {LEARNER}


def _held(user: Document, desk: frozenset[str]) -> Document:
    """The new fields: whoever read, managed or taught goes on doing so, and nobody does more than before."""
    roles = list(user.get("roles") or ())
    here = [role for role in roles if role not in desk]
    places = list(dict.fromkeys(user.get("departmentIds") or ()))
    taught = _classes_of(user["_id"])
    if here and not places:
        # An instructor of no department read their classes: those say where they belong, and give no more rows.
        places = _departments_of(taught) if INSTRUCTOR in here else []
        here = [INSTRUCTOR] if places else []
        if not here:
            log.warning("an account's roles need a department and it has none", extra={"user": str(user["_id"])})
    held: Document = {
        "roles": [role for role in roles if role in desk],
        "memberships": [
            {"departmentId": each, "roles": here, "isPrimary": not number, "isActive": True}
            for number, each in enumerate(places)
        ],
    }
    if not user.get("personId") and (user.get("externalId") or taught):
        # The record's rows have the ids that the documents had.
        held["personId"] = user["_id"]
    return held


def _roles_of_the_desk() -> frozenset[str]:
    """Straight from the database: what a process remembers may be of before the lists were there."""
    known = LookupValue.objects(category=LookupCategory.ROLE.value)
    return frozenset(each.key for each in known if concerns_whole_desk(each.metadata.get("permissions") or ()))


def _classes_of(user_id: ObjectId) -> list[Document]:
    classes = current_database()["classes"]
    return list(classes.find({"instructorIds": user_id}, ["departmentId", "courseId"]))


def _departments_of(classes: list[Document]) -> list[ObjectId]:
    """Where these classes are: by themselves, or by their courses."""
    courses = [each["courseId"] for each in classes if not each.get("departmentId") and each.get("courseId")]
    found = [each.get("departmentId") for each in classes]
    found += [each.get("departmentId") for each in current_database()["courses"].find({"_id": {"$in": courses}})]
    return sorted({each for each in found if each})
