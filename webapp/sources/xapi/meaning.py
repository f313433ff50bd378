"""What a statement means: which kind of event it is, and what it says about an enrollment.

Events are told by a table of verbs and activity types (the `activity-event` lookups' `metadata.xapiVerbs`); a class is
told by a mapping of whole IRIs, never by how an IRI ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from webapp.sources.xapi.values import last_part

#: (verb's last part or IRI, activity type's last part or "") -> activity-event
Verbs = Mapping[tuple[str, str], str]

VOIDED = "http://adlnet.gov/expapi/verbs/voided"
#: Different verbs and types of real systems are some hundreds.
MOST_PAIRS = 100_000
SHORT_ID = "https://w3id.org/learning-analytics/learning-management-system/short-id"


class Effect(StrEnum):
    """What a statement about a class says about the enrollment."""

    REGISTERED = "registered"
    STARTED = "started"
    COMPLETED = "completed"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"


_EFFECTS = {
    **dict.fromkeys(("registered", "enrolled"), Effect.REGISTERED),
    **dict.fromkeys(("passed", "completed", "finished", "satisfied", "mastered"), Effect.COMPLETED),
    **dict.fromkeys(("launched", "initialized", "started", "attempted", "resumed"), Effect.STARTED),
    "failed": Effect.FAILED,
    **dict.fromkeys(("abandoned", "withdrew", "unregistered", "unenrolled", "left"), Effect.WITHDRAWN),
}
EVENT_OF_EFFECT = {
    Effect.REGISTERED: "enrollment-created",
    Effect.STARTED: "enrollment-started",
    Effect.COMPLETED: "enrollment-completed",
    Effect.FAILED: "enrollment-completed",
    Effect.WITHDRAWN: "enrollment-withdrawn",
}


def effect_of(verb: str, *, is_failed: bool) -> Effect | None:
    """What a statement with this verb (its last part), about a class, says about the enrollment; `is_failed`: it says
    that there was no success."""
    effect = _EFFECTS.get(verb)
    if effect is Effect.COMPLETED and is_failed:
        return Effect.FAILED
    return effect


#: A statement is of cmi5 when its context says so, whatever type its activity has.
CMI5 = "https://w3id.org/xapi/cmi5/context/categories/cmi5"
#: There the system launches a unit, and the unit says that it was begun: one start, not two.
_OF_CMI5 = {
    "launched": "session-started",
    "initialized": "content-started",
    "terminated": "session-ended",
    "abandoned": "session-abandoned",
    "waived": "content-waived",
}


@dataclass
class EventTypes:
    """Finds the event type of a verb and an activity type; remembers, since there are few pairs."""

    verbs: Verbs
    _known: dict[tuple[str, str, bool], str | None] = field(default_factory=dict)

    def of(self, verb_iri: str, activity_type_iri: str, *, is_cmi5: bool = False) -> str | None:
        """None for a verb that no rule knows. A rule that names a type or a whole IRI goes before the profile."""
        asked = (verb_iri, activity_type_iri, is_cmi5)
        if asked not in self._known:
            if len(self._known) >= MOST_PAIRS:
                self._known.clear()
            self._known[asked] = self._find(verb_iri, activity_type_iri, is_cmi5=is_cmi5)
        return self._known[asked]

    def _find(self, verb_iri: str, activity_type_iri: str, *, is_cmi5: bool) -> str | None:
        verb, kind = last_part(verb_iri), last_part(activity_type_iri)
        pairs = ((verb_iri, kind), (verb, kind), (verb_iri, "")) if kind else ((verb_iri, ""),)
        found = next((self.verbs[pair] for pair in pairs if pair in self.verbs), None)
        if found is None and is_cmi5:
            found = _OF_CMI5.get(verb)
        return found or self.verbs.get((verb, ""))


#: Where an installation says nothing, these IRIs are classes: their own name says so.
USUAL_TEMPLATES = ("*/class/{key}", "*/classes/{key}", "*/course-offering/{key}", "*/section/{key}", "*/sections/{key}")


class ClassMapping:
    """Which IRIs are classes. `templates` hold `{key}` (a sourcedId) or `{code}` where the class's name stands, and `*`
    for anything before; `table` names single IRIs. An activity's short-id (Moodle) is a class's code."""

    def __init__(
        self,
        keys: Iterable[str],
        codes: Mapping[str, str],
        templates: Iterable[str] = (),
        table: Mapping[str, str] | None = None,
    ) -> None:
        """`keys` are those of all classes; `codes` (code -> key) only those that one class alone has."""
        self._keys, self._codes, self._table = frozenset(keys), codes, dict(table or {})
        self._patterns = [_pattern(each) for each in (*templates, *(() if templates else USUAL_TEMPLATES))]
        self._known: dict[str, str | None] = {}

    def key_of(self, activity: Mapping[str, Any]) -> str | None:
        """The key of the class that this activity is; None for any other activity."""
        iri = activity.get("id")
        if not isinstance(iri, str):
            return None
        if iri not in self._known:
            self._known[iri] = self._find(iri)
        found = self._known[iri]
        if found is None and isinstance(activity.get("definition"), dict):
            extensions = activity["definition"].get("extensions")
            short = extensions.get(SHORT_ID) if isinstance(extensions, dict) else None
            found = self._codes.get(short) if isinstance(short, str) else None
        return found

    def _find(self, iri: str) -> str | None:
        if iri in self._table:
            return self._table[iri]
        for pattern in self._patterns:
            if (match := pattern.fullmatch(iri.rstrip("/"))) is not None:
                named = match.groupdict()
                if named.get("key") in self._keys:
                    return named["key"]
                if named.get("code") in self._codes:
                    return self._codes[named["code"]]
        return None


def _pattern(template: str) -> re.Pattern[str]:
    text = re.escape(template.rstrip("/")).replace(r"\*", ".*")
    text = text.replace(r"\{key\}", "(?P<key>[^/?#]+)", 1).replace(r"\{code\}", "(?P<code>[^/?#]+)", 1)
    return re.compile(text)
