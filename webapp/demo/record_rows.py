"""The demo organisation's learning record. The same seed gives the same rows; only their dates follow today."""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId

from webapp.demo import organisation as given
from webapp.demo.people import Ids, Teacher

SEED = 20_260
LEARNERS = 1_200
EVENTS_PER_ENROLLMENT = 105
TERM = timedelta(days=120)
#: Terms begin so many days before today: three that have ended, and the present one.
TERM_STARTS = (520, 365, 190, 75)
#: From the day on which most hand something in to the one on which it is due, in the evening.
GRACE = timedelta(days=10, hours=18)
#: Of those who began, the last of this share have stopped without a word.
STOPS_FROM = 0.94
#: Certificates are in force for a year; these for less.
DAYS_IN_FORCE = {"CPD010": 300, "NUR240": 310}
#: The key of the last row of all.
LAST = "demo-last"

Row = dict[str, Any]


class Maker:
    """Makes the rows, parents before children. All chance comes from one seeded generator, in one order.

    Names of columns that begin with `_` are the maker's own; the record takes no notice of them.
    """

    def __init__(self, scale: float, now: datetime, ids: Ids, chance: random.Random, teachers: list[Teacher]) -> None:
        self.random, self.scale, self.now, self.ids, self.teachers = chance, scale, now, ids, teachers
        self.today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        self.programs = {code: (ids.next("prog"), department) for code, _, department in given.PROGRAMS}
        self.terms = [self._term(number, days_ago) for number, days_ago in enumerate(TERM_STARTS)]
        #: What learners of a class work on, by the class's id.
        self.contents: dict[ObjectId, list[Row]] = {}
        self.classes: list[Row] = []
        self.learners: list[Row] = []
        self.rosters: list[Row] = []

    def tables(self) -> Iterator[tuple[str, Iterable[Row], int]]:
        """(table, rows, expected number), in the order in which they refer to each other."""
        yield "departments", self._departments(), len(given.DEPARTMENTS)
        yield "programs", self._programs(), len(given.PROGRAMS)
        courses = list(self._courses())
        yield "courses", courses, len(courses)
        yield "terms", self.terms, len(self.terms)
        self.classes = list(self._classes(courses))
        yield "classes", self.classes, len(self.classes)
        yield "contents", self._contents(courses), 0
        self.learners = list(self._learners())
        yield "persons", [*self._teaching_persons(), *self.learners], len(self.learners) + len(self.teachers)
        yield "teachings", self._teachings(), len(self.classes)
        self.rosters = list(self._rosters())
        yield "rosters", self.rosters, len(self.rosters)
        yield "results", self._results(), 3 * len(self.rosters)
        yield "attempts", self._attempts(), len(self.rosters)
        per_roster = max(1, round(EVENTS_PER_ENROLLMENT * self.scale))
        yield "events", self._events(per_roster), per_roster * len(self.rosters)
        yield "certificates", self._certificates(), len(self.rosters) // 5

    def _departments(self) -> Iterator[Row]:
        for code, name, above in given.DEPARTMENTS:
            parent = self.ids.departments[above] if above else None
            yield {
                "id": self.ids.departments[code],
                "key": f"demo-{code}",
                "name": name,
                "code": code,
                "parent_id": parent,
            }

    def _programs(self) -> Iterator[Row]:
        for code, name, department in given.PROGRAMS:
            place = self.ids.departments[department]
            yield {
                "id": self.programs[code][0],
                "key": f"demo-{code}",
                "name": name,
                "code": code,
                "department_id": place,
            }

    def _courses(self) -> Iterator[Row]:
        for code, name, program in given.COURSES:
            program_id, department = self.programs[program]
            course = {
                "id": self.ids.next("cour"),
                "key": f"demo-{code}",
                "name": name,
                "code": code,
                "program_id": program_id,
                "department_id": self.ids.departments[department],
            }
            yield course

    def _contents(self, courses: list[Row]) -> Iterator[Row]:
        """Those of a course, which all its classes share, and the assessments of each class."""
        for course in courses:
            shared = {n: self._content(course, n) for n, (_, kind) in enumerate(given.CONTENTS) if kind != "assessment"}
            yield from shared.values()
            for each in self.classes:
                if each["course_id"] == course["id"]:
                    own = {n: self._content(each, n) for n in range(len(given.CONTENTS)) if n not in shared}
                    self._are_due(each, own.values())
                    yield from own.values()
                    self.contents[each["id"]] = [(shared | own)[n] for n in range(len(given.CONTENTS))]

    def _content(self, of: Row, number: int) -> Row:
        title, content_type = given.CONTENTS[number]
        content = {
            "id": self.ids.next("cont"),
            "key": f"{of['key']}-{number}",
            "name": f"{of['code']} {title}",
            "content_type": content_type,
            "course_id": of.get("course_id", of["id"]),
            "department_id": of["department_id"],
        }
        return content | ({"class_id": of["id"]} if "course_id" in of else {})

    @staticmethod
    def _are_due(each_class: Row, assessments: Collection[Row]) -> None:
        """One after another over the term, some days after most hand them in."""
        span = TERM / (len(assessments) + 1)
        for number, assessment in enumerate(assessments, start=1):
            assessment["due_at"] = each_class["starts_at"] + span * number + GRACE

    def _term(self, number: int, days_ago: int) -> Row:
        starts_at = self.today - timedelta(days=days_ago)
        return {
            "id": self.ids.next("term"),
            "key": f"demo-term-{number + 1}",
            "name": f"{starts_at:%Y}-{'AB'[starts_at.month > 6]}{number + 1}",
            "starts_at": starts_at,
            "ends_at": starts_at + TERM,
        }

    def _classes(self, courses: list[Row]) -> Iterator[Row]:
        for course_number, course in enumerate(courses):
            for term_number, term in enumerate(self.terms):
                turn = course_number + term_number
                teachers = {self.teachers[turn % len(self.teachers)].person_id}
                if turn % 4 == 0:
                    teachers.add(self.teachers[(turn + 5) % len(self.teachers)].person_id)
                yield {
                    "id": self.ids.next("clas"),
                    "key": f"demo-{course['code']}-{term_number + 1}",
                    "name": f"{course['name']} ({term['name']})",
                    "code": f"{course['code']}-{term['name']}",
                    "course_id": course["id"],
                    "department_id": course["department_id"],
                    "program_id": course["program_id"],
                    "term_id": term["id"],
                    "term": term["name"],
                    "starts_at": term["starts_at"],
                    "ends_at": term["ends_at"],
                    "_teachers": sorted(teachers),
                }

    def _teachings(self) -> Iterator[Row]:
        for each in self.classes:
            for person_id in each["_teachers"]:
                yield {"key": f"{each['key']} {person_id}", "class_id": each["id"], "person_id": person_id}

    def _teaching_persons(self) -> Iterator[Row]:
        for each in self.teachers:
            yield self._person(each.person_id, each.key, each.name, "instructor", each.department_id)

    @staticmethod
    def _person(row_id: ObjectId, key: str, name: str, role: str, department_id: ObjectId) -> Row:
        return {
            "id": row_id, "key": key, "number": key, "name": name, "roles": [role],
            "department_ids": [str(department_id)],
        }  # fmt: skip

    def _learners(self) -> Iterator[Row]:
        home = list(self.programs.values())
        for number in range(max(20, round(LEARNERS * self.scale))):
            row_id, name = self.ids.next("lear"), given.name_of_somebody(self.random)
            place = self.ids.departments[self.random.choice(home)[1]]
            learner = self._person(row_id, f"demo-learner-{number + 1}", name, "learner", place)
            yield learner | {"number": f"NC-{number + 1:04}"}

    def _rosters(self) -> Iterator[Row]:
        """With the learner's ability and last day of activity."""
        for each_class in self.classes:
            size = min(len(self.learners), max(4, round(self.random.triangular(24, 70, 38) * math.sqrt(self.scale))))
            for learner in self.random.sample(self.learners, size):
                yield self._roster(each_class, learner["id"])

    def _roster(self, each_class: Row, learner_id: ObjectId) -> Row:
        chance = self.random.random()
        ability = self.random.gauss(0, 1)
        starts_at, ends_at = each_class["starts_at"], each_class["ends_at"]
        is_over = ends_at < self.now
        enrolled_at = starts_at - timedelta(days=self.random.randint(0, 30), hours=-self.random.randint(8, 18))
        roster: Row = self._numbered("enro", "enrollment") | {
            "learner_id": learner_id,
            "class_id": each_class["id"],
            "enrolled_at": enrolled_at,
            "_ability": ability,
            "_code": each_class["code"].partition("-")[0],
            "_last": min(ends_at, self.now),
        }
        started_at = starts_at + timedelta(days=min(40, self.random.expovariate(1 / 5)), hours=9)
        if chance < 0.03 or started_at > self.now:
            roster["status"] = "expired" if is_over else "not-started"
            roster["_last"] = enrolled_at
            return roster
        roster["started_at"] = started_at
        if chance < 0.15 - 0.03 * ability:
            until = min(ends_at, self.now) - started_at
            withdrawn_at = started_at + until * self.random.triangular(0.05, 0.95, 0.3)
            roster |= {"status": "withdrawn", "withdrawn_at": withdrawn_at, "_last": withdrawn_at}
        elif not is_over:
            roster["status"] = "in-progress"
            if chance > STOPS_FROM:
                # Began, and has done nothing for weeks.
                roster["_last"] = started_at + (self.now - started_at) * 0.3
        else:
            score = self._score(ability, 66)
            passed = score >= 40 and chance < 0.96
            completed_at = ends_at - timedelta(days=self.random.randint(0, 12), hours=self.random.randint(1, 12))
            roster |= {"status": "completed" if passed else "failed", "score": score, "passed": passed}
            if passed:
                roster["completed_at"] = completed_at
        return roster

    def _numbered(self, kind: str, name: str) -> Row:
        row_id = self.ids.next(kind)
        return {"id": row_id, "key": f"demo-{name}-{int.from_bytes(row_id.binary[8:], 'big')}"}

    def _score(self, ability: float, mean: float) -> float:
        return round(min(100.0, max(0.0, mean + 12 * ability + self.random.gauss(0, 7))), 1)

    @staticmethod
    def _of_roster(roster: Row) -> Row:
        return {"learner_id": roster["learner_id"], "class_id": roster["class_id"]}

    def _contents_of(self, roster: Row, *content_types: str) -> list[Row]:
        return [each for each in self.contents[roster["class_id"]] if each["content_type"] in content_types]

    def _results(self) -> Iterator[Row]:
        for roster in self.rosters:
            if "started_at" not in roster:
                continue
            assessments = self._contents_of(roster, "assessment")
            span = TERM / (len(assessments) + 1)
            for number, assessment in enumerate(assessments, start=1):
                submitted_at = roster["started_at"] + span * number + timedelta(hours=self.random.randint(-60, 20))
                if submitted_at > roster["_last"] or self.random.random() < 0.05:
                    continue
                result = self._numbered("resu", "result") | {
                    **self._of_roster(roster),
                    "content_id": assessment["id"],
                    "attempt": 1,
                    "submitted_at": submitted_at,
                    "duration": float(self.random.randint(900, 7200)),
                    "status": "submitted",
                }
                graded_at = submitted_at + timedelta(days=self.random.randint(2, 14))
                if graded_at < self.now and self.random.random() > 0.02:
                    score = self._score(roster["_ability"], 68 - 2 * number)
                    result |= {"status": "graded", "graded_at": graded_at, "score": score, "passed": score >= 40}
                yield result

    def _attempts(self) -> Iterator[Row]:
        for roster in self.rosters:
            if "started_at" not in roster or self.random.random() < 0.25:
                continue
            package = self._contents_of(roster, "scorm")[0]
            started_at = roster["started_at"] + timedelta(days=self.random.randint(1, 30))
            for number in range(1, 4):
                if started_at > roster["_last"]:
                    break
                score = self._score(roster["_ability"] + 0.4 * number, 60)
                is_finished = self.random.random() < 0.85
                duration = float(self.random.randint(300, 4000))
                attempt = self._numbered("scor", "scorm") | {
                    **self._of_roster(roster),
                    "content_id": package["id"],
                    "attempt": number,
                    "started_at": started_at,
                    "duration": duration,
                    "status": "incomplete",
                }
                if is_finished:
                    attempt |= {
                        "status": "passed" if score >= 60 else "failed",
                        "passed": score >= 60,
                        "score": score,
                        "completed_at": started_at + timedelta(seconds=duration),
                    }
                yield attempt
                if is_finished and score >= 60:
                    break
                started_at += timedelta(days=self.random.randint(1, 9))

    def _events(self, per_roster: int) -> Iterator[Row]:
        for roster in self.rosters:
            shared = self._of_roster(roster)
            yield self._event(shared, "enrollment-created", roster["enrolled_at"])
            if "started_at" not in roster:
                continue
            first, last = roster["started_at"], roster["_last"]
            yield self._event(shared, "enrollment-started", first)
            if "completed_at" in roster:
                yield self._event(shared, "enrollment-completed", roster["completed_at"])
            if "withdrawn_at" in roster:
                yield self._event(shared, "enrollment-withdrawn", roster["withdrawn_at"])
            share = (last - first) / TERM
            eagerness = math.exp(0.35 * roster["_ability"] + self.random.gauss(0, 0.3))
            for _ in range(max(1, round(per_roster * share * eagerness))):
                yield self._study_event(roster, shared, first, last)

    def _study_event(self, roster: Row, shared: Row, first: datetime, last: datetime) -> Row:
        moment = first + (last - first) * self.random.random()
        # Evenings and weekdays are busier, as in any learning record.
        moment = moment.replace(hour=int(self.random.triangular(7, 23, 19)), minute=self.random.randint(0, 59))
        if moment.weekday() >= 5 and self.random.random() < 0.4:
            moment -= timedelta(days=2)
        moment = min(max(moment, first), self.now)
        content = self.random.choice(self.contents[roster["class_id"]])
        event_type, seconds = {
            "page": ("content-viewed", self.random.randint(20, 900)),
            "forum": ("content-viewed", self.random.randint(20, 600)),
            "video": (self.random.choice(("video-played", "video-completed", "video-paused")), 420),
            "scorm": (self.random.choice(("scorm-launched", "scorm-suspended")), self.random.randint(60, 1500)),
            "assessment": ("assessment-started", self.random.randint(60, 3000)),
        }[content["content_type"]]
        event = self._event(shared, event_type, moment)
        return event | {
            "content_id": content["id"],
            "duration": float(seconds),
            "data": {"clicks": 1 + int(self.random.expovariate(0.4))},
        }

    def _event(self, shared: Row, event_type: str, moment: datetime) -> Row:
        return {
            "id": self.ids.next("even"),
            **shared,
            "event_type": event_type,
            "timestamp": moment.replace(microsecond=0),
            "data": {},
        }

    def _certificates(self) -> Iterator[Row]:
        names = {code: name for code, name, program in given.COURSES if program in ("CPD", "BN-NURS")}
        for roster in self.rosters:
            if "completed_at" not in roster or roster["_code"] not in names:
                continue
            issued_at = roster["completed_at"] + timedelta(days=1)
            certificate = self._numbered("cert", "certificate") | {
                **self._of_roster(roster),
                "name": f"Certificate: {names[roster['_code']]}",
                "issued_at": issued_at,
                "expires_at": issued_at + timedelta(days=DAYS_IN_FORCE.get(roster["_code"], 365)),
            }
            if self.random.random() < 0.01:
                certificate["revoked_at"] = issued_at + timedelta(days=30)
            yield certificate
        yield {
            "id": self.ids.next("cert"),
            "key": LAST,
            "name": "Certificate: Northgate staff induction",
            "learner_id": self.learners[0]["id"],
            "department_id": self.ids.departments["professional"],
            "issued_at": self.today - timedelta(days=400),
            "expires_at": self.today - timedelta(days=35),
        }
