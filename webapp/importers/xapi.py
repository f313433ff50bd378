"""xAPI 1.0.3 statements (a JSON array, or one per line, `.gz` too) to learning events.

A statement's id makes its event's `_id`, so that importing again adds nothing. Statements about a class also move the
learner's enrollment: `registered`, `passed`, `completed`, `failed`, `abandoned`; of several, the latest one counts.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from bson import ObjectId
from pymongo import UpdateOne

from webapp import clock
from webapp.documents.connection import current_database
from webapp.errors import InvalidRequestError
from webapp.importers.summary import Summary
from webapp.importers.writing import Document, EventWriter, ids_by_external_id

#: (verb's last segment or IRI, activity type's last segment or "") -> activity-event
Verbs = Mapping[tuple[str, str], str]
#: (statements written, share of the files' bytes read)
Progress = Callable[[int, float], None]

LONGEST_STATEMENT = 4 << 20
#: A JSON array is read as a whole; longer ones are sent one statement a line.
LONGEST_ARRAY = 512 << 20
#: Statements shrink to a tenth or less; a .gz that unpacks to more was made to do harm.
MOST_EXPANSION = 200
SMALL = 64 << 20
#: More different names than this in `data` are noise, not measures (see `extract.tables`).
MOST_NUMBERS = 50
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_DURATION = re.compile(
    r"P(?:(?P<weeks>\d+(?:\.\d+)?)W)?(?:(?P<days>\d+(?:\.\d+)?)D)?"
    r"(?:T(?:(?P<hours>\d+(?:\.\d+)?)H)?(?:(?P<minutes>\d+(?:\.\d+)?)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
_UNIT_SECONDS = {"weeks": 604_800, "days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}
#: What a statement about a class says about the enrollment.
_REGISTERED = {"registered", "enrolled"}
_PASSED = {"passed", "completed", "finished"}
_WITHDRAWN = {"abandoned", "withdrew", "unregistered", "unenrolled"}


class _StatementError(Exception):
    """A statement that cannot be taken; its text is the reason."""


def event_id(statement_id: str) -> ObjectId:
    """The `_id` of the event that a statement makes: the first 12 bytes of the SHA-256 of its id."""
    return ObjectId(hashlib.sha256(statement_id.lower().encode()).digest()[:12])


def duration_seconds(text: str) -> float | None:
    """An ISO 8601 duration in seconds; None for one in months or years (nobody knows how long), or for none."""
    found = _DURATION.fullmatch(text.strip())
    if found is None or not any(found.groupdict().values()):
        return None
    return sum(float(value) * _UNIT_SECONDS[unit] for unit, value in found.groupdict().items() if value)


def run(paths: list[Path], verbs: Verbs, *, on_progress: Progress | None = None) -> Summary:
    """Import the statements of `paths`. `on_progress(statements written, share read)`. Raises InvalidRequestError."""
    for path in paths:
        if not path.is_file():
            raise InvalidRequestError({"path": f"There is no file {path}."})
    importer = _Import(verbs, on_progress or (lambda count, share: None))
    return importer.run(paths)


def statements(path: Path, on_read: Callable[[int], None]) -> Iterator[tuple[int, Any]]:
    """(line, statement) of a file; for one that cannot be read as JSON, the error in its place.

    `on_read(bytes of the file read so far)` is called now and then.
    """
    with path.open("rb") as raw, gzip.open(raw) if path.suffix == ".gz" else nullcontext(raw) as file:
        first = file.readline(LONGEST_STATEMENT)
        if first.lstrip().startswith(b"["):
            rest = file.read(LONGEST_ARRAY)
            if len(rest) >= LONGEST_ARRAY:
                raise InvalidRequestError(
                    {"path": f"{path} is an array of more than {LONGEST_ARRAY >> 20} MB. Send one statement a line."}
                )
            try:
                yield from enumerate(orjson.loads(first + rest), start=1)
            except orjson.JSONDecodeError as error:
                yield 1, _StatementError(f"the file is not JSON: {error}")
            return
        number = unpacked = 0
        while first:
            number += 1
            unpacked += len(first)
            if unpacked > SMALL and unpacked > MOST_EXPANSION * raw.tell():
                raise InvalidRequestError({"path": f"{path} unpacks to far more than statements do."})
            if number % 1_000 == 0:
                on_read(raw.tell())
            if len(first) >= LONGEST_STATEMENT and not first.endswith(b"\n"):
                yield number, _StatementError(f"a statement of more than {LONGEST_STATEMENT >> 20} MB")
                while first and not first.endswith(b"\n"):
                    first = file.readline(LONGEST_STATEMENT)
                    unpacked += len(first)
                    if unpacked > SMALL and unpacked > MOST_EXPANSION * raw.tell():
                        break  # the check above says so
            elif first.strip():
                try:
                    yield number, orjson.loads(first)
                except orjson.JSONDecodeError as error:
                    yield number, _StatementError(f"not JSON: {error}")
            first = file.readline(LONGEST_STATEMENT)


@dataclass
class _Outcome:
    """What the statements say about one learner in one class."""

    registered_at: datetime | None = None
    status: str | None = None
    at: datetime | None = None
    score: float | None = None

    def register(self, at: datetime) -> None:
        self.registered_at = min(at, self.registered_at or at)

    def decide(self, status: str, at: datetime, score: float | None) -> None:
        if self.at is None or at >= self.at:
            self.status, self.at, self.score = status, at, score


@dataclass
class _Import:
    verbs: Verbs
    on_progress: Progress
    summary: Summary = field(default_factory=Summary)

    def run(self, paths: list[Path]) -> Summary:
        self.outcomes: dict[tuple[str, str], _Outcome] = {}
        self.new_contents: dict[str, Document] = {}
        self.voided: list[tuple[ObjectId, datetime]] = []
        self.classes = ids_by_external_id("classes", ["courseId", "departmentId", "programId"])
        self.contents = ids_by_external_id("contents", ["contentType"])
        self.learners: dict[str, ObjectId] = {}
        self.by_email: dict[str, ObjectId] = {}
        for user in current_database().users.find({}, {"externalId": 1, "email": 1}):
            if user.get("externalId"):
                self.learners[user["externalId"]] = user["_id"]
            if user.get("email"):
                self.by_email[user["email"]] = user["_id"]
        self.enrollments = {
            (each.get("classId"), each.get("learnerId")): each["_id"]
            for each in current_database().enrollments.find({}, {"classId": 1, "learnerId": 1})
        }
        self._types: dict[str, str] = {}
        counts = self.summary.of("statements")
        done = 0
        size = sum(path.stat().st_size for path in paths) or 1
        read_before = read_now = 0

        def written(count: int) -> None:
            nonlocal done
            done += count
            self.on_progress(done, min((read_before + read_now) / size, 1.0))

        def on_read(position: int) -> None:
            nonlocal read_now
            read_now = position

        writer = EventWriter(counts, written)
        try:
            for path in paths:
                for line, statement in statements(path, on_read):
                    counts.read += 1
                    try:
                        writer.add(self._event(statement))
                    except _StatementError as error:
                        self.summary.refuse(path.name, line, str(error))
                    except (KeyError, TypeError, AttributeError, ValueError) as error:
                        reason = f"not a statement of xAPI 1.0.3 ({type(error).__name__}: {str(error)[:80]})"
                        self.summary.refuse(path.name, line, reason)
                read_before, read_now = read_before + path.stat().st_size, 0
        finally:
            writer.close()
        self._write_enrollments()
        self._void()
        return self.summary

    def _event(self, statement: Any) -> Document:
        if isinstance(statement, _StatementError):
            raise statement
        timestamp = self._timestamp(statement)
        learner_id = self._learner(statement["actor"])
        verb_iri = statement["verb"]["id"]
        verb = verb_iri.rpartition("/")[2]
        about = statement["object"]
        if about.get("objectType", "Activity") == "StatementRef" and verb == "voided":
            self.voided.append((event_id(about["id"]), timestamp))
        activity = str(about["id"])
        external_id = activity.rstrip("/").rpartition("/")[2]
        definition = about.get("definition") or {}
        activity_type = self._type(definition.get("type") or "")
        event: Document = {
            "_id": event_id(str(statement["id"])),
            "learnerId": learner_id,
            "timestamp": timestamp,
            "isActive": True,
        }
        result = statement.get("result")
        score = self._result(event, result) if result else None
        found = self.classes.get(external_id)
        if found is not None:
            self._outcome(external_id, learner_id, verb, result or {}, timestamp, score)
            event_type = self._class_event(verb, activity_type)
        else:
            event_type = self._event_type(verb, verb_iri, activity_type)
            found = self._context_class(statement.get("context"))
            event["contentId"] = self._content(external_id, definition, activity_type, found)
        if found is not None:
            event["classId"] = found["_id"]
            for name in ("courseId", "departmentId", "programId"):
                if found.get(name) is not None:
                    event[name] = found[name]
            enrollment_id = self.enrollments.get((found["_id"], learner_id))
            if enrollment_id is not None:
                event["enrollmentId"] = enrollment_id
        else:
            self.summary.note("events of no known class")
        if event_type is not None:
            event["eventType"] = event_type
        else:
            event["verb"] = verb_iri
            self.summary.note(f"events with the unknown verb {verb[:60]}, kept without an event type")
        return event

    @staticmethod
    def _timestamp(statement: Any) -> datetime:
        text = statement.get("timestamp") or statement.get("stored")
        if not text:
            raise _StatementError("it has no timestamp")
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as error:
            raise _StatementError("its timestamp cannot be read") from error
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        if not 1900 <= moment.year < LATEST.year:
            raise _StatementError("its timestamp is outside 1900-2199")
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def _learner(self, actor: Any) -> ObjectId:
        account = actor.get("account")
        if account is not None:
            name = str(account["name"])
            if (known := self.learners.get(name)) is not None:
                return known
            return self._new_learner(name, actor.get("name"), None)
        mbox = str(actor.get("mbox") or "")
        if not mbox.startswith("mailto:"):
            raise _StatementError("its actor has neither an account nor an mbox")
        email = mbox.removeprefix("mailto:").strip().lower()
        if (known := self.by_email.get(email)) is not None:
            return known
        return self._new_learner(email, actor.get("name"), email)

    def _new_learner(self, external_id: str, name: Any, email: str | None) -> ObjectId:
        """Somebody no roster has named: kept, because events without a learner say nothing."""
        now = clock.utcnow()
        document: Document = {
            "_id": ObjectId(),
            "externalId": external_id[:255],
            "name": str(name or external_id)[:255],
            "roles": ["learner"],
            "departmentIds": [],
            "teamIds": [],
            "isActive": True,
            "createdAt": now,
            "updatedAt": now,
        }
        if email is not None:
            document["email"] = email
        current_database().users.insert_one(document)
        self.learners[external_id] = document["_id"]
        if email is not None:
            self.by_email[email] = document["_id"]
        self.summary.note("learners that no roster has named, added")
        learner_id: ObjectId = document["_id"]
        return learner_id

    def _type(self, iri: str) -> str:
        known = self._types.get(iri)
        if known is None:
            known = self._types[iri] = iri.rstrip("/").rpartition("/")[2]
        return known

    def _event_type(self, verb: str, verb_iri: str, activity_type: str) -> str | None:
        for key in ((verb_iri, activity_type), (verb, activity_type), (verb_iri, ""), (verb, "")):
            if (found := self.verbs.get(key)) is not None:
                return found
        return None

    def _class_event(self, verb: str, activity_type: str) -> str | None:
        if verb in _REGISTERED:
            return "enrollment-created"
        if verb in _PASSED or verb == "failed":
            return "enrollment-completed"
        if verb in _WITHDRAWN:
            return "enrollment-withdrawn"
        return self._event_type(verb, verb, activity_type)

    @staticmethod
    def _result(event: Document, result: Any) -> float | None:
        """Put score, outcome, duration and numbers into `event`; returns the score."""
        value: float | None = None
        if score := result.get("score"):
            value = _score(score)
            if value is not None:
                event["score"] = value
        if isinstance(result.get("success"), bool):
            event["passed"] = result["success"]
        if result.get("duration"):
            seconds = duration_seconds(str(result["duration"]))
            if seconds is not None:
                event["duration"] = seconds
        if extensions := result.get("extensions"):
            data = {
                key.rstrip("/").rpartition("/")[2].replace(".", "_").lstrip("$"): number
                for key, number in extensions.items()
                if isinstance(number, int | float) and not isinstance(number, bool) and abs(number) < 2**53
            }
            data.pop("", None)
            if data:
                event["data"] = dict(list(data.items())[:MOST_NUMBERS])
        return value

    def _context_class(self, context: Any) -> Document | None:
        activities = (context or {}).get("contextActivities") or {}
        for place in ("parent", "grouping"):
            found: Any = activities.get(place) or []
            for each in found if isinstance(found, list) else [found]:
                known = self.classes.get(each["id"].rstrip("/").rpartition("/")[2])
                if known is not None:
                    return known
        return None

    def _content(self, external_id: str, definition: Any, activity_type: str, found: Document | None) -> ObjectId:
        known = self.contents.get(external_id)
        if known is not None:
            content_id: ObjectId = known["_id"]
            return content_id
        if not external_id or len(external_id) > 255:
            raise _StatementError("its object's id is no activity")
        names = definition.get("name") or {}
        name = next(iter(names.values()), None) if isinstance(names, dict) else None
        now = clock.utcnow()
        document: Document = {
            "_id": ObjectId(),
            "externalId": external_id,
            "name": str(name or f"{activity_type} {external_id}".strip())[:500],
            "contentType": activity_type[:100] or None,
            "isActive": True,
            "createdAt": now,
            "updatedAt": now,
        }
        if found is not None:
            document |= {"courseId": found.get("courseId"), "departmentId": found.get("departmentId")}
            document["classId"] = found["_id"]
        document = {key: value for key, value in document.items() if value is not None}
        current_database().contents.insert_one(document)
        self.contents[external_id] = document
        self.summary.of("contents").added += 1
        new_id: ObjectId = document["_id"]
        return new_id

    # --- enrollments --------------------------------------------------------------------------------------------------

    def _outcome(
        self, class_id: str, learner_id: ObjectId, verb: str, result: Any, at: datetime, score: float | None
    ) -> None:
        outcome = self.outcomes.setdefault((class_id, str(learner_id)), _Outcome())
        success = result.get("success")
        if verb in _REGISTERED:
            outcome.register(at)
        elif verb == "failed" or (verb in _PASSED and success is False):
            outcome.decide("failed", at, score)
        elif verb in _PASSED:
            outcome.decide("completed", at, score)
        elif verb in _WITHDRAWN:
            outcome.decide("withdrawn", at, score)

    def _write_enrollments(self) -> None:
        """Bring the enrollments up to what the statements say; new ones where no roster had them."""
        counts = self.summary.of("enrollments")
        enrollments = current_database().enrollments
        known = {
            (each.get("classId"), each.get("learnerId")): each
            for each in enrollments.find({"classId": {"$in": [each["_id"] for each in self.classes.values()]}})
        } if self.outcomes else {}  # fmt: skip
        now = clock.utcnow()
        new: list[Document] = []
        changes: list[UpdateOne] = []
        for (class_key, learner), outcome in self.outcomes.items():
            found, learner_id = self.classes[class_key], ObjectId(learner)
            there = known.get((found["_id"], learner_id))
            wanted = _enrollment_of(outcome, there)
            if there is None:
                of_class = {name: found[name] for name in ("courseId", "departmentId", "programId") if found.get(name)}
                new.append(
                    {
                        "_id": ObjectId(),
                        "externalId": f"{class_key}-{learner}",
                        "learnerId": learner_id,
                        "classId": found["_id"],
                        **of_class,
                        "status": "in-progress",
                        **wanted,
                        "isActive": True,
                        "createdAt": now,
                        "updatedAt": now,
                    }
                )
            elif change := {name: value for name, value in wanted.items() if there.get(name) != value}:
                changes.append(UpdateOne({"_id": there["_id"]}, {"$set": {**change, "updatedAt": now}}))
            else:
                counts.unchanged += 1
        if new:
            enrollments.insert_many(new, ordered=False)
        if changes:
            enrollments.bulk_write(changes, ordered=False)
        counts.read += len(self.outcomes)
        counts.added += len(new)
        counts.updated += len(changes)

    def _void(self) -> None:
        """Voided statements no longer count; a voided registration is a withdrawal."""
        now = clock.utcnow()
        events = current_database().learningevents
        for voided_id, at in self.voided:
            event = events.find_one({"_id": voided_id})
            if event is None or event.get("isActive") is False:
                continue
            events.update_one({"_id": voided_id}, {"$set": {"isActive": False, "updatedAt": now}})
            self.summary.note("events voided by a later statement")
            if event.get("eventType") == "enrollment-created" and event.get("classId"):
                current_database().enrollments.update_one(
                    {"classId": event["classId"], "learnerId": event["learnerId"], "status": {"$ne": "withdrawn"}},
                    {"$set": {"status": "withdrawn", "withdrawnAt": at, "outcomeAt": at, "updatedAt": now}},
                )


def _enrollment_of(outcome: _Outcome, there: Document | None) -> Document:
    """The fields that the statements give an enrollment. A roster's day of enrolling stands; an outcome yields only to
    a later one."""
    wanted: Document = {}
    if outcome.registered_at is not None and (there is None or there.get("enrolledAt") is None):
        wanted["enrolledAt"] = outcome.registered_at
    decided_at = (there or {}).get("outcomeAt")
    if outcome.status is None or (decided_at is not None and outcome.at is not None and outcome.at < decided_at):
        return wanted
    wanted |= {"status": outcome.status, "outcomeAt": outcome.at}
    wanted["completedAt"] = outcome.at if outcome.status == "completed" else None
    wanted["withdrawnAt"] = outcome.at if outcome.status == "withdrawn" else None
    wanted["passed"] = {"completed": True, "failed": False}.get(outcome.status)
    if outcome.score is not None:
        wanted["score"] = outcome.score
    return {name: value for name, value in wanted.items() if value is not None or (there or {}).get(name) is not None}


def _score(score: Any) -> float | None:
    """0-100; None for a score that cannot be placed there."""
    scaled = score.get("scaled")
    if scaled is None and isinstance(score.get("raw"), int | float) and isinstance(score.get("max"), int | float):
        low = score.get("min") or 0
        scaled = (score["raw"] - low) / (score["max"] - low) if score["max"] > low else None
    if not isinstance(scaled, int | float) or isinstance(scaled, bool) or not 0 <= scaled <= 1:
        return None
    return float(scaled) * 100
