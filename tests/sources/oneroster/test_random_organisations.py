"""Any organisation, written as a bundle in any form that rosters come in, is read back as what it is."""

from __future__ import annotations

import csv
import io
import random
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.sources.oneroster.plain_staging import PlainStaging, read
from webapp.record.ids import id_of

pytestmark = pytest.mark.usefixtures("settings_env")

#: Letters that Windows-1252 has too, separators and quotation marks among them.
NAMES = st.text("abcÄéñß ,;|\t\"'", min_size=1, max_size=8).map(str.strip).filter(bool)


@dataclass(frozen=True)
class Person:
    key: str
    name: str
    role: str
    school: int
    is_enabled: bool


@dataclass(frozen=True)
class Enrollment:
    number: int
    class_: int
    person: int


@dataclass(frozen=True)
class Organisation:
    schools: list[str]
    classes: list[tuple[str, int]]
    people: list[Person]
    enrollments: list[Enrollment]


@dataclass(frozen=True)
class Form:
    """How a bundle is written."""

    version: str
    separator: str
    encoding: str
    is_named_in_capitals: bool
    are_roles_in_capitals: bool
    has_enrollment_ids: bool
    has_courses: bool
    shuffle: int


@st.composite
def organisations(draw: st.DrawFn) -> Organisation:
    schools = draw(st.lists(NAMES, min_size=1, max_size=3))
    of_school = st.integers(0, len(schools) - 1)
    classes = draw(st.lists(st.tuples(NAMES, of_school), min_size=1, max_size=4))
    people = [
        Person(f"person{n}", *each)
        for n, each in enumerate(
            draw(
                st.lists(
                    st.tuples(NAMES, st.sampled_from(["student", "teacher", "aide"]), of_school, st.booleans()),
                    min_size=1,
                    max_size=6,
                )
            )
        )
    ]
    pairs = draw(st.sets(st.tuples(st.integers(0, len(classes) - 1), st.integers(0, len(people) - 1)), max_size=12))
    return Organisation(schools, classes, people, [Enrollment(n, *each) for n, each in enumerate(sorted(pairs))])


forms = st.builds(
    Form,
    st.sampled_from(["1.1", "1.2"]),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["utf-8", "utf-8-sig", "cp1252"]),
    *[st.booleans()] * 4,
    st.integers(0, 9),
)


def written(folder: Path, organisation: Organisation, form: Form) -> None:
    """The organisation as files."""

    def role(name: str) -> str:
        return name.title() if form.are_roles_in_capitals else name

    def put(name: str, rows: list[dict[str, str]]) -> None:
        if not rows:
            return
        headings = list(rows[0])
        random.Random(form.shuffle).shuffle(headings)
        text = io.StringIO()
        writer = csv.DictWriter(text, headings, delimiter=form.separator)
        shown = {each: each.upper() if form.is_named_in_capitals else each for each in headings}
        writer.writerow(shown)
        writer.writerows(rows)
        called = name.upper() if form.is_named_in_capitals else name
        (folder / f"{called}.csv").write_bytes(text.getvalue().encode(form.encoding))

    put("orgs", [{"sourcedId": f"s{n}", "name": name, "type": "school"} for n, name in enumerate(organisation.schools)])
    if form.has_courses:
        put("courses", [{"sourcedId": f"c{n}", "title": f"of {n}"} for n in range(len(organisation.classes))])
    put(
        "classes",
        [
            {"sourcedId": f"k{n}", "title": name, "schoolSourcedId": f"s{school}", "courseSourcedId": f"c{n}"}
            for n, (name, school) in enumerate(organisation.classes)
        ],
    )
    users = [
        {"sourcedId": each.key, "givenName": each.name, "familyName": "", "enabledUser": str(each.is_enabled).lower()}
        for each in organisation.people
    ]
    if form.version == "1.1":
        for user, each in zip(users, organisation.people, strict=True):
            user |= {"role": role(each.role), "orgSourcedIds": f"s{each.school}"}
    else:
        put(
            "roles",
            [
                {"userSourcedId": each.key, "role": role(each.role), "orgSourcedId": f"s{each.school}"}
                for each in organisation.people
            ],
        )
    put("users", users)
    enrollments = []
    for enrollment in organisation.enrollments:
        person = organisation.people[enrollment.person]
        row = {"classSourcedId": f"k{enrollment.class_}", "userSourcedId": person.key, "role": role(person.role)}
        enrollments.append({"sourcedId": f"e{enrollment.number}", **row} if form.has_enrollment_ids else row)
    put("enrollments", enrollments)


def ref(table: str, key: str) -> str:
    return id_of("oneroster", table, key)


def expected(organisation: Organisation, form: Form) -> dict[str, set[tuple[object, ...]]]:
    """The rows that there must be, the plain way."""
    people = [each for each in organisation.people if each.role != "aide"]
    rows: dict[str, set[tuple[object, ...]]] = {
        "departments": {(f"s{n}", name) for n, name in enumerate(organisation.schools)},
        "courses": {
            (f"c{n}", f"of {n}" if form.has_courses else name) for n, (name, _) in enumerate(organisation.classes)
        },
        "classes": {
            (f"k{n}", name, ref("courses", f"c{n}"), ref("departments", f"s{school}"))
            for n, (name, school) in enumerate(organisation.classes)
        },
        "persons": {
            (
                each.key,
                each.name,
                ("learner",) if each.role == "student" else ("instructor",),
                (ref("departments", f"s{each.school}"),),
                each.is_enabled,
            )
            for each in people
        },
        "rosters": set(),
        "teachings": set(),
    }
    for enrollment in organisation.enrollments:
        person = organisation.people[enrollment.person]
        if person.role == "aide":
            continue
        key = f"e{enrollment.number}" if form.has_enrollment_ids else f"k{enrollment.class_} {person.key} {person.role}"
        table = "rosters" if person.role == "student" else "teachings"
        rows[table].add((key, ref("persons", person.key), ref("classes", f"k{enrollment.class_}")))
    return rows


COLUMNS = {
    "departments": ("key", "name"),
    "courses": ("key", "name"),
    "classes": ("key", "name", "course_id", "department_id"),
    "persons": ("key", "name", "roles", "department_ids", "is_active"),
    "rosters": ("key", "learner_id", "class_id"),
    "teachings": ("key", "person_id", "class_id"),
}


def read_back(staging: PlainStaging) -> dict[str, set[tuple[object, ...]]]:
    def value(found: object) -> object:
        return tuple(found) if isinstance(found, list) else found

    return {
        table: {tuple(value(row[column]) for column in columns) for row in staging.tables.get(table, {}).values()}
        for table, columns in COLUMNS.items()
    }


@settings(max_examples=examples(50), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(organisations(), forms)
def test_any_organisation_in_any_form_is_read_back_as_it_is(organisation: Organisation, form: Form) -> None:
    with TemporaryDirectory() as folder:
        written(Path(folder), organisation, form)
        staging = read(Path(folder))
    assert staging.refused == []
    assert read_back(staging) == expected(organisation, form)
    others = sum(organisation.people[each.person].role == "aide" for each in organisation.enrollments)
    assert staging.aside["rosters", "enrollments that are neither a student's nor a teacher's"] == others
