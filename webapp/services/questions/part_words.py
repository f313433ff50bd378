"""The part that a question is about, in words, and whether somebody may ask for it."""

from __future__ import annotations

from webapp.documents.burst import PartBy
from webapp.messages import Message
from webapp.services.questions import filter_choices
from webapp.services.record import reading
from webapp.services.rights.data_scope import DataScope
from webapp.services.rights.parts import Part

FIELD = "parameters.part"
_WORDS = {
    PartBy.DEPARTMENT: Message("the department %(name)s, with those below it"),
    PartBy.CLASS: Message("the class %(name)s"),
    PartBy.INSTRUCTOR: Message("the classes of %(name)s"),
}


def in_words(text: str, scope: DataScope) -> Message:
    """What part it is, for somebody who may read `scope`: what is outside of it has no name."""
    name = _name(text, scope)
    part = Part.of(text)
    return (
        Message("a part that you may not read") if name is None or part is None else Message(_WORDS[part.by], name=name)
    )


def problem_of(text: str, scope: DataScope) -> Message | None:
    """Why nobody who may read `scope` can ask for it: in the same words where it is not there, and where it is not
    theirs to know."""
    if _name(text, scope) is not None:
        return None
    return Message(
        "There is no part “%(part)s”. Parts are department:, class: or instructor: with an id.", part=text[:60]
    )


def _name(text: str, scope: DataScope) -> str | None:
    part = Part.of(text)
    if part is None:
        return None
    if part.by is not PartBy.INSTRUCTOR:
        return next((each.name for each in filter_choices.named(part.by.value, [part.id], scope)), None)
    columns = ["id", "department_id"]
    taught = reading.rows("classes", columns, "list_contains(instructor_ids, ?)", [str(part.id)])
    if not any(scope.has_class(each["id"], each["department_id"]) for each in taught):
        return None
    return next((each["name"] or str(part.id) for each in reading.rows_of("persons", [part.id], ["name"])), None)
