"""What is wrong with a document, in words for people."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mongoengine.errors import ValidationError

from webapp.messages import Message

#: MongoEngine's own texts, and what they mean. What `clean()` says is a sentence already.
_MEANINGS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile("is required"), Message("%(field)s is missing.")),
    (re.compile("too long"), Message("%(field)s is too long.")),
    (re.compile("too short"), Message("%(field)s is too short.")),
    (re.compile("too large"), Message("%(field)s is too large.")),
    (re.compile("too small"), Message("%(field)s is too small.")),
    (re.compile("validation regex"), Message("%(field)s has characters that are not possible there.")),
    (re.compile("must be one of"), Message("%(field)s is none of the possible values.")),
)


def problems_of(error: ValidationError) -> dict[str, str]:
    """One sentence for each field at fault, under the field's name; those inside others as `output.filename`."""
    found = dict(_each("", error.to_dict()))
    return found or {"": str(error)}


def _each(name: str, problem: Any) -> Iterator[tuple[str, str]]:
    if isinstance(problem, Mapping):
        for inner, each in problem.items():
            yield from _each(f"{name}.{inner}" if name else str(inner), each)
    else:
        yield name, _in_words(name, str(problem))


def _in_words(name: str, problem: str) -> str:
    if problem.endswith("."):
        return problem
    field = name.replace(".", " ").replace("_", " ").capitalize()
    meaning = next((text for pattern, text in _MEANINGS if pattern.search(problem)), None)
    if meaning is None:
        return Message("%(field)s cannot be stored as it is: %(reason)s.", field=field, reason=problem[:200])
    return Message(meaning, field=field)
