"""Persons and contents that statements name: given once, under the first name that is one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from webapp.messages import Message
from webapp.sources.xapi.identity import Actor, sha1_of
from webapp.sources.xapi.parts import LONGEST_NAME, About, Who
from webapp.sources.xapi.values import last_part

if TYPE_CHECKING:
    from webapp.record.staging import Staging

BATCH = 10_000
LONGEST_KIND = 100
Row = dict[str, Any]
NEW_LEARNERS = Message("learners that earlier imports of statements had not named")


class Persons:
    def __init__(self, known: Mapping[str, Mapping[str, Any]]) -> None:
        self._known = known
        self._rows: dict[str, Row] = {}

    def give(self, who: Who) -> None:
        """Take this person in, if it is a new one, or has a name for the first time."""
        who.is_given = True
        actor = who.actor
        if actor is None:
            return
        row = self._rows.get(actor.identity)
        if row is None:
            known = self._known.get(actor.identity)
            row = self._rows[actor.identity] = {
                "id": who.person_id,
                "key": actor.identity,
                "name": known.get("name") if known is not None else None,
                "email": actor.email or None,
                "email_sha1": _sha1(actor),
                "account_home": actor.home_page or None,
                "account_name": actor.account_name or None,
                "roles": ["learner"],
                "department_ids": [],
            }
        if row["name"] is None or (row["name"] == _stand_in(actor) and actor.name != row["name"]):
            row["name"] = actor.name.replace("\0", "")

    def hand_over(self, staging: Staging) -> None:
        _add(staging, "persons", list(self._rows.values()))
        if new := sum(key not in self._known for key in self._rows):
            staging.note(NEW_LEARNERS, new)


def _stand_in(actor: Actor) -> str:
    """What a person is called whom no statement gives a name."""
    if actor.account_name:
        return actor.account_name[:255]
    if actor.email:
        return actor.email
    kind, _, rest = actor.identity.partition(":")
    return f"sha1 {rest[:8]}" if kind == "sha1" else rest


def _sha1(actor: Actor) -> str | None:
    if actor.email:
        return sha1_of(actor.email)
    kind, _, rest = actor.identity.partition(":")
    return rest if kind == "sha1" else None


class Contents:
    """A content stands in the class of the statement that named it first, of all imports."""

    def __init__(self, known: Mapping[str, Mapping[str, Any]]) -> None:
        self._known = known
        self._rows: dict[str, Row] = {}

    def give(self, about: About, of_class: Mapping[str, Any] | None) -> None:
        about.is_given = True
        stand_in = f"{last_part(about.type_iri)} {last_part(about.iri) or about.iri}".strip()[:LONGEST_NAME]
        row = self._rows.get(about.iri)
        if row is None:
            known = self._known.get(about.iri)
            place = known if known is not None else of_class or {}
            row = self._rows[about.iri] = {
                "id": about.content_id,
                "key": about.iri,
                "name": known.get("name") if known is not None else None,
                "content_type": known.get("content_type") if known is not None else None,
                "class_id": place.get("class_id") if known is not None else place.get("id"),
                "course_id": place.get("course_id"),
                "department_id": place.get("department_id"),
            }
        row["content_type"] = row["content_type"] or last_part(about.type_iri)[:LONGEST_KIND] or None
        is_stand_in = row["name"] is None or row["name"] == row.get("_stand_in", stand_in)
        if is_stand_in:
            row["name"], row["_stand_in"] = about.name or stand_in, stand_in

    def hand_over(self, staging: Staging) -> None:
        for row in self._rows.values():
            row.pop("_stand_in", None)
        _add(staging, "contents", list(self._rows.values()))


def _add(staging: Staging, table: str, rows: list[Row]) -> None:
    for begin in range(0, len(rows), BATCH):
        staging.add(table, rows[begin : begin + BATCH])
