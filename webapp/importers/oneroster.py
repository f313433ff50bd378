"""OneRoster 1.1 and 1.2 CSV bundles (a folder or a zip) to departments, people, classes, enrollments and results.

Every record is written by its sourcedId (`externalId`), so that importing again changes only what has changed. What an
xAPI statement has decided about an enrollment (its outcome) is not undone by the roster.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from bson import ObjectId

from webapp import clock
from webapp.documents.connection import current_database
from webapp.errors import InvalidRequestError
from webapp.importers.summary import Summary
from webapp.importers.writing import Document, changed_fields, day_start, ids_by_external_id, upsert, without_none

#: Of one file of a zip, unpacked: a bundle of a large university is a tenth of it.
LARGEST_FILE = 4 << 30
LONGEST_FIELD = 1 << 20
#: Text shrinks to a tenth or so; what unpacks to far more, or holds this many files, was made to do harm.
MOST_EXPANSION = 200
MOST_MEMBERS = 1_000
SMALL = 64 << 20
FILES = (
    "orgs", "academicSessions", "courses", "classes", "users", "roles", "enrollments", "lineItems", "results",
)  # fmt: skip
_ROLES = {"student": "learner", "teacher": "instructor"}
_RESULT_STATUSES = {
    "fully graded": "graded",
    "partially graded": "graded",
    "submitted": "submitted",
    "exempt": "exempt",
    "not submitted": "not-submitted",
}

Progress = Callable[[str, int], None]
Row = dict[str, str]


class _RowError(Exception):
    """A row that cannot be taken; its text is the reason."""


@dataclass
class Bundle:
    """The CSV files of a folder or a zip, by name without `.csv`."""

    path: Path
    names: dict[str, str] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path) -> Bundle:
        """Raises InvalidRequestError for what is no bundle."""
        if path.is_dir():
            found = {each.stem: each.name for each in path.glob("*.csv")}
        elif zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                # Members are read in place, by name; nothing is ever unpacked to a path that a zip names.
                _require_harmless(archive, path)
                found = {Path(name).stem: name for name in archive.namelist() if name.endswith(".csv")}
        else:
            raise InvalidRequestError({"path": f"{path} is neither a folder nor a zip file."})
        if not set(found) & set(FILES):
            raise InvalidRequestError(
                {"path": f"{path} has no OneRoster file (orgs.csv, users.csv, classes.csv, enrollments.csv …)."}
            )
        return cls(path, found)

    def rows(self, name: str) -> Iterator[tuple[int, Row]]:
        """(line, row) of a file; nothing for one that the bundle does not have."""
        if name not in self.names:
            return
        if self.path.is_dir():
            with (self.path / self.names[name]).open(encoding="utf-8-sig", newline="") as file:
                yield from _read(file)
            return
        with zipfile.ZipFile(self.path) as archive:
            if archive.getinfo(self.names[name]).file_size > LARGEST_FILE:
                raise InvalidRequestError({"path": f"{self.names[name]} is larger than {LARGEST_FILE >> 30} GB."})
            with archive.open(self.names[name]) as raw:
                yield from _read(io.TextIOWrapper(raw, encoding="utf-8-sig", newline=""))


def _require_harmless(archive: zipfile.ZipFile, path: Path) -> None:
    """Raises InvalidRequestError for a zip bomb. `zipfile` unpacks no more of a member than its heading says."""
    members = archive.infolist()
    unpacked = sum(each.file_size for each in members)
    packed = sum(each.compress_size for each in members)
    if len(members) > MOST_MEMBERS:
        raise InvalidRequestError({"path": f"{path} holds {len(members):,} files; a bundle has a few."})
    if unpacked > SMALL and unpacked > MOST_EXPANSION * packed:
        raise InvalidRequestError({"path": f"{path} would unpack to {unpacked >> 20:,} MB, which no roster does."})


def _read(file: Any) -> Iterator[tuple[int, Row]]:
    csv.field_size_limit(LONGEST_FIELD)
    reader = csv.DictReader(file)
    for row in reader:
        yield reader.line_num, {key: (value or "").strip() for key, value in row.items() if isinstance(key, str)}


def run(path: Path, *, on_progress: Progress | None = None) -> Summary:
    """Import the bundle at `path`. `on_progress(file, rows read)`. Raises InvalidRequestError, UnicodeDecodeError."""
    return _Import(Bundle.open(path), on_progress or (lambda name, count: None)).run()


class _Import:
    def __init__(self, bundle: Bundle, on_progress: Progress) -> None:
        self.bundle = bundle
        self.summary = Summary()
        self._tell = on_progress
        self.now = clock.utcnow()
        self.departments: dict[str, Document] = {}
        self.sessions: dict[str, Row] = {}
        self.courses: dict[str, Document] = {}
        self.classes: dict[str, Document] = {}
        self.users: dict[str, Document] = {}
        self.line_items: dict[str, tuple[Document, float, float]] = {}

    def run(self) -> Summary:
        self._orgs()
        self.sessions = {
            row["sourcedId"]: row for _, row in self.bundle.rows("academicSessions") if row.get("sourcedId")
        }
        self._courses()
        self._classes()
        self._users()
        self._enrollments()
        self._line_items()
        self._results()
        return self.summary

    def _each(self, name: str, make: Callable[[Row], Document | None]) -> list[Document]:
        """The documents that `make` gives for the rows of a file; refused rows are told with their line."""
        counts = self.summary.of(name)
        documents: list[Document] = []
        for line, row in self.bundle.rows(name):
            counts.read += 1
            try:
                if not row.get("sourcedId"):
                    raise _RowError("sourcedId is empty")
                document = make(row)
            except _RowError as error:
                self.summary.refuse(f"{name}.csv", line, str(error))
                continue
            except ValueError as error:
                self.summary.refuse(f"{name}.csv", line, f"a value cannot be read: {str(error)[:120]}")
                continue
            if document is not None:
                documents.append(
                    without_none({"externalId": row["sourcedId"], "isActive": _is_active(row), **document})
                )
            if counts.read % 1_000 == 0:
                self._tell(name, counts.read)
        self._tell(name, counts.read)
        return documents

    # --- organisation -------------------------------------------------------------------------------------------------

    def _orgs(self) -> None:
        rows = [row for _, row in self.bundle.rows("orgs")]
        has_departments = any(row.get("type") == "department" for row in rows)
        wanted = "department" if has_departments else "school"
        parents: dict[str, str] = {}

        def make(row: Row) -> Document | None:
            if row.get("type") != wanted:
                return None
            if row.get("parentSourcedId"):
                parents[row["sourcedId"]] = row["parentSourcedId"]
            return {"name": row.get("name") or row["sourcedId"], "code": row.get("identifier") or row["sourcedId"]}

        documents = self._each("orgs", make)
        known = ids_by_external_id("departments")
        for document in documents:
            document["_id"] = known.get(document["externalId"], {}).get("_id") or ObjectId()
        ids = {document["externalId"]: document["_id"] for document in documents}
        for document in documents:
            above = parents.get(document["externalId"], "")
            parent_id = ids.get(above) or known.get(above, {}).get("_id")
            if parent_id is not None:
                document["parentId"] = parent_id
        upsert("departments", documents, self.summary.of("orgs"))
        self.departments = ids_by_external_id("departments")

    def _courses(self) -> None:
        def make(row: Row) -> Document:
            department = self.departments.get(row.get("orgSourcedId", ""))
            return {
                "name": row.get("title") or row["sourcedId"],
                "code": row.get("courseCode") or row["sourcedId"],
                "departmentId": department["_id"] if department else None,
            }

        upsert("courses", self._each("courses", make), self.summary.of("courses"))
        self.courses = ids_by_external_id("courses", ["departmentId", "programId"])

    def _classes(self) -> None:
        def make(row: Row) -> Document:
            course = self.courses.get(row.get("courseSourcedId", ""))
            if course is None:
                raise _RowError(f"there is no course {row.get('courseSourcedId') or '(empty)'}")
            department = self.departments.get(row.get("schoolSourcedId", ""))
            term = self.sessions.get(row.get("termSourcedIds", "").split(",")[0].strip(), {})
            ends_on = day_start(term.get("endDate", ""))
            return {
                "name": row.get("title") or row["sourcedId"],
                "code": row.get("classCode") or row["sourcedId"],
                "courseId": course["_id"],
                "departmentId": department["_id"] if department else course.get("departmentId"),
                "programId": course.get("programId"),
                "term": term.get("title"),
                "startsAt": day_start(term.get("startDate", "")),
                # The first instant after the last day.
                "endsAt": ends_on + timedelta(days=1) if ends_on else None,
            }

        upsert("classes", self._each("classes", make), self.summary.of("classes"))
        more = ["courseId", "departmentId", "programId", "endsAt", "instructorIds"]
        self.classes = ids_by_external_id("classes", more)

    # --- people -------------------------------------------------------------------------------------------------------

    def _users(self) -> None:
        roles: dict[str, set[str]] = {}
        for _, row in self.bundle.rows("roles"):  # OneRoster 1.2 keeps them in a file of their own
            if row.get("role") in _ROLES and _is_active(row):
                roles.setdefault(row.get("userSourcedId", ""), set()).add(_ROLES[row["role"]])
        emails = {
            each["email"]: each.get("externalId")
            for each in current_database().users.find({"email": {"$gt": ""}}, {"email": 1, "externalId": 1})
        }

        def make(row: Row) -> Document | None:
            own = roles.get(row["sourcedId"], set()) | ({_ROLES[row["role"]]} if row.get("role") in _ROLES else set())
            if not own:
                self.summary.note("people who neither learn nor teach, left out")
                return None
            email = row.get("email", "").lower() or None
            if email is not None and emails.setdefault(email, row["sourcedId"]) != row["sourcedId"]:
                raise _RowError("another person has the same e-mail address")
            name = f"{row.get('givenName', '')} {row.get('familyName', '')}".strip()
            departments = [
                self.departments[each.strip()]["_id"]
                for each in row.get("orgSourcedIds", "").split(",")
                if each.strip() in self.departments
            ]
            return {
                "name": name or row.get("username") or row["sourcedId"],
                "email": email,
                "roles": sorted(own),
                "departmentIds": departments,
                "teamIds": [],
                "isActive": _is_active(row) and row.get("enabledUser", "true").lower() != "false",
            }

        def decide(there: Document, read: Document) -> Document:
            # Roles and teams that administrators gave stay; a roster only adds.
            merged = {**read, "roles": sorted({*there.get("roles", ()), *read["roles"]})}
            merged["departmentIds"] = list(dict.fromkeys([*there.get("departmentIds", ()), *read["departmentIds"]]))
            merged.pop("teamIds")
            merged["roles"] = there["roles"] if set(there.get("roles", ())) == set(merged["roles"]) else merged["roles"]
            return changed_fields(there, merged)

        upsert("users", self._each("users", make), self.summary.of("users"), decide=decide)
        self.users = ids_by_external_id("users")

    def _enrollments(self) -> None:
        instructors: dict[str, list[ObjectId]] = {}

        def make(row: Row) -> Document | None:
            found = self._class(row)
            person = self._person(row.get("userSourcedId", ""))
            if row.get("role") == "teacher":
                if _is_active(row):
                    instructors.setdefault(row["classSourcedId"], []).append(person)
                return None
            if row.get("role") != "student":
                self.summary.note("enrollments that are neither a student's nor a teacher's, left out")
                return None
            begins, ends = day_start(row.get("beginDate", "")), day_start(row.get("endDate", ""))
            class_ends = found.get("endsAt")
            withdrawn = ends is not None and class_ends is not None and ends + timedelta(days=1) < class_ends
            status = "withdrawn" if withdrawn else "in-progress" if begins and begins <= self.now else "not-started"
            return {
                "learnerId": person,
                **_of_class(found),
                "status": status,
                "enrolledAt": begins,
                "withdrawnAt": ends if withdrawn else None,
            }

        def decide(there: Document, read: Document) -> Document:
            if there.get("outcomeAt") is not None or there["status"] in ("completed", "failed", "expired"):
                read = {name: value for name, value in read.items() if name not in ("status", "withdrawnAt")}
            return changed_fields(there, read)

        upsert("enrollments", self._each("enrollments", make), self.summary.of("enrollments"), decide=decide)
        now = clock.utcnow()
        for external_id, people in instructors.items():
            known = self.classes[external_id].get("instructorIds") or []
            wanted = list(dict.fromkeys([*known, *people]))
            if wanted != known:
                change = {"$set": {"instructorIds": wanted, "updatedAt": now}}
                current_database().classes.update_one({"_id": self.classes[external_id]["_id"]}, change)

    # --- results ------------------------------------------------------------------------------------------------------

    def _line_items(self) -> None:
        ranges: dict[str, tuple[Document, float, float]] = {}

        def make(row: Row) -> Document:
            found = self._class(row)
            low, high = float(row.get("resultValueMin") or 0), float(row.get("resultValueMax") or 100)
            if high <= low:
                raise _RowError(f"resultValueMax {high:g} is not above resultValueMin {low:g}")
            ranges[row["sourcedId"]] = (found, low, high)
            return {
                "name": row.get("title") or row["sourcedId"],
                "contentType": "assessment",
                "classId": found["_id"],
                "courseId": found.get("courseId"),
                "departmentId": found.get("departmentId"),
            }

        ids = upsert("contents", self._each("lineItems", make), self.summary.of("lineItems"))
        for external_id, content_id in ids.items():
            found, low, high = ranges[external_id]
            self.line_items[external_id] = ({**found, "contentId": content_id}, low, high)

    def _results(self) -> None:
        attempts: dict[tuple[str, str], int] = {}
        places = {
            (each.get("classId"), each.get("learnerId")): each["_id"]
            for each in current_database().enrollments.find({}, {"classId": 1, "learnerId": 1})
        }

        def make(row: Row) -> Document:
            line_item = self.line_items.get(row.get("lineItemSourcedId", ""))
            if line_item is None:
                raise _RowError(f"there is no line item {row.get('lineItemSourcedId') or '(empty)'}")
            found, low, high = line_item
            person = self._person(row.get("studentSourcedId", ""))
            status = _RESULT_STATUSES.get(row.get("scoreStatus", "").lower().replace("_", " "))
            if status is None:
                raise _RowError(f"scoreStatus “{row.get('scoreStatus', '')[:40]}” is not known")
            score = None
            if row.get("score"):
                score = (float(row["score"]) - low) / (high - low) * 100
                if not 0 <= score <= 100:
                    raise _RowError(f"the score {row['score'][:20]} is outside {low:g}–{high:g}")
            key = (row["lineItemSourcedId"], row["studentSourcedId"])
            attempts[key] = attempts.get(key, 0) + 1
            on = day_start(row.get("scoreDate", ""))
            return {
                "learnerId": person,
                **_of_class(found),
                "contentId": found["contentId"],
                "enrollmentId": places.get((found["_id"], person)),
                "attempt": attempts[key],
                "status": status,
                "score": score,
                "submittedAt": on,
                "gradedAt": on if status == "graded" and score is not None else None,
            }

        upsert("assessmentresults", self._each("results", make), self.summary.of("results"))

    def _class(self, row: Row) -> Document:
        found = self.classes.get(row.get("classSourcedId", ""))
        if found is None:
            raise _RowError(f"there is no class {row.get('classSourcedId') or '(empty)'}")
        return found

    def _person(self, external_id: str) -> ObjectId:
        found = self.users.get(external_id)
        if found is None:
            raise _RowError(f"there is no user {external_id or '(empty)'}")
        person: ObjectId = found["_id"]
        return person


def _of_class(found: Document) -> Document:
    return {
        "classId": found["_id"],
        "courseId": found.get("courseId"),
        "departmentId": found.get("departmentId"),
        "programId": found.get("programId"),
    }


def _is_active(row: Row) -> bool:
    return row.get("status", "").lower() not in ("tobedeleted", "inactive")


__all__ = ["Bundle", "run"]
