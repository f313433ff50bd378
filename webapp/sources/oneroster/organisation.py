"""Departments, terms, courses and classes of a bundle."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from webapp import clock
from webapp.messages import Message
from webapp.sources.csv_tables import Row, Unread
from webapp.sources.oneroster.reading import Made, Reading, reference
from webapp.sources.oneroster.values import cell, cells

COURSE_OF_CLASS = "class "


@dataclass(frozen=True)
class Term:
    name: str
    starts_at: datetime | None
    ends_at: datetime | None


@dataclass(frozen=True)
class ClassFacts:
    """What the rows that lead to a class need to know of it."""

    course_id: str | None
    department_id: str | None
    ends_at: datetime | None


@dataclass
class Organisation:
    """What there is by sourcedId, in the bundle; `reading.known` has what earlier imports brought."""

    reading: Reading
    departments: set[str] = field(default_factory=set)
    terms: dict[str, Term] = field(default_factory=dict)
    courses: dict[str, str | None] = field(default_factory=dict)  # -> its department's id
    classes: dict[str, ClassFacts] = field(default_factory=dict)

    def read(self) -> None:
        self._read_departments()
        self._read_terms()
        self._read_courses()
        self._read_classes()

    def department(self, key: str) -> str | None:
        """The id of this organisation; None where there is none of that name."""
        if key and (key in self.departments or key in self.reading.known("departments")):
            return reference("departments", key)
        return None

    def class_facts(self, key: str) -> ClassFacts | None:
        """Of a class in the bundle or of an earlier import; None where there is none."""
        if (found := self.classes.get(key)) is not None:
            return found
        earlier = self.reading.known("classes", "course_id", "department_id", "ends_at").get(key)
        if earlier is None:
            return None
        return ClassFacts(earlier.get("course_id"), earlier.get("department_id"), _instant(earlier.get("ends_at")))

    def _read_departments(self) -> None:
        """Organisations of every type are one tree: schools below districts, departments below schools."""
        reading = self.reading
        # What stands above may stand below in the file.
        parents = {row["sourcedid"]: cell(row, "parentSourcedId") for row in _keyed(reading.bundle.rows("orgs"))}
        self.departments = set(parents)

        def make(line: int, row: Row) -> tuple[str, Made]:
            key, above = row["sourcedid"], cell(row, "parentSourcedId")
            parent_id = self.department(above)
            if above and parent_id is None:
                reading.note(Message("organisations whose parent is not there, kept at the top"))
            elif parent_id is not None and _is_below_itself(key, parents):
                reading.note(Message("organisations that stand above themselves, kept at the top"))
                parent_id = None
            return "departments", {
                "name": cell(row, "name") or key,
                "code": cell(row, "identifier") or key,
                "kind": cell(row, "type") or None,
                "parent_id": parent_id,
                "_ref_parent_id": above,
            }

        reading.each("orgs", make)

    def _read_terms(self) -> None:
        reading = self.reading
        there = {row["sourcedid"] for row in _keyed(reading.bundle.rows("academicSessions"))}

        def make(line: int, row: Row) -> tuple[str, Made]:
            key, above = row["sourcedid"], cell(row, "parentSourcedId")
            begins, ends = reading.begins(row, "startDate"), reading.ends(row, "endDate")
            if begins and ends and ends <= begins:
                shown = reading.bundle.tables["academicSessions"].file.name
                told = Message("endDate %(end)s is before startDate", end=cell(row, "endDate"))
                reading.rules.broken(shown, line, "endDate", told)
            self.terms[key] = Term(cell(row, "title") or key, begins, ends)
            is_there = above in there or (bool(above) and above in self._known_terms)
            return "terms", {
                "name": cell(row, "title") or key,
                "starts_at": begins,
                "ends_at": ends,
                "parent_id": reference("terms", above) if is_there and above != key else None,
                "_ref_parent_id": above,
            }

        reading.each("academicSessions", make)

    def _read_courses(self) -> None:
        def make(line: int, row: Row) -> tuple[str, Made]:
            key, school = row["sourcedid"], cell(row, "orgSourcedId")
            self.courses[key] = self.department(school)
            return "courses", {
                "name": cell(row, "title") or key,
                "code": cell(row, "courseCode") or key,
                "department_id": self.courses[key],
                "_ref_department_id": school,
            }

        self.reading.each("courses", make)

    def _read_classes(self) -> None:
        reading = self.reading

        def make(line: int, row: Row) -> tuple[str, Made]:
            key, school = row["sourcedid"], cell(row, "schoolSourcedId")
            own = self.department(school)
            if school and own is None:
                reading.note(Message("classes whose school is not there"))
            terms = self._terms_of(row)
            course = self._course_of(line, row, own)
            ends = [each.ends_at for _, each in terms if each.ends_at]
            starts = [each.starts_at for _, each in terms if each.starts_at]
            course_id = reference("courses", course)
            self.classes[key] = ClassFacts(
                course_id, own or self.courses.get(course) or self._known_department(course), max(ends, default=None)
            )
            return "classes", {
                "name": cell(row, "title") or key,
                "code": cell(row, "classCode") or key,
                "course_id": course_id,
                "_ref_course_id": course,
                "department_id": own,
                "_ref_department_id": school,
                "term_id": reference("terms", terms[0][0]) if terms else None,
                "term": terms[0][1].name if terms else None,
                # A class of several terms goes from the first day of the first to the last of the last.
                "starts_at": min(starts, default=None),
                "ends_at": max(ends, default=None),
            }

        reading.each("classes", make)

    def _terms_of(self, row: Row) -> list[tuple[str, Term]]:
        keys = cells(row, "termSourcedIds")
        found = [(key, term) for key in keys if (term := self._term(key)) is not None]
        if keys and not found:
            self.reading.note(Message("classes whose term is not there"))
        return found

    def _term(self, key: str) -> Term | None:
        if key in self.terms:
            return self.terms[key]
        earlier = self._known_terms.get(key)
        if earlier is None:
            return None
        return Term(earlier["name"], _instant(earlier.get("starts_at")), _instant(earlier.get("ends_at")))

    @property
    def _known_terms(self) -> dict[str, Made]:
        return self.reading.known("terms", "name", "starts_at", "ends_at")

    @property
    def _known_courses(self) -> dict[str, Made]:
        """Courses of earlier imports. Where the bundle holds all there are, others are no more."""
        return {} if self.reading.bundle.is_bulk("courses") else self.reading.known("courses", "department_id")

    def _course_of(self, line: int, row: Row, department_id: str | None) -> str:
        """The key of its course. A class without its course (many rosters have no courses.csv) is one of its own."""
        given = cell(row, "courseSourcedId")
        key = given or f"{COURSE_OF_CLASS}{row['sourcedid']}"
        if key in self.courses or (given and given in self._known_courses):
            return key
        self.courses[key] = department_id
        self.reading.note(Message("courses that the bundle lacks, made of the title of a class"))
        self.reading.add(
            "courses",
            {
                "key": key,
                "name": cell(row, "title") or key,
                "code": key,
                "department_id": department_id,
                "_ref_department_id": cell(row, "schoolSourcedId"),
                "_file": self.reading.bundle.tables["classes"].file.name,
                "_line": line,
            },
        )
        return key

    def _known_department(self, course: str) -> str | None:
        if course in self.courses:
            return None
        found = self._known_courses.get(course, {}).get("department_id")
        return str(found) if found else None


def _is_below_itself(key: str, parents: dict[str, str]) -> bool:
    seen: set[str] = set()
    above = parents.get(key, "")
    while above and above not in seen:
        if above == key:
            return True
        seen.add(above)
        above = parents.get(above, "")
    return False


def _keyed(rows: Iterable[tuple[int, Row | Unread]]) -> Iterator[Row]:
    """Rows that can be read and have a sourcedId, before their turn comes."""
    return (row for _, row in rows if not isinstance(row, Unread) and row.get("sourcedid"))


def _instant(value: datetime | None) -> datetime | None:
    return clock.aware(value) if value else None
