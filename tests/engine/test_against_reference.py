"""The engine and the independent reference agree, cell by cell, on made-up organisations and made-up questions.

REPORTDESK_TEST_QUESTIONS sets how many questions are asked (28 here and in CI; 2,000 and more in `make proof`, which
also tries every measure by every dimension).
"""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine import organisations, reference
from tests.engine.reference import Question, Tables
from webapp.engine import runner
from webapp.engine.backends import DUCKDB, Limits, open_backend
from webapp.engine.catalogue.datasets import DATASETS
from webapp.engine.catalogue.dimensions import DIMENSIONS
from webapp.engine.catalogue.measure_types import MEASURE_TYPES
from webapp.engine.catalogue.report_types import REPORT_TYPES
from webapp.engine.errors import QueryError, QuestionTooSlowError
from webapp.engine.fields import fields_for
from webapp.engine.query import MAX_MEASURES, DateRange, Filter, Query, Scope, Sort
from webapp.engine.result import Result

QUESTIONS = int(os.environ.get("REPORTDESK_TEST_QUESTIONS", "28"))
#: Everything by everything, where the short run takes each thing once.
WHOLE = QUESTIONS >= 2_000
SEEDS = range(8)
#: An organisation whose every dataset has rows.
FULL = 2
MOMENT = datetime(2024, 6, 1, tzinfo=UTC)
ZONES = ["UTC", "Europe/Madrid", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]
#: Dimensions with values few enough for columns.
SLICERS = {
    *("status", "event-type", "content-type", "term", "grade-range", "completion-status", "year", "quarter"),
    *("department", "department-tree", "program", "course", "class", "instructor", "learner"),
    *("content", "activity", "assessment"),
}
TYPE_OF = {
    "enrollments": "enrollment-summary",
    "activity": "learner-activity",
    "assessments": "assessment-results",
    "scorm-attempts": "scorm-attempts",
    "certificates": "certification-status",
    "classes": "instructor-workload",
    "submissions": "missing-submissions",
    "persons": "last-access",
}


def batched(found: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (found[begin : begin + size] for begin in range(0, len(found), size))


World = tuple[Tables, dict[str, list[str]]]


class Worlds:
    """The organisations by their seed. (A class, so that a failing test does not print them.)"""

    def __init__(self, folder: Path) -> None:
        self._made: list[World] = []
        for seed in SEEDS:
            place = folder / str(seed)
            place.mkdir()
            tables = organisations.make(seed)
            self._made.append((tables, organisations.write(tables, place)))

    def __getitem__(self, seed: int) -> World:
        return self._made[seed]


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Worlds:
    return Worlds(tmp_path_factory.mktemp("organisations"))


@st.composite
def questions(draw: st.DrawFn, key: str) -> tuple[int, Question]:
    seed = draw(st.sampled_from(list(SEEDS)))
    dataset = DATASETS[key]
    dimensions = draw(st.lists(st.sampled_from(dataset.dimensions), max_size=3, unique=True))
    slicers = draw(
        st.lists(
            st.sampled_from([d for d in dataset.dimensions if d in SLICERS and d not in dimensions]),
            max_size=draw(st.sampled_from([0, 0, 1, 2])),
            unique=True,
        )
    )
    start, end = sorted(draw(st.tuples(_moments(), _moments())))
    in_period = draw(st.sampled_from([0, 1, 2, 3]))
    tables = organisations.make(seed)
    scope = draw(st.sampled_from(["everything", "everything", "departments", "classes", "nothing"]))
    measures = draw(st.lists(_measures(key), min_size=1, max_size=4, unique=True))
    numbers = [text for text in measures if _is_number(key, text)]
    results = _condition(
        st.sampled_from(numbers or measures),
        st.sampled_from(["gt", "gte", "lt", "lte", "eq", "ne", "between", "is-null", "is-not-null"]),
        st.sampled_from([0, 0.5, 1, 3, 40.0]),
    )
    return seed, Question(
        dataset=key,
        dimensions=dimensions,
        slicers=slicers,
        measures=measures,
        results=draw(st.lists(results, max_size=draw(st.sampled_from([0, 0, 1])))) if numbers and dimensions else [],
        filters=draw(st.lists(_filters(key, tables), max_size=2)),
        start=start if in_period & 1 else None,
        end=end if in_period & 2 and end > start else None,
        date_field=draw(st.sampled_from([None, *dataset.dates])),
        time_zone=draw(st.sampled_from(ZONES)),
        include_inactive=draw(st.booleans()),
        departments=[tables["departments"][1]["id"], tables["departments"][3]["id"]]
        if scope == "departments"
        else []
        if scope == "nothing"
        else None,
        classes=[tables["classes"][0]["id"]] if scope == "classes" else [] if scope == "nothing" else None,
        moment=MOMENT,
    )


def _is_number(key: str, text: str) -> bool:
    measure, _, field = text.partition(":")
    known = DATASETS[key].fields.get(field)
    return not (measure in ("min", "max") and known is not None and not known.is_numeric)


def _moments() -> st.SearchStrategy[datetime]:
    seconds = st.integers(0, 880 * 86_400)
    plain = seconds.map(lambda found: datetime(2023, 1, 1, tzinfo=UTC) + timedelta(seconds=found))
    return st.one_of(st.sampled_from([*organisations.HARD_MOMENTS, organisations.LONG_AGO]), plain)


def _measures(key: str) -> st.SearchStrategy[str]:
    dataset = DATASETS[key]
    offered: list[str] = []
    for measure in dataset.measures.values():
        if not measure.requires_field:
            offered.append(measure.key)
            continue
        offered += [f"{measure.key}:{field}" for field in fields_for(dataset, measure.key)]
        if dataset.has_data:
            offered += [f"{measure.key}:data.clicks", f"{measure.key}:data.clicks"]
    # The distinct count of everything groupable would crowd out the others.
    plain = [text for text in offered if not text.startswith("count-distinct:")]
    return st.one_of(st.sampled_from(plain), st.sampled_from(plain), st.sampled_from(offered))


def _filters(key: str, tables: Tables) -> st.SearchStrategy[tuple[str, str, tuple[Any, ...]]]:
    dataset = DATASETS[key]
    texts = ["event-type", "status", "content-type", "term", "completion-status", "grade-range", "month"]
    options: list[st.SearchStrategy[tuple[str, str, tuple[Any, ...]]]] = []
    ids = {
        "department": [d["id"] for d in tables["departments"]],
        "department-tree": [d["id"] for d in tables["departments"]],
        "class": [c["id"] for c in tables["classes"]],
        "learner": [u["id"] for u in tables["persons"]],
        "instructor": [u["id"] for u in tables["persons"][:4]],
        "course": [c["id"] for c in tables["courses"]],
    }
    for name, known in ids.items():
        if name in dataset.dimensions:
            operators = st.sampled_from(["in", "not-in", "eq", "ne", "is-null", "is-not-null"])
            options.append(_condition(st.just(name), operators, st.sampled_from(known)))
            if name in ("class", "learner", "course"):
                words = st.sampled_from(["a", "ANA", "Class", "CL-", "z", "ÉMILE", "E\u0301mile", "zoe"])
                operators = st.sampled_from(["contains", "starts-with"])
                options.append(_condition(st.just(name), operators, words))
    values = [
        "content-viewed",
        "completed",
        "graded",
        "page",
        "2024 Spring",
        "2024 SPRÍNG",
        "2024-03",
        "90–100",
        "passed",
        "in progress",
    ]
    if possible := [name for name in texts if name in dataset.dimensions]:
        options.append(
            _condition(
                st.sampled_from(possible),
                st.sampled_from(["eq", "ne", "in", "not-in", "is-null", "is-not-null", "contains", "starts-with"]),
                st.sampled_from(values),
            )
        )
    numbers = [name for name, each in dataset.fields.items() if each.is_numeric and name != "time-to-complete"]
    numbers += ["data.clicks"] if dataset.has_data else []
    if numbers:
        options.append(
            _condition(
                st.sampled_from(numbers),
                st.sampled_from(["eq", "ne", "gt", "gte", "lt", "lte", "between", "in", "not-in", "is-null"]),
                st.sampled_from([0.0, 1.0, 12.0, 40.0, 89.5]),
            )
        )
    return st.one_of(options)


@st.composite
def _condition(draw: st.DrawFn, names: Any, operators: Any, values: Any) -> tuple[str, str, tuple[Any, ...]]:
    operator = draw(operators)
    count = {"is-null": 0, "is-not-null": 0, "between": 2}.get(operator, 1)
    if operator in ("in", "not-in"):
        count = draw(st.integers(1, 3))
    found = [draw(values) for _ in range(count)]
    return draw(names), operator, tuple(sorted(found) if operator == "between" else found)


def to_query(question: Question, **more: Any) -> Query:
    return Query(
        report_type=TYPE_OF[question.dataset],
        dataset=question.dataset,
        dimensions=tuple(question.dimensions),
        slicers=tuple(question.slicers),
        measures=tuple(question.measures),
        filters=tuple(Filter(name, operator, values) for name, operator, values in question.filters),  # type: ignore[arg-type]
        date_range=DateRange(question.start, question.end),
        date_field=question.date_field,
        time_zone=question.time_zone,
        include_inactive=question.include_inactive,
        scope=Scope(
            tuple(question.departments) if question.departments is not None else None,
            tuple(question.classes) if question.classes is not None else None,
        ),
        moment=question.moment,
        results=tuple(Filter(name, operator, values) for name, operator, values in question.results),  # type: ignore[arg-type]
        **more,
    )


def rows_of(result: Result) -> list[dict[str, Any]]:
    return result.first_rows()


def same(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return one is None and other is None
    if isinstance(one, float) or isinstance(other, float):
        return math.isclose(float(one), float(other), rel_tol=1e-9, abs_tol=1e-9)
    return bool(one == other)


def _sortable(values: list[Any]) -> list[str]:
    return [f"{value:.6f}" if isinstance(value, int | float) else str(value) for value in values]


def _text(value: Any) -> str:
    return "(empty)" if value is None else value.isoformat() if isinstance(value, date) else str(value)


def check_same(question: Question, tables: Tables, result: Result) -> None:
    """Every group and every cell, the totals, and the number of rows."""
    width = len(question.dimensions)
    expected: dict[tuple[Any, ...], list[list[Any]]] = defaultdict(list)
    plain = Question(**{**vars(question), "slicers": []})
    whole = Question(**{**vars(question), "results": []})
    answer = reference.answer(plain, tables)
    sliced = reference.answer(whole, tables) if question.slicers else None
    combos: dict[tuple[Any, ...], str] = {}
    if sliced is not None:
        over = [
            reference.labels(name, {key[place] for key in sliced.groups}, tables)
            for place, name in enumerate(question.slicers, start=width)
        ]
        for key in sliced.groups:
            parts = [_text(read[value]) for read, value in zip(over, key[width:], strict=True)]
            combos[key[width:]] = " · ".join(parts)
    # What conditions on results leave out stands beside the others nevertheless, in the totals and in the chart.
    found_keys = reference.answer(Question(**{**vars(plain), "results": []}), tables).groups
    beside = [
        reference.labels(name, {key[place] for key in found_keys}, tables, numbered=True)
        for place, name in enumerate(question.dimensions)
    ]
    for key, values in answer.groups.items():
        shown = tuple(read[value] for read, value in zip(beside, key, strict=True))
        cells = list(values)
        for combo in sorted(combos, key=lambda each: combos[each]):
            found = sliced.groups.get((*key, *combo)) if sliced is not None else None
            cells += found if found is not None else [0 if _counts(text) else None for text in question.measures]
        expected[shown].append(cells)
    columns = list(question.measures)
    for combo in sorted(combos, key=lambda each: combos[each]):
        columns += [f"{text}[{combos[combo]}]" for text in question.measures]
    got: dict[tuple[Any, ...], list[list[Any]]] = defaultdict(list)
    for row in rows_of(result):
        got[tuple(row[name] for name in question.dimensions)].append([row[name] for name in columns])
    assert set(got) == set(expected)
    for shown, members in expected.items():
        theirs = sorted(got[shown], key=_sortable)
        ours = sorted(members, key=_sortable)
        assert len(theirs) == len(ours), shown
        for one, other in zip(ours, theirs, strict=True):
            for name, mine, its in zip(columns, one, other, strict=True):
                assert same(mine, its), (shown, name, mine, its)
    assert result.rows_matched == answer.matched
    totals = result.totals or {}
    for text, value in zip(question.measures, answer.totals, strict=True):
        assert same(value, totals[text]), ("total", text, value, totals[text])


def _counts(text: str) -> bool:
    return text in ("count", "event-count") or text.startswith("count-distinct:")


@pytest.mark.parametrize("key", sorted(DATASETS))
def test_engine_and_reference_agree_on_every_cell(worlds: Worlds, tmp_path: Path, key: str) -> None:
    @settings(
        max_examples=max(QUESTIONS // len(DATASETS), 1),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(asked=questions(key))
    def agree(asked: tuple[int, Question]) -> None:
        seed, question = asked
        tables, files = worlds[seed]
        try:
            result = runner.run(to_query(question), files, tmp_path / "rows.parquet", limits=Limits(threads=1))
        except QueryError as error:
            if "parameters.slicers" in error.fields:  # more than 100 columns, as declared
                return
            raise
        check_same(question, tables, result)

    agree()


@pytest.mark.long
@pytest.mark.parametrize("key", sorted(DATASETS))
def test_every_measure_by_every_dimension_agrees_with_the_reference(worlds: Worlds, tmp_path: Path, key: str) -> None:
    tables, files = worlds[FULL]
    dataset = DATASETS[key]
    measures: list[str] = []
    for measure in dataset.measures.values():
        fields = fields_for(dataset, measure.key) if measure.requires_field else [""]
        measures += [f"{measure.key}:{field}" if field else measure.key for field in fields]
    # All of them in turn; in the short run three dimensions a question, with one batch, the next three with another.
    at_a_time, width = (MAX_MEASURES, 1) if WHOLE else (5, 3)
    batches = list(batched(measures, at_a_time))
    for number, dimensions in enumerate(batched(dataset.dimensions, width)):
        for chosen in batches if WHOLE else [batches[number % len(batches)]]:
            question = Question(
                key, list(dimensions), measures=list(chosen), time_zone=ZONES[number % 5], moment=MOMENT
            )
            result = runner.run(to_query(question), files, tmp_path / "rows.parquet", limits=Limits(threads=1))
            assert result.rows_matched > 0
            check_same(question, tables, result)


@pytest.mark.long
@pytest.mark.parametrize("key", sorted(DATASETS))
def test_what_groups_show_as_empty_is_found_as_empty_by_filters(worlds: Worlds, tmp_path: Path, key: str) -> None:
    tables, files = worlds[FULL]
    # In the short run every second one: what two datasets both have comes up in one of them.
    start, step = (0, 1) if WHOLE else (sorted(DATASETS).index(key) % 2, 2)
    for number, dimension in enumerate([*DATASETS[key].dimensions][start::step]):
        operators = ("is-null", "is-not-null", "ne")
        for operator in operators if WHOLE else [operators[number % 3]]:
            values = ("no such value",) if operator == "ne" else ()
            question = Question(key, [dimension], filters=[(dimension, operator, values)], moment=MOMENT)
            result = runner.run(to_query(question), files, tmp_path / "rows.parquet", limits=Limits(threads=1))
            check_same(question, tables, result)


@pytest.mark.parametrize(
    ("term", "typed"),
    [
        ("ΧΕΙΜΩΝΑΣ", "χειμώνας"), ("χειμώνας", "ΧΕΙΜΩΝΑΣ"), ("İLKBAHAR", "ilkbahar"), ("ilkbahar", "İLKBAHAR"),
        ("KIŞ", "kış"), ("Automne E\u0301té", "automne été"), ("Été", "E\u0301TE\u0301"), ("STRASSE", "Straße"),
    ],
)  # fmt: skip
def test_a_word_is_found_in_any_case_and_however_its_accents_are_put_together(
    tmp_path: Path, term: str, typed: str
) -> None:
    tables = organisations.make(1)
    tables["classes"][0]["term"] = term
    tables["enrollments"] = [
        dict(tables["enrollments"][0], id=f"{n + 1000:024x}", is_active=True, class_id=each["id"])
        for n, each in enumerate(tables["classes"][:2])
    ]
    files = organisations.write(tables, tmp_path)
    for operator in ("eq", "in", "contains", "starts-with"):
        question = Question("enrollments", ["class"], filters=[("term", operator, (typed,))])
        result = runner.run(to_query(question), files, tmp_path / f"{operator}.parquet")
        assert [row["count"] for row in rows_of(result)] == [1], operator
        check_same(question, tables, result)
    # What was chosen from a list is that very one.
    chosen = replace(to_query(question), filters=(Filter("term", "in", (typed,), is_exact=True),))
    assert runner.run(chosen, files, tmp_path / "chosen.parquet").rows_matched == 0


def test_the_rest_of_a_top_is_worked_out_from_rows_not_from_rates(worlds: Worlds, tmp_path: Path) -> None:
    tables, files = worlds[2]
    question = Question("enrollments", ["class"], measures=["count", "completion-rate"])
    result = runner.run(to_query(question, top=2, sort=(Sort("count", True),)), files, tmp_path / "rows.parquet")
    rows = rows_of(result)
    assert [row["row-type"] for row in rows] == ["group", "group", "other"]
    assert rows[-1]["class"] == "Other"
    assert sum(row["count"] for row in rows) == result.totals["count"] == reference.answer(question, tables).totals[0]
    completed = sum(round(row["count"] * row["completion-rate"]) for row in rows)
    assert same(completed / result.totals["count"], result.totals["completion-rate"])
    assert "Other" in result.notes[0]


def test_subtotals_are_worked_out_from_rows_and_follow_their_groups(worlds: Worlds, tmp_path: Path) -> None:
    tables, files = worlds[2]
    question = Question("enrollments", ["department", "status"], measures=["count", "average:score"])
    result = runner.run(to_query(question, subtotals=True), files, tmp_path / "rows.parquet")
    rows = rows_of(result)
    expected = reference.answer(Question("enrollments", ["department"], measures=question.measures), tables)
    read = reference.labels("department", [key[0] for key in expected.groups], tables)
    by_label = {read[key[0]]: values for key, values in expected.groups.items()}
    assert len(by_label) == len(expected.groups)
    subtotals = [row for row in rows if row["row-type"] == "subtotal"]
    assert {row["department"] for row in subtotals} == set(by_label)
    for row in subtotals:
        assert row["status"] is None
        assert same(row["count"], by_label[row["department"]][0])
        assert same(row["average:score"], by_label[row["department"]][1])
    # Each subtotal stands right after the groups that it sums up.
    order = [(row["department"], row["row-type"]) for row in rows]
    for place, (department, kind) in enumerate(order):
        if kind == "subtotal":
            assert order[place - 1] == (department, "group")
            assert (department, "group") not in order[place + 1 :]


def test_a_limit_is_told(worlds: Worlds, tmp_path: Path) -> None:
    _, files = worlds[2]
    result = runner.run(to_query(Question("activity", ["learner"]), limit=3), files, tmp_path / "rows.parquet")
    assert result.row_count == 3
    assert "first 3 of" in result.notes[0]


def test_rows_without_the_date_of_the_period_are_told(worlds: Worlds, tmp_path: Path) -> None:
    tables, files = worlds[2]
    question = Question(
        "enrollments", [], measures=["count"], date_field="completed-at", start=datetime(1960, 1, 1, tzinfo=UTC)
    )
    result = runner.run(to_query(question), files, tmp_path / "rows.parquet")
    undated = sum(e["completed_at"] is None and e["is_active"] is not False for e in tables["enrollments"])
    assert f"{undated:,} matching rows have no date “Completed”" in result.notes[0]


def test_detail_rows_are_the_records_themselves(worlds: Worlds, tmp_path: Path) -> None:
    tables, files = worlds[2]
    query = to_query(
        Question("enrollments", measures=[]), fields=("learner", "learner-number", "class", "status", "score"),
        sort=(Sort("learner"), Sort("learner-number")),
    )  # fmt: skip
    result = runner.run(query, files, tmp_path / "rows.parquet")
    rows = rows_of(result)
    active = [e for e in tables["enrollments"] if e["is_active"] is not False]
    assert len(rows) == len(active) == result.rows_matched
    classes = reference.labels("class", [e["class_id"] for e in active], tables)
    expected = [
        (reference.label("learner", e["learner_id"], tables), classes[e["class_id"]], e["status"], e["score"])
        for e in active
    ]
    got = [(row["learner"], row["class"], row["status"], row["score"]) for row in rows]
    assert sorted(map(str, got)) == sorted(map(str, expected))


def test_a_scope_is_below_every_filter(worlds: Worlds, tmp_path: Path) -> None:
    tables, files = worlds[2]
    mine, other = tables["departments"][1]["id"], tables["departments"][2]["id"]
    for key in DATASETS:
        for name in ("department", "department-tree"):
            query = to_query(Question(key, [], departments=[mine], classes=[], filters=[(name, "in", (other,))]))
            result = runner.run(query, files, tmp_path / f"{key}-{name}.parquet")
            # Law lies below Arts, but the scope names Arts alone.
            assert result.rows_matched == 0, (key, name)


def test_a_question_beyond_the_declarations_is_refused_with_what_would_do(tmp_path: Path) -> None:
    cases: list[tuple[dict[str, Any], str, str]] = [
        ({"measures": ("event-count",)}, "parameters.measures", "completion-rate"),
        ({"measures": ("sum",)}, "parameters.measures", "needs a field"),
        ({"measures": ("sum:status",)}, "parameters.measures", "score"),
        ({"measures": ("count:score",)}, "parameters.measures", "takes no field"),
        ({"dimensions": ("content",)}, "parameters.group_by", "class"),
        ({"dimensions": ("class", "class")}, "parameters.group_by", "once"),
        ({"slicers": ("class",), "dimensions": ("class",)}, "parameters.slicers", "once"),
        ({"date_field": "timestamp"}, "parameters.date_field", "enrolled-at"),
        ({"time_zone": "Mars/Olympus"}, "parameters.time_zone", "Europe/Madrid"),
        ({"sort": (Sort("nothing"),)}, "parameters.sort", "count"),
        ({"top": 3}, "parameters.top", "group by"),
        ({"filters": (Filter("score", "eq", ("high",)),)}, "parameters.filters", "numbers"),
        ({"filters": (Filter("planet", "eq", ("x",)),)}, "parameters.filters", "class"),
        ({"filters": (Filter("score", "near", (1,)),)}, "parameters.filters", "between"),  # type: ignore[arg-type]
    ]
    for changes, name, words in cases:
        values: dict[str, Any] = {"report_type": "enrollment-summary", "dataset": "enrollments", "measures": ("count",)}
        with pytest.raises(QueryError) as caught:
            runner.run(Query(**{**values, **changes}), {}, tmp_path / "rows.parquet")
        assert words in caught.value.fields[name], (changes, caught.value.fields)


def test_a_slicer_with_too_many_values_is_refused_with_advice(tmp_path: Path) -> None:
    tables = organisations.make(1)
    tables["persons"] = [organisations._Maker(9).base() | {"id": f"{n:024x}", "name": f"P{n}"} for n in range(150)]
    tables["enrollments"] = [
        dict(tables["enrollments"][0], id=f"{n + 1000:024x}", learner_id=f"{n:024x}", is_active=True)
        for n in range(150)
    ]
    files = organisations.write(tables, tmp_path)
    query = to_query(Question("enrollments", [], slicers=["learner"]))
    with pytest.raises(QueryError, match="150 values here; at most 100"):
        runner.run(query, files, tmp_path / "rows.parquet")


def test_nothing_imported_yet_is_an_empty_answer(tmp_path: Path) -> None:
    result = runner.run(to_query(Question("activity", ["class"])), {}, tmp_path / "rows.parquet")
    assert (result.row_count, result.rows_matched, result.totals) == (0, 0, {"count": 0})


def test_no_statement_begins_once_time_is_up(worlds: Worlds, tmp_path: Path) -> None:
    _, files = worlds[1]
    with pytest.raises(QuestionTooSlowError, match="longer than"):
        runner.run(
            to_query(Question("activity", ["learner", "day"])),
            files, tmp_path / "rows.parquet", limits=Limits(seconds=0.0001),
        )  # fmt: skip


def test_a_statement_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    backend = open_backend(DUCKDB, tmp_path, Limits(seconds=0.3))
    rows = backend.rows("numbers", [{"n": number} for number in range(20_000)], ibis.schema({"n": "int64"}))
    others = [rows.view().rename({name: "n"}) for name in ("a", "b")]
    many = rows.cross_join(others[0]).cross_join(others[1])
    try:
        with pytest.raises(QuestionTooSlowError):
            backend.fetch(many.aggregate(total=(many.n * many.a + many.b).sum()))
    finally:
        backend.close()


def test_the_catalogue_is_whole_and_every_measure_says_what_it_means_and_what_empty_means() -> None:
    found: set[str] = set()
    for dataset in DATASETS.values():
        assert set(dataset.dimensions) <= set(DIMENSIONS)
        found |= set(dataset.measures)
        for measure in dataset.measures.values():
            assert measure.unit is not None or measure.requires_field
            assert ("0 where" if measure.zero_if_empty else "empty ") in measure.definition, measure
    assert found == set(MEASURE_TYPES)
    of_rows = {key for each in DATASETS.values() for key in each.dimensions}
    assert of_rows == set(DIMENSIONS), "a dimension that no rows have"
    for declared in REPORT_TYPES.values():
        dataset = DATASETS[declared.dataset]
        assert set(declared.group_by) | set(declared.slicers) <= set(dataset.dimensions), declared.key
        assert {text.partition(":")[0] for text in declared.measures} <= set(dataset.measures), declared.key
