"""The table of a result: sorted, searched and turned over by the server, from the rows kept with the report."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from flask.testing import FlaskClient
from lxml import html

from tests.commands import recorded, scans
from tests.factories import People, make_job
from webapp import statuses, storage
from webapp.documents import ReportJob, User
from webapp.engine.result import ChartSpec, Column, Result
from webapp.messages import Message
from webapp.renderers import kept_rows, page_result
from webapp.renderers.chart_svg import Chart, Sketch
from webapp.renderers.reader import Reader
from webapp.services.files import comparison
from webapp.services.plain_text import folded
from webapp.settings import get_settings

Client = Callable[[User], FlaskClient]
Ready = Callable[..., ReportJob]
ROWS = 120
LEARNER = Column("learner", "Learner", "string", "text", "field")
STATUS = Column("status", "Status", "string", "text", "field", words=statuses.WORDS)
SCORE = Column("score", "Score", "number", "score", "field")
TIME = Column("duration", "Recorded time", "number", "seconds", "field")
COURSE = Column("course", "Course", "string", "text", "dimension")
COUNT = Column("count", "Count", "integer", "count", "measure")


@pytest.fixture
def with_rows(ready_job: Ready, tmp_path: Path) -> Ready:
    """A finished report with these columns and rows kept beside its page."""

    def make(
        columns: list[Column], rows: list[list[Any]], totals: dict[str, Any] | None = None, **job: Any
    ) -> ReportJob:
        made = ready_job(**job)
        types = {"string": pa.string(), "number": pa.float64(), "integer": pa.int64()}
        table = {f"c{n}": pa.array([row[n] for row in rows], types[each.type]) for n, each in enumerate(columns)}
        pyarrow.parquet.write_table(pa.table(table), tmp_path / "rows.parquet")
        result = Result(tuple(columns), tmp_path / "rows.parquet", len(rows), len(rows), totals, None, ())
        is_whole = kept_rows.write(result, tmp_path / "rows.arrow", folded)
        page_result.write(result, None, tmp_path / "page.json", has_all_rows=is_whole)
        files = storage.open_storage(get_settings().effective_storage_url)
        for name in ("rows.arrow", "page.json"):
            files.put(tmp_path / name, f"reports/{made.id}/1/{name}")
        return made

    return make


def learners() -> list[list[Any]]:
    """In no order; the newest and highest are the last, where a page's first rows do not show them."""
    return [
        [f"Learner {n * 7 % ROWS:03}", "in-progress" if n % 2 else "completed", float(n), 60.0] for n in range(ROWS)
    ]


def cells(client: FlaskClient, address: str, **headers: str) -> list[list[str]]:
    answer = client.get(address, headers=headers)
    assert answer.status_code == 200, answer.text
    body = html.fromstring(answer.text).xpath("//div[@id='result-table']//tbody/tr")
    return [[cell.text_content().strip() for cell in row] for row in body]


def test_a_click_on_a_heading_sorts_all_rows_and_not_those_of_the_page(
    as_person: Client, people: People, with_rows: Ready
) -> None:
    job = with_rows([LEARNER, STATUS, SCORE, TIME], learners())
    shown = cells(as_person(people.owner), f"/reports/{job.id}?sort=-2")
    assert [row[2] for row in shown] == [f"{n}.00" for n in range(119, 69, -1)]


def test_pages_hold_every_row_once_in_order(as_person: Client, people: People, with_rows: Ready) -> None:
    job = with_rows([LEARNER, STATUS, SCORE, TIME], learners())
    client = as_person(people.owner)
    found = [row[0] for page in (1, 2, 3) for row in cells(client, f"/reports/{job.id}?sort=0&page={page}")]
    assert found == [f"Learner {n:03}" for n in range(ROWS)]


def test_a_search_goes_through_all_rows_and_through_the_words_that_the_reader_sees(
    as_person: Client, people: People, with_rows: Ready
) -> None:
    job = with_rows([LEARNER, STATUS, SCORE, TIME], learners())
    people.owner.update(locale="es")
    client = as_person(people.owner.reload())
    assert cells(client, f"/reports/{job.id}?find=LEARNER+117") == [["Learner 117", "En curso", "51,00", "0:01:00"]]
    assert len(cells(client, f"/reports/{job.id}?find=en+curso&page=2")) == ROWS // 2 - 50


def test_under_rows_one_by_one_stand_sums_and_means_of_those_found(
    as_person: Client, people: People, with_rows: Ready
) -> None:
    job = with_rows([LEARNER, STATUS, SCORE, TIME], learners())
    page = html.fromstring(as_person(people.owner).get(f"/reports/{job.id}?find=learner+11").text)
    foot = [" ".join(cell.text_content().split()) for cell in page.xpath("//div[@id='result-table']//tfoot/tr/*")]
    scores = [n for n in range(ROWS) if "11" in f"{n * 7 % ROWS:03}"]
    assert foot == ["Total", "", f"mean {sum(scores) / len(scores):.2f}", f"0:{len(scores):02}:00"]


def test_under_groups_stands_what_was_worked_out_from_all_rows_whatever_is_searched(
    as_person: Client, people: People, with_rows: Ready
) -> None:
    job = with_rows([COURSE, COUNT], [["Algebra", 3], ["Biology", 4]], {"count": 6})
    page = html.fromstring(as_person(people.owner).get(f"/reports/{job.id}?find=algebra").text)
    foot = [cell.text_content().strip() for cell in page.xpath("//div[@id='result-table']//tfoot/tr/*")]
    assert foot == ["Total of all rows", "6"]


def test_htmx_gets_the_table_alone(as_person: Client, people: People, with_rows: Ready) -> None:
    job = with_rows([COURSE, COUNT], [["Algebra", 3], ["Biology", 4]])
    answer = as_person(people.owner).get(f"/reports/{job.id}?sort=-1", headers={"HX-Request": "true"})
    assert answer.text.strip().startswith('<section id="result"')
    assert answer.text.index("Biology") < answer.text.index("Algebra")


@pytest.mark.parametrize("typed", ["sort=9", "sort=-", "sort=x", "page=0", "page=999", "find=%00", "find=%20"])
def test_whatever_the_address_says_the_table_answers(
    as_person: Client, people: People, with_rows: Ready, typed: str
) -> None:
    job = with_rows([COURSE, COUNT], [["Algebra", 3], ["Biology", 4]])
    assert [row[0] for row in cells(as_person(people.owner), f"/reports/{job.id}?{typed}")] == ["Algebra", "Biology"]


def test_an_older_report_whose_rows_are_in_its_page_is_sorted_too(
    as_person: Client, people: People, ready_job: Ready
) -> None:
    assert cells(as_person(people.owner), f"/reports/{ready_job().id}?sort=-1") == [["AAA", "3"]]


def test_nobody_turns_the_pages_of_a_table_that_they_may_not_see(
    as_person: Client, people: People, with_rows: Ready
) -> None:
    job = with_rows([COURSE, COUNT], [["Algebra", 3]])
    for headers in ({}, {"HX-Request": "true"}):
        assert as_person(people.stranger).get(f"/reports/{job.id}?sort=1", headers=headers).status_code == 404


def test_rows_that_are_gone_from_the_storage_are_said_to_be(
    as_person: Client, people: People, with_rows: Ready
) -> None:
    job = with_rows([COURSE, COUNT], [["Algebra", 3]])
    storage.open_storage(get_settings().effective_storage_url).delete(f"reports/{job.id}/1/rows.arrow")
    assert "not in the storage any more" in as_person(people.owner).get(f"/reports/{job.id}").text


def compared(client: FlaskClient, job: ReportJob) -> tuple[list[list[str]], str]:
    page = client.get(f"/reports/{job.id}?compare=1").text
    body = html.fromstring(page).xpath("//div[@id='result-table']//tbody/tr")
    lines = html.fromstring(page).xpath("//*[contains(@class,'compare-line')]")
    line = " ".join(" ".join(each.text_content().split()) for each in lines)
    return [[" ".join(cell.text_content().split()) for cell in row] for row in body], line


def test_a_result_is_laid_beside_the_one_before_it_row_by_row(
    as_person: Client, people: People, with_rows: Ready
) -> None:
    columns = [COURSE, COUNT, Column("completion-rate", "Completion rate", "number", "ratio", "measure")]
    older = with_rows(columns, [["Algebra", 3, 0.5], ["Botany", 1, 0.0], ["Zoology", 2, 0.25]], name="Of last week")
    newer = with_rows(columns, [["Algebra", 5, 0.25], ["Chemistry", 4, 1.0], ["Zoology", 2, None]], name="Of this week")
    for job, version in ((older, 7), (newer, 9)):
        ReportJob.objects(id=job.id).update(set__provenance__recordVersion=version)
    rows, line = compared(as_person(people.owner), newer)
    assert rows == [
        ["Algebra", "5 +2", "25.0 % −25.0 points"], ["Chemistry new", "4", "100.0 %"], ["Zoology", "2 ±0", "–"],
    ]  # fmt: skip
    assert "Beside “Of last week” of" in line
    assert "1 row is new, 1 is gone (Botany)." in line


def test_a_column_is_laid_beside_that_of_the_same_class_though_it_has_a_namesake_now(
    as_person: Client, people: People, with_rows: Ready
) -> None:
    def of(name: str, class_id: str) -> Column:
        heads: dict[str, Any] = {"heading": "Count", "over": (name,), "over_keys": (class_id,)}
        return Column(f"count[{name}]", f"Count · {name}", "integer", "count", "measure", **heads)

    older = with_rows([COURSE, of("7B", "c2")], [["Botany", 3]])
    newer = with_rows([COURSE, of("7B · Elm", "c1"), of("7B · Oak", "c2")], [["Botany", 1, 5]])
    for job, version in ((older, 7), (newer, 9)):
        ReportJob.objects(id=job.id).update(set__provenance__recordVersion=version)
    assert compared(as_person(people.owner), newer)[0] == [["Botany", "1", "5 +2"]]


@pytest.mark.parametrize("difference", ["the same data", "another question", "another's", "other rows"])
def test_only_the_same_question_of_other_data_of_the_same_rows_is_the_one_before(
    as_person: Client, people: People, with_rows: Ready, difference: str
) -> None:
    whose = {"requested_by": people.colleague} if difference == "another's" else {}
    older, newer = with_rows([COURSE, COUNT], [["Algebra", 3]], **whose), with_rows([COURSE, COUNT], [["Algebra", 5]])
    ReportJob.objects(id=older.id).update(set__provenance__recordVersion=7)
    ReportJob.objects(id=newer.id).update(
        set__provenance__recordVersion=7 if difference == "the same data" else 9,
        **({"set__parameters__top": 3} if difference == "another question" else {}),
        **({"set__provenance__scope": {"departmentIds": None, "classIds": None}} if difference == "other rows" else {}),
    )
    reader = people.administrator if difference == "other rows" else people.owner
    assert compared(as_person(reader), newer)[1] == ""


def with_kinds(job: ReportJob, tmp_path: Path) -> None:
    """The page of `job` with a chart of bars in its file, and a line that can be drawn instead."""
    result = Result(
        (COURSE, COUNT), tmp_path / "rows.parquet", 1, 1, None, ChartSpec("bar", "course", ("count",), None, "T"), ()
    )
    line = Sketch(("{}", "{}"), "A line.", ())
    page_result.write(
        result, Chart("<svg/>", "<svg/>", "Some bars."), tmp_path / "page.json", has_all_rows=True, kinds={"line": line}
    )
    storage.open_storage(get_settings().effective_storage_url).put(
        tmp_path / "page.json", f"reports/{job.id}/1/page.json"
    )


def test_the_kind_of_chart_is_chosen_on_the_page_and_kept_in_a_file_of_its_own(
    as_person: Client, people: People, with_rows: Ready, tmp_path: Path
) -> None:
    job = with_rows([COURSE, COUNT], [["Algebra", 3]], report_type="enrollment-summary", output={"format": "excel"})
    with_kinds(job, tmp_path)
    client = as_person(people.owner)

    def shown(address: str) -> tuple[list[str], list[str], list[str], bool]:
        page = html.fromstring(client.get(address).text)
        kinds = page.xpath("//nav[@class='choices']/a/@id")
        current = page.xpath("//nav[@class='choices']/a[@aria-current='true']/@id")
        return (
            kinds,
            current,
            page.xpath("//figure/img[1]/@alt"),
            bool(page.xpath("//form[contains(@action, '/chart')]")),
        )

    kinds = ["chart-bar", "chart-line", "chart-none"]
    assert shown(f"/reports/{job.id}") == (kinds, ["chart-bar"], ["Some bars."], False)
    assert shown(f"/reports/{job.id}?chart=line") == (kinds, ["chart-line"], ["A line."], True)
    assert shown(f"/reports/{job.id}?chart=none&sort=-1") == (kinds, ["chart-none"], [], True)
    assert client.post(f"/reports/{job.id}/chart", data={"kind": "line"}).status_code == 303
    made = ReportJob.objects(sibling_of=job.id).get()
    assert (made.output.chart, made.output.format, made.parameters.as_of_job_id) == ("line", "excel", job.id)
    answer = client.post(f"/reports/{job.id}/chart", data={"kind": "pie"}, follow_redirects=True)
    assert "There is no chart “pie”." in answer.text


@pytest.mark.parametrize(("language", "told"), [("en", "Average time to complete (days)"), ("es", "(días)")])
def test_a_heading_tells_its_unit_as_that_of_the_file_does(
    as_person: Client, people: People, with_rows: Ready, language: str, told: str
) -> None:
    to_complete = Message("Average time to complete")
    long = Column("avg-time-to-complete", to_complete, "number", "seconds", "measure", is_long=True)
    columns = [COURSE, COUNT, long, SCORE, TIME]
    job = with_rows(columns, [["Algebra", 3, 864_000.0, 50.0, 60.0]], {"count": 3})
    people.owner.update(locale=language)
    page = html.fromstring(as_person(people.owner.reload()).get(f"/reports/{job.id}").text)
    shown = [each.text_content().strip() for each in page.xpath("//div[@id='result-table']//thead/tr/th")]
    assert told in shown[2]
    assert shown == [Reader(language).heading(column) for column in columns]


def test_the_report_before_is_looked_for_by_an_index_among_reports_of_its_type_and_little_of_each_is_read(
    database: Any, people: People, with_rows: Ready
) -> None:
    older, newer = with_rows([COURSE, COUNT], [["Algebra", 3]]), with_rows([COURSE, COUNT], [["Algebra", 5]])
    of_others = [
        make_job(people.owner.id, report_type="transcript", status="ready") for _ in range(comparison.LOOKED_AT)
    ]
    now = newer.created_at
    ReportJob.objects(id=older.id).update(set__provenance__recordVersion=7, set__created_at=now - timedelta(days=2))
    ReportJob.objects(id=newer.id).update(set__provenance__recordVersion=9)
    ReportJob.objects(id__in=[each.id for each in of_others]).update(set__created_at=now - timedelta(days=1))
    newer.reload()
    with recorded() as heard:
        found = comparison.report_before(people.owner, newer)
    assert found is not None
    assert found.id == older.id
    asked = [each for each in heard if each.is_query and each.body.get("find") == "reportjobs"]
    assert len(asked) == 1
    assert scans(database, asked) == []
    assert not {"history", "output", "attempts", "searchWords"} & set(asked[0].body["projection"])


def test_the_same_relative_term_is_the_same_question_whatever_term_it_meant(people: People, with_rows: Ready) -> None:
    jobs = []
    for term in ("2025-A1", "2025-A2", "2025-A3"):
        job = with_rows([COURSE, COUNT], [["Algebra", 3]])
        ReportJob.objects(id=job.id).update(
            set__provenance__recordVersion=7, set__parameters__period="last-term", set__parameters__term=term
        )
        jobs.append(job.reload())
    ReportJob.objects(id=jobs[1].id).update(set__status="downloaded")
    found = comparison.report_before(people.owner, jobs[2])
    assert found is not None
    # The newest of them, whether it was fetched or not.
    assert found.id == jobs[1].id
