"""The record version of now, and single rows of it. What a process remembers of it is seconds old at most."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from bson import ObjectId

from webapp import record
from webapp.record import RecordVersion
from webapp.services.permissions import Actor, Terminal
from webapp.services.record import quick
from webapp.services.remembered import RIGHTS_SECONDS, Remembered


def current() -> RecordVersion:
    """The newest record version, or the one that was it some seconds ago."""
    return _current.get(None)


def rows(
    table: str,
    columns: Sequence[str],
    where: str = "",
    parameters: Sequence[Any] = (),
    *,
    version: RecordVersion | None = None,
) -> list[dict[str, Any]]:
    """Rows of `table` as they are in `version` (None: of now); `where` is SQL, with a `?` for each parameter."""
    found = quick.select(version or current(), table, columns, where, parameters)
    return found.to_pylist()


def rows_of(
    table: str, ids: Iterable[ObjectId | str], columns: Sequence[str], *, version: RecordVersion | None = None
) -> list[dict[str, Any]]:
    """The rows of these ids, in no order; ids that the record does not know are left out."""
    wanted = [str(each) for each in ids]
    return rows(table, columns, "list_contains(?, id)", [wanted], version=version) if wanted else []


def classes_taught_by(person_id: ObjectId | str | None, *, version: RecordVersion | None = None) -> list[str]:
    """The ids of the classes that this person of the record teaches in `version` (None: today)."""
    if person_id is None:
        return []
    found = rows("classes", ["id"], "list_contains(instructor_ids, ?)", [str(person_id)], version=version)
    return [each["id"] for each in found]


def teaching(version: RecordVersion) -> dict[str, list[str]]:
    """By person, the ids of the classes that they teach in `version`."""
    taught: dict[str, list[str]] = {}
    for row in rows("classes", ["id", "instructor_ids"], version=version):
        for person_id in row["instructor_ids"] or ():
            taught.setdefault(person_id, []).append(row["id"])
    return taught


def name_of(by: Actor) -> str:
    """As the record's history names whoever published a version."""
    return "terminal" if isinstance(by, Terminal) else str(by.name)


def forget() -> None:
    """Ask for the newest version anew: this process has published one."""
    _current.forget()


_current: Remembered[None, RecordVersion] = Remembered(lambda _: record.current(), RIGHTS_SECONDS)
