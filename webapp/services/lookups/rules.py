"""What each list of lookup values needs of a value, and which values the desk cannot do without."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from webapp.documents import JobStatus, LookupCategory
from webapp.documents.lookup_value import active_lookups
from webapp.engine import custom_measures
from webapp.engine.asked_measures import split_measure
from webapp.engine.catalogue import REPORT_TYPES
from webapp.engine.fields import DATA
from webapp.errors import ConflictError
from webapp.messages import Message
from webapp.services.lookups import administrators
from webapp.services.permissions import Permission
from webapp.services.record import fields

#: What a role can allow.
PERMISSIONS = tuple(each.value for each in Permission)
#: Of these the metadata alone says what a new value does; values of the other lists each need a part of the program.
EXTENSIBLE = (
    LookupCategory.REPORT_TYPE,
    LookupCategory.REPORT_PRIORITY,
    LookupCategory.MEASURE_TYPE,
    LookupCategory.ACTIVITY_EVENT,
    LookupCategory.ROLE,
)
HIGHEST_RANK = 1_000
FIELDS_TOLD = 30
_NEEDED = {
    (LookupCategory.REPORT_PRIORITY, "normal"): Message("every report that names no priority has this one"),
    (LookupCategory.REPORT_PRIORITY, "scheduled"): Message("recurring reports have this one"),
    (LookupCategory.REPORT_VISIBILITY, "private"): Message("every report that names no visibility has this one"),
    (LookupCategory.MEASURE_TYPE, "count"): Message("most report types count with it"),
    (LookupCategory.ROLE, "learner"): Message("imports give it to every learner"),
    (LookupCategory.ROLE, "instructor"): Message("imports give it to every instructor"),
}


class NeededValueError(ConflictError):
    """A value that the desk cannot do without was to be deactivated."""

    code = "lookup-needed"
    hint = Message("It can be renamed and moved.")

    def __init__(self, category: str, key: str, reason: str) -> None:
        super().__init__(
            Message(
                "The value “%(key)s” of the list %(list)s cannot be deactivated: %(reason)s.",
                key=key,
                list=category,
                reason=reason,
            )
        )


def require_dispensable(category: str, key: str) -> None:
    """Raises NeededValueError or LastAdministratorError when the desk would break without this value."""
    if category == LookupCategory.REPORT_STATUS and key in {state.value for state in JobStatus}:
        raise NeededValueError(category, key, Message("it is one of the states that every report goes through"))
    for (of, needed), reason in _NEEDED.items():
        if (category, key) == (of, needed):
            raise NeededValueError(category, key, reason)
    if category in (LookupCategory.OUTPUT_FORMAT, LookupCategory.REPORT_TYPE) and set(
        active_lookups(LookupCategory(category))
    ) <= {key}:
        raise NeededValueError(category, key, Message("it is the last one that is active"))
    if category == LookupCategory.ROLE:
        administering = administrators.roles_that_administer()
        if key in administering:
            administrators.require_one_left(roles=[each for each in administering if each != key])


def require_administrator_left(key: str, permissions: list[str]) -> None:
    """Raises LastAdministratorError when the role `key` may no longer administer and nobody else could."""
    administering = administrators.roles_that_administer()
    if key in administering and Permission.ADMINISTER not in permissions:
        administrators.require_one_left(roles=[each for each in administering if each != key])


def report_types_measuring(key: str) -> list[str]:
    """Labels of the report types that use the measure `key` unless asked otherwise."""
    return [
        declared.label
        for declared in REPORT_TYPES.values()
        if key in {split_measure(measure)[0] for measure in declared.measures}
    ]


def problems(category: str, metadata: dict[str, Any], before: Mapping[str, Any] | None = None) -> dict[str, str]:
    """What is wrong with the metadata of a value of `category`, one sentence for each name; empty when all is well.

    With `before`, what the value has now: a field that it has already stays, also where no event has it any more.
    """
    check = _CHECKS.get(category)
    found = check(metadata) if check is not None else {}
    if category == LookupCategory.MEASURE_TYPE and not found:
        known_already = custom_measures.numbers_named(before or {})
        for field in custom_measures.numbers_named(metadata):
            found |= _data_field(field) if field not in known_already else {}
    return found


def _report_type(metadata: dict[str, Any]) -> dict[str, str]:
    if "basedOn" in metadata and metadata["basedOn"] not in REPORT_TYPES:
        return {"basedOn": Message("A report type is based on one of %(possible)s.", possible=list(REPORT_TYPES))}
    return {}


def _measure(metadata: dict[str, Any]) -> dict[str, str]:
    return custom_measures.problems(metadata) if "aggregate" in metadata else {}  # without: one of the program's own


def _data_field(field: str) -> dict[str, str]:
    """Names of numbers in the data of events are the events' own: one that none of them has would never count."""
    if not field.startswith(DATA) or field in (known := fields.data_fields()):
        return {}
    if not known:
        return {
            "field": Message(
                "No numbers in the data of events are known yet, so not “%(field)s” either. Import events, then add "
                "the measure.",
                field=field[:60],
            )
        }
    return {
        "field": Message(
            "No event has a number “%(field)s”. Possible: %(possible)s.",
            field=field[:60],
            possible=known[:FIELDS_TOLD],
        )
    }


def _activity_event(metadata: dict[str, Any]) -> dict[str, str]:
    for rule in metadata.get("xapiVerbs") or ():
        if not isinstance(rule, dict) or not str(rule.get("verb") or "").strip():
            return {"xapiVerbs": Message("Every rule names a verb.")}
    return {}


def _priority(metadata: dict[str, Any]) -> dict[str, str]:
    rank = metadata.get("rank", 0)
    if not isinstance(rank, int) or not 0 <= rank <= HIGHEST_RANK:
        return {
            "rank": Message("A rank is a whole number from 0 to %(most)s; the highest goes first.", most=HIGHEST_RANK)
        }
    if metadata.get("permission") and metadata["permission"] not in PERMISSIONS:
        return {"permission": Message("A permission is one of %(possible)s.", possible=PERMISSIONS)}
    return {}


def _role(metadata: dict[str, Any]) -> dict[str, str]:
    if unknown := set(metadata.get("permissions") or ()) - set(PERMISSIONS):
        return {"permissions": Message("There is no permission %(names)s.", names=sorted(unknown))}
    return {}


_CHECKS: dict[str, Callable[[dict[str, Any]], dict[str, str]]] = {
    LookupCategory.REPORT_TYPE: _report_type,
    LookupCategory.MEASURE_TYPE: _measure,
    LookupCategory.ACTIVITY_EVENT: _activity_event,
    LookupCategory.REPORT_PRIORITY: _priority,
    LookupCategory.ROLE: _role,
}
