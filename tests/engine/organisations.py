"""Small organisations with everything that is hard: namesakes, empty and dangling references, cycles in the tree,
clock changes, week 53, leap days, inactive records, nulls, duplicated moments."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from tests.engine.reference import Row, Tables
from webapp.engine.catalogue.tables import TABLES
from webapp.record.tables import TABLES as OF_RECORD

HARD_MOMENTS = [
    datetime(2024, 3, 31, 0, 59, 59, tzinfo=UTC),  # Madrid's clocks go forward at 01:00 UTC
    datetime(2024, 3, 31, 1, 0, tzinfo=UTC),
    datetime(2024, 10, 27, 0, 30, tzinfo=UTC),  # the hour that comes twice
    datetime(2024, 10, 27, 1, 30, tzinfo=UTC),
    datetime(2024, 3, 10, 7, 0, tzinfo=UTC),  # New York
    datetime(2020, 12, 31, 23, 30, tzinfo=UTC),  # week 53 of 2020
    datetime(2021, 1, 3, 12, 0, tzinfo=UTC),
    datetime(2024, 2, 29, 12, 0, tzinfo=UTC),
    datetime(2023, 12, 31, 18, 15, tzinfo=UTC),  # already 2024 in Kathmandu
    datetime(2019, 6, 30, 23, 59, tzinfo=UTC),
]
#: In the organisations of these seeds in place of the last one. Every clock change since then becomes part of each
#: question by time, which makes it longer.
LONG_AGO = datetime(1969, 12, 31, 23, 59, tzinfo=UTC)
SEEDS_WITH_LONG_AGO = (1, 4)
#: “Never”, as many systems write it, and the calendar's other end.
ENDS_OF_THE_CALENDAR = [datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)]
SEEDS_WITH_ENDS = (4, 6)
NAMES = ["Ana Ruiz", "ana ruiz", "Zoë Łuka", "Ana Ruiz", "", None, "李小龙", "O’Brien, Pat", "=1+1", "Émile", "emile"]


class _Maker:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.hard = [*HARD_MOMENTS[:-1], LONG_AGO] if seed in SEEDS_WITH_LONG_AGO else HARD_MOMENTS
        if seed in SEEDS_WITH_ENDS:
            self.hard = [*ENDS_OF_THE_CALENDAR, *self.hard]
        self.number = 0

    def id(self) -> str:
        self.number += 1
        return f"{self.number:024x}"

    def maybe(self, value: Any, share: float = 0.88) -> Any:
        return value if self.random.random() < share else None

    def one(self, values: list[Any]) -> Any:
        return self.random.choice(values)

    def moment(self) -> datetime:
        if self.random.random() < 0.35:
            return self.one(self.hard)
        return datetime(2023, 6, 1, tzinfo=UTC) + timedelta(seconds=self.random.randrange(0, 600 * 86_400))

    def score(self) -> float | None:
        return self.maybe(
            self.one([0.0, 39.9, 40.0, 59.5, 89.5, 90.0, 100.0, round(self.random.uniform(0, 100), 2)]), 0.8
        )

    def flag(self) -> bool | None:
        return self.one([True, False, None])

    def base(self, external: str | None = None) -> Row:
        record_id = self.id()
        return {
            "id": record_id,
            "changed_at": datetime(2025, 1, 1, tzinfo=UTC),
            "is_active": self.random.choices([True, False, None], [85, 12, 3])[0],
            "key": external or f"x-{record_id[-4:]}",
        }


def make(seed: int) -> Tables:
    """One organisation, the same for the same seed."""
    m = _Maker(seed)
    departments = [
        m.base() | {"name": name, "code": name.lower(), "parent_id": None}
        for name in ("Top", "Arts", "Law", "Ring A", "Ring B")
    ]
    departments[1]["parent_id"] = departments[0]["id"]
    departments[2]["parent_id"] = departments[1]["id"]
    departments[3]["parent_id"], departments[4]["parent_id"] = departments[4]["id"], departments[3]["id"]
    gone = m.id()
    department_ids = [*(d["id"] for d in departments), gone]
    programs = [
        m.base() | {"name": f"Program {n}", "code": f"P{n}", "department_id": m.one(department_ids)} for n in range(3)
    ]
    courses = [
        m.base()
        | {
            "name": f"Course {n}",
            "code": f"C{n}",
            "department_id": m.maybe(m.one(department_ids)),
            "program_id": m.maybe(m.one(programs)["id"]),
        }
        for n in range(4)
    ]
    users = [m.base() | {"name": name or "", "roles": None} for name in NAMES] + [
        m.base() | {"name": f"L{n}"} for n in range(6)
    ]
    user_ids = [*(u["id"] for u in users), gone]
    classes = []
    for n in range(6):
        course = m.one(courses)
        classes.append(
            m.base()
            | {
                "name": f"Class {n}", "code": m.maybe(f"CL-{n % 4}", 0.7) or "", "term": m.maybe(m.one(["2024 Spring", "2024 Autumn"])),
                "course_id": course["id"], "department_id": m.maybe(course["department_id"]), "program_id": course["program_id"],
                "starts_at": m.maybe(m.moment()), "ends_at": m.maybe(m.moment()),
                "instructor_ids": m.one([None, [], [users[0]["id"]], [users[1]["id"], users[3]["id"]], [gone]]),
            }
        )  # fmt: skip
    contents = [
        m.base()
        | {
            "name": m.one(["Unit", "Quiz", "Unit"]),
            "content_type": m.maybe(m.one(["page", "video", "assessment", ""])),
            # Some are of a course, some of one class of it, some of none.
            "course_id": courses[n % 4]["id"] if n % 3 else None,
            "class_id": classes[n % 6]["id"] if n % 2 else None,
            "department_id": None,
        }
        for n in range(7)
    ]
    enrollments = [_place(m, classes, user_ids, None) | _enrollment(m) for _ in range(m.one([0, 1, 25, 45]))]
    content_ids = [*(c["id"] for c in contents), gone]
    _tell_more(random.Random(f"more {seed}"), users, contents, department_ids)
    _name_alike(random.Random(f"alike {seed}"), departments, programs, courses, classes, users, contents)
    return {
        "departments": departments,
        "persons": users,
        "programs": programs,
        "courses": courses,
        "classes": classes,
        "contents": contents,
        "enrollments": enrollments,
        "events": [
            _place(m, classes, user_ids, content_ids)
            | {
                "event_type": m.one(["content-viewed", "enrollment-created", "video-played", None]), "verb": None,
                "duration": m.maybe(m.one([0.0, 1.5, 3600.0, 12.25])), "score": m.score(), "timestamp": m.maybe(m.moment(), 0.97),
                "passed": m.flag(), "data_clicks": m.maybe(float(m.random.randrange(1, 40))),
            }
            for _ in range(m.one([0, 60, 160]))
        ],
        "results": [
            _place(m, classes, user_ids, content_ids)
            | {
                "status": m.one(["submitted", "graded", "exempt"]), "attempt": m.maybe(float(m.random.randrange(1, 4))), "score": m.score(),
                "duration": m.maybe(600.5), "submitted_at": m.maybe(m.moment()), "graded_at": m.maybe(m.moment()), "passed": m.flag(),
            }
            for _ in range(50)
        ],
        "attempts": [
            _place(m, classes, user_ids, content_ids)
            | {
                "status": m.one(["incomplete", "completed", "passed", "failed", None]), "attempt": 1.0, "score": m.score(),
                "duration": m.maybe(m.one([30.0, 95.5])), "started_at": m.maybe(m.moment()), "completed_at": m.maybe(m.moment()), "passed": m.flag(),
            }
            for _ in range(40)
        ],
        "certificates": [
            _place(m, classes, user_ids, None)
            | {"name": m.maybe(m.one(["First aid", "Fire"])), "issued_at": m.maybe(m.moment()), "expires_at": m.maybe(m.moment()), "revoked_at": m.maybe(m.moment(), 0.2)}
            for _ in range(25)
        ],
    }  # fmt: skip


def _tell_more(chance: random.Random, users: list[Row], contents: list[Row], department_ids: list[str]) -> None:
    """Addresses, roles and places of people, some of whom no row names; and by when something is to be handed in. Drawn
    apart, so that all else stays what it was."""
    users += [
        {"id": f"{0xABCDEF00 + n:024x}", "name": f"Idle {n}", "key": f"idle-{n}", "is_active": n != 2} for n in range(5)
    ]
    for number, user in enumerate(users):
        is_idle = number >= len(users) - 5
        user |= {
            "email": chance.choice([None, "", f"p{number}@x.example", "both@x.example"]),
            "roles": ["learner"] if is_idle else chance.choice([None, [], ["learner"], ["instructor"], ["instructor", "learner"]]),
            "department_ids": chance.choice([None, [], department_ids[1:2], department_ids[1:4], department_ids[-1:]]),
        }  # fmt: skip
    for content in contents:
        content["due_at"] = chance.choice([None, datetime(2024, 5, 31, tzinfo=UTC), datetime(2024, 6, 30, tzinfo=UTC)])


def _name_alike(chance: random.Random, *kinds: list[Row]) -> None:
    """Namesakes of every kind: some differ in their code, some in where they belong, some in nothing but their id."""
    departments, programs, courses, classes, users, contents = kinds
    for rows, names in (
        (departments, ["Arts", "Ring", "Law"]),
        (programs, ["Nursing", "Nursing", "Arts"]),
        (courses, ["Algebra", "Arts", "Algebra", ""]),
    ):
        for row in rows:
            row |= {"name": chance.choice(names), "code": chance.choice([None, "", "C1", "C2", row["name"]])}
    for row in classes:
        row |= {"name": chance.choice(["Class 0", "Class 1", "Algebra", ""])}
    for number, row in enumerate(users):
        row |= {"number": chance.choice([None, "", "N-1", f"N-{number}"])}
    for row in (*classes, *contents):
        # Keys of two sources may be the same.
        row |= {"key": chance.choice([row["key"], "k-1", "", None])}


def _place(m: _Maker, classes: list[Row], user_ids: list[str], content_ids: list[str] | None) -> Row:
    found = m.maybe(m.one(classes))
    row = m.base() | {
        "learner_id": m.maybe(m.one(user_ids), 0.95),
        "class_id": found["id"] if found else None,
        "course_id": found["course_id"] if found else None,
        "department_id": found["department_id"] if found else None,
        "program_id": found["program_id"] if found else None,
        "enrollment_id": None,
    }
    return row | ({"content_id": m.maybe(m.one(content_ids))} if content_ids is not None else {})


def _enrollment(m: _Maker) -> Row:
    return {
        "status": m.one(["not-started", "in-progress", "completed", "failed", "withdrawn", "expired"]),
        "score": m.score(),
        "enrolled_at": m.maybe(m.moment()),
        "started_at": m.maybe(m.moment(), 0.5),
        "completed_at": m.maybe(m.moment(), 0.6),
        "withdrawn_at": m.maybe(m.moment(), 0.2),
        "passed": m.flag(),
    }


def write(tables: Tables, folder: Path) -> dict[str, list[str]]:
    """The tables as the record keeps them; each in two files, as after an append. Returns paths by table."""
    files: dict[str, list[str]] = {}
    for name, rows in tables.items():
        more = ["data_clicks"] if name == "events" else []
        # A partition's column stands in no file.
        schema = pa.schema([field for field in OF_RECORD[name].arrow_schema(more) if field.name != "month"])
        plain = [{column: _naive(row.get(column)) for column in schema.names} for row in rows]
        files[name] = []
        for number, part in enumerate((plain[: len(plain) // 2], plain[len(plain) // 2 :])):
            path = folder / f"{name}-{number}.parquet"
            pyarrow.parquet.write_table(pa.Table.from_pylist(part, schema=schema), path)
            files[name].append(str(path))
    assert set(files) <= set(TABLES)
    return files


def _naive(value: Any) -> Any:
    return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else value
