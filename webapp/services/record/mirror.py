"""Departments: the record's, and the same in MongoDB, where rights and forms read them. Their ids are equal.

A source gives departments to the record, and every publication brings MongoDB's up to it. What an administrator edits
goes into MongoDB at once and from there into the record; should an import be under way, it goes in after that one.
"""

from __future__ import annotations

import uuid
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne

from webapp import clock, record
from webapp.documents import Department
from webapp.messages import Message
from webapp.record import RecordVersion
from webapp.services.record import reading

SOURCE = "reportdesk"
#: `Department.edited_at`: whoever edits one sets it, and calls `give_departments`.
EDITED = "editedAt"
_COLUMNS = ("id", "key", "source", "name", "code", "parent_id", "is_active")


class _ImportUnderWayError(Exception):
    """Whoever edits a department does not wait for somebody's import."""


def bring_departments(version: RecordVersion, former: RecordVersion | None = None) -> int:
    """MongoDB's departments up to those of `version`; what was edited here since stays. What a source gave in `former`
    and is not there any more (that was undone) is closed, and below nobody. Returns how many changed."""
    departments = Department._get_collection()
    known = {each["_id"]: each for each in departments.find({})}
    now, writes = clock.utcnow(), []
    given = reading.rows("departments", _COLUMNS, version=version)
    if former is not None:
        there = {row["id"] for row in given}
        gone = [row for row in reading.rows("departments", _COLUMNS, version=former) if row["id"] not in there]
        given += [{**row, "is_active": False, "parent_id": None} for row in gone if row["source"] != SOURCE]
    for row in given:
        key = ObjectId(row["id"])
        before = known.get(key)
        if before is not None and EDITED in before:
            continue
        fields = _as_document(row)
        if before is None or any(before.get(name) != value for name, value in fields.items()):
            change = {"$set": {**fields, "updatedAt": now}, "$setOnInsert": {"createdAt": now}}
            writes.append(UpdateOne({"_id": key, EDITED: {"$exists": False}}, change, upsert=before is None))
    if writes:
        departments.bulk_write(writes, ordered=False)
    return len(writes)


def _as_document(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": row["name"] or row["code"] or row["key"] or row["id"],
        "code": row["code"] or row["key"] or row["id"],
        "parentId": ObjectId(row["parent_id"]) if row["parent_id"] else None,
        "isActive": row["is_active"] is not False,
    }


def give_departments() -> bool:
    """Write every department that was edited here into the record. False: an import is under way, and whoever calls
    next (the sweep does, every few minutes) writes them."""
    departments = Department._get_collection()
    waiting = list(departments.find({EDITED: {"$exists": True}}))
    if not waiting:
        return True
    try:
        with record.importing(
            source=SOURCE,
            what=Message("Departments edited here"),
            import_id=uuid.uuid4().hex,
            by="",
            on_wait=_do_not_wait,
        ) as staging:
            staging.add("departments", _as_rows(waiting))
            staging.publish()
    except _ImportUnderWayError:
        return False
    for each in waiting:
        departments.update_one({"_id": each["_id"], EDITED: each[EDITED]}, {"$unset": {EDITED: ""}})
    reading.forget()
    return True


def _as_rows(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A department that a source gave stays that source's own."""
    known = {
        row["id"]: row
        for row in reading.rows_of(
            "departments",
            [each["_id"] for each in documents],
            ["id", "key", "source", "kind"],
            version=record.current(),
        )
    }
    rows = []
    for each in documents:
        own = known.get(str(each["_id"]), {"key": str(each["_id"]), "source": SOURCE, "kind": None})
        parent = each.get("parentId")
        fields = {
            "id": str(each["_id"]),
            "name": each.get("name"),
            "code": each.get("code"),
            "parent_id": str(parent) if parent else None,
            "is_active": each.get("isActive") is not False,
        }
        rows.append({**own, **fields})
    return rows


def _do_not_wait() -> None:
    raise _ImportUnderWayError
