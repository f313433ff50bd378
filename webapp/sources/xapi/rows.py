"""From statements to rows: events, what they say about enrollments, whom and what they name, what they void.

What a statement breaks of the standard is told with its file and line, and the statement is taken all the same wherever
it can be understood. What cannot be understood is refused, and adds nobody.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from webapp.messages import Message
from webapp.sources.csv_tables import Unread
from webapp.sources.xapi import forms, parts, rules
from webapp.sources.xapi.batches import Event, as_table
from webapp.sources.xapi.meaning import EVENT_OF_EFFECT, VOIDED, ClassMapping, EventTypes, effect_of
from webapp.sources.xapi.named import Contents, Persons
from webapp.sources.xapi.parts import About, Context, Memo, RefusedError, SetAsideError, Verb, Who, broken
from webapp.sources.xapi.values import quick_instant

if TYPE_CHECKING:
    from webapp.record.staging import Staging

BATCH = 50_000
#: Of parts that repeat, so many are remembered at a time.
MOST_PEOPLE, MOST_OTHERS = 200_000, 50_000
LONGEST_ID = 1_000
_NO_INSTANT = (datetime.min.replace(tzinfo=UTC), False)
_PLAIN = frozenset(("id", "actor", "verb", "object", "result", "context", "timestamp"))

OF_NO_CLASS = Message("events of no known class")
WITHOUT_ID = Message("statements without an id: they are known again by their content")
VOIDING = Message("statements that void another: they are no events")
ABOUT_NO_ACTIVITY = Message("events about a person or another statement: kept with their verb, without a content")
BY_STORED = Message("statements without a timestamp: the time at which they were stored counts")


def event_id(statement_id: str) -> str:
    """The id of the event that a statement makes: the first 12 bytes of the SHA-256 of its id."""
    return hashlib.sha256(statement_id.lower().encode()).hexdigest()[:24]


class Rows:
    """Takes statements, gives rows to `staging`; `finish` gives the last ones and tells what is worth telling."""

    def __init__(self, staging: Staging, class_iris: Sequence[str] = ()) -> None:
        self._staging = staging
        self._classes = staging.known("classes", ["id", "code", "course_id", "department_id"], where_source=False)
        codes: dict[str, list[str]] = {}
        for key, found in self._classes.items():
            codes.setdefault(found.get("code") or "", []).append(key)
        only = {code: keys[0] for code, keys in codes.items() if code and len(keys) == 1}
        mapping = ClassMapping(self._classes, only, class_iris)
        self._types = EventTypes(staging.verbs)
        self._verbs: Memo[bytes, Verb] = Memo(parts.verb_of, MOST_OTHERS)
        self._actors: Memo[bytes, Who] = Memo(parts.who_of, MOST_PEOPLE)
        self._objects: Memo[bytes, About] = Memo(partial(parts.about_of, classes=mapping), MOST_OTHERS)
        self._contexts: Memo[bytes, Context] = Memo(partial(parts.context_of, classes=mapping), MOST_OTHERS)
        self._results: Memo[bytes, parts.Result] = Memo(parts.result_of, MOST_OTHERS)
        self._authorities: Memo[bytes, str] = Memo(_rule_of_authority, MOST_OTHERS)
        self._shapes: Memo[tuple[str, ...], tuple[bool, str]] = Memo(_shape_of, MOST_OTHERS)
        self._persons = Persons(staging.known("persons", ["name"]))
        self._contents = Contents(
            staging.known("contents", ["name", "content_type", "class_id", "course_id", "department_id"])
        )
        self._events: list[Event] = []
        self._outcomes: list[dict[str, Any]] = []
        self._voids: list[dict[str, Any]] = []
        self._notes: Counter[str] = Counter()
        self._read: Counter[str] = Counter()

    def take(self, file: str, place: int, statement: Any) -> None:
        """One statement, or why there is none; `place` is where it stands."""
        try:
            rule = self._take(statement)
        except SetAsideError as reason:
            self._read["events"] += 1
            self._staging.set_aside("events", reason.args[0])
        except ValueError as reason:
            self._read["events"] += 1
            self._staging.refuse(file, place, reason.args[0], what="events")
        except orjson.JSONEncodeError:
            self._read["events"] += 1
            self._staging.refuse(file, place, Message("it is nested too deeply"), what="events")
        else:
            if rule:
                self._staging.note_at(file, place, rule)

    def finish(self) -> None:
        self._persons.hand_over(self._staging)
        self._contents.hand_over(self._staging)
        self._flush()
        for what, count in self._read.items():
            self._staging.read(what, count)
        for text, count in self._notes.items():
            self._staging.note(text, count)

    def _flush(self) -> None:
        if self._events:
            self._read["events"] += len(self._events)
            self._staging.add("events", as_table(self._events))
            self._events.clear()
        for table, rows in (("outcomes", self._outcomes), ("voids", self._voids)):
            if rows:
                self._staging.add(table, rows[:])
                rows.clear()

    def _take(self, statement: Any) -> str:
        """Returns the rule that the statement breaks first, if any. Raises RefusedError, SetAsideError."""
        if not isinstance(statement, dict):
            raise RefusedError(statement.reason if isinstance(statement, Unread) else Message("it is no JSON object"))
        is_plain, rule = self._shapes[tuple(statement)]
        dumps = orjson.dumps
        verb = self._verbs[dumps(statement.get("verb"))]
        who = self._actors[dumps(statement.get("actor"))]
        about = self._objects[dumps(statement.get("object"))]
        given: Any = statement.get("id")
        key, rule_of_id = (str.lower(given), "") if forms.is_uuid(given) else self._key_of(statement)
        given = statement.get("timestamp")
        moment, is_usual = _NO_INSTANT if given is None else quick_instant(given)
        rule_of_time = ""
        if not is_usual:
            moment, rule_of_time = self._moment_of(statement)
        if who.failure:
            who.fail()
        rule = rule or rule_of_id or who.rule or verb.rule or about.rule or rule_of_time
        if verb.iri == VOIDED:
            self._void(about, moment)
            return rule or self._rule_of_rest(statement, about)
        result = parts.NO_RESULT
        if "result" in statement:
            given = statement["result"]
            # A duration is another each time: nothing to remember.
            is_new = type(given) is dict and "duration" in given
            result = parts.new_result(given) if is_new else self._results[dumps(given)]
            rule = rule or result.rule
        context = parts.NO_CONTEXT
        if "context" in statement:
            given = statement["context"]
            if type(given) is dict and "registration" not in given:
                context = self._contexts[dumps(given)]
            if not context.is_usual:
                context, rule_of_context = self._context_of(statement, about)
                rule = rule or rule_of_context
        if not is_plain and not rule:
            rule = self._rule_of_rest(statement, about)
        self._add(key, moment, who, verb, about, result, context)
        return rule

    def _add(
        self, key: str, moment: datetime, who: Who, verb: Verb, about: About, result: parts.Result, context: Context
    ) -> None:
        """The event, and what it says about an enrollment. From here on nothing refuses the statement."""
        class_key = about.class_key if about.class_key is not None else context.class_key
        of_class = self._classes.get(class_key) if class_key is not None else None
        if not who.is_given:
            self._persons.give(who)
        if not about.is_given and about.content_id is not None:
            self._contents.give(about, of_class)
        if about.kind != "Activity":
            self._notes[ABOUT_NO_ACTIVITY] += 1
        class_id: str | None = None
        if of_class is not None:
            class_id = of_class["id"]
        else:
            self._notes[OF_NO_CLASS] += 1
        for note in result.notes:
            self._notes[note] += 1
        made = hashlib.sha256(key.encode()).hexdigest()[:24]
        event_type: str | None = None
        if about.class_key is not None and class_id is not None:
            effect = effect_of(verb.name, is_failed=result.passed is False)
            if effect is not None:
                event_type = EVENT_OF_EFFECT[effect]
                self._outcomes.append(
                    {
                        "id": made,
                        "key": key,
                        "learner_id": who.person_id,
                        "class_id": class_id,
                        "effect": effect.value,
                        "at": moment,
                        "score": result.score,
                    }
                )
        if event_type is None:
            event_type = self._types.of(verb.iri, about.type_iri, is_cmi5=context.is_cmi5)
        kept_verb: str | None = None
        if event_type is None:
            kept_verb = verb.iri
            self._notes[_unknown(verb.name)] += 1
        self._events.append(
            (
                made,
                key,
                who.person_id,
                class_id,
                about.content_id,
                event_type,
                kept_verb,
                result.duration,
                result.score,
                moment,
                result.passed,
                result.numbers,
            )
        )
        if len(self._events) >= BATCH:
            self._flush()

    def _void(self, about: About, moment: datetime) -> None:
        if about.kind != "StatementRef":
            raise RefusedError(Message("it voids, but its object is no StatementRef"))
        self._read["voids"] += 1
        self._notes[VOIDING] += 1
        self._voids.append({"id": event_id(about.voided), "key": about.voided, "at": moment})

    def _key_of(self, statement: dict[str, Any]) -> tuple[str, str]:
        """(the id in small letters of a statement that has no UUID, the rule that it breaks)."""
        given = statement.get("id")
        if given is None:
            if "id" in statement:
                raise RefusedError(Message("it has no id"))
            # The standard leaves the id to the record store that a statement is sent to.
            self._notes[WITHOUT_ID] += 1
            return hashlib.sha256(orjson.dumps(statement, option=orjson.OPT_SORT_KEYS)).hexdigest(), ""
        if not isinstance(given, str) or not given.strip() or "\0" in given or len(given) > LONGEST_ID:
            raise RefusedError(Message("it has no id"))
        return given.lower(), Message("its %(where)s is no UUID", where="id")

    def _moment_of(self, statement: dict[str, Any]) -> tuple[datetime, str]:
        """(when it happened, the rule that this breaks). Raises ValueError."""
        given, name = statement.get("timestamp"), "timestamp"
        if given is None and "timestamp" not in statement:
            given, name = statement.get("stored"), "stored"
            if given is None:
                raise RefusedError(Message("it has no timestamp"))
            self._notes[BY_STORED] += 1
        moment, is_usual = quick_instant(given)
        if is_usual:
            return moment, ""
        return moment, broken(rules.check_timestamp, given, name, statement.get("version"))

    def _context_of(self, statement: dict[str, Any], about: About) -> tuple[Context, str]:
        """(the context, the rule that it breaks). Its registration is another each time: it is looked at alone."""
        given = statement["context"]
        rule = ""
        if isinstance(given, dict) and "registration" in given:
            if not forms.is_uuid(given["registration"]):
                rule = Message("its %(where)s is no UUID", where="context.registration")
            given = {name: value for name, value in given.items() if name != "registration"}
        found = self._contexts[orjson.dumps(given)]
        rule = rule or found.rule
        if not rule and found.needs_activity and about.kind != "Activity":
            rule = Message(
                "it has a %(where)s, though its object is no activity", where=f"context.{found.needs_activity}"
            )
        if not rule and found.needs_version_2 and str(statement.get("version", "")).startswith("1"):
            rule = Message(
                "it has “%(where)s”, which the standard does not know there", where=f"context.{found.needs_version_2}"
            )
        return found, rule

    def _rule_of_rest(self, statement: dict[str, Any], about: About) -> str:
        """The rule that what few statements have breaks."""
        if about.kind == "SubStatement" or about.kind == "StatementRef":
            return broken(rules.check_statement, statement)
        version = statement.get("version")
        if "version" in statement and not forms.is_version(version):
            return broken(rules.check_version, version)
        if "stored" in statement:
            stored = statement["stored"]
            if not _is_usual_instant(stored) and (rule := broken(rules.check_timestamp, stored, "stored", version)):
                return rule
        if "authority" in statement and (rule := self._authorities[orjson.dumps(statement["authority"])]):
            return rule
        if "attachments" in statement:
            return broken(rules.check_attachments, statement["attachments"], "attachments")
        return ""


def _shape_of(names: tuple[str, ...]) -> tuple[bool, str]:
    """(whether a statement of these properties has none beside the usual ones, the rule that they break)."""
    unknown = next((name for name in names if name not in rules.STATEMENT), None)
    rule = (
        Message("it has “%(where)s”, which the standard does not know there", where=unknown[:60])
        if unknown is not None
        else ""
    )
    return set(names) <= _PLAIN, rule


def _rule_of_authority(key: bytes) -> str:
    return broken(rules.check_authority, orjson.loads(key))


def _is_usual_instant(value: Any) -> bool:
    try:
        return quick_instant(value)[1]
    except ValueError:
        return False


def _unknown(verb: str) -> Message:
    return Message("events with the unknown verb %(verb)s, kept without an event type", verb=verb[:60])
