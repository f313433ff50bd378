"""Runs a question on an engine: from the record's files to one Parquet file of rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import ibis
import pyarrow.parquet

from webapp.engine import charts, compiler, validation
from webapp.engine import columns as columns_of
from webapp.engine.backends import DUCKDB, Backend, Limits, open_backend
from webapp.engine.catalogue.dimensions import DIMENSIONS, ENTITIES
from webapp.engine.catalogue.report_types import REPORT_TYPES
from webapp.engine.conditions import result_of
from webapp.engine.declarations import Table
from webapp.engine.errors import QueryError
from webapp.engine.fields import field_of
from webapp.engine.keys import dataset_of, date_column, keyed, order_of, same_keys
from webapp.engine.labels import Labels
from webapp.engine.query import DateRange, Query
from webapp.engine.result import ROW_TYPE, ChartSpec, Column, Result, group_key, neutral, told_apart
from webapp.engine.sources import Files, dates_in, open_table, open_tables
from webapp.engine.words import keyed_text, words_by_column
from webapp.messages import Message

MAX_COLUMN_GROUPS = 100

Progress = Callable[[int, int], None]


def run(
    query: Query,
    files: Files,
    rows_path: Path,
    *,
    engine: str = DUCKDB,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    on_progress: Progress | None = None,
) -> Result:
    """Answer `query` from `files` (Parquet files by table name) into `rows_path`, on `engine` (see `open_backend`).

    `on_progress(done, total)` counts the parts of the work. Raises QueryError for a question that cannot be
    answered, and QuestionTooSlowError when it takes longer than the limits allow.
    """
    validation.check(query)
    rows_path.parent.mkdir(parents=True, exist_ok=True)
    backend = open_backend(engine, rows_path.with_suffix(".spill"), limits)
    try:
        question = _Run(backend, query, files, on_progress or (lambda done, total: None))
        return question.details(rows_path) if query.fields else question.groups(rows_path)
    finally:
        backend.close()


@dataclass(frozen=True)
class _Level:
    """The groups of `keys`: `plain` has a row for each, `cells` one for each and each combination of the slicers. Both
    have the parts of the measures (`compiler.aggregates`)."""

    keys: tuple[str, ...]
    plain: Table
    cells: Table | None

    def without(self, kept: Table, names: Sequence[str]) -> _Level:
        """The groups that are not among `kept`."""
        plain = self.plain.anti_join(kept, same_keys(self.plain, kept, names))
        cells = self.cells
        if cells is not None:
            cells = cells.anti_join(kept, same_keys(cells, kept, names))
        return _Level(self.keys, plain, cells)

    def arranged(self, keys: Sequence[str]) -> _Level:
        """The same groups with the columns of `keys` as `k0`, `k1`…, to be put together by those alone."""

        def moved(table: Table) -> Table:
            others = {name: table[name] for name in table.columns if not name.startswith("k")}
            places = {f"k{new}": table[f"k{self.keys.index(key)}"] for new, key in enumerate(keys)}
            return table.select(**places, **others)

        return _Level(self.keys, moved(self.plain), None if self.cells is None else moved(self.cells))


class _Run:
    """One question on one connection."""

    def __init__(self, backend: Backend, query: Query, files: Files, tell: Progress) -> None:
        self.backend = backend
        self.dataset = dataset_of(query)
        self.tables = open_tables(backend, query, files)
        self._labels = Labels(backend, self.tables, partial(open_table, backend, files))
        self._dates = dates_in(files, self.dataset.table, date_column(query))
        if self.dataset.settle is not None:
            # Some of its rows stand in no table.
            self._dates = replace(self._dates, may_be_empty=True)
        if self._dates.first is not None and self._dates.last is not None:
            # Between the first and the last, few of a zone's clock changes need to be looked at in every row.
            query = replace(query, span=DateRange(self._dates.first, self._dates.last))
        self.query = query
        self.rows = compiler.matching_rows(query, self.tables)
        self.notes: list[str] = []
        self._combos_told: list[tuple[Any, ...]] = []
        self._combo_keys: list[str] = []
        self._combos_behind: list[tuple[str | None, ...]] = []
        self._tell = tell
        self._done = 0

    def _count(self, rows: Table) -> int:
        """How many things `rows` are."""
        return self._number(rows.aggregate(n=compiler.count_rows(self.query, rows)))

    def _number(self, table: Table) -> int:
        """The one number that `table` is."""
        return int(self.backend.fetch(table)[0][0].as_py())

    def _step(self, of: int) -> None:
        self._done += 1
        self._tell(min(self._done, of), of)

    def _note_undated(self) -> None:
        if not self._dates.may_be_empty:
            return
        undated = compiler.undated_rows(self.query, self.tables)
        if undated is None:
            return
        found = self._count(undated)
        if found:
            name = self.query.date_field or next(iter(self.dataset.dates))
            self.notes.append(
                Message.counted(
                    "%(num)s matching row has no date “%(date)s” and is therefore outside every period.",
                    "%(num)s matching rows have no date “%(date)s” and are therefore outside every period.",
                    found,
                    date=self.dataset.fields[name].label,
                )
            )

    # --- detail rows --------------------------------------------------------------------------------------------------

    def details(self, rows_path: Path) -> Result:
        query = self.query
        rows = self.rows.filter(self.rows.is_first) if self.dataset.once else self.rows
        shown = [key for key in query.fields if field_of(self.dataset, key) is not None]
        dimensions = [key for key in query.fields if key in self.dataset.dimensions and key not in shown]
        found = keyed(query, self.tables, rows, dimensions)
        values: dict[str, Any] = {}
        for number, key in enumerate(shown):
            field = field_of(self.dataset, key)
            assert field is not None  # noqa: S101 - checked above
            values[f"f{number}"] = field.value(found)
        found = found.select("id", *_names("k", dimensions), **values)
        numbered = [key for key in dimensions if f"{key}-number" in query.fields]
        self._labels.look_at(found, dimensions, numbered=numbered)
        found = self._labels.of(found, dimensions)
        columns: list[Column] = []
        values = {"row_id": found.id}
        for key in query.fields:
            if key in shown:
                field = field_of(self.dataset, key)
                assert field is not None  # noqa: S101 - checked above
                columns.append(columns_of.field_column(field))
                value = columns_of.typed(found[f"f{shown.index(key)}"], columns[-1])
            elif key in dimensions:
                columns.append(columns_of.dimension_column(query, key, "field"))
                value = found[f"k{dimensions.index(key)}_text"]
            else:
                base = key.removesuffix("-number")
                columns.append(columns_of.number_column(base, "field"))
                value = found[f"k{dimensions.index(base)}_number"]
            values[neutral(len(columns) - 1)] = value
        found = found.select(**values)
        place = {column.key: neutral(number) for number, column in enumerate(columns)}
        order = order_of(
            found,
            ((place[sort.column], sort.descending) for sort in query.sort),
            {place[column.key]: column.words for column in columns},
        )
        found = found.order_by([*order, found["row_id"]])
        if query.limit is not None:
            found = found.limit(query.limit)
        self._tell(0, 2)
        self.backend.write(found.drop("row_id"), rows_path)
        self._step(2)
        written = _row_count(rows_path)
        # Without a limit each row stands there once, unless it belongs to several of what is shown.
        is_whole = query.limit is None and not any(DIMENSIONS[key].many for key in dimensions)
        matched = written if is_whole else self._count(self.rows)
        if query.limit is not None and written == query.limit:
            self.notes.append(Message("Only the first %(rows)s rows are shown, as asked.", rows=written))
        self._note_undated()
        self._step(2)
        declared = REPORT_TYPES.get(query.report_type)
        pages = tuple(key for key in (declared.pages if declared else ()) if key in place)
        section = declared.section if declared and declared.section in place and pages else None
        return Result(
            tuple(columns), rows_path, written, matched, None, None, tuple(self.notes), pages=pages, section=section
        )

    # --- groups -------------------------------------------------------------------------------------------------------

    def groups(self, rows_path: Path) -> Result:
        query = self.query
        self.rows = compiler.with_measure_columns(query, self.tables, self.rows)
        prefixes = range(1, len(query.dimensions)) if query.subtotals else ()
        parts = 3 + len(prefixes) + (query.top is not None)
        self._tell(0, parts)
        main = self._level("groups", self.rows, query.dimensions)
        self._combos_told = self._combinations(main) if query.slicers else []
        self._combo_keys = told_apart([" · ".join(map(keyed_text, texts)) for texts in self._combos_told])
        self._step(parts)
        total_groups = self._labels.count(main.plain, query.dimensions, numbered=query.dimensions)
        named = self._labels.of(self._wide(main), query.dimensions)
        self._full = named.schema()
        if query.results:
            named = named.filter([result_of(named[self._place(each.field)], each) for each in query.results])
            kept = self._number(named.aggregate(n=named.count()))
            self.notes.append(
                Message(
                    "%(shown)s of %(all)s groups fit the conditions on results; totals are of all.",
                    shown=kept,
                    all=total_groups,
                )
            )
            total_groups = kept
        if query.top is not None and total_groups > query.top:
            named = self._top(main, named, query.top, total_groups)
            self._step(parts)
        elif prefixes:
            blocks = [named.mutate(**{ROW_TYPE: ibis.literal("group"), "depth": ibis.literal(len(query.dimensions))})]
            for length in prefixes:
                keys = query.dimensions[:length]
                level = self._level(f"subtotal{length}", self.rows, keys, finer=main)
                blocks.append(
                    self._widened(self._labels.of(self._wide(level), keys)).mutate(
                        **{ROW_TYPE: ibis.literal("subtotal"), "depth": ibis.literal(length)}
                    )
                )
                self._step(parts)
            named = ibis.union(*(block.select(*blocks[0].columns) for block in blocks))
        columns = columns_of.group_columns(
            query,
            self._combo_keys,
            self._combos_told,
            self._combos_behind,
            has_row_type=ROW_TYPE in named.columns,
        )
        ordered = named.order_by(self._order(named))
        if query.limit is not None and total_groups > query.limit and query.top is None:
            ordered = ordered.limit(query.limit)
            self.notes.append(
                Message(
                    "Only the first %(shown)s of %(all)s groups are shown, as asked.",
                    shown=query.limit,
                    all=total_groups,
                )
            )
        self.backend.write(self._final(ordered, columns), rows_path)
        self._step(parts)
        total = self._level("totals", self.rows, (), finer=main)
        cells = self.backend.fetch(self._wide(total)).to_pylist()[0]
        matched = int(cells["matched"] or 0)
        totals = self._totals(cells, columns) if query.totals else None
        self._note_undated()
        self._note_many(query.dimensions)
        self._step(parts)
        chart = self._chart(columns, main, rows_path)
        return Result(tuple(columns), rows_path, _row_count(rows_path), matched, totals, chart, tuple(self.notes))

    def _chart(self, columns: Sequence[Column], main: _Level, rows_path: Path) -> ChartSpec | None:
        """What the chart shows. Where it has room for fewer dimensions than the rows have, groups that differ in the
        others are put together, and written beside the rows."""
        chart = charts.chart_of(self.query, columns)
        if chart is None:
            return None
        keys = [chart.x, *([chart.series] if chart.series else [])]
        if set(keys) == set(self.query.dimensions):
            return chart
        level = self._level("drawn", self.rows, keys, finer=main.arranged(keys))
        drawn = self._labels.of(self._wide(level), keys)
        drawn = drawn.order_by(
            order_of(drawn, [(f"k{place}_text", False) for place in range(len(keys))], self._words(keys))
        )
        path = rows_path.with_suffix(".chart")
        place = {column.key: neutral(number) for number, column in enumerate(columns)}
        named: dict[str, Any] = {group_key(number): drawn[f"k{number}"] for number in range(len(keys))}
        named |= {place[key]: drawn[f"k{number}_text"] for number, key in enumerate(keys)}
        named |= {place[y]: columns_of.typed(drawn[self._place(y)], columns[int(place[y][1:])]) for y in chart.ys}
        self.backend.write(drawn.select(**named), path)
        return replace(chart, rows_path=path, groups=tuple(map(group_key, range(len(keys)))))

    def _words(self, keys: Sequence[str]) -> dict[str, Mapping[str, str]]:
        return words_by_column(self.query, keys, "k")

    def _combinations(self, main: _Level) -> list[tuple[Any, ...]]:
        """The combinations of the slicers' values as people read them, in order; kept as `self._combos`."""
        query = self.query
        names = _names("s", query.slicers)
        assert main.cells is not None  # noqa: S101 - there are slicers
        found = self.backend.keep("found_combos", main.cells.select(*names).distinct())
        number = self._labels.count(found, query.slicers, "s")
        if number > MAX_COLUMN_GROUPS:
            raise QueryError(
                {
                    "parameters.slicers": Message(
                        "%(columns)s has %(found)s values here; at most %(most)s can be columns. Use it as rows, or "
                        "filter it first.",
                        columns=Message.joined([DIMENSIONS[key].label for key in query.slicers], " × "),
                        found=number,
                        most=MAX_COLUMN_GROUPS,
                    )
                }
            )
        texts = self._labels.of(found, query.slicers, "s")
        order = order_of(texts, ((f"{name}_text", False) for name in names), words_by_column(query, query.slicers, "s"))
        order += [texts[name].asc(nulls_first=False) for name in names]
        ranked = texts.mutate(combo=ibis.row_number().over(order_by=order))
        self._combos = self.backend.keep(
            "combos",
            ranked.select(
                "combo",
                **{f"{name}_same": ranked[name] for name in names},
                **{f"{name}_text": f"{name}_text" for name in names},
            ),
        )
        told = self.backend.fetch(self._combos.order_by("combo")).to_pylist()
        is_entity = [DIMENSIONS[key].entity and DIMENSIONS[key].attribute is None for key in query.slicers]
        behind = [f"{name}_{'same' if entity else 'text'}" for name, entity in zip(names, is_entity, strict=True)]
        self._combos_behind = [tuple(None if row[each] is None else str(row[each]) for each in behind) for row in told]
        return [tuple(row[f"{name}_text"] for name in names) for row in told]

    def _level(self, name: str, rows: Table, keys: Sequence[str], finer: _Level | None = None) -> _Level:
        """The groups of `keys` with all measures; put together from `finer` groups of the same rows where that gives
        the same, else counted from the rows."""
        slicers = self.query.slicers
        cells = None
        if slicers:
            finer_cells = finer.cells if finer is not None else None
            cells = self._aggregated(f"{name}_cells", rows, keys, slicers, finer_cells, finer.keys if finer else ())
            plain = self._aggregated(name, rows, keys, (), cells, (*keys, *slicers))
        else:
            plain = self._aggregated(name, rows, keys, (), finer.plain if finer else None, finer.keys if finer else ())
        return _Level(tuple(keys), plain, cells)

    def _aggregated(
        self,
        name: str,
        rows: Table,
        keys: Sequence[str],
        slicers: Sequence[str],
        finer: Table | None,
        finer_keys: Sequence[str],
    ) -> Table:
        names = [*_names("k", keys), *_names("s", slicers)]
        merged = set(finer_keys) - {*keys, *slicers}
        if finer is not None and compiler.can_roll_up(self.query, merged):
            measures = compiler.rolled_up(self.query, finer)
            found = finer.group_by(names).aggregate(**measures) if names else finer.aggregate(**measures)
        else:
            found = compiler.aggregated(self.query, self.tables, rows, keys, slicers)
        return self.backend.keep(name, found)

    def _wide(self, level: _Level) -> Table:
        """A row for each group, its measures again for each combination of slicers."""
        plain = compiler.measured(self.query, level.plain)
        if level.cells is None or not self._combo_keys:
            return plain
        names, slices = _names("k", level.keys), _names("s", self.query.slicers)
        cells = compiler.measured(self.query, level.cells)
        placed = cells.join(self._combos, same_keys(cells, self._combos, slices))
        spread = {
            f"m{m}_{combo}": measure.filled(placed[f"m{m}"].max(where=placed.combo == combo))
            for m, measure in enumerate(compiler.measures_of(self.query))
            for combo in range(len(self._combo_keys))
        }
        if not names:
            return plain.cross_join(placed.aggregate(**spread))
        wide = placed.group_by(names).aggregate(**spread).rename({f"{each}_same": each for each in names})
        joined = plain.left_join(wide, same_keys(plain, wide, names))
        return joined.drop(*(f"{each}_same" for each in names))

    def _widened(self, block: Table) -> Table:
        """A block of fewer dimensions with the missing key columns, empty."""
        return block.mutate(**{name: ibis.null(kind) for name, kind in self._full.items() if name not in block.columns})

    def _top(self, main: _Level, named: Table, top: int, total_groups: int) -> Table:
        """The first `top` groups, and one row for all others."""
        query = self.query
        names = _names("k", query.dimensions)
        best = self.backend.keep("best", named.order_by(self._order(named, for_top=True)).limit(top))
        kept = best.select(**{f"{name}_same": best[name] for name in names})
        others = keyed(query, self.tables, self.rows, query.dimensions)
        others = others.anti_join(kept, same_keys(others, kept, names)).drop(*names)
        if any(DIMENSIONS[key].many for key in query.dimensions):
            # A row that belongs to several of the other groups is one row of theirs.
            others = self.rows.filter(self.rows.id.isin(others.id))
        rest = self._level("other", others, (), finer=main.without(kept, names))
        other = self._widened(self._wide(rest)).mutate(**{ROW_TYPE: ibis.literal("other")})
        self.notes.append(
            Message(
                "The first %(top)s of %(all)s groups; “Other” holds the %(others)s others.",
                top=top,
                all=total_groups,
                others=total_groups - top,
            )
        )
        best = best.mutate(**{ROW_TYPE: ibis.literal("group")})
        return ibis.union(best, other.select(*best.columns))

    def _order(self, table: Table, *, for_top: bool = False) -> list[Any]:
        query = self.query
        names, words = _names("k", query.dimensions), self._words(query.dimensions)
        order: list[Any] = []
        if ROW_TYPE in table.columns and "depth" not in table.columns:
            order.append(ibis.ifelse(table[ROW_TYPE] == "other", 1, 0))
        if "depth" in table.columns:
            for level, name in enumerate(names, start=1):
                order += order_of(table, [(f"{name}_text", False)], words)
                order.append(table[name].asc(nulls_first=False))
                if level < len(names):
                    order.append(ibis.ifelse(table.depth == level, 1, 0))
            return order
        wanted = [(self._place(sort.column), sort.descending) for sort in query.sort]
        if for_top and not any(sort.column in query.measures for sort in query.sort):
            wanted.append(("m0", True))
        order += order_of(table, [*wanted, *((f"{name}_text", False) for name in names)], words)
        order += [table[name].asc(nulls_first=False) for name in names]
        return order or [table.matched]

    def _place(self, column: str) -> str:
        """The working column of an output column's key."""
        query = self.query
        if column in query.measures:
            return f"m{query.measures.index(column)}"
        if column in query.dimensions:
            return f"k{query.dimensions.index(column)}_text"
        base = column.removesuffix("-number")
        if base in query.dimensions and (DIMENSIONS[base].entity and ENTITIES[DIMENSIONS[base].entity or ""].number):
            return f"k{query.dimensions.index(base)}_number"
        measure, _, combo = column.removesuffix("]").partition("[")
        if measure in query.measures and combo in self._combo_keys:
            return f"m{query.measures.index(measure)}_{self._combo_keys.index(combo)}"
        raise QueryError(
            {"parameters.sort": Message("“%(column)s” is not a column of this report.", column=column[:60])}
        )

    def _final(self, table: Table, columns: Sequence[Column]) -> Table:
        """The output columns, typed, under neutral names; and what the dimensions are grouped by."""
        query = self.query
        named: dict[str, Any] = {group_key(place): table[f"k{place}"] for place in range(len(query.dimensions))}
        for place, column in enumerate(columns):
            if column.key == ROW_TYPE:
                named[neutral(place)] = table[ROW_TYPE]
                continue
            value = table[self._place(column.key)]
            if column.role == "dimension":
                if ROW_TYPE in table.columns and "depth" not in table.columns and column.key == query.dimensions[0]:
                    value = ibis.ifelse(table[ROW_TYPE] == "other", "Other", value.cast("string"))
                named[neutral(place)] = value
            else:
                named[neutral(place)] = columns_of.typed(value, column)
        return table.select(**named)

    def _totals(self, cells: dict[str, Any], columns: Sequence[Column]) -> dict[str, Any]:
        measures = [column for column in columns if column.role == "measure"]
        width = len(self.query.measures)
        totals: dict[str, Any] = {}
        for position, column in enumerate(measures):
            combo, number = divmod(position, width)
            cell = cells.get(f"m{number}" if combo == 0 else f"m{number}_{combo - 1}")
            if isinstance(cell, datetime):
                cell = cell.replace(tzinfo=UTC)
            elif cell is not None and column.type == "integer":
                cell = int(cell)
            elif cell is not None and column.type == "number":
                cell = float(cell)
            totals[column.key] = cell
        return totals

    def _note_many(self, keys: Sequence[str]) -> None:
        for key in keys:
            if DIMENSIONS[key].many is not None:
                self.notes.append(
                    Message(
                        "A row can count under several values of “%(dimension)s”; the total counts it once.",
                        dimension=DIMENSIONS[key].label,
                    )
                )


def _row_count(path: Path) -> int:
    return pyarrow.parquet.read_metadata(path).num_rows


def _names(prefix: str, keys: Sequence[str]) -> list[str]:
    """The working columns of `keys`."""
    return [f"{prefix}{number}" for number in range(len(keys))]
