"""The Open University sample, from its published files to a report's JSON: exactly the figures counted from the source.

One import, on a server of its own; every figure by `reportdesk report`, the way a person would (in this process, so that
what a program's start costs is paid once).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pymongo import MongoClient

from tests.renderers import every_type
from tests.terminal import invoke
from webapp.documents import connect, disconnect
from webapp.settings import get_settings

pytestmark = [pytest.mark.sample, pytest.mark.timeout(900)]

Report = Callable[..., list[dict[str, Any]]]
MOST_ROWS = ("enrollment-summary", "learner-activity", "assessment-results")


@pytest.fixture(scope="module")
def desk(sample: Path, mongo: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of an installation of this test's own."""
    database = f"sample_{uuid.uuid4().hex[:12]}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("REPORTDESK_")}
    yield environment | {
        "REPORTDESK_HOME": str(tmp_path_factory.mktemp("sample") / "home"),
        "REPORTDESK_MONGODB_URI": mongo,
        "REPORTDESK_MONGODB_DATABASE": database,
    }
    client: MongoClient[Any] = MongoClient(mongo)
    client.drop_database(database)
    client.close()


def run(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "webapp.cli", *arguments], env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def settled(environment: dict[str, str]) -> Iterator[None]:
    """This process as one of that installation."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            if name.startswith("REPORTDESK_"):
                patch.setenv(name, value)
        get_settings.cache_clear()
        yield
    get_settings.cache_clear()


@pytest.fixture(scope="module")
def imported(desk: dict[str, str], sample: Path) -> tuple[str, str, str, str]:
    """What the imports said, first and second time."""
    roster, statements = str(sample / "oneroster"), str(sample / "xapi.ndjson.gz")
    return tuple(  # type: ignore[return-value]
        run(desk, "import", kind, path)
        for _ in range(2)
        for kind, path in (("oneroster", roster), ("xapi", statements))
    )


@pytest.fixture(scope="module")
def report(desk: dict[str, str], imported: object) -> Report:
    def ask(*arguments: str) -> list[dict[str, Any]]:
        with settled(desk):
            done = invoke("report", "--format", "json", *arguments)
        assert done.exit_code == 0, done.stderr
        document = json.loads(done.stdout)
        assert len(document["rows"]) == document["report"]["rowsWritten"]
        rows: list[dict[str, Any]] = document["rows"]
        return rows

    return ask


@pytest.fixture(scope="module")
def expected(sample: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((sample / "expected.json").read_text())
    return found


TOLD = ("read", "added", "changed", "unchanged", "ended", "refused", "set aside", "repeated")


def _counts(said: str) -> dict[str, dict[str, int]]:
    lines = [line.split() for line in said.splitlines() if len(line.split()) == 1 + len(TOLD)]
    numbers = [(words[0], [word.replace(",", "") for word in words[1:]]) for words in lines]
    return {
        what: dict(zip(TOLD, map(int, found), strict=True)) for what, found in numbers if all(map(str.isdigit, found))
    }


def test_the_import_reads_everything_and_a_second_one_adds_nothing(
    imported: tuple[str, str, str, str], expected: dict[str, Any]
) -> None:
    roster, statements, roster_again, statements_again = map(_counts, imported)
    for found, what, count in (
        (roster, "persons", expected["students"]),
        (roster, "rosters", expected["enrollments"]),
        (roster, "results", expected["results"]),
        (statements, "events", expected["statements"]),
    ):
        assert (found[what]["read"], found[what]["added"]) == (count, count), what
    for counts in (roster_again, statements_again):
        for what, found in counts.items():
            assert found["added"] == found["changed"] == found["ended"] == 0, what
            assert found["unchanged"] == found["read"] - found["set aside"], what


def test_enrollments_and_their_outcomes_are_those_of_the_source(report: Report, expected: dict[str, Any]) -> None:
    measures = ["count", "completion-rate", "fail-rate", "dropout-rate"]
    rows = report("--type", "enrollment-summary", "--group-by", "class", *_measures(measures))
    assert {row["class"] for row in rows} == set(expected["classes"])
    for row in rows:
        figures = expected["classes"][row["class"]]
        assert row["count"] == figures["enrollments"]
        assert row["completion-rate"] * row["count"] == pytest.approx(
            figures["Pass"] + figures["Distinction"], abs=1e-9
        )
        assert row["fail-rate"] * row["count"] == pytest.approx(figures["Fail"], abs=1e-9)
        assert row["dropout-rate"] * row["count"] == pytest.approx(figures["Withdrawn"], abs=1e-9)


def test_activity_is_that_of_the_source(report: Report, expected: dict[str, Any]) -> None:
    measures = ["event-count", "sum:data.clicks", "count-distinct:learner"]
    rows = report(
        "--type", "learner-activity", "--group-by", "class", "--event-type", "content-viewed", *_measures(measures)
    )
    for row in rows:
        figures = expected["classes"][row["class"]]
        assert row["event-count"] == figures["events"]
        assert row["sum:data.clicks"] == figures["clicks"]
        assert row["count-distinct:learner"] == figures["active_students"]
    assert sum(row["event-count"] for row in rows) == expected["events"]


def test_scores_are_those_of_the_source_and_missing_ones_are_not_zeros(
    report: Report, expected: dict[str, Any]
) -> None:
    measures = ["count", "average:score", "median:score", "std-dev:score"]
    rows = report("--type", "assessment-results", "--group-by", "class", *_measures(measures))
    for row in rows:
        figures = expected["classes"][row["class"]]
        assert row["count"] == figures["results"]
        assert row["average:score"] == pytest.approx(figures["avg_score"], abs=1e-6)
        assert row["median:score"] == pytest.approx(figures["median_score"], abs=1e-6)
        assert row["std-dev:score"] == pytest.approx(figures["stddev_score"], abs=1e-6)


def test_clicks_by_content_type_and_medians_by_month_agree_with_sql_over_the_statements(
    report: Report, sample: Path
) -> None:
    with duckdb.connect() as connection:
        connection.execute(
            """CREATE TABLE viewed AS SELECT
                 CAST(timestamp AS TIMESTAMP) AS seen_at,
                 split_part(object.definition.type, '/', -1) AS content_type,
                 CAST(result.extensions['https://data.open.ac.uk/xapi/clicks'] AS DOUBLE) AS clicks
               FROM read_json(?, format='newline_delimited', columns={
                 timestamp: 'VARCHAR', verb: 'STRUCT(id VARCHAR)',
                 object: 'STRUCT(definition STRUCT("type" VARCHAR))',
                 result: 'STRUCT(extensions MAP(VARCHAR, DOUBLE))'})
               WHERE verb.id LIKE '%/experienced'""",
            [str(sample / "xapi.ndjson.gz")],
        )
        by_type = dict(connection.execute("SELECT content_type, sum(clicks) FROM viewed GROUP BY 1").fetchall())
        by_month = dict(
            connection.execute("SELECT strftime(seen_at, '%Y-%m'), median(clicks) FROM viewed GROUP BY 1").fetchall()
        )
    viewed = ["--type", "learner-activity", "--event-type", "content-viewed"]
    rows = report(*viewed, "--group-by", "content-type", *_measures(["sum:data.clicks"]))
    assert {row["content-type"]: row["sum:data.clicks"] for row in rows} == by_type
    rows = report(*viewed, "--group-by", "month", *_measures(["median:data.clicks"]))
    assert {row["month"]: row["median:data.clicks"] for row in rows} == by_month


def test_withdrawals_by_week_agree_with_sql_over_the_statements(report: Report, sample: Path) -> None:
    with duckdb.connect() as connection:
        weeks = dict(
            connection.execute(
                """SELECT strftime(CAST(timestamp AS TIMESTAMP), '%G-W%V'), count(*)
                   FROM read_json(?, format='newline_delimited',
                                  columns={timestamp: 'VARCHAR', verb: 'STRUCT(id VARCHAR)'})
                   WHERE verb.id LIKE '%/abandoned' GROUP BY 1""",
                [str(sample / "xapi.ndjson.gz")],
            ).fetchall()
        )
    rows = report(
        "--type", "enrollment-summary", "--group-by", "week", "--date-field", "withdrawn-at",
        "--status", "withdrawn", *_measures(["count"]),
    )  # fmt: skip
    assert {row["week"]: row["count"] for row in rows} == weeks


def _measures(keys: list[str]) -> list[str]:
    return [word for key in keys for word in ("--measure", key)]


def test_every_cell_is_the_same_in_every_format(desk: dict[str, str], imported: object, tmp_path: Path) -> None:
    """The report types of what this module has most of, as they stand and row by row. REPORTDESK_TEST_FILES=full: every
    type, with all rows. (In short, every type is tried on the demo: `tests/renderers/test_same_cells.py`.)"""
    is_full = os.environ.get("REPORTDESK_TEST_FILES") == "full"
    limit = None if is_full else 25
    cases = [case for case in every_type.cases() if is_full or case.report_type in MOST_ROWS]
    with settled(desk):
        connect(desk["REPORTDESK_MONGODB_URI"], desk["REPORTDESK_MONGODB_DATABASE"])
        try:
            compared = {}
            for number, case in enumerate(cases):
                compared[str(case)] = every_type.check(case, tmp_path / str(number), limit=limit)
        finally:
            disconnect()
    for case_, (rows, cells) in compared.items():
        print(f"{case_}: {rows:,} rows, {cells:,} cells of five files compared")
    # This module has no SCORM packages, no certificates and no instructors; nobody is on the way any more, and its
    # contents are none of those that are to be handed in.
    without = (
        "scorm",
        "certification",
        "instructor",
        "inactive-learners",
        "overdue-enrollments",
        "missing-submissions",
    )
    empty = {case_ for case_, (rows, _) in compared.items() if rows == 0}
    assert empty <= {name for name in compared if name.startswith(without)}
