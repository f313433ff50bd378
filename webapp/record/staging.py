"""The one way in: a source fills a `Staging`, looks at what it would change, and publishes it or leaves it.

Rows go to files of the scratch folder as they come; what they change is worked out from there.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from webapp import clock
from webapp.engine.catalogue.tables import DATA_PREFIX
from webapp.messages import Message
from webapp.record import versions
from webapp.record.ids import id_of
from webapp.record.lake.duck import Duck
from webapp.record.merging import writing
from webapp.record.merging.comparison import Comparison
from webapp.record.merging.derived import Verbs
from webapp.record.merging.merge import Facts, Given, Merge
from webapp.record.merging.rows import Row, as_given, to_arrow
from webapp.record.reading import select
from webapp.record.summary import Counts, Summary
from webapp.record.tables import GIVEN, TABLES, RecordTable
from webapp.record.versions import Made, RecordVersion
from webapp.scratch import scratch
from webapp.settings import get_settings

#: Rows of one table that wait in memory before they become a file.
ROWS_A_FILE = 65_536
#: More different names in `data` than this are noise, not measures; the rest are left out and counted.
MAX_DATA_COLUMNS = 200
#: In seconds. Nothing that is learned takes longer: it is a slip of whoever wrote it, and would be every mean.
LONGEST_DURATION = 10 * 365.25 * 86_400
SCRATCH_PREFIX = "record-"

OnWait = Callable[[], None]


class Staging:
    """What one import gives. Made by `importing` only."""

    def __init__(
        self,
        base: RecordVersion,
        folder: Path,
        *,
        source: str,
        what: str,
        import_id: str,
        by: str,
        verbs: Verbs | None = None,
        now: datetime | None = None,
    ) -> None:
        self.base, self.source, self.import_id = base, source, import_id
        self.verbs: Verbs = dict(verbs or {})
        self.summary = Summary()
        self._what, self._by = what, by
        self._now = now or clock.utcnow()
        self._folder = folder
        self._given: dict[str, Given] = {}
        self._waiting: dict[str, list[pa.Table]] = {}
        #: Files are written while the source reads on, one at a time.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="staging")
        self._writing: Future[None] | None = None
        self._mentioned: list[tuple[str, str]] = []
        self._read_told: set[str] = set()
        self._data_columns: set[str] | None = None
        self._merge: Merge | None = None
        self._comparison: Comparison | None = None

    # --- what a source calls ------------------------------------------------------------------------------------------

    def add(self, table: str, rows: Sequence[Row] | pa.Table) -> None:
        """Rows of `table`, in its given columns; the first of an id counts. What a row leaves out is empty.

        A ready Arrow table has the columns' own types, and `data_…` columns for `data`.
        """
        declared = self._given_table(table)
        if not len(rows):
            return
        arrow = (
            as_given(declared, rows, self.source)
            if isinstance(rows, pa.Table)
            else to_arrow(declared, rows, self.source)
        )
        given = self._given.setdefault(table, Given())
        if "duration" in arrow.column_names:
            arrow = self._possible_durations(arrow)
        if declared.has_data:
            arrow = self._known_numbers(arrow)
            given.data |= {name for name in arrow.column_names if name.startswith(DATA_PREFIX)}
        numbers = pa.array(range(given.count, given.count + len(arrow)), pa.int64())
        given.count += len(arrow)
        waiting = self._waiting.setdefault(table, [])
        waiting.append(arrow.append_column("_seq", numbers))
        if sum(len(each) for each in waiting) >= ROWS_A_FILE:
            self._write(table)

    def whole(self, table: str) -> None:
        """This import gives all that the source has of `table`: what it gave before and does not now has ended."""
        self._given_table(table)
        self._given.setdefault(table, Given()).is_whole = True

    def mention(self, table: str, key: str, *, id: str | None = None) -> None:
        """The source names this row, and it was refused: that is no reason to end the one that is there. `id`: that of
        the row, where the source gives ids of its own."""
        self._mentioned.append((self._given_table(table).name, id or id_of(self.source, table, key)))

    def read(self, what: str, n: int = 1) -> None:
        """So many of the kind `what` were met. A table's name, or one of the source's own (then it balances them)."""
        self._read_told.add(what)
        self.summary.of(what).read += n

    def refuse(self, file: str, line: int, reason: str, *, value: str = "", what: str = "") -> None:
        self.summary.refuse(file, line, reason, value=value, what=what)

    def note(self, text: str, n: int = 1) -> None:
        self.summary.note(text, n)

    def note_at(self, file: str, line: int, rule: str, n: int = 1) -> None:
        """A row (or `n`, the first of them there) that was taken though it breaks a rule of its form; a strict import
        is refused for it."""
        self.summary.depart(file, line, rule, n)

    def set_aside(self, what: str, reason: str, n: int = 1) -> None:
        """Understood, and of no use here."""
        self.summary.set_aside(what, reason, n)

    def known(self, table: str, columns: Sequence[str], where_source: bool = True) -> dict[str, dict[str, Any]]:
        """By key, `columns` of the rows that are there (of this source). For small tables."""
        where = "key IS NOT NULL" + (" AND source = $source" if where_source else "")
        parameters = {"source": self.source} if where_source else {}
        asked = ["key", *(each for each in columns if each != "key")]
        rows = select(self.base, table, asked, where, parameters).to_pylist()
        return {row["key"]: row if "key" in columns else {k: v for k, v in row.items() if k != "key"} for row in rows}

    # --- what comes of it ---------------------------------------------------------------------------------------------

    def compare(self) -> Comparison:
        """What publishing would change. Nothing can be added after."""
        if self._comparison is None:
            for table in list(self._waiting):
                self._write(table)
            self._wait_for_writer()
            duck = Duck(self._folder)
            duck.run('CREATE TABLE mentioned ("table" VARCHAR, id VARCHAR)')
            if self._mentioned:
                names, ids = zip(*self._mentioned, strict=True)
                mentioned = pa.table({"table": pa.array(names, pa.string()), "id": pa.array(ids, pa.string())})
                duck.connection.register("mentioned_rows", mentioned)
                duck.run("INSERT INTO mentioned SELECT * FROM mentioned_rows")
            facts = Facts(self.source, self.import_id, self._now, self.verbs)
            self._merge = Merge(duck, self.base, self._given, facts, self.summary)
            self._merge.run()
            self._comparison = Comparison(self._merge, self.summary)
            self._balance()
        return self._comparison

    def publish(self, state: Mapping[str, Any] | None = None) -> RecordVersion:
        """The record with this import in it, for every reader, at once. Raises RecordBusyError, and nothing changed.

        `state` is what the source wants to find there the next time (`RecordVersion.state`), in JSON's types.
        """
        comparison = self.compare()
        tables = writing.write(comparison)
        return versions.publish(
            self.base,
            tables,
            made=Made.IMPORT,
            what=self._what,
            by=self._by,
            import_id=self.import_id,
            source=self.source,
            summary=self.summary,
            states={**self.base.states, **({} if state is None else {self.source: state})},
        )

    def close(self) -> None:
        self._writer.shutdown()
        if self._merge is not None:
            self._merge.duck.close()

    # --- files --------------------------------------------------------------------------------------------------------

    def _given_table(self, table: str) -> RecordTable:
        if table not in GIVEN:
            raise ValueError(f"no source gives rows of {table}")
        if self._comparison is not None:
            raise ValueError("this import was compared already")
        return TABLES[table]

    def _possible_durations(self, arrow: pa.Table) -> pa.Table:
        """Without the durations that cannot be."""
        given: Any = arrow["duration"]
        possible: Any = pc.and_(
            pc.greater_equal(given, pa.scalar(0.0)), pc.less_equal(given, pa.scalar(LONGEST_DURATION))
        )
        if left_out := pc.sum(pc.invert(possible)).as_py():
            self.summary.note(
                Message("durations below zero or of more than ten years, left out: nothing takes that long"), left_out
            )
            place = arrow.schema.get_field_index("duration")
            arrow = arrow.set_column(place, "duration", pc.if_else(possible, given, None))
        return arrow

    def _known_numbers(self, arrow: pa.Table) -> pa.Table:
        """Without the numbers of `data` whose names are too many."""
        if self._data_columns is None:
            found = self.base.open("events")
            held = [each.name for each in found.schema().fields] if found is not None else []
            self._data_columns = {name for name in held if name.startswith(DATA_PREFIX)}
        left_out: list[str] = []
        for name in arrow.column_names:
            if not name.startswith(DATA_PREFIX) or name in self._data_columns:
                continue
            if len(self._data_columns) < MAX_DATA_COLUMNS:
                self._data_columns.add(name)
            else:
                left_out.append(name)
        if left_out:
            lost = sum(len(arrow) - arrow[name].null_count for name in left_out)
            self.summary.note(
                Message(
                    "numbers left out, because events have more than %(most)s names of them", most=MAX_DATA_COLUMNS
                ),
                lost,
            )
        return arrow.drop_columns(left_out) if left_out else arrow

    def _write(self, table: str) -> None:
        waiting = self._waiting.pop(table)
        given = self._given[table]
        path = self._folder / f"{table}-{len(given.paths):06}.parquet"
        given.paths.append(path)
        self._wait_for_writer()
        self._writing = self._writer.submit(_write_file, waiting, path)

    def _wait_for_writer(self) -> None:
        """Raises what was wrong with the last file."""
        if self._writing is not None:
            self._writing.result()
            self._writing = None

    def _balance(self) -> None:
        """What a source did not say it read, it read as often as it gave it."""
        for table in GIVEN:
            counts = self.summary.counts.get(table)
            if counts is not None and table not in self._read_told:
                counts.read = counts.settled
        for what in [what for what, counts in self.summary.counts.items() if counts == Counts()]:
            del self.summary.counts[what]


def _write_file(waiting: Sequence[pa.Table], path: Path) -> None:
    rows = pa.concat_tables(waiting, promote_options="default")
    # Of a column without two equal values a dictionary is only more work.
    repeating = [name for name in rows.column_names if name not in ("id", "key", "_seq")]
    options: dict[str, Any] = {"compression": "lz4", "use_dictionary": repeating, "write_statistics": False}
    pyarrow.parquet.write_table(rows, path, **options)


@contextmanager
def importing(
    *,
    source: str,
    what: str,
    import_id: str,
    by: str,
    verbs: Verbs | None = None,
    on_wait: OnWait | None = None,
    now: datetime | None = None,
) -> Iterator[Staging]:
    """A staging on the record as it is, once it is this import's turn; `on_wait` is called when that is not now.

    Leaving the block without `publish` changes nothing.
    """
    with turn(on_wait):
        for left in get_settings().scratch_folder.glob(
            f"{SCRATCH_PREFIX}*"
        ):  # by an import that was killed: there is one at a time
            shutil.rmtree(left, ignore_errors=True)
        with scratch(SCRATCH_PREFIX) as folder:
            staging = Staging(
                versions.current(),
                folder,
                source=source,
                what=what,
                import_id=import_id,
                by=by,
                verbs=verbs,
                now=now,
            )
            try:
                yield staging
            finally:
                staging.close()


@contextmanager
def turn(on_wait: OnWait | None = None) -> Iterator[None]:
    """One writer of the record at a time in this home. Others elsewhere are kept apart by the number they publish."""
    path = get_settings().home / "record-lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        _wait(file, on_wait)
        yield


def _wait(file: IO[str], on_wait: OnWait | None) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if on_wait is not None:
            on_wait()
        fcntl.flock(file, fcntl.LOCK_EX)


__all__ = ["Staging", "importing", "turn"]
