"""From statements to rows: events, what they say about enrollments, whom and what they name, what they void.

What a statement breaks of the standard is told with its file and line, and the statement is taken all the same wherever
it can be understood. What cannot be understood is refused, and adds nobody.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from webapp.messages import Message
from webapp.sources.csv_tables import Unread
from webapp.sources.xapi import forms, parts, rules
from webapp.sources.xapi.batches import Events, Kind, event_id
from webapp.sources.xapi.layout import Layout
from webapp.sources.xapi.meaning import EVENT_OF_EFFECT, VOIDED, ClassMapping, Effect, EventTypes, effect_of
from webapp.sources.xapi.named import Contents, Persons
from webapp.sources.xapi.parts import About, Context, Memo, RefusedError, SetAsideError, Verb, Who, broken
from webapp.sources.xapi.values import EPOCH, microseconds, quick_instant

if TYPE_CHECKING:
    from webapp.record.staging import Staging

BATCH = 50_000
#: Of parts that repeat, so many are remembered at a time.
MOST_PEOPLE, MOST_OTHERS = 200_000, 50_000
LONGEST_ID = 1_000
_NO_INSTANT = (datetime.min.replace(tzinfo=UTC), False)
_UUID_TEXT = re.compile(rb'"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"')
_PLAIN = frozenset(("id", "actor", "verb", "object", "result", "context", "timestamp"))

OF_NO_CLASS = Message("events of no known class")
WITHOUT_ID = Message("statements without an id: they are known again by their content")
VOIDING = Message("statements that void another: they are no events")
ABOUT_NO_ACTIVITY = Message("events about a person or another statement: kept with their verb, without a content")
BY_STORED = Message("statements without a timestamp: the time at which they were stored counts")


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
        self._layout = Layout()
        self._kinds: Memo[tuple[Verb, About, Context], Kind] = Memo(self._kind_of, MOST_OTHERS)
        self._effects: Memo[tuple[Kind, Effect], Kind] = Memo(_with_effect, MOST_OTHERS)
        # The same by the texts in which they stand.
        self._actor_texts: Memo[bytes, Who] = Memo(_by_text(self._actors), MOST_PEOPLE)
        self._result_texts: Memo[bytes, parts.Result] = Memo(_by_text(self._results), MOST_OTHERS)
        self._kind_texts: Memo[tuple[bytes, bytes, bytes], Kind] = Memo(self._kind_of_texts, MOST_OTHERS)
        self._moments: Memo[bytes, int | None] = Memo(_usual_moment, MOST_OTHERS)
        self._persons = Persons(staging.known("persons", ["name"]))
        self._contents = Contents(
            staging.known("contents", ["name", "content_type", "class_id", "course_id", "department_id"])
        )
        self._events = Events()
        self._outcomes: list[dict[str, Any]] = []
        self._voids: list[dict[str, Any]] = []
        #: Statements met so far, whatever became of them.
        self.count = 0
        self._notes: Counter[str] = Counter()
        self._read: Counter[str] = Counter()

    def take(self, file: str, place: int, statement: Any) -> None:
        """One statement, or why there is none; `place` is where it stands."""
        self.count += 1
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

    def begin_file(self) -> None:
        self._layout = Layout()

    def left_over(self, file: str, line: int, texts: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
        """Takes those of these lines, the first of which is `line`, that are statements like most, without reading all
        of them. Gives the others, to be read, and given to `take` before the next is asked for."""
        for number, text in enumerate(texts, line):
            if not self._take_text(file, number, text):
                yield number, text

    def _take_text(self, file: str, line: int, text: bytes) -> bool:
        """Whether it was taken. Where it was not, nothing has happened: what is wrong with it, `take` says."""
        found = self._layout.parts(text)
        if found is None:
            return False
        key, actor, verb, about, timestamp, said, context = found
        try:
            who, moment = self._actor_texts[actor], self._moments[timestamp]
            kind = self._kind_texts[verb, about, context]
            result = parts.NO_RESULT
            if said:
                result = self._new_result(said) if b'"duration"' in said else self._result_texts[said]
        except (ValueError, orjson.JSONEncodeError):
            return False
        if moment is None or who.failure or kind.verb.iri == VOIDED or _UUID_TEXT.fullmatch(key) is None:
            return False
        self.count += 1
        self._add(key[1:-1].lower(), moment, who, kind, result)
        if rule := who.rule or kind.rule or result.rule:
            self._staging.note_at(file, line, rule)
        return True

    def _new_result(self, text: bytes) -> parts.Result:
        """A duration is another each time: nothing to remember."""
        given = orjson.loads(text)
        key = orjson.dumps(given)
        return parts.new_result(given) if type(given) is dict and "duration" in given else self._results[key]

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
            self._staging.add("events", self._events.taken())
        for table, rows in (("outcomes", self._outcomes), ("voids", self._voids)):
            if rows:
                self._staging.add(table, rows[:])
                rows.clear()

    def _take(self, statement: Any) -> str:
        """Returns the rule that the statement breaks first, if any. Raises RefusedError, SetAsideError."""
        if not isinstance(statement, dict):
            raise RefusedError(statement.reason if isinstance(statement, Unread) else Message("it is no JSON object"))
        names = tuple(statement)
        is_plain, rule = self._shapes[names]
        if is_plain:
            self._layout = self._layout.grown(names)
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
        self._add(key.encode(), microseconds(moment), who, self._kinds[verb, about, context], result)
        return rule

    def _add(self, key: bytes, moment: int, who: Who, kind: Kind, result: parts.Result) -> None:
        """The event, and what it says about an enrollment. From here on nothing refuses the statement."""
        if not who.is_given:
            self._persons.give(who)
        if not kind.about.is_given and kind.about.content_id is not None:
            self._contents.give(kind.about, kind.of_class)
        if kind.is_about_class:
            kind = self._with_outcome(key, moment, who, kind, result)
        if kind.notes or result.notes or kind.kept_verb is not None:
            self._tell(kind, result)
        self._events.add(key, moment, who, kind, result)
        if len(self._events) >= BATCH:
            self._flush()

    def _tell(self, kind: Kind, result: parts.Result) -> None:
        for note in (*kind.notes, *result.notes):
            self._notes[note] += 1
        if kind.kept_verb is not None:
            self._notes[_unknown(kind.verb.name)] += 1

    def _with_outcome(self, key: bytes, moment: int, who: Who, kind: Kind, result: parts.Result) -> Kind:
        """What an event about a class is, and what it says about the enrollment."""
        effect = effect_of(kind.verb.name, is_failed=result.passed is False)
        if effect is None:
            return kind
        self._outcomes.append(
            {
                "id": event_id(key),
                "key": key.decode(),
                "learner_id": who.person_id,
                "class_id": kind.class_id,
                "effect": effect.value,
                "at": EPOCH + timedelta(microseconds=moment),
                "score": result.score,
            }
        )
        return self._effects[kind, effect]

    def _kind_of(self, kind: tuple[Verb, About, Context]) -> Kind:
        verb, about, context = kind
        class_key = about.class_key if about.class_key is not None else context.class_key
        of_class = self._classes.get(class_key) if class_key is not None else None
        event_type = self._types.of(verb.iri, about.type_iri, is_cmi5=context.is_cmi5)
        notes = [ABOUT_NO_ACTIVITY] * (about.kind != "Activity") + [OF_NO_CLASS] * (of_class is None)
        return Kind(verb, about, of_class, event_type, tuple(notes), verb.rule or about.rule)

    def _kind_of_texts(self, texts: tuple[bytes, bytes, bytes]) -> Kind:
        """Raises ValueError where the texts do not say it alone."""
        verb, about, context = texts
        found = parts.NO_CONTEXT
        if context:
            found = _by_text(self._contexts)(context)
            if not found.is_usual or b'"registration"' in context:
                raise ValueError
        return self._kinds[_by_text(self._verbs)(verb), _by_text(self._objects)(about), found]

    def _void(self, about: About, moment: datetime) -> None:
        if about.kind != "StatementRef":
            raise RefusedError(Message("it voids, but its object is no StatementRef"))
        self._read["voids"] += 1
        self._notes[VOIDING] += 1
        self._voids.append({"id": event_id(about.voided.encode()), "key": about.voided, "at": moment})

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


def _with_effect(given: tuple[Kind, Effect]) -> Kind:
    kind, effect = given
    return replace(kind, event_type=EVENT_OF_EFFECT[effect])


def _by_text(known: Memo[bytes, parts.Part]) -> Callable[[bytes], parts.Part]:
    return lambda text: known[orjson.dumps(orjson.loads(text))]


def _usual_moment(text: bytes) -> int | None:
    """None for one that is not written as most are. Raises ValueError."""
    moment, is_usual = quick_instant(orjson.loads(text))
    return microseconds(moment) if is_usual else None


def _rule_of_authority(key: bytes) -> str:
    return broken(rules.check_authority, orjson.loads(key))


def _is_usual_instant(value: Any) -> bool:
    try:
        return quick_instant(value)[1]
    except ValueError:
        return False


def _unknown(verb: str) -> Message:
    return Message("events with the unknown verb %(verb)s, kept without an event type", verb=verb[:60])
