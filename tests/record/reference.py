"""What a sequence of imports makes of the record, in plain Python over dictionaries; nothing of the program is used.

One function a rule, by the words of the contract: what is given stays, the rest is worked out from it each time.
"""

from __future__ import annotations

import hashlib
from copy import deepcopy
from datetime import datetime
from typing import Any

Row = dict[str, Any]
Given = dict[str, dict[str, Row]]  # table -> id -> the row as a source gave it
FIRST_STAYS = {"events", "outcomes", "voids"}
REQUIRED = {
    "teachings": {"person_id": "persons", "class_id": "classes"},
    "rosters": {"learner_id": "persons", "class_id": "classes"},
    "outcomes": {"learner_id": "persons", "class_id": "classes"},
    "aliases": {"person_id": "persons"},
    "results": {"learner_id": "persons"},
    "events": {"learner_id": "persons"},
}
ORDER = [
    "departments", "persons", "courses", "classes", "teachings", "rosters", "outcomes", "voids", "aliases", "results", "events",
]  # fmt: skip


def name_of(source: str, table: str, key: str) -> str:
    return hashlib.sha256(f"{source}/{table}/{key}".encode()).hexdigest()[:24]


def take(before: Given, rows: dict[str, list[Row]], whole: set[str], source: str) -> tuple[Given, dict[str, int]]:
    """The record's given rows after an import, and how many of each table it refused."""
    after, refused = deepcopy(before), dict.fromkeys(ORDER, 0)
    for table in ORDER:
        there = after.setdefault(table, {})
        seen: set[str] = set()
        named: set[str] = set()
        for row in rows.get(table, []):
            named.add(row["id"])
            if row["id"] in seen:
                continue
            seen.add(row["id"])
            needs = REQUIRED.get(table, {})
            if any(row.get(column) not in after.get(other, {}) for column, other in needs.items()):
                refused[table] += 1
                continue
            if table not in FIRST_STAYS or row["id"] not in there:
                there[row["id"]] = row
        if table in whole:
            for row_id, row in there.items():
                if row["source"] == source and row_id not in named:
                    there[row_id] = row | {"is_active": False}
    after["aliases"] = {key: each for key, each in after["aliases"].items() if each["source"] != "xapi"}
    for row_id, person_id in match(after).items():
        person = after["persons"][row_id]
        after["aliases"][row_id] = {
            "id": row_id, "source": "xapi", "key": person["key"], "is_active": True, "person_id": person_id,
        }  # fmt: skip
    return after, refused


def match(given: Given) -> dict[str, str]:
    """Persons of statements -> persons of rosters."""
    persons = list(given.get("persons", {}).values())
    said = [each for each in persons if each["source"] == "xapi"]
    listed = [each for each in persons if each["source"] != "xapi"]
    found: dict[str, str] = {}
    for person in said:
        if person["id"] in given.get("aliases", {}):
            continue
        account, email = person.get("account_name"), person.get("email")
        homes = {each.get("account_home") or "" for each in said if each.get("account_name") == account}
        candidates = []
        if account is not None and len(homes) == 1:
            candidates.append([each for each in listed if each["key"] == account])
        if email is not None:
            candidates.append([each for each in listed if (each.get("email") or "").lower() == email.lower()])
        digest = person.get("email_sha1") or (_hash(email) if email else None)
        if digest is not None:
            candidates.append([each for each in listed if each.get("email") and _hash(each["email"]) == digest])
        only = next((each[0] for each in candidates if len(each) == 1), None)
        if only is not None:
            found[person["id"]] = only["id"]
    return found


def _hash(email: str) -> str:
    return hashlib.sha1(f"mailto:{email.lower()}".encode(), usedforsecurity=False).hexdigest()


def worked_out(given: Given, now: datetime) -> dict[str, dict[str, Row]]:
    """The tables as people read them."""
    alias = {each["id"]: each["person_id"] for each in given["aliases"].values() if each["is_active"]}
    void = {each["id"] for each in given["voids"].values() if each["is_active"]}
    tables: dict[str, dict[str, Row]] = {}
    tables["persons"] = {
        each["id"]: each | {"is_active": each["is_active"] and each["id"] not in alias}
        for each in given["persons"].values()
    }
    tables["classes"] = {each["id"]: _class(each, given, alias, now) for each in given["classes"].values()}
    tables["enrollments"] = _enrollments(given, alias, void, tables["classes"])
    place: dict[tuple[str, str], str] = {}
    for each in sorted(tables["enrollments"].values(), key=lambda each: (not each["is_active"], each["id"])):
        place.setdefault((each["class_id"], each["learner_id"]), each["id"])
    for table in ("events", "results"):
        tables[table] = {}
        for each in given[table].values():
            learner = alias.get(each["learner_id"], each["learner_id"])
            of_class = tables["classes"].get(each.get("class_id") or "", each)
            tables[table][each["id"]] = each | {
                "learner_id": learner,
                "course_id": of_class.get("course_id"),
                "department_id": of_class.get("department_id"),
                "enrollment_id": place.get((each.get("class_id") or "", learner)),
                "is_active": each["is_active"] and not (table == "events" and each["id"] in void),
            }
    return tables


def _class(row: Row, given: Given, alias: dict[str, str], now: datetime) -> Row:
    course = given["courses"].get(row.get("course_id") or "", {})
    teachers = {
        alias.get(each["person_id"], each["person_id"])
        for each in given["teachings"].values()
        if each["class_id"] == row["id"] and each["is_active"] and (each["ends_at"] is None or each["ends_at"] > now)
    }
    department = row["department_id"] if row.get("department_id") is not None else course.get("department_id")
    return row | {"department_id": department, "instructor_ids": sorted(teachers)}


def _enrollments(given: Given, alias: dict[str, str], void: set[str], classes: dict[str, Row]) -> dict[str, Row]:
    said: dict[tuple[str, str], list[Row]] = {}
    for each in given["outcomes"].values():
        learner = alias.get(each["learner_id"], each["learner_id"])
        said.setdefault((each["class_id"], learner), []).append(each)
    listed: dict[tuple[str, str], list[Row]] = {}
    for each in given["rosters"].values():
        learner = alias.get(each["learner_id"], each["learner_id"])
        listed.setdefault((each["class_id"], learner), []).append(each | {"learner_id": learner})
    found: list[Row] = []
    for pair, rows in listed.items():
        ordered = sorted(rows, key=lambda each: (not each["is_active"], each["id"]))
        for number, each in enumerate(ordered):
            found.append(judged(each, said.get(pair, []) if number == 0 else [], void))
    for pair, outcomes in said.items():
        if pair in listed or all(each["effect"] == "started" for each in outcomes):
            continue
        standing = [each for each in outcomes if each["id"] not in void and each["effect"] != "started"]
        key = f"{pair[0]} {pair[1]}"
        row: Row = {
            "id": name_of("xapi", "enrollments", key), "key": key, "source": "xapi", "is_active": bool(standing),
            "class_id": pair[0], "learner_id": pair[1], "status": "in-progress",
        }  # fmt: skip
        found.append(judged(row, outcomes, void))
    for each in found:
        of_class = classes.get(each["class_id"], {})
        each |= {"course_id": of_class.get("course_id"), "department_id": of_class.get("department_id")}
    return {each["id"]: each for each in found}


def judged(row: Row, outcomes: list[Row], void: set[str]) -> Row:
    """A roster's row with what stands of all that statements say of it."""
    standing = sorted((each for each in outcomes if each["id"] not in void), key=lambda each: (each["at"], each["id"]))
    deciding = [each for each in standing if each["effect"] != "started"]
    last = deciding[-1] if deciding else None
    given = row.get("status") or ("in-progress" if outcomes else "not-started")
    started = [each["at"] for each in standing if each["effect"] == "started"]
    registered = [each["at"] for each in standing if each["effect"] == "registered"]
    scores = [each["score"] for each in deciding if each["score"] is not None]
    after = row | {
        "status": given,
        "score": scores[-1] if scores else row.get("score"),
        "enrolled_at": row.get("enrolled_at") or (min(registered) if registered else None),
        "started_at": min(started) if started else row.get("started_at"),
        "completed_at": row.get("completed_at"),
        "withdrawn_at": row.get("withdrawn_at"),
        "passed": row.get("passed"),
        "outcome_at": None,
    }
    if last is not None and last["effect"] != "registered":
        effect = last["effect"]
        after["status"] = effect
        after["outcome_at"] = last["at"]
        after["completed_at"] = last["at"] if effect == "completed" else None
        after["passed"] = {"completed": True, "failed": False}.get(effect)
        if effect == "withdrawn":
            after["withdrawn_at"] = last["at"]
    elif given == "not-started" and (last is not None or started):
        after["status"] = "in-progress"
    return after
