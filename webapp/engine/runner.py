"""Runs a question on DuckDB: from the extract's files to one Parquet file of rows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import ibis

from webapp.engine import compiler, validation
from webapp.engine.catalogue.dimensions import DIMENSIONS, ENTITIES
from webapp.engine.catalogue.report_types import REPORT_TYPES
from webapp.engine.catalogue.tables import TABLES, TYPES
from webapp.engine.compiler import DEPARTMENT_TREE, Tables
from webapp.engine.declarations import Table, Unit
from webapp.engine.errors import QueryError, QuestionTooSlowError
from webapp.engine.query import Query
from webapp.engine.result import ROW_TYPE, ChartKind, ChartSpec, Column, Result
from webapp.engine.validation import field_of, field_of_measure, measure_of, split_measure
from webapp.messages import Message

MAX_COLUMN_GROUPS = 100
#: A chart with more series than this is a tangle.
MAX_SERIES = 8
ALL = "all"

Progress = Callable[[int, int], None]
Files = Mapping[str, Sequence[str]]


def run(
    query: Query,
    files: Files,
    rows_path: Path,
    *,
    memory_limit_mb: int | None = None,
    threads: int | None = None,
    seconds: float | None = None,
    on_progress: Progress | None = None,
) -> Result:
    """Answer `query` from `files` (Parquet files by table name) into `rows_path`.

    `on_progress(done, total)` counts the parts of the work. Raises QueryError for a question that cannot be
    answered, and QuestionTooSlowError after `seconds`.
    """
    validation.check(query)
    options: dict[str, Any] = {"temp_directory": str(rows_path.with_suffix(".spill"))}
    if memory_limit_mb is not None:
        options["memory_limit"] = f"{memory_limit_mb}MB"
    if threads is not None:
        options["threads"] = threads
    rows_path.parent.mkdir(parents=True, exist_ok=True)
    connection = ibis.duckdb.connect(**options)
    timer = threading.Timer(seconds or 0, connection.con.interrupt)
    if seconds is not None:
        timer.start()
    try:
        question = _Run(connection, query, files, on_progress or (lambda done, total: None))
        return question.details(rows_path) if query.fields else question.groups(rows_path)
    except duckdb.InterruptException as error:
        raise QuestionTooSlowError(seconds or 0) from error
    finally:
        timer.cancel()
        connection.disconnect()


def count(query: Query, files: Files) -> int:
    """How many rows `query` matches."""
    validation.check(query)
    connection = ibis.duckdb.connect()
    try:
        return _Run(connection, query, files, lambda done, total: None).matched()
    finally:
        connection.disconnect()


def open_tables(connection: Any, query: Query, files: Files) -> Tables:
    """The tables that `query` reads, with every declared column."""
    tables: Tables = {}
    wanted = compiler.data_columns_of(query)
    for name in compiler.tables_of(query):
        more = wanted if name == "learningevents" else ()
        tables[name] = _open_table(connection, name, list(files.get(name, ())), more)
    if DEPARTMENT_TREE in {DIMENSIONS[key].many for key in _dimensions_named(query)}:
        tables[DEPARTMENT_TREE] = _department_tree(tables["departments"])
    return tables


def _dimensions_named(query: Query) -> set[str]:
    named = {*query.dimensions, *query.slicers, *query.fields, *(each.field for each in query.filters)}
    return {key for key in named if key in DIMENSIONS}


def _open_table(connection: Any, name: str, paths: list[str], more: Sequence[str]) -> Table:
    if not paths:
        return compiler.empty_table(name, more)
    found = connection.read_parquet(paths, table_name=name, union_by_name=True)
    missing = {column: ibis.null(TYPES[kind]) for column, kind in TABLES[name].items() if column not in found.columns}
    missing |= {column: ibis.null("float64") for column in more if column not in found.columns}
    return found.mutate(**missing) if missing else found


def _department_tree(departments: Table) -> Table:
    """(member_id, group_id): each department with itself and with each one above it. A cycle does no harm."""
    parents = {row["id"]: row["parent_id"] for row in departments.select("id", "parent_id").to_pyarrow().to_pylist()}
    pairs: list[dict[str, str]] = []
    for member in parents:
        above: str | None = member
        seen: set[str] = set()
        while above is not None and above in parents and above not in seen:
            seen.add(above)
            pairs.append({"member_id": member, "group_id": above})
            above = parents[above]
    return ibis.memtable(pairs, schema=ibis.schema({"member_id": "string", "group_id": "string"}))


class _Run:
    """One question on one connection."""

    def __init__(self, connection: Any, query: Query, files: Files, tell: Progress) -> None:
        self.connection = connection
        self.query = query
        self.dataset = compiler.dataset_of(query)
        self.tables = open_tables(connection, query, files)
        self.rows = compiler.matching_rows(query, self.tables)
        self.notes: list[str] = []
        self._tell = tell
        self._done = 0

    def matched(self) -> int:
        return int(self.rows.aggregate(n=compiler.count_rows(self.query, self.rows)).to_pyarrow()["n"][0].as_py())

    def _step(self, of: int) -> None:
        self._done += 1
        self._tell(min(self._done, of), of)

    def _note_undated(self) -> None:
        undated = compiler.undated_rows(self.query, self.tables)
        if undated is None:
            return
        found = int(undated.aggregate(n=compiler.count_rows(self.query, undated)).to_pyarrow()["n"][0].as_py())
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
        found = compiler.keyed(query, self.tables, rows, dimensions)
        for number, key in enumerate(shown):
            field = field_of(self.dataset, key)
            assert field is not None  # noqa: S101 - checked above
            found = found.mutate(**{f"f{number}": field.value(found)})
        found = found.select("id", *(f"k{n}" for n in range(len(dimensions))), *(f"f{n}" for n in range(len(shown))))
        found = compiler.labelled(self.tables, found, dimensions)
        columns: list[Column] = []
        named: dict[str, Any] = {"row-id": found.id}
        for key in query.fields:
            if key in shown:
                field = field_of(self.dataset, key)
                assert field is not None  # noqa: S101 - checked above
                value = found[f"f{shown.index(key)}"]
                columns.append(_field_column(key, field.label, field.unit, field.definition))
                named[key] = _typed(value, columns[-1])
            elif key in dimensions:
                columns.append(_dimension_column(key, "field"))
                named[key] = found[f"k{dimensions.index(key)}_text"]
            else:
                base = key.removesuffix("-number")
                columns.append(_number_column(base, "field"))
                named[key] = found[f"k{dimensions.index(base)}_number"]
        found = found.select(**named)
        order: list[Any] = []
        for sort in query.sort:
            order += compiler.sort_keys(found, sort.column, descending=sort.descending)
        found = found.order_by([*order, found["row-id"]])
        if query.limit is not None:
            found = found.limit(query.limit)
        self._tell(0, 2)
        found.drop("row-id").to_parquet(rows_path)
        self._step(2)
        matched = self.matched()
        written = _row_count(rows_path)
        if query.limit is not None and written == query.limit:
            self.notes.append(Message("Only the first %(rows)s rows are shown, as asked.", rows=written))
        self._note_undated()
        self._step(2)
        return Result(tuple(columns), rows_path, written, matched, None, None, tuple(self.notes))

    # --- groups -------------------------------------------------------------------------------------------------------

    def groups(self, rows_path: Path) -> Result:
        query = self.query
        self.rows = compiler.with_measure_columns(query, self.tables, self.rows)
        prefixes = range(1, len(query.dimensions)) if query.subtotals else ()
        parts = 3 + len(prefixes) + (query.top is not None)
        self._tell(0, parts)
        combos = self._combinations() if query.slicers else []
        main = self._block("groups", self.rows, query.dimensions)
        self._step(parts)
        named = self._labelled(main, query.dimensions)
        total_groups = int(main.count().to_pyarrow().as_py())
        if query.top is not None and total_groups > query.top:
            named = self._top(named, query.top, total_groups)
            self._step(parts)
        elif prefixes:
            blocks = [named.mutate(**{ROW_TYPE: ibis.literal("group"), "depth": ibis.literal(len(query.dimensions))})]
            for length in prefixes:
                keys = query.dimensions[:length]
                block = self._labelled(self._block(f"subtotal{length}", self.rows, keys), keys)
                blocks.append(
                    self._widened(block, length).mutate(
                        **{ROW_TYPE: ibis.literal("subtotal"), "depth": ibis.literal(length)}
                    )
                )
                self._step(parts)
            named = ibis.union(*(block.select(*blocks[0].columns) for block in blocks))
        columns = self._columns(combos, has_row_type=ROW_TYPE in named.columns)
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
        self._final(ordered, columns).to_parquet(rows_path)
        self._step(parts)
        totals_block = self._block("totals", self.rows, ())
        cells = totals_block.to_pyarrow().to_pylist()[0]
        matched = int(cells["matched"])
        totals = self._totals(cells, columns) if query.totals else None
        self._note_undated()
        self._note_many(query.dimensions)
        self._step(parts)
        chart = _chart(query, columns)
        return Result(tuple(columns), rows_path, _row_count(rows_path), matched, totals, chart, tuple(self.notes))

    def _combinations(self) -> list[str]:
        """The combinations of the slicers' values as texts, in order; kept as the temporary table `combos`."""
        query = self.query
        names = [f"s{n}" for n in range(len(query.slicers))]
        found = compiler.keyed(query, self.tables, self.rows, query.slicers, "s").select(*names).distinct()
        found = self.connection.create_table("found_combos", found, temp=True)
        number = int(found.count().to_pyarrow().as_py())
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
        texts = compiler.labelled(self.tables, found, query.slicers, "s")
        order = [key for name in names for key in compiler.sort_keys(texts, f"{name}_text")]
        order += [texts[name].asc(nulls_first=False) for name in names]
        ranked = texts.mutate(combo=ibis.row_number().over(order_by=order))
        ranked = self.connection.create_table(
            "combos",
            ranked.select(
                "combo",
                **{f"{name}_same": ranked[name] for name in names},
                **{f"{name}_text": f"{name}_text" for name in names},
            ),
            temp=True,
        )
        told = ranked.order_by("combo").to_pyarrow().to_pylist()
        return _distinct([" · ".join(_told(row[f"{name}_text"]) for name in names) for row in told])

    def _block(self, name: str, rows: Table, keys: Sequence[str]) -> Table:
        """One temporary table: a row for each group of `keys`, with all measures, and again for each combination."""
        query = self.query
        names = [f"k{n}" for n in range(len(keys))]
        grouped = compiler.keyed(query, self.tables, rows, keys)
        found = self._aggregated(grouped, names)
        if not query.slicers:
            return self.connection.create_table(name, found, temp=True)
        slices = [f"s{n}" for n in range(len(query.slicers))]
        cells = self._aggregated(compiler.keyed(query, self.tables, grouped, query.slicers, "s"), [*names, *slices])
        cells = self.connection.create_table(f"{name}_cells", cells, temp=True)
        combos = self.connection.table("combos")
        placed = cells.join(combos, compiler.same_keys(cells, combos, slices))
        spread = {
            f"m{m}_{combo}": placed[f"m{m}"].max(where=placed.combo == combo)
            for m in range(len(query.measures))
            for combo in range(int(combos.count().to_pyarrow().as_py()))
        }
        if not spread:
            return self.connection.create_table(name, found, temp=True)
        if not names:
            wide = placed.aggregate(**spread)
            return self.connection.create_table(name, found.cross_join(wide), temp=True)
        wide = placed.group_by(names).aggregate(**spread)
        wide = wide.rename({f"{each}_same": each for each in names})
        joined = found.left_join(wide, compiler.same_keys(found, wide, names))
        return self.connection.create_table(name, joined.drop(*(f"{each}_same" for each in names)), temp=True)

    def _aggregated(self, rows: Table, names: Sequence[str]) -> Table:
        measures = compiler.aggregates(self.query, rows) | {"matched": compiler.count_rows(self.query, rows)}
        return rows.group_by(list(names)).aggregate(**measures) if names else rows.aggregate(**measures)

    def _labelled(self, block: Table, keys: Sequence[str]) -> Table:
        return compiler.labelled(self.tables, block, keys)

    def _widened(self, block: Table, length: int) -> Table:
        """A block of fewer dimensions with the missing key columns, empty."""
        full = self._labelled(self.connection.table("groups"), self.query.dimensions).schema()
        missing = {name: ibis.null(kind) for name, kind in full.items() if name not in block.columns}
        return block.mutate(**missing)

    def _top(self, named: Table, top: int, total_groups: int) -> Table:
        """The first `top` groups, and one row for all others, worked out from their rows."""
        query = self.query
        names = [f"k{n}" for n in range(len(query.dimensions))]
        ranking = self._order(named, for_top=True)
        best = self.connection.create_table("best", named.order_by(ranking).limit(top), temp=True)
        kept = best.select(**{f"{name}_same": best[name] for name in names})
        keyed_rows = compiler.keyed(query, self.tables, self.rows, query.dimensions)
        others = keyed_rows.anti_join(kept, compiler.same_keys(keyed_rows, kept, names)).drop(*names)
        rest = self._widened(self._block("other", others, ()), 0)
        rest = rest.mutate(**{ROW_TYPE: ibis.literal("other")})
        self.notes.append(
            Message(
                "The first %(top)s of %(all)s groups; “Other” holds the %(others)s others.",
                top=top,
                all=total_groups,
                others=total_groups - top,
            )
        )
        best = best.mutate(**{ROW_TYPE: ibis.literal("group")})
        return ibis.union(best, rest.select(*best.columns))

    def _order(self, table: Table, *, for_top: bool = False) -> list[Any]:
        query = self.query
        names = [f"k{n}" for n in range(len(query.dimensions))]
        order: list[Any] = []
        if ROW_TYPE in table.columns and "depth" not in table.columns:
            order.append(ibis.ifelse(table[ROW_TYPE] == "other", 1, 0))
        if "depth" in table.columns:
            for level, name in enumerate(names, start=1):
                order += [*compiler.sort_keys(table, f"{name}_text"), table[name].asc(nulls_first=False)]
                if level < len(names):
                    order.append(ibis.ifelse(table.depth == level, 1, 0))
            return order
        wanted = list(query.sort)
        for sort in wanted:
            order += compiler.sort_keys(table, self._place(sort.column), descending=sort.descending)
        if for_top and not any(sort.column in query.measures for sort in wanted):
            order += compiler.sort_keys(table, "m0", descending=True)
        for name in names:
            order += [*compiler.sort_keys(table, f"{name}_text"), table[name].asc(nulls_first=False)]
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
        raise QueryError(
            {"parameters.sort": Message("“%(column)s” is not a column of this report.", column=column[:60])}
        )

    def _columns(self, combos: list[str], *, has_row_type: bool) -> list[Column]:
        query = self.query
        columns: list[Column] = []
        for key in query.dimensions:
            columns.append(_dimension_column(key, "dimension"))
            if (entity := DIMENSIONS[key].entity) and ENTITIES[entity].number and DIMENSIONS[key].attribute is None:
                columns.append(_number_column(key, "dimension"))
        if has_row_type:
            columns.append(
                Column(ROW_TYPE, Message("Row"), "string", "text", "dimension", Message("group, subtotal or other"))
            )
        for text in query.measures:
            columns.append(self._measure_column(text))
        for combo in combos:
            for text in query.measures:
                base = self._measure_column(text)
                label = Message.joined([base.label, combo], " · ")
                columns.append(Column(f"{text}[{combo}]", label, base.type, base.unit, "measure", base.definition))
        return columns

    def _measure_column(self, text: str) -> Column:
        measure = measure_of(self.query, self.dataset, split_measure(text)[0])
        assert measure is not None  # noqa: S101 - the query is checked
        key = field_of_measure(self.query, text)
        label, unit, definition = measure.label, measure.unit or Unit.NUMBER, measure.definition
        if measure.requires_field:
            field = field_of(self.dataset, key)
            about = field.label if field is not None else DIMENSIONS[key].label
            if split_measure(text)[1]:
                label = Message("%(measure)s of %(field_)s", measure=label, field=about)
            if measure.unit is None:
                unit = field.unit if field is not None else Unit.NUMBER
                # A sum or a mean of whole numbers need not be one; the mean of scores is a score.
                unit = Unit.NUMBER if unit is Unit.COUNT and measure.key not in ("sum", "min", "max") else unit
        return Column(text, label, compiler.type_of(unit), unit.value, "measure", definition)  # type: ignore[arg-type]

    def _final(self, table: Table, columns: Sequence[Column]) -> Table:
        """The output columns, typed, under their keys."""
        query = self.query
        named: dict[str, Any] = {}
        combos = (len([c for c in columns if c.role == "measure"]) // max(len(query.measures), 1)) - 1
        places = [f"m{m}" for m in range(len(query.measures))]
        places += [f"m{m}_{combo}" for combo in range(combos) for m in range(len(query.measures))]
        measures = iter(places)
        for column in columns:
            if column.key == ROW_TYPE:
                named[column.key] = table[ROW_TYPE]
            elif column.role == "dimension":
                value = table[self._place(column.key)]
                if ROW_TYPE in table.columns and "depth" not in table.columns and column.key == query.dimensions[0]:
                    value = ibis.ifelse(table[ROW_TYPE] == "other", "Other", value.cast("string"))
                named[column.key] = value
            else:
                place = next(measures)
                named[column.key] = _typed(self._zeroed(column.key, table[place]), column)
        return table.select(**named)

    def _zeroed(self, key: str, value: Any) -> Any:
        """A combination of slicers without rows has the count 0, and no average."""
        measure = measure_of(self.query, self.dataset, split_measure(key.partition("[")[0])[0])
        return value.fill_null(0) if measure is not None and measure.zero_if_empty else value

    def _totals(self, cells: dict[str, Any], columns: Sequence[Column]) -> dict[str, Any]:
        measures = [column for column in columns if column.role == "measure"]
        width = len(self.query.measures)
        totals: dict[str, Any] = {}
        for position, column in enumerate(measures):
            combo, number = divmod(position, width)
            cell = cells.get(f"m{number}" if combo == 0 else f"m{number}_{combo - 1}")
            measure = measure_of(self.query, self.dataset, split_measure(column.key.partition("[")[0])[0])
            if cell is None and measure is not None and measure.zero_if_empty:
                cell = 0
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


def _chart(query: Query, columns: Sequence[Column]) -> ChartSpec | None:
    if not query.dimensions:
        return None
    declared = REPORT_TYPES[query.report_type].chart if query.report_type in REPORT_TYPES else None
    x = declared.x if declared and declared.x in query.dimensions else query.dimensions[0]
    y = declared.y if declared and declared.y in query.measures else query.measures[0]
    chosen = next(column for column in columns if column.key == y)
    if chosen.type not in ("integer", "number"):
        return None
    x_label = next(column.label for column in columns if column.key == x)
    title = Message("%(measure)s by %(dimension_)s", measure=chosen.label, dimension=x_label)
    sliced = [column.key for column in columns if column.key.startswith(f"{y}[")]
    if sliced and len(sliced) <= MAX_SERIES:
        additive = chosen.type == "integer" and y == "count"
        kind: ChartKind = "stacked-bar" if additive else "bar"
        return ChartSpec("line" if DIMENSIONS[x].time else kind, x, tuple(sliced), None, title)
    kind = "line" if DIMENSIONS[x].time else "bar"
    series = next((key for key in query.dimensions if key != x), None)
    return ChartSpec(kind, x, (y,), series, title)


def _field_column(key: str, label: str, unit: Unit, definition: str) -> Column:
    return Column(key, label, compiler.type_of(unit), unit.value, "field", definition or None)  # type: ignore[arg-type]


def _dimension_column(key: str, role: Any) -> Column:
    dimension = DIMENSIONS[key]
    kind: Any = ("date", "date") if dimension.time == "day" else ("string", "text")
    return Column(key, dimension.label, kind[0], kind[1], role)


def _number_column(key: str, role: Any) -> Column:
    entity = ENTITIES[DIMENSIONS[key].entity or ""]
    return Column(f"{key}-number", entity.number_label, "string", "text", role)


def _typed(value: Any, column: Column) -> Any:
    if column.type == "integer":
        return value.cast("int64")
    if column.type == "number":
        return value.cast("float64")
    if column.type == "datetime":
        return value.cast("timestamp('UTC')")
    return value


def _row_count(path: Path) -> int:
    import pyarrow.parquet

    return pyarrow.parquet.read_metadata(path).num_rows


def _told(text: Any) -> str:
    if text is None or text == "":
        return "(empty)"
    return text.isoformat() if isinstance(text, date) else str(text)


def _distinct(texts: list[str]) -> list[str]:
    """Namesakes get a number, so that no two columns have the same key."""
    seen: dict[str, int] = {}
    found = []
    for text in texts:
        seen[text] = seen.get(text, 0) + 1
        found.append(text if seen[text] == 1 else f"{text} ({seen[text]})")
    return found


__all__ = ["QuestionTooSlowError", "count", "open_tables", "run"]
