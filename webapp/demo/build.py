"""Writes the demo organisation in bulk. The same seed gives the same organisation; only its dates follow today."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from bson import ObjectId
from pymongo.errors import BulkWriteError

from webapp import clock
from webapp.demo import organisation as given
from webapp.documents.connection import current_database
from webapp.services.people import demo_accounts, memberships, passwords
from webapp.services.people.demo_accounts import NotADemoHomeError

DEMO_PASSWORD = "northgate-demo"  # noqa: S105  (printed by `make run`: the demo's data is invented and its server local)
SIGN_INS = {email: roles[0] for email, _, roles, _, _ in given.STAFF[:4]}
SEED = 20_260
LEARNERS = 1_200
INSTRUCTORS = 18
EVENTS_PER_ENROLLMENT = 105
BATCH = 5_000
DUPLICATE_KEY = 11000
TERM = timedelta(days=120)
#: Terms begin so many days before today: three that have ended, and the present one.
TERM_STARTS = (520, 365, 190, 75)

Progress = Callable[[str, int, int], None]
Document = dict[str, Any]


@dataclass
class DemoSummary:
    """How many documents of each collection were added; 0 everywhere when the demo was there already."""

    added: dict[str, int] = field(default_factory=dict)


def is_built() -> bool:
    """Whether the demo is in this database, whole: its last document is there."""
    return current_database().certificates.find_one({"externalId": "demo-last"}, {"_id": 1}) is not None


def may_be_built() -> bool:
    """Whether this is a home for it: one without people, other than the demo's own of a build cut short."""
    try:
        demo_accounts.require_nobody_else()
    except NotADemoHomeError:
        return False
    return True


def build(*, scale: float = 1.0, on_progress: Progress | None = None) -> DemoSummary:
    """Add the demo organisation; what is there already (a build cut short, too) is not added twice. It belongs only to
    a home without people: raises NotADemoHomeError where anybody else is.

    `scale` shrinks learners and events for tests. `on_progress` is called with a collection's name, the documents
    written so far, and their expected number.
    """
    summary = DemoSummary()
    if is_built():
        return summary
    demo_accounts.require_nobody_else()
    maker = _Maker(scale, clock.utcnow())
    for collection, documents, expected in maker.collections():
        added = 0
        for written, batch in enumerate(_batches(documents), start=1):
            added += _insert_missing(collection, batch)
            if on_progress is not None:
                on_progress(collection, min(written * BATCH, expected), expected)
        summary.added[collection] = summary.added.get(collection, 0) + added
    return summary


def _insert_missing(collection: str, documents: list[Document]) -> int:
    try:
        return len(current_database()[collection].insert_many(documents, ordered=False).inserted_ids)
    except BulkWriteError as error:
        others = [each for each in error.details["writeErrors"] if each["code"] != DUPLICATE_KEY]
        if others:
            raise
        return int(error.details["nInserted"])


def _batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    iterator = iter(documents)
    while batch := list(islice(iterator, BATCH)):
        yield batch


class _Ids:
    """ObjectIds that are the same at every build: four letters, the kind, a number."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def next(self, kind: str) -> ObjectId:
        number = self._numbers.get(kind, 0) + 1
        self._numbers[kind] = number
        return ObjectId(b"demo" + kind.encode("ascii")[:4].ljust(4) + number.to_bytes(4, "big"))


class _Maker:
    """Makes the documents, parents before children. All chance comes from one seeded generator, in one order."""

    def __init__(self, scale: float, now: datetime) -> None:
        self.random = random.Random(SEED)  # noqa: S311  (a believable spread, not a secret)
        self.scale = scale
        self.now = now
        self.today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        self.ids = _Ids()
        self.departments: dict[str, ObjectId] = {code: self.ids.next("dept") for code, _, _ in given.DEPARTMENTS}
        self.programs = {code: (self.ids.next("prog"), department) for code, _, department in given.PROGRAMS}
        self.teams = {name: self.ids.next("team") for name, _ in given.TEAMS}
        self.contents: dict[str, list[Document]] = {}
        self.classes: list[Document] = []
        self.learners: list[ObjectId] = []
        self.enrollments: list[Document] = []

    def collections(self) -> Iterator[tuple[str, Iterable[Document], int]]:
        """(collection, documents, expected number), in the order in which they refer to each other."""
        yield "departments", self._departments(), len(given.DEPARTMENTS)
        yield "teams", self._teams(), len(given.TEAMS)
        yield "programs", self._programs(), len(given.PROGRAMS)
        staff = list(self._staff())
        instructors = [user["_id"] for user in staff if "instructor" in user["memberships"][0]["roles"]]
        yield "users", staff, len(staff)
        courses = list(self._courses())
        yield "courses", courses, len(courses)
        yield "contents", [content for course in self.contents.values() for content in course], 0
        self.classes = list(self._classes(courses, instructors))
        yield "classes", self.classes, len(self.classes)
        learners = list(self._learners())
        self.learners = [learner["_id"] for learner in learners]
        yield "users", learners, len(learners)
        self.enrollments = list(self._enrollments())
        yield "enrollments", [self._stored(each) for each in self.enrollments], len(self.enrollments)
        yield "assessmentresults", self._results(), 3 * len(self.enrollments)
        yield "scormattempts", self._scorm_attempts(), len(self.enrollments)
        per_enrollment = max(1, round(EVENTS_PER_ENROLLMENT * self.scale))
        yield "learningevents", self._events(per_enrollment), per_enrollment * len(self.enrollments)
        yield "certificates", self._certificates(), len(self.enrollments) // 5

    def _stamped(self, document: Document, external_id: str | None = None) -> Document:
        document |= {"isActive": True, "createdAt": self.now, "updatedAt": self.now}
        if external_id:
            document["externalId"] = external_id
        return document

    def _departments(self) -> Iterator[Document]:
        for code, name, above in given.DEPARTMENTS:
            document = {"_id": self.departments[code], "name": name, "code": code}
            if above:
                document["parentId"] = self.departments[above]
            yield self._stamped(document, f"demo-{code}")

    def _teams(self) -> Iterator[Document]:
        for name, department in given.TEAMS:
            document = {"_id": self.teams[name], "name": name, "departmentId": self.departments[department]}
            yield self._stamped(document)

    def _programs(self) -> Iterator[Document]:
        for code, name, department in given.PROGRAMS:
            document = {
                "_id": self.programs[code][0],
                "name": name,
                "code": code,
                "departmentId": self.departments[department],
            }
            yield self._stamped(document, f"demo-{code}")

    def _staff(self) -> Iterator[Document]:
        password_hash = passwords.hash_password(DEMO_PASSWORD)
        for email, name, roles, department, teams in given.STAFF:
            user_id = self.ids.next("staf")
            yield self._stamped(
                {
                    "_id": user_id,
                    "email": email,
                    "name": name,
                    "passwordHash": password_hash,
                    **self._holding(roles, department, user_id),
                    "teamIds": [self.teams[team] for team in teams],
                    "isDemo": True,
                }
            )
        teaching = [department for _, _, department in given.PROGRAMS]
        for number in range(INSTRUCTORS):
            user_id = self.ids.next("inst")
            yield self._stamped(
                {
                    "_id": user_id,
                    "email": f"instructor{number + 1}@demo.example",
                    "name": self._person(),
                    "passwordHash": password_hash,
                    **self._holding(["instructor"], teaching[number % len(teaching)], user_id),
                    "teamIds": [],
                    "isDemo": True,
                },
                f"demo-instructor-{number + 1}",
            )

    def _holding(self, roles: list[str], department: str, user_id: ObjectId) -> Document:
        """Who teaches is a person of the record, too, by the same id."""
        desk, places = memberships.of_roles(roles, [self.departments[department]])
        held: Document = {"roles": desk, "memberships": [dict(each.to_mongo()) for each in places]}
        return held | ({"personId": user_id} if "instructor" in roles else {})

    def _courses(self) -> Iterator[Document]:
        for code, name, program in given.COURSES:
            program_id, department = self.programs[program]
            course = {
                "_id": self.ids.next("cour"),
                "name": name,
                "code": code,
                "programId": program_id,
                "departmentId": self.departments[department],
            }
            self.contents[code] = [
                self._stamped(
                    {
                        "_id": self.ids.next("cont"),
                        "name": f"{code} {title}",
                        "contentType": content_type,
                        "courseId": course["_id"],
                        "departmentId": course["departmentId"],
                    },
                    f"demo-{code}-{number}",
                )
                for number, (title, content_type) in enumerate(given.CONTENTS)
            ]
            yield self._stamped(course, f"demo-{code}")

    def _classes(self, courses: list[Document], instructors: list[ObjectId]) -> Iterator[Document]:
        for course_number, course in enumerate(courses):
            for term_number, days_ago in enumerate(TERM_STARTS):
                starts_at = self.today - timedelta(days=days_ago)
                term = f"{starts_at:%Y}-{'AB'[starts_at.month > 6]}{term_number + 1}"
                turn = course_number + term_number
                teachers = {instructors[turn % len(instructors)]}
                if turn % 4 == 0:
                    teachers.add(instructors[(turn + 5) % len(instructors)])
                yield self._stamped(
                    {
                        "_id": self.ids.next("clas"),
                        "name": f"{course['name']} ({term})",
                        "code": f"{course['code']}-{term}",
                        "courseId": course["_id"],
                        "departmentId": course["departmentId"],
                        "programId": course["programId"],
                        "instructorIds": sorted(teachers),
                        "term": term,
                        "startsAt": starts_at,
                        "endsAt": starts_at + TERM,
                    },
                    f"demo-{course['code']}-{term_number + 1}",
                )

    def _person(self) -> str:
        family = self.random.choice(given.FAMILY_NAMES).replace("~", " ")
        return f"{self.random.choice(given.GIVEN_NAMES)} {family}"

    def _learners(self) -> Iterator[Document]:
        home = list(self.programs.values())
        for number in range(max(20, round(LEARNERS * self.scale))):
            learner = {
                "_id": self.ids.next("lear"),
                "name": self._person(),
                "roles": ["learner"],
                "departmentIds": [self.departments[self.random.choice(home)[1]]],
                "teamIds": [],
                "isDemo": True,
            }
            yield self._stamped(learner, f"demo-learner-{number + 1}")

    def _enrollments(self) -> Iterator[Document]:
        """Enrollments, with the learner's ability and last day of activity under names that `_stored` takes out."""
        for each_class in self.classes:
            size = min(len(self.learners), max(4, round(self.random.triangular(24, 70, 38) * math.sqrt(self.scale))))
            for learner_id in self.random.sample(self.learners, size):
                yield self._enrollment(each_class, learner_id)

    def _enrollment(self, each_class: Document, learner_id: ObjectId) -> Document:
        chance = self.random.random()
        ability = self.random.gauss(0, 1)
        starts_at, ends_at = each_class["startsAt"], each_class["endsAt"]
        is_over = ends_at < self.now
        enrolled_at = starts_at - timedelta(days=self.random.randint(0, 30), hours=-self.random.randint(8, 18))
        enrollment: Document = {
            "_id": self.ids.next("enro"),
            "learnerId": learner_id,
            "classId": each_class["_id"],
            "courseId": each_class["courseId"],
            "departmentId": each_class["departmentId"],
            "programId": each_class["programId"],
            "enrolledAt": enrolled_at,
            "_ability": ability,
            "_code": each_class["code"].partition("-")[0],
            "_last": min(ends_at, self.now),
        }
        started_at = starts_at + timedelta(days=min(40, self.random.expovariate(1 / 5)), hours=9)
        if chance < 0.03 or started_at > self.now:
            enrollment["status"] = "expired" if is_over else "not-started"
            enrollment["_last"] = enrolled_at
            return self._stamped(enrollment, f"demo-enrollment-{self._number(enrollment)}")
        enrollment["startedAt"] = started_at
        if chance < 0.15 - 0.03 * ability:
            until = min(ends_at, self.now) - started_at
            withdrawn_at = started_at + until * self.random.triangular(0.05, 0.95, 0.3)
            enrollment |= {"status": "withdrawn", "withdrawnAt": withdrawn_at, "_last": withdrawn_at}
        elif not is_over:
            enrollment["status"] = "in-progress"
        else:
            score = self._score(ability, 66)
            passed = score >= 40 and chance < 0.96
            completed_at = ends_at - timedelta(days=self.random.randint(0, 12), hours=self.random.randint(1, 12))
            enrollment |= {"status": "completed" if passed else "failed", "score": score, "passed": passed}
            if passed:
                enrollment["completedAt"] = completed_at
        return self._stamped(enrollment, f"demo-enrollment-{self._number(enrollment)}")

    @staticmethod
    def _number(document: Document) -> int:
        return int.from_bytes(document["_id"].binary[8:], "big")

    @staticmethod
    def _stored(enrollment: Document) -> Document:
        return {name: value for name, value in enrollment.items() if name == "_id" or not name.startswith("_")}

    def _score(self, ability: float, mean: float) -> float:
        return round(min(100.0, max(0.0, mean + 12 * ability + self.random.gauss(0, 7))), 1)

    def _of_enrollment(self, enrollment: Document) -> Document:
        names = ("learnerId", "classId", "courseId", "departmentId", "programId")
        return {"enrollmentId": enrollment["_id"], **{name: enrollment[name] for name in names}}

    def _contents_of(self, enrollment: Document, *content_types: str) -> list[Document]:
        return [each for each in self.contents[enrollment["_code"]] if each["contentType"] in content_types]

    def _results(self) -> Iterator[Document]:
        for enrollment in self.enrollments:
            if "startedAt" not in enrollment:
                continue
            assessments = self._contents_of(enrollment, "assessment")
            span = TERM / (len(assessments) + 1)
            for number, assessment in enumerate(assessments, start=1):
                submitted_at = enrollment["startedAt"] + span * number + timedelta(hours=self.random.randint(-60, 20))
                if submitted_at > enrollment["_last"] or self.random.random() < 0.05:
                    continue
                result = {
                    "_id": self.ids.next("resu"),
                    **self._of_enrollment(enrollment),
                    "contentId": assessment["_id"],
                    "attempt": 1,
                    "submittedAt": submitted_at,
                    "duration": float(self.random.randint(900, 7200)),
                    "status": "submitted",
                }
                graded_at = submitted_at + timedelta(days=self.random.randint(2, 14))
                if graded_at < self.now and self.random.random() > 0.02:
                    score = self._score(enrollment["_ability"], 68 - 2 * number)
                    result |= {"status": "graded", "gradedAt": graded_at, "score": score, "passed": score >= 40}
                yield self._stamped(result, f"demo-result-{self._number(result)}")

    def _scorm_attempts(self) -> Iterator[Document]:
        for enrollment in self.enrollments:
            if "startedAt" not in enrollment or self.random.random() < 0.25:
                continue
            package = self._contents_of(enrollment, "scorm")[0]
            started_at = enrollment["startedAt"] + timedelta(days=self.random.randint(1, 30))
            for number in range(1, 4):
                if started_at > enrollment["_last"]:
                    break
                score = self._score(enrollment["_ability"] + 0.4 * number, 60)
                is_finished = self.random.random() < 0.85
                duration = float(self.random.randint(300, 4000))
                attempt = {
                    "_id": self.ids.next("scor"),
                    **self._of_enrollment(enrollment),
                    "contentId": package["_id"],
                    "attempt": number,
                    "startedAt": started_at,
                    "duration": duration,
                    "status": "incomplete",
                }
                if is_finished:
                    attempt |= {
                        "status": "passed" if score >= 60 else "failed",
                        "passed": score >= 60,
                        "score": score,
                        "completedAt": started_at + timedelta(seconds=duration),
                    }
                yield self._stamped(attempt, f"demo-scorm-{self._number(attempt)}")
                if is_finished and score >= 60:
                    break
                started_at += timedelta(days=self.random.randint(1, 9))

    def _events(self, per_enrollment: int) -> Iterator[Document]:
        for enrollment in self.enrollments:
            shared = self._of_enrollment(enrollment)
            yield self._event(shared, "enrollment-created", enrollment["enrolledAt"])
            if "startedAt" not in enrollment:
                continue
            first, last = enrollment["startedAt"], enrollment["_last"]
            yield self._event(shared, "enrollment-started", first)
            if "completedAt" in enrollment:
                yield self._event(shared, "enrollment-completed", enrollment["completedAt"])
            if "withdrawnAt" in enrollment:
                yield self._event(shared, "enrollment-withdrawn", enrollment["withdrawnAt"])
            share = (last - first) / TERM
            eagerness = math.exp(0.35 * enrollment["_ability"] + self.random.gauss(0, 0.3))
            for _ in range(max(1, round(per_enrollment * share * eagerness))):
                yield self._study_event(enrollment, shared, first, last)

    def _study_event(self, enrollment: Document, shared: Document, first: datetime, last: datetime) -> Document:
        moment = first + (last - first) * self.random.random()
        # Evenings and weekdays are busier, as in any learning record.
        moment = moment.replace(hour=int(self.random.triangular(7, 23, 19)), minute=self.random.randint(0, 59))
        if moment.weekday() >= 5 and self.random.random() < 0.4:
            moment -= timedelta(days=2)
        moment = min(max(moment, first), self.now)
        content = self.random.choice(self.contents[enrollment["_code"]])
        event_type, seconds = {
            "page": ("content-viewed", self.random.randint(20, 900)),
            "forum": ("content-viewed", self.random.randint(20, 600)),
            "video": (self.random.choice(("video-played", "video-completed", "video-paused")), 420),
            "scorm": (self.random.choice(("scorm-launched", "scorm-suspended")), self.random.randint(60, 1500)),
            "assessment": ("assessment-started", self.random.randint(60, 3000)),
        }[content["contentType"]]
        event = self._event(shared, event_type, moment)
        return event | {
            "contentId": content["_id"],
            "duration": float(seconds),
            "data": {"clicks": 1 + int(self.random.expovariate(0.4))},
        }

    def _event(self, shared: Document, event_type: str, moment: datetime) -> Document:
        return {
            "_id": self.ids.next("even"),
            **shared,
            "eventType": event_type,
            "timestamp": moment.replace(microsecond=0),
            "data": {},
            "isActive": True,
            "updatedAt": self.now,
        }

    def _certificates(self) -> Iterator[Document]:
        names = {code: name for code, name, program in given.COURSES if program in ("CPD", "BN-NURS")}
        for enrollment in self.enrollments:
            if "completedAt" not in enrollment or enrollment["_code"] not in names:
                continue
            issued_at = enrollment["completedAt"] + timedelta(days=1)
            certificate = {
                "_id": self.ids.next("cert"),
                **self._of_enrollment(enrollment),
                "name": f"Certificate: {names[enrollment['_code']]}",
                "issuedAt": issued_at,
                "expiresAt": issued_at + timedelta(days=365),
            }
            if self.random.random() < 0.01:
                certificate["revokedAt"] = issued_at + timedelta(days=30)
            yield self._stamped(certificate, f"demo-certificate-{self._number(certificate)}")
        # The last document of all: where it is, the demo is whole.
        yield self._stamped(
            {
                "_id": self.ids.next("cert"),
                "name": "Certificate: Northgate staff induction",
                "learnerId": self.learners[0],
                "departmentId": self.departments["professional"],
                "issuedAt": self.today - timedelta(days=400),
                "expiresAt": self.today - timedelta(days=35),
            },
            "demo-last",
        )
