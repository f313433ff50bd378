"""One row set, five formats: read back, every cell is the same after its unit is converted; hostile text is text."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import zipfile
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pdfplumber
import pikepdf
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from tests.renderers import pdf_ua, reading_back
from tests.renderers.results import COLUMNS, ROWS, make_about, make_result
from webapp import renderers
from webapp.engine.result import ChartSpec, Column, Result
from webapp.renderers import chart_svg, csv_file, page_result, pdf_file, xlsx_file
from webapp.renderers.filenames import (
    MOST_BYTES,
    bad_placeholder,
    content_disposition,
    file_name,
    fill_template,
    is_file_name,
)
from webapp.renderers.reader import Reader
from webapp.settings import Settings

MADRID = ZoneInfo("Europe/Madrid")
HOSTILE = [
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1+1", "=cmd|' /C calc'!A0", "a,b", 'a"b', "a\nb", "a\r\nb", "a;b", "]]>",
    "<b>&amp;", "#set page(width: 1pt)", "$x$ *b* _i_ `c` @ref <l> // c", "\\", "\u202eabc\u202c", "\u200b", "😀👩‍👩‍👧", "李小龙",
    "عربى", "\x01\x1f", "a\x00b", "x" * 40_000, "'quoted'", "\ufeffbom", "\ufffe", "\u2028", "%s %d {x}", "{{x}}", "NULL", "NaN",
    "1e5", "001", "2024-01-01", "TRUE", "", " ",
]  # fmt: skip
TEXT = Column("learner", "Learner", "string", "text", "dimension")
COUNT = Column("count", "Count", "integer", "count", "measure", "Number of rows.")


@pytest.fixture(autouse=True)
def _settings(settings: Settings) -> None:
    """The PDF's limit is a setting."""


def render(folder: Path, key: str, result: Result, **options: Any) -> Path:
    return renderers.render(key, result, make_about(), folder / key, filename_stem="r", options=options).path


def texts(rows: list[dict[str, Any]]) -> list[Any]:
    return [row["learner"] for row in rows]


def test_csv_reads_back_as_the_rows(tmp_path: Path) -> None:
    with render(tmp_path, "csv", make_result(tmp_path)).open(newline="", encoding="utf-8") as file:
        read = list(csv.DictReader(file))
    assert len(read) == len(ROWS)
    for got, row in zip(read, ROWS, strict=True):
        assert got["Learner"] == (row["learner"] or "")
        assert got["Day"] == (row["day"].isoformat() if row["day"] else "")
        assert got["Count"] == str(row["count"])
        for key, heading, scale in (
            ("completion-rate", "Completion rate", 100),
            ("sum:duration", "Total recorded time (seconds)", 1),
            ("average:data.clicks", "Average of clicks", 1),
        ):
            if row[key] is None:
                assert got[heading] == ""
            else:
                assert math.isclose(float(got[heading].rstrip("%")), row[key] * scale, rel_tol=1e-7, abs_tol=1e-6)
        moment = row["max:timestamp"]
        assert got["Highest time"] == (moment.astimezone(MADRID).isoformat() if moment else "")
        assert got["Passed"] == ("" if row["passed"] is None else str(row["passed"]).lower())


def test_csv_ends_lines_as_rfc_4180_says_and_takes_a_byte_order_mark(tmp_path: Path) -> None:
    plain = render(tmp_path, "csv", make_result(tmp_path)).read_bytes()
    assert plain.count(b"\r\n") == len(ROWS) + 1
    assert not plain.startswith(b"\xef\xbb\xbf")
    assert render(tmp_path / "b", "csv", make_result(tmp_path / "b"), bom=True).read_bytes() == b"\xef\xbb\xbf" + plain


def test_json_reads_back_as_the_rows_with_columns_totals_and_provenance(tmp_path: Path) -> None:
    totals = {"count": 648_506, "completion-rate": 0.25}
    document = json.loads(render(tmp_path, "json", make_result(tmp_path, totals=totals)).read_text())
    assert [column["key"] for column in document["columns"]] == [column.key for column in COLUMNS]
    assert set(document["columns"][0]) == {"key", "label", "type", "unit"}
    assert document["totals"] == totals
    assert document["report"]["requestedBy"] == "Olivia Owner"
    for got, row in zip(document["rows"], ROWS, strict=True):
        for key, value in row.items():
            if isinstance(value, datetime):
                assert datetime.fromisoformat(got[key]) == value
            elif isinstance(value, date):
                assert got[key] == value.isoformat()
            else:
                assert got[key] == value, key


def test_an_empty_result_is_a_whole_file_in_every_format(tmp_path: Path) -> None:
    for key in renderers.FORMATS:
        path = render(tmp_path, key, make_result(tmp_path, rows=[]))
        assert path.stat().st_size > 0
    assert json.loads((tmp_path / "json" / "file.json").read_text())["rows"] == []


def test_parquet_reads_back_typed_with_provenance(tmp_path: Path) -> None:
    file = pyarrow.parquet.ParquetFile(render(tmp_path, "parquet", make_result(tmp_path)))
    assert file.read().to_pylist() == ROWS
    metadata = json.loads(file.schema_arrow.metadata[b"reportdesk"])
    assert metadata["report"]["jobId"] == "0123456789abcdef01234567"


def test_excel_reads_back_as_typed_cells(tmp_path: Path) -> None:
    result = make_result(
        tmp_path, totals={"count": 648_506}, chart=ChartSpec("bar", "learner", ("count",), None, "Chart")
    )
    path = render(tmp_path, "excel", result)
    book = CalamineWorkbook.from_path(str(path))
    assert book.sheet_names == ["Summary", "Data", "About"]
    heading, *rows, totals = book.get_sheet_by_name("Data").to_python()
    assert heading[:5] == ["Learner", "Day", "Count", "Completion rate", "Total recorded time (h:mm:ss)"]
    for got, row in zip(rows, ROWS, strict=True):
        assert got[0] == (row["learner"] or "")
        assert got[1] == (row["day"] or "")
        assert got[2] == row["count"]
        assert got[3] == (row["completion-rate"] if row["completion-rate"] is not None else "")
        if row["sum:duration"]:
            assert got[4] == pytest.approx(timedelta(seconds=row["sum:duration"]), abs=timedelta(seconds=1))
        moment = row["max:timestamp"]
        # By the clocks of the report's zone: Excel knows no zones.
        assert got[6] == (moment.astimezone(MADRID).replace(tzinfo=None) if moment else "")
    assert totals[:3] == ["Total", "", 648_506]
    sheet = openpyxl.load_workbook(path)["Data"]
    assert (sheet["D2"].number_format, sheet["E2"].number_format, sheet["B2"].number_format) == (
        "0.0 %",
        "[h]:mm:ss",
        "[$-409]d mmm yyyy",
    )
    assert sheet.freeze_panes == "C2"
    assert sheet.auto_filter.ref == "A1:H4"
    assert len(openpyxl.load_workbook(path)["Summary"]._charts) == 1


def test_excel_goes_on_on_further_sheets_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx_file, "SHEET_ROWS", 10)
    rows = [{"learner": f"L{number}", "count": number} for number in range(25)]
    result = make_result(tmp_path, rows, (TEXT, COUNT))
    found = renderers.render("excel", result, make_about(), tmp_path / "x", filename_stem="r")
    book = CalamineWorkbook.from_path(str(found.path))
    assert book.sheet_names == ["Summary", "Data", "Data 2", "Data 3", "About"]
    read = [row[0] for name in ("Data", "Data 2", "Data 3") for row in book.get_sheet_by_name(name).to_python()[1:]]
    assert read == [f"L{number}" for number in range(25)]
    assert "3 sheets" in found.notes[0]
    assert any("3 sheets" in str(cell) for row in book.get_sheet_by_name("Summary").to_python() for cell in row)


def test_hostile_text_stays_text_in_csv_json_parquet_and_excel(tmp_path: Path) -> None:
    rows = [{"learner": text, "count": number} for number, text in enumerate(HOSTILE)]
    result = make_result(tmp_path, rows, (TEXT, COUNT))
    csv.field_size_limit(1_000_000)
    with render(tmp_path, "csv", result).open(newline="", encoding="utf-8") as file:
        read = [row["Learner"] for row in csv.DictReader(file)]
    for got, text in zip(read, HOSTILE, strict=True):
        assert got in (text, f"'{text}")
        assert got.lstrip()[:1] not in set("=+-@＝") - {""}, repr(text)
    assert texts(json.loads(render(tmp_path, "json", result).read_text())["rows"]) == HOSTILE
    assert texts(pyarrow.parquet.read_table(render(tmp_path, "parquet", result)).to_pylist()) == HOSTILE
    found = renderers.render("excel", result, make_about(title="=1+1 <x>\x00"), tmp_path / "e", filename_stem="r")
    assert "1 texts were longer" in found.notes[0]
    sheet = openpyxl.load_workbook(found.path)["Data"]
    for number, text in enumerate(HOSTILE, start=2):
        cell = sheet.cell(number, 1)
        assert cell.data_type in ("s", "inlineStr", "n"), repr(text)  # never "f", a formula
        if len(text) < 30_000 and text.isprintable():
            assert (cell.value or "") == text


def test_hostile_text_and_titles_are_typeset_as_text(tmp_path: Path) -> None:
    rows = [{"learner": text, "count": number} for number, text in enumerate(HOSTILE)]
    result = make_result(tmp_path, rows, (TEXT, COUNT))
    found = renderers.render(
        "pdf", result, make_about(title="#panic() $x$ <a> \x00 😀"), tmp_path / "pdf", filename_stem="r"
    )
    with pdfplumber.open(found.path) as pdf:
        text = "\n".join(page.extract_text() for page in pdf.pages)
    for words in ("#set page(width: 1pt)", "=cmd|", "{{x}}", "#panic()"):
        assert words in text
    assert found.rows_written == len(HOSTILE)


def test_names_in_a_chart_that_no_font_has_are_replaced_as_in_the_table(tmp_path: Path) -> None:
    rows = [{"learner": "李小龙", "count": 3}]
    result = make_result(tmp_path, rows, (TEXT, COUNT), chart=ChartSpec("bar", "learner", ("count",), None, "Count"))
    found = renderers.render("pdf", result, make_about(), tmp_path / "pdf", filename_stem="r")
    assert found.rows_written == 1


def test_a_pdf_is_tagged_titled_and_repeats_its_table_heading(tmp_path: Path) -> None:
    rows = [{"learner": f"Learner {number}", "count": number} for number in range(120)]
    result = make_result(tmp_path, rows, (TEXT, COUNT), chart=ChartSpec("bar", "learner", ("count",), None, "Count"))
    path = render(tmp_path, "pdf", result)
    assert pdf_ua.problems(path) == []
    with pikepdf.open(path) as pdf:
        assert (pdf.Root.Lang, str(pdf.docinfo["/Title"])) == ("en", "Clicks by learner")
    with pdfplumber.open(path) as pdf:
        headed = [page for page in pdf.pages if "Learner 5" in page.extract_text()]
        assert all("Learner Count" in page.extract_text() for page in headed)
        assert f"Page 1 of {len(pdf.pages)}" in pdf.pages[0].extract_text()
        assert "Count. highest 24" in next(
            node["alt_text"] for node in reading_back.nodes(pdf.structure_tree) if node["type"] == "Figure"
        )


def test_pdfs_of_every_shape_keep_the_rules_of_accessibility(tmp_path: Path) -> None:
    wide = (TEXT, *(Column(f"m{n}", f"A long name of {n}", "integer", "count", "measure") for n in range(24)))
    shapes = {
        "empty": make_result(tmp_path / "1", [], (TEXT, COUNT)),
        "totals": make_result(tmp_path / "2", totals={"count": 648_506}),
        "groups": make_result(tmp_path / "3", [{"learner": "Ana", **{f"m{n}": n for n in range(24)}}] * 40, wide),
        "parts": make_result(tmp_path / "4", [{"learner": f"L{n}", "count": n} for n in range(1100)], (TEXT, COUNT)),
    }
    found = {name: pdf_ua.problems(render(tmp_path / name, "pdf", result)) for name, result in shapes.items()}
    assert found == {name: [] for name in shapes}


def test_the_rules_of_accessibility_can_be_broken(tmp_path: Path) -> None:
    """The checks themselves: a PDF with its tags taken away fails them."""
    path = render(tmp_path, "pdf", make_result(tmp_path))
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        del pdf.Root["/StructTreeRoot"], pdf.Root["/Lang"]
        page = pdf.pages[0]
        page.Contents = pdf.make_stream(
            pikepdf.unparse_content_stream(
                [each for each in pikepdf.parse_content_stream(page) if str(each.operator) not in ("BDC", "EMC", "BMC")]
            )
        )
        pdf.save()
    told = pdf_ua.problems(path)
    assert {"no structure tree", "no language"} <= set(told)
    assert "page 1 has text that is neither tagged nor decoration" in told


def test_a_pdf_of_many_rows_says_what_it_leaves_out(tmp_path: Path, settings_env: pytest.MonkeyPatch) -> None:
    from webapp.settings import get_settings

    settings_env.setenv("REPORTDESK_PDF_ROW_LIMIT", "20")
    get_settings.cache_clear()
    result = make_result(tmp_path, [{"learner": f"L{number}", "count": 1} for number in range(30)], (TEXT, COUNT))
    found = renderers.render("pdf", result, make_about(), tmp_path / "pdf", filename_stem="r")
    assert found.rows_written == 20
    assert "first 20 of 30 rows" in found.notes[0]
    with pdfplumber.open(found.path) as pdf:
        assert "first 20 of 30 rows" in pdf.pages[0].extract_text()
        assert "Rows written: 20" in pdf.pages[-1].extract_text()
    told = renderers.limits_in_words("pdf", 30, 2) or ""
    assert re.fullmatch(r"A PDF shows the first 20 of 30 rows\. .+ and .+ have all\.", told)
    assert all(each.label in told for each in renderers.FORMATS.values())


def test_a_wide_table_shows_fewer_rows_in_a_pdf_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_file, "MOST_CELLS", 60)
    result = make_result(tmp_path, [{"learner": f"L{number}", "count": 1} for number in range(40)], (TEXT, COUNT))
    found = renderers.render("pdf", result, make_about(), tmp_path / "pdf", filename_stem="r")
    assert (found.rows_written, "first 30 of 40 rows" in found.notes[0]) == (30, True)
    told = renderers.limits_in_words("pdf", 40, 2)
    assert told is not None
    assert "first 30 of 40 rows" in told


def test_columns_that_do_not_fit_side_by_side_come_in_groups_that_keep_the_key(tmp_path: Path) -> None:
    columns = (
        TEXT,
        *(Column(f"m{n}", f"A rather long measure name {n}", "integer", "count", "measure") for n in range(24)),
    )
    rows = [{"learner": "Ana", **{f"m{n}": n for n in range(24)}}]
    with pdfplumber.open(render(tmp_path, "pdf", make_result(tmp_path, rows, columns))) as pdf:
        assert pdf.pages[0].width > pdf.pages[0].height
        text = "\n".join(page.extract_text() for page in pdf.pages)
    assert text.count("Ana") >= 2
    assert "Columns 2 of" in text


def test_every_format_is_read_back_by_another_program() -> None:
    assert set(reading_back.READERS) == set(renderers.FORMATS)


def test_rows_that_cannot_fit_are_refused_with_what_would_do() -> None:
    with pytest.raises(renderers.TooLargeForFormatError) as caught:
        renderers.check_fits("excel", 30_000_000, {})
    hint = str(caught.value.hint)
    assert re.fullmatch(r"Ask for it as .+ or .+, which take any number\.", hint)
    assert {key: each.label in hint for key, each in renderers.FORMATS.items()} == {
        key: key not in ("excel", "pdf") for key in renderers.FORMATS
    }
    assert "CSV" in (renderers.limits_in_words("excel", 30_000_000, 2) or "")
    renderers.check_fits("csv", 30_000_000, {})
    with pytest.raises(renderers.UnknownFormatError):
        renderers.check_fits("docx", 1, {})


def test_a_zip_holds_the_file_and_what_it_means(tmp_path: Path) -> None:
    found = renderers.render(
        "csv",
        make_result(tmp_path),
        make_about(),
        tmp_path / "z",
        filename_stem="r",
        options={"zip": True, "meta": True},
    )
    assert (found.filename, found.mime_type) == ("r.zip", "application/zip")
    with zipfile.ZipFile(io.BytesIO(found.path.read_bytes())) as archive:
        assert archive.namelist() == ["r.csv", "r.csv.meta.json"]
        assert json.loads(archive.read("r.csv.meta.json"))["report"]["title"] == "Clicks by learner"


def test_a_chart_states_its_main_figures_in_words_and_comes_light_and_dark(tmp_path: Path) -> None:
    rows = [{"learner": name, "count": count} for name, count in (("Ana", 5), ("Bo", 12), ("Cy", 1))]
    result = make_result(
        tmp_path, rows, (TEXT, COUNT), chart=ChartSpec("bar", "learner", ("count",), None, "Count by learner")
    )
    chart = chart_svg.draw(result)
    assert chart is not None
    assert chart.description == "Count by learner. highest 12 (Bo), lowest 1 (Cy), 3 values."
    assert chart.svg.startswith("<svg")
    assert chart.svg != chart.svg_dark
    page_result.write(result, chart, tmp_path / "page.json", has_all_rows=True)
    document = page_result.read((tmp_path / "page.json").read_bytes())
    assert (document["row_count"], document["chart"]["description"]) == (3, chart.description)


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("../../etc/passwd", "etc passwd.csv"),
        ("CON", "report CON.csv"),
        ("", "report.csv"),
        ("..", "report.csv"),
        ("a\u202egpj.exe", "a gpj.exe.csv"),
        ("Prüfung", "Prüfung.csv"),
        ("x" * 500, "x" * 180 + ".csv"),
        ("日" * 100, "日" * 60 + ".csv"),
        ("COM¹", "report COM¹.csv"),
        ("lpt9.old", "report lpt9.old.csv"),
        ("con .csv", "report con .csv.csv"),
        ("a. . ", "a.csv"),
        ("a\x85\u061c\u2028\ud800b\r\n", "a b.csv"),
    ],
)
def test_a_file_name_is_never_a_path(stem: str, name: str) -> None:
    assert file_name(stem, "csv") == name


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=()), max_size=300))
def test_every_file_name_that_is_made_is_one(stem: str) -> None:
    name = file_name(stem, "csv")
    assert is_file_name(name)
    assert len(name.encode()) <= MOST_BYTES + len("report .csv")
    header = content_disposition(stem)
    assert header.isascii()
    assert header.isprintable()


def test_a_file_that_nobody_named_is_called_by_its_template_and_keeps_its_date() -> None:
    day = date(2026, 3, 2)
    assert fill_template("{name}-{date}", name="Rates", day=day) == "Rates-2026-03-02"
    assert fill_template("{date} {name}", name="{date} {name}", day=day) == "2026-03-02 {date} {name}"
    assert fill_template("minutes", name="Rates", day=day) == "minutes"
    long = fill_template("{name}-{date}", name="é" * 300, day=day)
    assert file_name(long, "csv") == "é" * 84 + "-2026-03-02.csv"


def test_period_and_department_are_filled_in_all_at_once_and_cut_before_they_push_the_rest_out() -> None:
    day = date(2026, 3, 2)
    filled = fill_template(
        "{department} {period} {name}", name="Rates", day=day, period="2026-02-01 – 2026-02-28", department="{name}"
    )
    assert filled == "{name} 2026-02-01 – 2026-02-28 Rates"
    long = fill_template("{department}-{name}-{date}", name="n" * 300, day=day, department="d" * 300)
    assert file_name(long, "csv") == f"{'d' * 60}-{'n' * 108}-2026-03-02.csv"


@pytest.mark.parametrize(
    ("template", "bad"),
    [
        ("", ""), ("{name}-{date} {period} ({department})", ""), ("plain", ""), ("{Name}", "{Name}"), ("a {nmae} b", "{nmae}"),
        ("{name", "{name"), ("name}", "}"), ("{}", "{}"), ("{{name}}", "{}"), ("{name }", "{name }"),
    ],
)  # fmt: skip
def test_what_no_file_name_fills_in_is_found(template: str, bad: str) -> None:
    assert bad_placeholder(template) == bad


def test_a_download_is_named_for_old_browsers_and_for_all_of_unicode() -> None:
    assert (
        content_disposition('Prü"fung.csv')
        == "attachment; filename=\"Pru_fung.csv\"; filename*=UTF-8''Pr%C3%BC%22fung.csv"
    )


def test_headings_say_the_unit_where_numbers_alone_do_not() -> None:
    assert csv_file.heading(COLUMNS[4], Reader()) == "Total recorded time (seconds)"


def test_a_heading_of_a_sheet_is_as_high_as_its_words_need_and_many_columns_are_printed_on_several_pages(
    tmp_path: Path,
) -> None:
    about = make_about()
    dimension = Column("learner", "Learner", "string", "text", "dimension")
    numbers = [
        Column(f"n{place}", label, "integer", "count", "measure")
        for place, label in enumerate(["Days without any activity at all", "Events", *(["Number of clicks"] * 60)])
    ]
    few, many = (
        make_result(folder, [{"learner": "Ann", **{each.key: 3 for each in shown}}], (dimension, *shown))
        for folder, shown in ((tmp_path / "few", numbers[:2]), (tmp_path / "many", numbers))
    )
    pages = {}
    for name, result in (("few", few), ("many", many)):
        path = renderers.render("excel", result, about, tmp_path / f"{name}-file", filename_stem="f").path
        sheet = openpyxl.load_workbook(path)["Data"]
        # Each word by itself, in a column as wide as its numbers.
        assert sheet.row_dimensions[1].height == 15 * len(["Days", "without", "any", "activity", "at all"])
        assert sheet.print_title_cols == "$A:$A"
        pages[name] = sheet.page_setup.fitToWidth
    assert int(pages["few"] or 1) == 1
    assert int(pages["many"]) > 1
