"""xAPI statements, in whatever files they come, to learning events.

A statement's id makes its event's `_id`, so that importing again adds nothing. Statements about a class also move the
learner's enrollment (`importers.outcomes`). A bad statement is refused and adds nobody; a damaged file is told before
anything is written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from bson import ObjectId

from webapp import clock
from webapp.documents.connection import current_database
from webapp.importers import outcomes
from webapp.importers.outcomes import Outcomes
from webapp.importers.summary import Summary
from webapp.importers.writing import Document, EventWriter, ids_by_external_id
from webapp.messages import Message
from webapp.settings import get_settings
from webapp.sources import looks
from webapp.sources.csv_tables import Unread
from webapp.sources.files import SourceFile
from webapp.sources.xapi.identity import Actor, actor_of, sha1_of
from webapp.sources.xapi.meaning import EVENT_OF_EFFECT, VOIDED, ClassMapping, EventTypes, Verbs, effect_of
from webapp.sources.xapi.statements import statement_files, statements
from webapp.sources.xapi.values import last_part, numbers, quick_instant, score, seconds

#: (statements written, share of the files' bytes read)
Progress = Callable[[int, float], None]

LONGEST_IRI = 2_000
_OF_CLASS = ("courseId", "departmentId", "programId")


class _StatementError(ValueError):
    """A statement that cannot be taken; its text is the reason."""


def event_id(statement_id: str) -> ObjectId:
    """The `_id` of the event that a statement makes: the first 12 bytes of the SHA-256 of its id."""
    return ObjectId(hashlib.sha256(statement_id.lower().encode()).digest()[:12])


def run(paths: dict[Path, str], verbs: Verbs, *, on_progress: Progress = lambda count, share: None) -> Summary:
    """Import the statements of these files (path -> what people call it). `on_progress(statements written, share
    read)`. Raises SourceFileError, before anything is written."""
    files = [file for path, name in paths.items() for file in statement_files(path, name)]
    for file in files:
        for place, value in statements(file):
            if place <= 1 and isinstance(value, dict):
                _require_statement(file.name, value)
    return _Import(verbs, on_progress).run(files)


def _require_statement(name: str, first: dict[str, Any]) -> None:
    """Raises SourceFileError when the first object of a file shows that it holds something else."""
    if not {"actor", "verb", "object"} & set(first) and (found := looks.of_object(first)) and found != looks.XAPI:
        raise looks.not_ours(name, looks.XAPI, found)


@dataclass
class _Import:
    verbs: Verbs
    on_progress: Progress
    summary: Summary = field(default_factory=Summary)

    def run(self, files: list[SourceFile]) -> Summary:
        self.types = EventTypes(self.verbs)
        self.outcomes = Outcomes(self.summary)
        self.voided: dict[ObjectId, datetime] = {}
        self.voided_before = outcomes.voided()
        self._read_what_is_there()
        counts = self.summary.of("statements")
        size, read_before, done = sum(file.packed_size for file in files) or 1, 0, 0

        def written(count: int) -> None:
            nonlocal done
            done += count
            self.on_progress(done, min(read_before / size, 1.0))

        writer = EventWriter(counts, written)
        try:
            for file in files:
                for place, statement in statements(file):
                    counts.read += 1
                    try:
                        event = self._event(statement)
                    except ValueError as error:
                        self.summary.refuse(file.base, place, str(error))
                        continue
                    if event is not None:
                        writer.add(event)
                read_before += file.packed_size
        finally:
            writer.close()
        voided_here = outcomes.void(self.voided)
        if voided_here:
            self.summary.note("events that were voided", voided_here)
        self.outcomes.write(self.classes, {**self.voided_before, **self.voided})
        return self.summary

    def _read_what_is_there(self) -> None:
        self.classes = ids_by_external_id("classes", ["code", *_OF_CLASS])
        codes: dict[str, list[str]] = {}
        for key, found in self.classes.items():
            codes.setdefault(found.get("code") or "", []).append(key)
        only = {code: keys[0] for code, keys in codes.items() if code and len(keys) == 1}
        self.mapping = ClassMapping(self.classes, only, get_settings().xapi_class_iris.split())
        self.contents = ids_by_external_id("contents", ["contentType"])
        self.people: dict[str, ObjectId] = {}
        self.by_email: dict[str, ObjectId] = {}
        self.by_sha1: dict[str, ObjectId] = {}
        for user in current_database().users.find({}, {"externalId": 1, "email": 1}):
            if user.get("externalId"):
                self.people[user["externalId"]] = user["_id"]
            if user.get("email"):
                self.by_email[user["email"]] = user["_id"]
                self.by_sha1[sha1_of(user["email"])] = user["_id"]
        self.enrollments = {
            (each.get("classId"), each.get("learnerId")): each["_id"]
            for each in current_database().enrollments.find({}, {"classId": 1, "learnerId": 1})
        }

    def _event(self, statement: Any) -> Document | None:
        """The event of a statement; None for one that only voids another. Raises ValueError with the reason."""
        if not isinstance(statement, dict):
            raise _StatementError(statement.reason if isinstance(statement, Unread) else "it is no JSON object")
        statement_id = _statement_id(statement.get("id"))
        moment, _ = quick_instant(statement.get("timestamp") or statement.get("stored"))
        verb_iri = _iri(statement.get("verb"), "verb")
        actor = actor_of(statement.get("actor"))
        about = statement.get("object")
        kind = about.get("objectType", "Activity") if isinstance(about, dict) else None
        if not isinstance(about, dict) or kind is None:
            raise _StatementError("it has no object")
        if kind == "StatementRef" and verb_iri == VOIDED:
            self.voided[event_id(_statement_id(about.get("id")))] = moment
            self.summary.note("statements that void another: they are no events")
            return None
        if kind != "Activity":
            raise _StatementError(f"its object is a {str(kind)[:30]}, and only what is done to activities is counted")
        activity = _iri(about, "object")
        return self._made(statement, statement_id, moment, verb_iri, actor, about, activity)

    def _made(
        self,
        statement: dict[str, Any],
        statement_id: str,
        moment: datetime,
        verb_iri: str,
        actor: Actor,
        about: dict[str, Any],
        activity: str,
    ) -> Document:
        """From here on nothing refuses the statement: what it names is added."""
        definition = about["definition"] if isinstance(about.get("definition"), dict) else {}
        type_iri = definition.get("type") if isinstance(definition.get("type"), str) else ""
        result = statement["result"] if isinstance(statement.get("result"), dict) else {}
        own_key = self.mapping.key_of(about)
        class_key = own_key if own_key is not None else self._context_class(statement.get("context"))
        is_failed = result.get("success") is False
        effect = effect_of(last_part(verb_iri), is_failed=is_failed) if own_key is not None else None
        found = self.classes.get(class_key) if class_key is not None else None
        learner_id = self._person(actor)
        event: Document = {
            "_id": event_id(statement_id),
            "learnerId": learner_id,
            "timestamp": moment,
            "isActive": event_id(statement_id) not in self.voided_before,
        }
        value = self._result(event, result)
        if own_key is None:
            event["contentId"] = self._content(activity, definition, type_iri or "", found)
        if found is not None:
            event["classId"] = found["_id"]
            event |= {name: found[name] for name in _OF_CLASS if found.get(name) is not None}
            if (enrollment_id := self.enrollments.get((found["_id"], learner_id))) is not None:
                event["enrollmentId"] = enrollment_id
        else:
            self.summary.note("events of no known class")
        if effect is not None and own_key is not None:
            self.outcomes.add(own_key, learner_id, event["_id"], effect, moment, value)
        event_type = EVENT_OF_EFFECT[effect] if effect is not None else self.types.of(verb_iri, type_iri or "")
        if event_type is not None:
            event["eventType"] = event_type
        else:
            event["verb"] = verb_iri
            unknown = last_part(verb_iri)[:60]
            self.summary.note(f"events with the unknown verb {unknown}, kept without an event type")
        return event

    # --- who and what -------------------------------------------------------------------------------------------------

    def _person(self, actor: Actor) -> ObjectId:
        known = self.people.get(actor.identity)
        if known is None and actor.account_name:
            known = self.people.get(actor.account_name)
        if known is None and actor.email:
            known = self.by_email.get(actor.email)
        if known is None and actor.identity.startswith("sha1:"):
            known = self.by_sha1.get(actor.identity.removeprefix("sha1:"))
        if known is None:
            known = self._new_person(actor)
        self.people[actor.identity] = known
        return known

    def _new_person(self, actor: Actor) -> ObjectId:
        """Somebody no roster has named: kept, because events without a learner say nothing."""
        now = clock.utcnow()
        person_id = ObjectId()
        document: Document = {
            "_id": person_id,
            "externalId": actor.identity,
            "name": actor.name[:255],
            "roles": ["learner"],
            "departmentIds": [],
            "teamIds": [],
            "isActive": True,
            "createdAt": now,
            "updatedAt": now,
        }
        if actor.email:
            document["email"] = actor.email
            self.by_email[actor.email] = person_id
            self.by_sha1[sha1_of(actor.email)] = person_id
        current_database().users.insert_one(document)
        self.summary.note("learners that no roster has named, added")
        return person_id

    def _content(self, iri: str, definition: dict[str, Any], type_iri: str, found: Document | None) -> ObjectId:
        known = self.contents.get(iri)
        if known is not None:
            content_id: ObjectId = known["_id"]
            return content_id
        kind = last_part(type_iri)
        names = definition.get("name")
        named = names.values() if isinstance(names, dict) else ()
        name = next((each for each in named if isinstance(each, str) and each.strip()), "")
        now = clock.utcnow()
        document: Document = {
            "_id": ObjectId(),
            "externalId": iri,
            "name": (name or f"{kind} {last_part(iri) or iri}".strip())[:500],
            "isActive": True,
            "createdAt": now,
            "updatedAt": now,
        }
        if kind:
            document["contentType"] = kind[:100]
        if found is not None:
            document |= {name: found[name] for name in ("courseId", "departmentId") if found.get(name) is not None}
            document["classId"] = found["_id"]
        current_database().contents.insert_one(document)
        self.contents[iri] = document
        self.summary.of("contents").added += 1
        new_id: ObjectId = document["_id"]
        return new_id

    def _context_class(self, context: Any) -> str | None:
        activities = context.get("contextActivities") if isinstance(context, dict) else None
        for place in ("parent", "grouping"):
            found = activities.get(place) if isinstance(activities, dict) else None
            for each in found if isinstance(found, list) else [found]:
                if isinstance(each, dict) and (key := self.mapping.key_of(each)) is not None:
                    return key
        return None

    def _result(self, event: Document, result: dict[str, Any]) -> float | None:
        """Put score, outcome, duration and numbers into `event`; returns the score."""
        value: float | None = None
        if "score" in result:
            value, note = score(result["score"])
            if value is not None:
                event["score"] = value
            if note:
                self.summary.note(str(note))
        if isinstance(result.get("success"), bool):
            event["passed"] = result["success"]
        if "duration" in result:
            length, note = seconds(result["duration"])
            if length is not None:
                event["duration"] = length
            if note:
                self.summary.note(str(note))
        found = numbers(result.get("extensions"))
        if data := {name.replace(".", "_").lstrip("$"): number for name, number in found.items()}:
            data.pop("", None)
            event["data"] = data
        return value


def _statement_id(given: Any) -> str:
    if not isinstance(given, str) or not given.strip():
        raise _StatementError(Message("it has no id"))
    return given


def _iri(given: Any, what: str) -> str:
    iri = given.get("id") if isinstance(given, dict) else None
    if not isinstance(iri, str) or ":" not in iri or "\0" in iri:
        raise _StatementError(f"its {what} has no id that is an IRI")
    if len(iri) > LONGEST_IRI:
        raise _StatementError(f"its {what}'s id is longer than {LONGEST_IRI} characters")
    return iri
