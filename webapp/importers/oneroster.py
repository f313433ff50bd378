"""OneRoster 1.1 and 1.2 CSV bundles (a folder or a zip) to departments, people, classes, enrollments and results.

Every record is written by its sourcedId (`externalId`), so that importing again changes only what has changed. What an
xAPI statement has decided about an enrollment (its outcome) is not undone by the roster. A roster writes no account: of
somebody who can sign in it changes neither address nor roles nor whether they are active.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from bson import ObjectId

from webapp import clock
from webapp.documents.connection import current_database
from webapp.importers.summary import Summary
from webapp.importers.writing import Document, changed_fields, ids_by_external_id, upsert, without_none
from webapp.settings import get_settings
from webapp.sources.csv_tables import Row, Unread
from webapp.sources.oneroster.bundle import FILES, Bundle, open_bundle
from webapp.sources.oneroster.forms import FORM_OF, OTHER_ROLES, ROLES, SCORE_STATUSES
from webapp.sources.oneroster.values import cell, cells, day, is_active, is_true, number, scaled

Progress = Callable[[str, int], None]


class _RowError(ValueError):
    """A row that cannot be taken; its text is the reason."""


def run(path: Path, *, shown: str | None = None, on_progress: Progress | None = None) -> Summary:
    """Import the bundle at `path`, called `shown` by people. `on_progress(file, rows read)`. Raises SourceFileError."""
    return _Import(open_bundle(path, shown), on_progress or (lambda name, count: None)).run()


class _Import:
    def __init__(self, bundle: Bundle, on_progress: Progress) -> None:
        self.bundle = bundle
        self.summary = Summary()
        self._tell = on_progress
        self.now = clock.utcnow()
        self.zone = ZoneInfo(get_settings().time_zone)
        self.departments: dict[str, Document] = {}
        self.sessions: dict[str, Row] = {}
        self.courses: dict[str, Document] = {}
        self.classes: dict[str, Document] = {}
        self.users: dict[str, Document] = {}
        self.line_items: dict[str, tuple[Document, Decimal, Decimal]] = {}

    def run(self) -> Summary:
        self._orgs()
        self.sessions = {row["sourcedid"]: row for _, row in self._rows("academicSessions")}
        self._courses()
        self._classes()
        self._users()
        self._enrollments()
        self._line_items()
        self._results()
        for text, count in self.bundle.all_notes().items():
            self.summary.note(text, count)
        return self.summary

    # --- rows ---------------------------------------------------------------------------------------------------------

    def _rows(self, name: str) -> Iterator[tuple[int, Row]]:
        """(line, row) of a file; refused is what cannot be read, what has no sourcedId, and one that is there twice."""
        if name not in self.bundle.tables:
            return
        counts, file = self.summary.of(name), self.bundle.tables[name].file.base
        seen: dict[str, int] = {}
        for line, row in self.bundle.rows(name):
            counts.read += 1
            if isinstance(row, Unread):
                self.summary.refuse(file, line, row.reason)
                continue
            key = row.get("sourcedid", "")
            if not key and FORM_OF[name.casefold()].keyed:
                self.summary.refuse(file, line, "sourcedId is empty")
            elif key in seen:
                self.summary.refuse(file, line, f"the sourcedId {key} stands in line {seen[key]} already")
            else:
                if key:
                    seen[key] = line
                yield line, row
            if counts.read % 1_000 == 0:
                self._tell(name, counts.read)
        self._tell(name, counts.read)

    def _peek(self, name: str) -> list[Row]:
        """The rows of a file that can be read, before its turn comes."""
        return [row for _, row in self.bundle.rows(name) if not isinstance(row, Unread)]

    def _each(self, name: str, make: Callable[[Row], Document | None]) -> list[Document]:
        """The documents that `make` gives for the rows of a file; refused rows are told with their line."""
        documents: list[Document] = []
        for line, row in self._rows(name):
            try:
                active = is_active(row)
                document = make(row)
            except ValueError as error:
                self.summary.refuse(self.bundle.tables[name].file.base, line, str(error))
                continue
            if document is not None:
                documents.append(without_none({"externalId": row.get("sourcedid"), "isActive": active, **document}))
        return documents

    def _midnight(self, row: Row, name: str) -> datetime | None:
        """The beginning of the day in this cell, in the organisation's zone."""
        on = day(row, name)
        return datetime.combine(on, time(), tzinfo=self.zone).astimezone(UTC) if on is not None else None

    # --- organisation -------------------------------------------------------------------------------------------------

    def _orgs(self) -> None:
        """Organisations of every type are one tree: schools below districts, departments below schools."""
        parents: dict[str, str] = {}

        def make(row: Row) -> Document:
            if above := cell(row, "parentSourcedId"):
                parents[row["sourcedid"]] = above
            return {"name": cell(row, "name") or row["sourcedid"], "code": cell(row, "identifier") or row["sourcedid"]}

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
            elif above:
                self.summary.note("organisations whose parent is not there, kept at the top")
        upsert("departments", documents, self.summary.of("orgs"))
        self.departments = ids_by_external_id("departments")

    def _department(self, key: str) -> ObjectId | None:
        found = self.departments.get(key)
        return found["_id"] if found else None

    def _courses(self) -> None:
        def make(row: Row) -> Document:
            return {
                "name": cell(row, "title") or row["sourcedid"],
                "code": cell(row, "courseCode") or row["sourcedid"],
                "departmentId": self._department(cell(row, "orgSourcedId")),
            }

        upsert("courses", self._each("courses", make), self.summary.of("courses"))
        self.courses = ids_by_external_id("courses", ["departmentId", "programId"])
        self._make_missing_courses()

    def _make_missing_courses(self) -> None:
        """Many rosters have no courses.csv: a class without its course is one course of its own title."""
        made: dict[str, Document] = {}
        for row in self._peek("classes"):
            key = _course_key(row)
            if row.get("sourcedid") and key not in self.courses and key not in made:
                school = self._department(cell(row, "schoolSourcedId"))
                made[key] = without_none(
                    {
                        "externalId": key,
                        "name": cell(row, "title") or key,
                        "code": key,
                        "departmentId": school,
                        "isActive": True,
                    }
                )
        if made:
            self.summary.note("courses that the bundle lacks, made of the title of a class", len(made))
            upsert("courses", list(made.values()), self.summary.of("courses made of classes"))
            self.courses = ids_by_external_id("courses", ["departmentId", "programId"])

    def _classes(self) -> None:
        def make(row: Row) -> Document:
            course = self.courses[_course_key(row)]
            term_keys = cells(row, "termSourcedIds")
            term = next((self.sessions[each] for each in term_keys if each in self.sessions), {})
            if term_keys and not term:
                self.summary.note("classes whose term is not there")
            ends_on = day(term, "endDate")
            ends_at = datetime.combine(ends_on + timedelta(days=1), time(), tzinfo=self.zone) if ends_on else None
            return {
                "name": cell(row, "title") or row["sourcedid"],
                "code": cell(row, "classCode") or row["sourcedid"],
                "courseId": course["_id"],
                "departmentId": self._department(cell(row, "schoolSourcedId")) or course.get("departmentId"),
                "programId": course.get("programId"),
                "term": cell(term, "title") or None,
                "startsAt": self._midnight(term, "startDate"),
                # The first instant after the last day.
                "endsAt": ends_at.astimezone(UTC) if ends_at else None,
            }

        upsert("classes", self._each("classes", make), self.summary.of("classes"))
        more = ["courseId", "departmentId", "programId", "endsAt", "instructorIds"]
        self.classes = ids_by_external_id("classes", more)

    # --- people -------------------------------------------------------------------------------------------------------

    def _users(self) -> None:
        roles, places = self._roles_file()
        people = _People.known({row.get("sourcedid", "") for row in self._peek("users")})

        def make(row: Row) -> Document | None:
            key = row["sourcedid"]
            given = cell(row, "role").casefold()
            if given and given not in ROLES and given not in OTHER_ROLES:
                raise _RowError(f"role {cell(row, 'role')[:40]} is none of OneRoster's")
            own = roles.get(key, set()) | ({ROLES[given]} if given in ROLES else set())
            enabled = is_true(row, "enabledUser", default=True)
            if not own:
                self.summary.note("people who neither learn nor teach, left out")
                return None
            email, note = people.claim(key, cell(row, "email").casefold() or None)
            if note:
                self.summary.note(note)
            name = " ".join(
                (cell(row, f"preferred{part}") or cell(row, f"{part[:1].lower()}{part[1:]}")).strip()
                for part in ("GivenName", "FamilyName")
            ).strip()
            own_places = [cell(row, "primaryOrgSourcedId"), *cells(row, "orgSourcedIds"), *places.get(key, ())]
            found = [self._department(each) for each in dict.fromkeys(own_places) if each]
            return {
                "name": name or cell(row, "username") or key,
                "email": email,
                "roles": sorted(own),
                "departmentIds": [each for each in found if each is not None],
                "teamIds": [],
                "isActive": is_active(row) and enabled,
            }

        def decide(there: Document, read: Document) -> Document:
            read = {name: value for name, value in read.items() if name != "teamIds"}
            if there.get("passwordHash"):
                # Somebody who can sign in: a roster names them, and grants, takes and ends nothing.
                wanted = {"name": read["name"], "externalId": read["externalId"]}
                if any(there.get(name) != read.get(name) for name in ("email", "roles", "isActive")):
                    self.summary.note("people who can sign in: their address, roles and access stay as they are")
                return changed_fields(there, wanted)
            merged = {**read, "roles": sorted({*there.get("roles", ()), *read["roles"]})}
            merged["roles"] = there["roles"] if set(there.get("roles", ())) == set(merged["roles"]) else merged["roles"]
            return changed_fields(there, merged)

        documents = self._each("users", make)
        people.join(documents)
        upsert("users", documents, self.summary.of("users"), decide=decide)
        self.users = ids_by_external_id("users")

    def _roles_file(self) -> tuple[dict[str, set[str]], dict[str, list[str]]]:
        """OneRoster 1.2 keeps the roles of people, and where each holds, in a file of their own."""
        roles: dict[str, set[str]] = {}
        places: dict[str, list[str]] = {}
        today = self.now.astimezone(self.zone).date()
        for line, row in self._rows("roles"):
            role, user = cell(row, "role").casefold(), cell(row, "userSourcedId")
            try:
                if role not in ROLES and role not in OTHER_ROLES:
                    raise _RowError(f"role {cell(row, 'role')[:40]} is none of OneRoster's")
                ends_on = day(row, "endDate")
                if not is_active(row) or (ends_on is not None and ends_on < today):
                    continue
            except ValueError as error:
                self.summary.refuse(self.bundle.tables["roles"].file.base, line, str(error))
                continue
            if role in ROLES:
                roles.setdefault(user, set()).add(ROLES[role])
                places.setdefault(user, []).append(cell(row, "orgSourcedId"))
        return roles, places

    def _enrollments(self) -> None:
        teachers: dict[str, dict[ObjectId, bool]] = {}

        def make(row: Row) -> Document | None:
            found = self._class(row)
            person = self._person(cell(row, "userSourcedId"))
            role, active = cell(row, "role").casefold(), is_active(row)
            begins, ends = self._midnight(row, "beginDate"), self._midnight(row, "endDate")
            if begins and ends and ends < begins:
                raise _RowError(f"endDate {cell(row, 'endDate')} is before beginDate {cell(row, 'beginDate')}")
            if role == "teacher":
                is_over = ends is not None and ends + timedelta(days=1) <= self.now
                teachers.setdefault(cell(row, "classSourcedId"), {})[person] = active and not is_over
                return None
            if role != "student":
                if role not in OTHER_ROLES:
                    raise _RowError(f"role {cell(row, 'role')[:40] or '(empty)'} is none of OneRoster's")
                self.summary.note("enrollments that are neither a student's nor a teacher's, left out")
                return None
            class_ends = found.get("endsAt")
            withdrawn = ends is not None and class_ends is not None and ends + timedelta(days=1) < class_ends
            status = "withdrawn" if withdrawn else "in-progress" if begins and begins <= self.now else "not-started"
            document = {
                "learnerId": person,
                **_of_class(found),
                "status": status,
                "enrolledAt": begins,
                "withdrawnAt": ends if withdrawn else None,
                "givenStatus": status,
                "givenWithdrawnAt": ends if withdrawn else None,
            }
            if not row.get("sourcedid"):
                self.summary.note("enrollments without a sourcedId: each is known by class, person and role")
                key = " ".join((cell(row, "classSourcedId"), cell(row, "userSourcedId"), role))
                if key in keyless:
                    raise _RowError("the same person stands in the same class already")
                keyless.add(key)
                document["externalId"] = key
            return document

        def decide(there: Document, read: Document) -> Document:
            if there.get("outcomeAt") is not None or there["status"] in ("completed", "failed", "expired"):
                read = {name: value for name, value in read.items() if name not in ("status", "withdrawnAt")}
            return changed_fields(there, read)

        keyless: set[str] = set()
        documents = self._each("enrollments", make)
        self._tell_who_is_gone(documents)
        upsert("enrollments", documents, self.summary.of("enrollments"), decide=decide)
        self._teach(teachers)

    def _tell_who_is_gone(self, documents: list[Document]) -> None:
        """A bulk file holds everything there is: what it no longer names is said."""
        if not self.bundle.is_bulk("enrollments"):
            return
        named = {document["externalId"] for document in documents}
        classes = {each["_id"] for each in self.classes.values()}
        active = {"isActive": {"$ne": False}, "externalId": {"$gt": ""}}
        there = current_database().enrollments.find(active, {"externalId": 1, "classId": 1, "outcomeAt": 1})
        gone = sum(each["externalId"] not in named and each.get("classId") in classes for each in there)
        if gone:
            self.summary.note("active enrollments that this bulk file no longer names; they stay as they are", gone)

    def _teach(self, teachers: dict[str, dict[ObjectId, bool]]) -> None:
        """Who teaches a class: those whom the roster names; whoever it ends teaches it no more."""
        now = clock.utcnow()
        for external_id, people in teachers.items():
            known = self.classes[external_id].get("instructorIds") or []
            kept = [each for each in known if people.get(each, not self.bundle.is_bulk("enrollments"))]
            wanted = list(dict.fromkeys([*kept, *(each for each, teaches in people.items() if teaches)]))
            if wanted != known:
                change = {"$set": {"instructorIds": wanted, "updatedAt": now}}
                current_database().classes.update_one({"_id": self.classes[external_id]["_id"]}, change)

    # --- results ------------------------------------------------------------------------------------------------------

    def _line_items(self) -> None:
        ranges: dict[str, tuple[Document, Decimal, Decimal]] = {}

        def make(row: Row) -> Document:
            found = self._class(row)
            low, high = number(row, "resultValueMin"), number(row, "resultValueMax")
            low, high = Decimal(0) if low is None else low, Decimal(100) if high is None else high
            if high <= low:
                raise _RowError(f"resultValueMax {high} is not above resultValueMin {low}")
            ranges[row["sourcedid"]] = (found, low, high)
            return {
                "name": cell(row, "title") or row["sourcedid"],
                "contentType": "assessment",
                "classId": found["_id"],
                "courseId": found.get("courseId"),
                "departmentId": found.get("departmentId"),
                # What a result is out of: a later bundle may bring results alone.
                "resultRange": [str(low), str(high)],
            }

        by_id = {each["_id"]: each for each in self.classes.values()}
        stored = {"resultRange": {"$type": "array"}}
        for each in current_database().contents.find(stored, {"externalId": 1, "classId": 1, "resultRange": 1}):
            if each.get("classId") in by_id:
                low, high = (Decimal(text) for text in each["resultRange"])
                self.line_items[each["externalId"]] = ({**by_id[each["classId"]], "contentId": each["_id"]}, low, high)
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
            item, student = cell(row, "lineItemSourcedId"), cell(row, "studentSourcedId")
            line_item = self.line_items.get(item)
            if line_item is None:
                raise _RowError(f"there is no line item {item or '(empty)'}")
            found, low, high = line_item
            person = self._person(student)
            status = SCORE_STATUSES.get(" ".join(cell(row, "scoreStatus").casefold().replace("_", " ").split()))
            if status is None:
                raise _RowError(f"scoreStatus “{cell(row, 'scoreStatus')[:40]}” is not known")
            given = number(row, "score")
            score = None if given is None else scaled(given, low, high)
            if score is not None and not 0 <= score <= 100:
                self.summary.note("scores outside their line item's range, kept")
            attempts[item, student] = attempts.get((item, student), 0) + 1
            on = self._midnight(row, "scoreDate")
            return {
                "learnerId": person,
                **_of_class(found),
                "contentId": found["contentId"],
                "enrollmentId": places.get((found["_id"], person)),
                "attempt": attempts[item, student],
                "status": status,
                "score": score,
                "submittedAt": on,
                "gradedAt": on if status == "graded" and score is not None else None,
            }

        upsert("assessmentresults", self._each("results", make), self.summary.of("results"))

    def _class(self, row: Row) -> Document:
        key = cell(row, "classSourcedId")
        found = self.classes.get(key)
        if found is None:
            raise _RowError(f"there is no class {key or '(empty)'}")
        return found

    def _person(self, external_id: str) -> ObjectId:
        found = self.users.get(external_id)
        if found is None:
            raise _RowError(f"there is no user {external_id or '(empty)'}")
        person: ObjectId = found["_id"]
        return person


#: How the identity of an account begins (`sources.xapi.identity`).
ACCOUNT = "account:"


@dataclass
class _People:
    """Who has which address and sourcedId: somebody known by an address alone is joined to the roster's person."""

    in_bundle: set[str]
    by_email: dict[str, Document]
    #: Known from statements by an account of this name; None for a name that several have.
    by_account: dict[str, Document | None] = field(default_factory=dict)
    claimed: dict[str, str] = field(default_factory=dict)
    joined: dict[str, Document] = field(default_factory=dict)

    @classmethod
    def known(cls, in_bundle: set[str]) -> _People:
        fields = {"email": 1, "externalId": 1, "passwordHash": 1}
        found = current_database().users.find({"email": {"$gt": ""}}, fields)
        people = cls(in_bundle, {each["email"]: each for each in found})
        stubs = {"externalId": {"$gte": ACCOUNT, "$lt": ACCOUNT[:-1] + ";"}}
        for each in current_database().users.find(stubs, {"externalId": 1}):
            name = each["externalId"].rpartition(" ")[2]
            people.by_account[name] = None if name in people.by_account else each
        return people

    def claim(self, key: str, email: str | None) -> tuple[str | None, str]:
        """(the address that the person may have, a note)."""
        if (stub := self.by_account.get(key)) is not None:
            self.joined[key] = stub
        if email is None:
            return None, ""
        if self.claimed.setdefault(email, key) != key:
            return None, "people who share an e-mail address: it stays with the first"
        there = self.by_email.get(email)
        if there is None or there.get("externalId") == key:
            return email, ""
        if there.get("externalId") in self.in_bundle:
            return None, "people who share an e-mail address: it stays with the first"
        # Known from statements, from an account, or under a sourcedId that the rostering system has changed.
        self.joined[key] = there
        return email, "people who were known by their e-mail address and are joined to the roster's"

    def join(self, documents: list[Document]) -> None:
        """Give those who are joined the roster's sourcedId, unless another document has it."""
        wanted = {document["externalId"] for document in documents} & set(self.joined)
        taken = {
            each["externalId"]
            for each in current_database().users.find({}, {"externalId": 1})
            if each.get("externalId")
        }
        now = clock.utcnow()
        for key in wanted:
            if key not in taken:
                change = {"$set": {"externalId": key, "updatedAt": now}}
                current_database().users.update_one({"_id": self.joined[key]["_id"]}, change)
            else:
                for document in documents:
                    if document["externalId"] == key:
                        document.pop("email", None)


def _course_key(row: Row) -> str:
    return cell(row, "courseSourcedId") or f"class {row.get('sourcedid', '')}"


def _of_class(found: Document) -> Document:
    return {
        "classId": found["_id"],
        "courseId": found.get("courseId"),
        "departmentId": found.get("departmentId"),
        "programId": found.get("programId"),
    }


__all__ = ["FILES", "run"]
