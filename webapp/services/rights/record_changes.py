"""What a new version of the record changes outside of it, and the changes that are no import: an older version
published again, derived columns worked out anew.

No import changes an account. What its owner may read can change all the same, by the classes that they teach and by
what is below their department; each such change is in the audit trail, by the name of whose it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from bson import ObjectId

from webapp import record
from webapp.documents import AdminArea, User
from webapp.errors import ConflictError
from webapp.messages import Message
from webapp.record import RecordBusyError, RecordVersion, versions
from webapp.services import audit
from webapp.services.permissions import Actor, Permission, require_permission
from webapp.services.record import mirror, reading
from webapp.services.rights import data_scope, organisation
from webapp.services.rights.data_scope import DataScope

OnWait = Callable[[], None]
#: Of the departments or classes that came or went, so many are named.
NAMED = 10
#: The tables that say what somebody may read.
SCOPES_ARE_MADE_OF = frozenset({"classes", "departments"})


def undo(number: int, *, by: Actor, on_wait: OnWait | None = None) -> RecordVersion:
    """Publish version `number` again, as the newest one. Raises VersionGoneError and NotFoundError."""
    require_permission(by, Permission.MANAGE_CONTENT)
    published = record.undo(number, by=reading.name_of(by), on_wait=on_wait)
    took_effect(published, by=by)
    audit.record(by, AdminArea.IMPORTS, "record undone", str(number))
    return published


def take_back(number: int, *, newest: int, by: Actor) -> RecordVersion:
    """Undo version `number` and all that came after it, up to `newest`, which whoever asks has seen. Does not wait.

    Raises ConflictError when the record has moved on since, RecordBusyError while something is imported.
    """
    require_permission(by, Permission.MANAGE_CONTENT)
    if record.current().number != newest:
        raise ConflictError(Message("The record has changed since you opened this page, so nothing was undone."))
    return undo(number - 1, by=by, on_wait=_refuse_to_wait)


def _refuse_to_wait() -> None:
    raise RecordBusyError(Message("Something is being imported at the moment, so nothing was undone."))


def rebuild(*, by: Actor, verbs: Mapping[tuple[str, str], str], on_wait: OnWait | None = None) -> RecordVersion | None:
    """Work out anew what the record derives, by today's rules. None: nothing is different."""
    require_permission(by, Permission.MANAGE_CONTENT)
    published = record.rederive(by=reading.name_of(by), verbs=verbs, on_wait=on_wait)
    if published is not None:
        took_effect(published, by=by)
        audit.record(by, AdminArea.IMPORTS, "record rebuilt", str(published.number))
    return published


def took_effect(published: RecordVersion, *, by: Actor) -> None:
    """After every publication: what MongoDB mirrors, what this process remembers, and whose scope is another now."""
    before = versions.at(published.number - 1) if published.number > 0 else published
    # Most versions bring events alone, of which no scope is made; a job may wait for this.
    has_changed = not SCOPES_ARE_MADE_OF.isdisjoint(published.changed_tables)
    people = list(User.objects(is_active=True, __raw__={"memberships.0": {"$exists": True}})) if has_changed else []
    organisation.forget()
    former_scopes = _scopes(people, before)
    mirror.bring_departments(published, before)
    reading.forget()
    organisation.forget()
    for person, former, scope in zip(people, former_scopes, _scopes(people, published), strict=True):
        if scope != former:
            audit.record(
                by,
                AdminArea.PEOPLE,
                "scope changed by the record",
                person.name,
                subject_id=person.id,
                changes=_what_changed(former, scope, published.number),
            )


def _scopes(people: Sequence[User], version: RecordVersion) -> list[DataScope]:
    """What each of `people` may read: as MongoDB has the departments, and `version` the classes."""
    if not people:
        return []
    taught = reading.teaching(version)

    def taught_by(person_id: ObjectId | None) -> list[str]:
        return taught.get(str(person_id), [])

    return [data_scope.data_scope(person, taught_by) for person in people]


def _what_changed(former: DataScope, scope: DataScope, version: int) -> dict[str, tuple[object, object]]:
    """(before, after) of departments and classes: how many, and what came or went by name."""
    changes: dict[str, tuple[object, object]] = {}
    for what, was, now in (
        ("departments", former.department_ids, scope.department_ids),
        ("classes", former.class_ids, scope.class_ids),
    ):
        if was != now:
            went, came = set(was or ()) - set(now or ()), set(now or ()) - set(was or ())
            changes[what] = (_in_words(what, was, went), _in_words(what, now, came))
    return {**changes, "record version": (version - 1, version)}


def _in_words(what: str, ids: Collection[str] | None, named: Collection[str]) -> str:
    names = sorted(
        each["code"] or each["name"] or each["id"]
        for each in reading.rows_of(what, sorted(named)[:NAMED], ["id", "code", "name"])
    )
    return ": ".join([str(len(ids or ())), *([", ".join(names)] if names else [])])
