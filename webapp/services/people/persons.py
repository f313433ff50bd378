"""Who an account is in the learning record: found by name, number or address, and tied by an administrator."""

from __future__ import annotations

from bson import ObjectId

from webapp.messages import Message
from webapp.services.questions import filter_choices
from webapp.services.questions.filter_choices import Choice
from webapp.services.rights.data_scope import DataScope

_KIND = "person"


def search(text: str) -> list[Choice]:
    """Persons whom `text` may mean, `filter_choices.MOST` at most; nobody for an empty one."""
    return filter_choices.search(_KIND, text, DataScope()) if text.strip() else []


def find(person_id: ObjectId | None) -> Choice | None:
    """The person who has this id, if there is one."""
    found = filter_choices.named(_KIND, [person_id], DataScope()) if person_id is not None else []
    return found[0] if found else None


def problem(person_id: ObjectId | None) -> str | None:
    """Why no account can be tied to this person, in a sentence; None when one can."""
    if person_id is None or find(person_id) is not None:
        return None
    return Message("There is no person %(id)s in the learning record.", id=str(person_id))
