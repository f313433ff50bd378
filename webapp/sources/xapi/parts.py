"""The parts of statements that repeat: who, verb, object, context, result. Each different one is judged and understood
once, known again by its content."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Generic, NoReturn, TypeVar

import orjson

from webapp.messages import Message
from webapp.record.ids import id_of
from webapp.sources.xapi import rules, values
from webapp.sources.xapi.identity import Actor, ActorError, actor_of
from webapp.sources.xapi.meaning import CMI5, ClassMapping

SOURCE = "xapi"
LONGEST_IRI = 2_000
LONGEST_NAME = 500

Key = TypeVar("Key", bound=Hashable)
Part = TypeVar("Part")


class Memo(dict[Key, Part], Generic[Key, Part]):
    """What `make` says of a key; asked once for each, as long as they are no more than `most`."""

    def __init__(self, make: Callable[[Key], Part], most: int) -> None:
        super().__init__()
        self._make, self._most = make, most

    def __missing__(self, key: Key) -> Part:
        if len(self) >= self._most:
            self.clear()
        found = self[key] = self._make(key)
        return found


class RefusedError(ValueError):
    """A statement that cannot be taken; its text is the reason."""


class SetAsideError(ValueError):
    """A statement that keeps every rule, and of which no report can say anything; its text is the reason."""


def broken(check: Callable[..., None], *given: Any) -> str:
    """The rule that `check` finds broken; empty when none is."""
    try:
        check(*given)
    except rules.BrokenRuleError as error:
        return error.args[0] if error.args else str(error)
    return ""


@dataclass(slots=True, eq=False)
class Verb:
    iri: str
    name: str  # the last part of the IRI
    rule: str


def verb_of(key: bytes) -> Verb:
    """Raises RefusedError."""
    given = orjson.loads(key)
    iri = _iri(given, Message("verb"))
    return Verb(iri, values.last_part(iri), broken(rules.check_verb, given, "verb"))


@dataclass(slots=True, eq=False)
class Who:
    """Whose statement it is: a person, or why nobody can own it."""

    actor: Actor | None
    person_id: str
    rule: str
    failure: str = ""
    is_given: bool = False

    def fail(self) -> NoReturn:
        """Raises RefusedError, or SetAsideError where the standard allows such an actor (a group)."""
        raise (RefusedError if self.rule else SetAsideError)(self.failure)


def who_of(key: bytes) -> Who:
    given = orjson.loads(key)
    rule = broken(rules.check_actor, given, "actor")
    try:
        actor = actor_of(given)
    except ActorError as error:
        return Who(None, "", rule, error.args[0])
    return Who(actor, id_of(SOURCE, "persons", actor.identity), rule)


@dataclass(slots=True, eq=False)
class About:
    """The object. `class_key` where it is itself a class; `voided` the statement that it refers to."""

    kind: str
    iri: str = ""
    type_iri: str = ""
    name: str = ""
    rule: str = ""
    class_key: str | None = None
    content_id: str | None = None
    voided: str = ""
    is_given: bool = False


def about_of(key: bytes, classes: ClassMapping) -> About:
    """Raises RefusedError."""
    given = orjson.loads(key)
    if not isinstance(given, dict):
        raise RefusedError(Message("it has no object"))
    kind = given.get("objectType", "Activity")
    rule = broken(rules.check_object, given, "object")
    if kind == "Activity":
        return _activity(given, rule, classes)
    if kind not in ("Agent", "Group", "StatementRef", "SubStatement"):
        raise RefusedError(rule)
    if kind != "SubStatement" and rule:
        raise RefusedError(rule)
    return About(kind, rule=rule, voided=given["id"].lower() if kind == "StatementRef" else "")


def _activity(given: dict[str, Any], rule: str, classes: ClassMapping) -> About:
    iri = _iri(given, Message("object"))
    definition = given.get("definition")
    definition = definition if isinstance(definition, dict) else {}
    type_iri = definition.get("type")
    names = definition.get("name")
    named = names.values() if isinstance(names, dict) else ()
    name = next((each for each in named if isinstance(each, str) and each.strip()), "")
    class_key = classes.key_of(given)
    return About(
        "Activity",
        iri,
        type_iri if isinstance(type_iri, str) else "",
        name.replace("\0", "")[:LONGEST_NAME],
        rule,
        class_key,
        id_of(SOURCE, "contents", iri) if class_key is None else None,
    )


@dataclass(slots=True, eq=False)
class Context:
    """`class_key`: the class that it happened in. Some of a context only goes with an activity or with a version;
    `is_usual`: nothing of this one does, and it breaks no rule."""

    class_key: str | None = None
    is_cmi5: bool = False
    rule: str = ""
    needs_activity: str = ""
    needs_version_2: str = ""
    is_usual: bool = False


NO_CONTEXT = Context()


def context_of(key: bytes, classes: ClassMapping) -> Context:
    """Of a context without its registration."""
    given = orjson.loads(key)
    rule = broken(rules.check_context, given, "context", {}, None)
    if not isinstance(given, dict):
        return Context(rule=rule)
    places = given.get("contextActivities")
    places = places if isinstance(places, dict) else {}
    found = Context(
        next((found for name in ("parent", "grouping") for found in _classes(places.get(name), classes)), None),
        any(isinstance(each, dict) and each.get("id") == CMI5 for each in _several(places.get("category"))),
        rule,
        next((name for name in ("revision", "platform") if name in given), ""),
        next((name for name in ("contextAgents", "contextGroups") if name in given), ""),
    )
    found.is_usual = not (found.rule or found.needs_activity or found.needs_version_2)
    return found


def _classes(given: Any, classes: ClassMapping) -> list[str]:
    found = (classes.key_of(each) for each in _several(given) if isinstance(each, dict))
    return [key for key in found if key is not None]


def _several(given: Any) -> list[Any]:
    return given if isinstance(given, list) else [given]


@dataclass(slots=True, eq=False)
class Result:
    """`notes` are what is worth telling of its values."""

    passed: bool | None = None
    score: float | None = None
    duration: float | None = None
    numbers: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    rule: str = ""


NO_RESULT = Result()


def result_of(key: bytes) -> Result:
    return new_result(orjson.loads(key))


def new_result(given: Any) -> Result:
    rule = broken(rules.check_result, given, "result")
    if not isinstance(given, dict):
        return Result(rule=rule)
    found = Result(rule=rule)
    notes: list[str] = []
    if isinstance(given.get("success"), bool):
        found.passed = given["success"]
    if "score" in given:
        found.score, note = values.score(given["score"])
        notes.append(note)
    if "duration" in given:
        found.duration, note = values.seconds(given["duration"])
        notes.append(note)
    for name, number in values.numbers(given.get("extensions")).items():
        if shown := name.replace(".", "_").lstrip("$"):
            found.numbers[shown] = number
    extensions = given.get("extensions")
    if isinstance(extensions, dict) and sum(map(values.is_number, extensions.values())) > len(found.numbers):
        notes.append(values.NUMBERS_LEFT_OUT)
    found.notes = tuple(note for note in notes if note)
    return found


def _iri(given: Any, what: str) -> str:
    iri = given.get("id") if isinstance(given, dict) else None
    if not isinstance(iri, str) or ":" not in iri or "\0" in iri:
        raise RefusedError(Message("its %(what)s has no id that is an IRI", what=what))
    if len(iri) > LONGEST_IRI:
        raise RefusedError(Message("its %(what)s's id is longer than %(most)s characters", what=what, most=LONGEST_IRI))
    return iri
