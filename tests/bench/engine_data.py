"""An invented university of any size, straight into Parquet: as the record would have written it, without an import.

Learners grow with the events (250 events each); courses, classes and contents stay what they are. Events come in the
order of time, as they come.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from webapp.record.tables import TABLES

EVENTS_PER_LEARNER = 250
CHUNK = 250_000
BEGIN, END = datetime(2023, 9, 1), datetime(2025, 7, 1)  # noqa: DTZ001 - naive UTC, as the record keeps instants
EVENT_TYPES = [
    *("content-viewed", "content-completed", "video-played", "video-completed", "assessment-submitted"),
    *("assessment-graded", "session-started", "login"),
]
SHARES = [0.46, 0.1, 0.12, 0.05, 0.06, 0.05, 0.09, 0.07]
CONTENT_TYPES = ["page", "video", "assessment", "file", "forum", "scorm"]
STATUSES = ["completed", "in-progress", "withdrawn", "failed", "not-started"]
DEPARTMENTS, PROGRAMS, COURSES, CLASSES, CONTENTS = 40, 20, 200, 1_000, 2_000
#: The ids of each kind of thing begin with a number of its own.
KINDS = ["departments", "programs", "courses", "classes", "contents", "persons", "enrollments", "events"]


def make(folder: Path, events: int) -> dict[str, list[str]]:
    """The files of each table, made in `folder` unless they are there."""
    done = folder / "complete"
    if not done.exists():
        for table, rows in _small_tables(events).items():
            _write(folder, table, iter([_table(table, rows)]))
        _write(folder, "events", _events(events))
        done.touch()
    return {table: sorted(map(str, (folder / table).glob("*.parquet"))) for table in KINDS}


def learner_count(events: int) -> int:
    return max(events // EVENTS_PER_LEARNER, 40)


def ids(kind: str, numbers: np.ndarray[Any, Any]) -> pa.Array:
    """24 hex digits for each number."""
    digits = np.frombuffer(b"0123456789abcdef", np.uint8)
    text = np.full((len(numbers), 24), ord("0"), np.uint8)
    text[:, 0] = digits[KINDS.index(kind) + 1]
    for place in range(12):
        text[:, 23 - place] = digits[(numbers >> (4 * place)) & 15]
    offsets = np.arange(0, 24 * (len(numbers) + 1), 24, dtype=np.int32)
    return pa.StringArray.from_buffers(len(numbers), pa.py_buffer(offsets.tobytes()), pa.py_buffer(text.tobytes()))


def _schema(table: str) -> pa.Schema:
    """Without the partition's column, which stands in no file."""
    found = TABLES[table].arrow_schema(["data_clicks"] if table == "events" else [])
    return pa.schema([field for field in found if field.name != "month"])


def _write(folder: Path, table: str, chunks: Iterator[pa.Table]) -> None:
    (folder / table).mkdir(parents=True, exist_ok=True)
    for number, chunk in enumerate(chunks):
        pyarrow.parquet.write_table(chunk, folder / table / f"{number:04}.parquet", compression="snappy")


def _table(table: str, columns: dict[str, Any]) -> pa.Table:
    """`columns` in the schema of `table`, what is missing empty."""
    schema = _schema(table)
    count = len(columns["id"])
    columns = {"changed_at": [BEGIN] * count, "is_active": [True] * count} | columns
    arrays = [
        pa.nulls(count, field.type)
        if field.name not in columns
        else columns[field.name].cast(field.type)
        if isinstance(columns[field.name], pa.Array)
        else pa.array(columns[field.name], field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _small_tables(events: int) -> dict[str, dict[str, Any]]:
    learners = learner_count(events)
    random = np.random.default_rng(1)
    departments, programs = np.arange(DEPARTMENTS), np.arange(PROGRAMS)
    courses, classes, contents, users = (np.arange(n) for n in (COURSES, CLASSES, CONTENTS, learners))
    # One department on top, faculties under it, schools under those.
    parents = ids("departments", np.where(departments <= 6, 0, departments % 6 + 1)).to_pylist()
    enrollments = np.arange(3 * learners)
    of_class = _class_of(enrollments // 3, enrollments % 3)
    status = random.choice(len(STATUSES), len(enrollments), p=[0.5, 0.25, 0.12, 0.08, 0.05])
    begun = np.datetime64(BEGIN, "us") + random.integers(0, 400 * 86_400, len(enrollments)).astype("timedelta64[s]")
    ended = begun + random.integers(30, 200, len(enrollments)).astype("timedelta64[D]")
    names = ["Ana", "Émile", "Zoë", "Lukasz", "Mei", "Omar", "Priya", "Sven", "Tomás", "Yuki"]
    return {
        "departments": {
            "id": ids("departments", departments),
            "parent_id": [None, *parents[1:]],
            "name": [f"Department {n}" for n in departments],
        },
        "programs": {"id": ids("programs", programs), "name": [f"Program {n}" for n in programs]},
        "courses": _placed(courses) | {"id": ids("courses", courses), "name": [f"Course {n}" for n in courses]},
        "classes": _placed(classes // 5)
        | {
            "id": ids("classes", classes),
            "course_id": ids("courses", classes // 5),
            "code": [f"C{n // 5}-{n % 5}" for n in classes],
            "name": [f"Class {n}" for n in classes],
            "term": [f"{2023 + n % 2} {'Autumn' if n % 3 else 'Spring'}" for n in classes],
        },
        "contents": {
            "id": ids("contents", contents),
            "course_id": ids("courses", contents // 10),
            "name": [f"Unit {n % 10} of course {n // 10}" for n in contents],
            "content_type": [CONTENT_TYPES[n % len(CONTENT_TYPES)] for n in contents],
        },
        "persons": {
            "id": ids("persons", users),
            "name": [f"{names[n % len(names)]} {n // 7}" for n in users],
            "key": [f"L{n}" for n in users],
        },
        "enrollments": _placed(of_class // 5)
        | {
            "id": ids("enrollments", enrollments),
            "learner_id": ids("persons", enrollments // 3),
            "class_id": ids("classes", of_class),
            "course_id": ids("courses", of_class // 5),
            "status": [STATUSES[n] for n in status],
            "score": _sparse(random.integers(20, 101, len(enrollments)), random.random(len(enrollments)) < 0.7),
            "enrolled_at": begun,
            "started_at": begun,
            "completed_at": np.where(status == 0, ended, np.datetime64("NaT", "us")),
            "withdrawn_at": np.where(status == 2, ended, np.datetime64("NaT", "us")),
        },
    }


def _placed(courses: np.ndarray[Any, Any]) -> dict[str, pa.Array]:
    return {
        "department_id": ids("departments", courses % (DEPARTMENTS - 7) + 7),
        "program_id": ids("programs", courses % PROGRAMS),
    }


def _class_of(learners: np.ndarray[Any, Any], places: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The class of a learner's first, second or third enrollment: never the same twice."""
    return (learners * 7 + places * 311) % CLASSES


def _events(events: int) -> Iterator[pa.Table]:
    random = np.random.default_rng(2)
    learners = learner_count(events)
    known = {
        "persons": ids("persons", np.arange(learners)),
        "classes": ids("classes", np.arange(CLASSES)),
        "courses": ids("courses", np.arange(COURSES)),
        "contents": ids("contents", np.arange(CONTENTS)),
        "enrollments": ids("enrollments", np.arange(3 * learners)),
    }
    places = _placed(np.arange(COURSES))
    types = pa.array(EVENT_TYPES)
    span = int((END - BEGIN).total_seconds() * 1_000_000)
    for first in range(0, events, CHUNK):
        count = min(CHUNK, events - first)
        numbers = np.arange(first, first + count)
        # Some learners do much more than others.
        learner = (learners * random.random(count) ** 1.7).astype(np.int64)
        place = random.integers(0, 3, count)
        of_class = _class_of(learner, place)
        course = of_class // 5
        event_type = random.choice(len(EVENT_TYPES), count, p=SHARES)
        at = numbers * (span // events) + random.integers(0, 86_400_000_000, count)
        viewed, scored = event_type <= 1, (event_type == 4) | (event_type == 5)
        clicks = np.floor(random.exponential(4, count)) + 1
        score = random.integers(0, 1001, count) / 10
        yield _table(
            "events",
            {
                "id": ids("events", numbers),
                "learner_id": known["persons"].take(learner),
                "class_id": known["classes"].take(of_class),
                "course_id": known["courses"].take(course),
                "department_id": places["department_id"].take(course),
                "program_id": places["program_id"].take(course),
                "enrollment_id": known["enrollments"].take(learner * 3 + place),
                "content_id": known["contents"].take(course * 10 + random.integers(0, 10, count)),
                "event_type": types.take(event_type),
                "timestamp": np.datetime64(BEGIN, "us") + at.astype("timedelta64[us]"),
                "changed_at": np.datetime64(BEGIN, "us") + at.astype("timedelta64[us]"),
                "duration": _sparse(random.integers(1, 3_600, count), random.random(count) < 0.6),
                "score": _sparse(score, scored),
                "passed": pa.array(score >= 50, pa.bool_(), mask=~scored),
                "data_clicks": _sparse(clicks, viewed),
            },
        )


def _sparse(values: np.ndarray[Any, Any], known: np.ndarray[Any, Any]) -> pa.Array:
    return pa.array(values.astype(np.float64), pa.float64(), mask=~known)
