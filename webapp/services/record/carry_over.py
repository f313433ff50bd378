"""What an installation of before the lake has in MongoDB, carried over into the record: one import, counted twice."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from webapp import record
from webapp.documents import User
from webapp.documents.connection import current_database
from webapp.errors import ConflictError
from webapp.messages import Message
from webapp.record import RecordVersion
from webapp.services.permissions import Actor, Permission, require_permission
from webapp.services.record import old_documents, reading
from webapp.services.record.old_documents import Document, Progress, Row

BATCH = 5_000


class NotCarriedOverError(ConflictError):
    """What was to be dropped is not all in the record."""

    code = "not-carried-over"
    hint = Message("Nothing was dropped. What is missing is told above.")


@dataclass
class CarriedOver:
    """`documents` and `rows`: how many there were of each collection, and how many the record has of them."""

    version: RecordVersion
    documents: dict[str, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)  # by reason
    #: Enrollments that are not in the record what they were: (status before, status now) -> how many.
    differences: Counter[tuple[str, str]] = field(default_factory=Counter)
    dropped: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        return self.documents == self.rows and not self.refused and not self.differences


def there() -> list[str]:
    """The old collections that this database still has, and that are not empty."""
    return [name for name in _old_collections() if current_database()[name].find_one({}, {"_id": 1}) is not None]


def _old_collections() -> list[str]:
    names = set(current_database().list_collection_names())
    return [name for name in old_documents.OLD if name in names]


def run(by: Actor, *, on_progress: Progress | None = None) -> CarriedOver:
    """Carry everything over in one import; what is carried over already stays. Nothing of the old is touched."""
    require_permission(by, Permission.ADMINISTER)
    documents: Counter[str] = Counter()
    with record.importing(
        source=old_documents.SOURCE,
        what=Message("The learning record of an older version"),
        import_id=uuid.uuid4().hex,
        by=reading.name_of(by),
    ) as staging:
        waiting: dict[str, list[Row]] = {}
        for name, table, row in old_documents.rows():
            if table == old_documents.TABLES[name]:
                documents[name] += 1
            waiting.setdefault(table, []).append(row)
            if len(waiting[table]) >= BATCH:
                staging.add(table, waiting.pop(table))
                if on_progress is not None:
                    on_progress(name, documents[name])
        for table, rows in waiting.items():
            staging.add(table, rows)
        comparison = staging.compare()
        version = staging.publish()
    reading.forget()
    documents["enrollments"] = current_database()["enrollments"].count_documents({})
    found = CarriedOver(version, {name: count for name, count in documents.items() if count})
    _count(found)
    found.refused = {str(reason): count for reason, count in comparison.summary.refused.items()}
    return found


def _count(found: CarriedOver) -> None:
    for name in found.documents:
        if name == "enrollments":
            found.rows[name] = _compare_enrollments(found)
        else:
            ids = {str(each["_id"]) for each in _documents(name)}
            rows = record.select(found.version, old_documents.TABLES[name], ["id"])["id"].to_pylist()
            found.rows[name] = len(ids.intersection(rows))


def _documents(name: str) -> Iterable[Document]:
    return old_documents.people() if name == "users" else current_database()[name].find({}, {"_id": 1})


def _compare_enrollments(found: CarriedOver) -> int:
    """By learner and class: those that only statements told of have another id now."""
    before: dict[tuple[str, str], list[str]] = {}
    for each in current_database()["enrollments"].find({}, ["learnerId", "classId", "status", "isActive"]):
        place = (str(each.get("learnerId")), str(each.get("classId")))
        before.setdefault(place, []).append(f"{each.get('status')}{'' if each.get('isActive', True) else ', ended'}")
    now: dict[tuple[str, str], list[str]] = {}
    columns = ["learner_id", "class_id", "status", "is_active"]
    for row in record.select(found.version, "enrollments", columns).to_pylist():
        place = (row["learner_id"], row["class_id"])
        now.setdefault(place, []).append(f"{row['status']}{'' if row['is_active'] else ', ended'}")
    count = 0
    for place, statuses in before.items():
        others = now.get(place, [])
        count += min(len(statuses), len(others))
        for was, became in zip(sorted(statuses), sorted(others), strict=False):
            if was != became:
                found.differences[was, became] += 1
    return count


def take_away_old(found: CarriedOver, *, by: Actor) -> None:
    """Take away the old collections, and the learners who stand among the accounts. Raises NotCarriedOverError unless
    all of them were found in the record."""
    require_permission(by, Permission.ADMINISTER)
    if not found.is_whole:
        raise NotCarriedOverError(Message("Not everything is in the record, so nothing was dropped."))
    learners = [each["_id"] for each in old_documents.people() if old_documents.is_only_a_person(each)]
    for begin in range(0, len(learners), BATCH):
        User._get_collection().delete_many({"_id": {"$in": learners[begin : begin + BATCH]}})
    for name in _old_collections():
        current_database().drop_collection(name)
        found.dropped.append(name)
