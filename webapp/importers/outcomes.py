"""What became of an enrollment: from what the roster gives and from all statements about the class that still stand.

An enrollment keeps what each statement says about it (`outcomes`), so that voiding one takes back what it caused, in
whatever order statements, voidings and rosters come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne

from webapp import clock
from webapp.documents import VoidedStatement
from webapp.documents.connection import current_database
from webapp.importers.summary import Summary
from webapp.importers.writing import Document
from webapp.sources.xapi.meaning import Effect

_STATUS = {
    Effect.COMPLETED: "completed",
    Effect.FAILED: "failed",
    Effect.WITHDRAWN: "withdrawn",
    Effect.REGISTERED: "in-progress",
}
ASKED_AT_ONCE = 200


def voided() -> dict[ObjectId, datetime]:
    """The events whose statements were voided so far, also those that have not come yet."""
    return {each["_id"]: each["at"] for each in VoidedStatement._get_collection().find()}


def void(events: Mapping[ObjectId, datetime]) -> int:
    """Remember these as voided; those that are there count no more. Returns how many that were."""
    if not events:
        return 0
    writes = [UpdateOne({"_id": each}, {"$setOnInsert": {"at": at}}, upsert=True) for each, at in events.items()]
    VoidedStatement._get_collection().bulk_write(writes, ordered=False)
    ids, now, changed = list(events), clock.utcnow(), 0
    for begin in range(0, len(ids), ASKED_AT_ONCE):
        there = {"_id": {"$in": ids[begin : begin + ASKED_AT_ONCE]}, "isActive": {"$ne": False}}
        change = {"$set": {"isActive": False, "updatedAt": now}}
        changed += current_database().learningevents.update_many(there, change).modified_count
    return changed


@dataclass
class Outcomes:
    """What the statements of one import say, by class and learner."""

    summary: Summary
    said: dict[tuple[str, ObjectId], list[Document]] = field(default_factory=dict)

    def add(
        self, class_key: str, learner_id: ObjectId, event: ObjectId, effect: Effect, at: datetime, score: float | None
    ) -> None:
        entry: Document = {"event": event, "effect": effect.value, "at": at}
        if score is not None:
            entry["score"] = score
        self.said.setdefault((class_key, learner_id), []).append(entry)

    def write(self, classes: Mapping[str, Document], void: Mapping[ObjectId, datetime]) -> None:
        """Bring the enrollments up to what all statements say; new ones where no roster had them."""
        keys = {found["_id"]: key for key, found in classes.items()}
        there = self._there(keys, void)
        now, counts = clock.utcnow(), self.summary.of("enrollments")
        new: list[Document] = []
        changes: list[UpdateOne] = []
        for place in {*self.said, *there}:
            class_key, learner_id = place
            found, said = there.get(place), self.said.get(place, [])
            counts.read += 1
            if found is None:
                if any(each["effect"] != Effect.STARTED and each["event"] not in void for each in said):
                    new.append(_new(classes[class_key], class_key, learner_id, said, void, now))
                continue
            wanted = state_of(found, said, void)
            change = {name: value for name, value in wanted.items() if found.get(name) != value}
            if change:
                changes.append(UpdateOne({"_id": found["_id"]}, {"$set": {**change, "updatedAt": now}}))
            else:
                counts.unchanged += 1
        enrollments = current_database().enrollments
        if new:
            enrollments.insert_many(new, ordered=False)
        if changes:
            enrollments.bulk_write(changes, ordered=False)
        counts.added += len(new)
        counts.updated += len(changes)

    def _there(
        self, keys: Mapping[ObjectId, str], void: Mapping[ObjectId, datetime]
    ) -> dict[tuple[str, ObjectId], Document]:
        """The enrollments that something is said about, or whose statements were voided."""
        if not self.said and not void:
            return {}
        found: dict[tuple[str, ObjectId], Document] = {}
        for each in current_database().enrollments.find({"classId": {"$in": list(keys)}}):
            place = (keys[each["classId"]], each["learnerId"])
            is_voided = any(entry["event"] in void for entry in each.get("outcomes") or ())
            if place in self.said or is_voided:
                known = found.get(place)
                # Of several enrollments of one learner in one class, the one that is active.
                if known is None or (not known.get("isActive", True) and each.get("isActive", True)):
                    found[place] = each
        return found


def state_of(there: Document, said: Iterable[Document], void: Mapping[ObjectId, datetime]) -> Document:
    """The fields of an enrollment, from what the roster gives it and what stands of all that statements say."""
    known: dict[Any, Document] = {each["event"]: each for each in there.get("outcomes") or ()}
    if not known and there.get("outcomeAt") is not None and there.get("status") in _STATUS.values():
        # Decided before enrollments kept what was said about them.
        earlier = next(key for key, status in _STATUS.items() if status == there["status"])
        known[None] = {"event": None, "effect": earlier.value, "at": there["outcomeAt"]}
    for each in said:
        known.setdefault(each["event"], each)
    standing = [each for each in known.values() if each["event"] not in void]
    decided = [each for each in standing if each["effect"] != Effect.STARTED]
    last = max(decided, key=lambda each: (each["at"], str(each["event"])), default=None)
    registered = min((each["at"] for each in standing if each["effect"] == Effect.REGISTERED), default=None)
    started = min((each["at"] for each in standing if each["effect"] == Effect.STARTED), default=None)
    given = there.get("givenStatus") or ("not-started" if last is None and not known else "in-progress")
    effect = Effect(last["effect"]) if last is not None else None
    status = given if effect in (None, Effect.REGISTERED) else _STATUS[effect]
    if status == "not-started" and (effect is Effect.REGISTERED or started is not None):
        status = "in-progress"
    at = last["at"] if last is not None else None
    scored = [each for each in decided if "score" in each]
    wanted: Document = {
        "outcomes": list(known.values()),
        "status": status,
        "outcomeAt": at if effect not in (None, Effect.REGISTERED) else None,
        "completedAt": at if effect is Effect.COMPLETED else None,
        "withdrawnAt": at if effect is Effect.WITHDRAWN else there.get("givenWithdrawnAt"),
        "passed": {Effect.COMPLETED: True, Effect.FAILED: False}.get(effect) if effect is not None else None,
        "score": max(scored, key=lambda each: (each["at"], str(each["event"])))["score"] if scored else None,
    }
    if there.get("enrolledAt") is None and registered is not None:
        wanted["enrolledAt"] = registered
    if started is not None:
        wanted["startedAt"] = started
    if there.get("source") == "xapi":
        wanted["isActive"] = bool(decided)
    return wanted


def _new(
    found: Document, class_key: str, learner_id: ObjectId, said: list[Document], void: Mapping[ObjectId, datetime],
    now: datetime,
) -> Document:  # fmt: skip
    """An enrollment that only statements tell of: it is there as long as one of them stands."""
    document: Document = {
        "_id": ObjectId(),
        "externalId": f"{class_key}-{learner_id}",
        "source": "xapi",
        "learnerId": learner_id,
        "classId": found["_id"],
        **{name: found[name] for name in ("courseId", "departmentId", "programId") if found.get(name)},
        "givenStatus": "in-progress",
        "isActive": True,
        "createdAt": now,
        "updatedAt": now,
    }
    return document | {name: value for name, value in state_of(document, said, void).items() if value is not None}
