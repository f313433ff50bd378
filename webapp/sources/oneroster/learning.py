"""Enrollments, line items and results of a bundle."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from webapp.messages import Message
from webapp.sources.csv_tables import Row
from webapp.sources.oneroster.organisation import Organisation
from webapp.sources.oneroster.people import People
from webapp.sources.oneroster.reading import Made, Reading, RowError, reference
from webapp.sources.oneroster.values import cell, folded, number, scaled
from webapp.sources.oneroster.vocabulary import ROLES, SCORE_STATUSES, is_of_another_kind


@dataclass(frozen=True)
class LineItem:
    class_key: str
    class_id: str
    lowest: Decimal
    highest: Decimal


@dataclass
class Learning:
    reading: Reading
    organisation: Organisation
    people: People
    line_items: dict[str, LineItem] = field(default_factory=dict)
    _keyless: set[str] = field(default_factory=set)

    # --- enrollments --------------------------------------------------------------------------------------------------

    def read_enrollments(self) -> None:
        reading = self.reading

        def make(line: int, row: Row) -> tuple[str, Made] | None:
            class_key, person = cell(row, "classSourcedId"), cell(row, "userSourcedId")
            role = cell(row, "role").casefold()
            begins, ends = reading.begins(row, "beginDate"), reading.ends(row, "endDate")
            if begins and ends and ends <= begins:
                raise RowError(
                    Message(
                        "endDate %(end)s is before beginDate %(begin)s",
                        end=cell(row, "endDate"),
                        begin=cell(row, "beginDate"),
                    )
                )
            if role not in ROLES:
                if not is_of_another_kind(role):
                    raise RowError(Message("role %(role)s is none of OneRoster's", role=cell(row, "role")[:40] or "–"))
                reading.set_aside("rosters", Message("enrollments that are neither a student's nor a teacher's"))
                return None
            if not class_key or not person:
                raise RowError(
                    Message("%(column)s is empty", column="userSourcedId" if class_key else "classSourcedId")
                )
            does = ROLES[role]
            self.people.found[does].add(person)
            values: Made = {"class_id": reference("classes", class_key), "_ref_class_id": class_key}
            if not row.get("sourcedid"):
                values["key"] = self._key_of(class_key, person, "student" if does == "learner" else "teacher")
            if does == "instructor":
                return "teachings", values | {
                    "person_id": reference("persons", person),
                    "_ref_person_id": person,
                    "ends_at": ends,
                }
            return "rosters", values | {
                "learner_id": reference("persons", person),
                "_ref_learner_id": person,
                **self._state(row, class_key, begins, ends),
            }

        reading.each("enrollments", make)

    def _key_of(self, class_key: str, person: str, role: str) -> str:
        self.reading.note(Message("enrollments without a sourcedId: each is known by class, person and role"))
        key = f"{class_key} {person} {role}"
        if key in self._keyless:
            raise RowError(Message("the same person stands in the same class already"))
        self._keyless.add(key)
        return key

    def _state(self, row: Row, class_key: str, begins: datetime | None, ends: datetime | None) -> Made:
        """Whoever leaves before the class is over has withdrawn."""
        is_withdrawn = False
        if ends is not None:
            found = self.organisation.class_facts(class_key)
            is_withdrawn = found is not None and found.ends_at is not None and ends < found.ends_at
        has_begun = begins is not None and begins <= self.reading.now
        return {
            "status": "withdrawn" if is_withdrawn else "in-progress" if has_begun else "not-started",
            "enrolled_at": begins,
            "withdrawn_at": self.reading.begins(row, "endDate") if is_withdrawn else None,
        }

    # --- gradebook ----------------------------------------------------------------------------------------------------

    def read_line_items(self) -> None:
        def make(line: int, row: Row) -> tuple[str, Made]:
            key, class_key = row["sourcedid"], cell(row, "classSourcedId")
            facts = self.organisation.class_facts(class_key)
            if facts is None:
                raise RowError(Message("there is no class %(key)s", key=class_key[:60] or "–"))
            low, high = number(row, "resultValueMin"), number(row, "resultValueMax")
            low, high = Decimal(0) if low is None else low, Decimal(100) if high is None else high
            if high <= low:
                raise RowError(
                    Message("resultValueMax %(high)s is not above resultValueMin %(low)s", high=str(high), low=str(low))
                )
            class_id = reference("classes", class_key)
            self.line_items[key] = LineItem(class_key, class_id, low, high)
            return "contents", {
                "name": cell(row, "title") or key,
                "content_type": "assessment",
                "class_id": class_id,
                "_ref_class_id": class_key,
                "course_id": facts.course_id,
                "department_id": facts.department_id,
                # What a result is out of: a later bundle may bring results alone.
                "lowest": format(low, "f"),
                "highest": format(high, "f"),
                "due_at": self._due(row),
            }

        self.reading.each("lineItems", make)

    def _due(self, row: Row) -> datetime | None:
        """The last second of the due day. One that is no day is told by the rules, and takes nobody's results away."""
        try:
            return self.reading.ends(row, "dueDate")
        except ValueError:
            return None

    def read_results(self) -> None:
        reading = self.reading
        # Of each attempt only a number is kept; who tries twice is counted.
        tried: set[int] = set()
        again: dict[int, int] = {}

        def make(line: int, row: Row) -> tuple[str, Made]:
            item_key, student = cell(row, "lineItemSourcedId"), cell(row, "studentSourcedId")
            item = self._line_item(item_key)
            if item is None:
                raise RowError(Message("there is no line item %(key)s", key=item_key[:60] or "–"))
            if not student:
                raise RowError(Message("%(column)s is empty", column="studentSourcedId"))
            status = SCORE_STATUSES.get(folded(cell(row, "scoreStatus")))
            if status is None:
                raise RowError(Message("scoreStatus “%(status)s” is not known", status=cell(row, "scoreStatus")[:40]))
            given = number(row, "score")
            score = None if given is None else scaled(given, item.lowest, item.highest)
            if score is not None and not 0 <= score <= 100:
                reading.note(Message("scores outside their line item's range, kept"))
            if (other := cell(row, "classSourcedId")) and item.class_key and other != item.class_key:
                self._tell_other_class(line, other)
            on = reading.begins(row, "scoreDate")
            pair = hash((item_key, student))
            attempt = 1
            if pair in tried:
                attempt = again[pair] = again.get(pair, 1) + 1
            tried.add(pair)
            self.people.found["learner"].add(student)
            return "results", {
                "learner_id": reference("persons", student),
                "_ref_learner_id": student,
                "class_id": item.class_id,
                "content_id": reference("contents", item_key),
                "_ref_content_id": item_key,
                "attempt": float(attempt),
                "status": status,
                "score": score,
                "submitted_at": on,
                "graded_at": on if status == "graded" and score is not None else None,
            }

        reading.each("results", make)

    def _line_item(self, key: str) -> LineItem | None:
        """Of the bundle, or of an earlier import: a delta may bring results alone."""
        if (found := self.line_items.get(key)) is not None:
            return found
        earlier = self.reading.known("contents", "class_id", "lowest", "highest").get(key)
        if earlier is None or not earlier.get("lowest") or not earlier.get("class_id"):
            return None
        self.line_items[key] = LineItem(
            "", earlier["class_id"], Decimal(earlier["lowest"]), Decimal(earlier["highest"])
        )
        return self.line_items[key]

    def _tell_other_class(self, line: int, other: str) -> None:
        shown = self.reading.bundle.tables["results"].file.name
        told = Message("classSourcedId %(other)s is not the class of the line item", other=other[:60])
        self.reading.rules.broken(shown, line, "classSourcedId", told)
