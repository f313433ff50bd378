"""What is different between the rows that a question counted in one record version and those that it counts in a later
one: a pure function of both, worked out by DuckDB beside the files, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from webapp import record
from webapp.clock import aware
from webapp.engine import compiler, underlying
from webapp.engine.backends import DUCKDB, Limits
from webapp.engine.keys import dataset_of
from webapp.engine.query import Query
from webapp.engine.sql import literal
from webapp.record import RecordVersion
from webapp.record.lake.duck import Duck
from webapp.services.changes import naming, reasons, walking
from webapp.services.changes.changes import BY_IMPORT, Brought, Changes, Count, Kind, Reason, Row
from webapp.services.record import history

#: So many rows are named.
ROWS_NAMED = 200
ENROLLMENTS = "enrollments"
_ORDER = {reason: place for place, reason in enumerate(Reason)}


@dataclass(frozen=True)
class Asked:
    """A checked question, with the scope and the moment of its report, and the version that it read."""

    query: Query
    version: RecordVersion

    def write(self, path: Path, other: Asked, engine: str, limits: Limits) -> None:
        """Its rows, as far as the scope of `other` goes too."""
        files = self.version.files(compiler.tables_of(self.query))
        underlying.write(self.query, files, path, within=other.query.scope, engine=engine, limits=limits)


def between(
    then: Asked,
    now: Asked,
    folder: Path,
    *,
    engine: str = DUCKDB,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> Changes:
    """What became of the rows of `then`, and which are new; both ask the same, of one dataset.

    Nothing is told of a row where it is outside of the scope of either: what it is there, it is not for the reader.
    `folder` is for files in between. Raises VersionGoneError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return _Between(then, now, folder, engine, limits).told()


class _Between:
    def __init__(self, then: Asked, now: Asked, folder: Path, engine: str, limits: Limits) -> None:
        self.then, self.now = then, now
        self.folder, self._engine, self._limits = folder, engine, limits
        self.table = dataset_of(now.query).table
        self.is_of_enrollments = dataset_of(now.query).key == ENROLLMENTS
        self.scopes = tuple(dict.fromkeys((then.query.scope, now.query.scope)))
        read = {*compiler.tables_of(now.query)}
        between = history.bringing(then.version.number, now.version.number)
        self.bringing = [each for each in between if read & {*each.changed_tables}]

    def told(self) -> Changes:
        for name, asked, other in (("then", self.then, self.now), ("now", self.now, self.then)):
            asked.write(self.folder / f"{name}.parquet", other, self._engine, self._limits)
        with self._looking() as duck:
            for name in ("then", "now"):
                duck.see_files(f"rows_{name}", [str(self.folder / f"{name}.parquet")])
            self._judge(duck)
            self._bring(duck)
            return self._gathered(duck)

    @contextmanager
    def _looking(self) -> Iterator[Duck]:
        sides = {"then": self.then.version, "now": self.now.version}
        views = {f"raw_{side}": (version, self.table) for side, version in sides.items()}
        views |= {
            f"{table}_{side}": (version, table)
            for table in ("persons", "classes", "contents")
            for side, version in sides.items()
        }
        with record.looking_at(views) as duck:
            yield duck

    # --- why ----------------------------------------------------------------------------------------------------------

    def _judge(self, duck: Duck) -> None:
        """The table `found`: each row that became another, with its kind and its reason."""
        all_rows = "true" if self.is_of_enrollments else "t.state IS DISTINCT FROM n.state"
        about = ", ".join(f"coalesce(n.{name}, t.{name}) AS {name}" for name in underlying.ABOUT)
        duck.run(
            f"CREATE TABLE inside AS SELECT coalesce(t.id, n.id) AS id, t.id IS NOT NULL AS was_in, "  # noqa: S608
            f"n.id IS NOT NULL AS is_in, n.state AS state, {about} "
            f"FROM rows_then t FULL JOIN rows_now n ON n.id = t.id WHERE {all_rows}"
        )
        if self.is_of_enrollments:
            self._judge_enrollments(duck)
        else:
            self._judge_others(duck)

    def _judge_enrollments(self, duck: Duck) -> None:
        for side in ("then", "now"):
            allowed = reasons.within(self.scopes, "r")
            duck.run(f"CREATE VIEW seen_{side} AS SELECT * FROM raw_{side} r WHERE {allowed}")  # noqa: S608
        sides = "LEFT JOIN seen_then t ON t.id = i.id LEFT JOIN seen_now n ON n.id = i.id"
        own = reasons.of_the_learner(self._known_until())
        duck.run(f"CREATE TABLE judged AS SELECT i.*, {own} AS own FROM inside i {sides}")  # noqa: S608
        self._see_rows_of_time(duck, "SELECT count(*) FROM judged WHERE own IS NULL AND was_in <> is_in")
        overdue = reasons.Overdue.of(self.now.query)
        of_time = reasons.of_time(overdue, self.then.query.moment, self.now.query.moment)
        duck.run(
            f"CREATE TABLE found AS SELECT *, {reasons.kind()} AS kind FROM (SELECT i.*, "  # noqa: S608
            f"t.status AS was, n.status AS now, coalesce(own, {of_time}, {reasons.of_imports()}) AS reason "
            f"FROM (SELECT j.*, m.id IS NOT NULL AS in_time FROM judged j LEFT JOIN rows_time m ON m.id = j.id) i "
            f"{sides}) WHERE reason IS NOT NULL"
        )

    def _judge_others(self, duck: Duck) -> None:
        self._see_rows_of_time(duck, "SELECT count(*) FROM inside")
        is_time = "CASE WHEN was_in AND is_in THEN m.state = i.state ELSE (m.id IS NOT NULL) = is_in END"
        duck.run(
            f"CREATE TABLE found AS SELECT i.*, NULL::VARCHAR AS was, NULL::VARCHAR AS now, "  # noqa: S608
            f"CASE WHEN {is_time} THEN '{Reason.TIME}' ELSE '{Reason.IMPORT}' END AS reason, {reasons.kind()} AS kind "
            "FROM inside i LEFT JOIN rows_time m ON m.id = i.id"
        )

    def _see_rows_of_time(self, duck: Duck, undecided: str) -> None:
        """`rows_time`: what today's question counts in the record of then, so what time alone has changed. Asked only
        where something is undecided without it."""
        if not duck.one(undecided):
            duck.run("CREATE VIEW rows_time AS SELECT id, state FROM rows_now WHERE false")
            return
        path = self.folder / "time.parquet"
        Asked(self.now.query, self.then.version).write(path, self.then, self._engine, self._limits)
        duck.see_files("rows_time", [str(path)])

    def _known_until(self) -> datetime:
        """The beginning of the day until which the record of then knew what happened. Many dates are whole days, and
        what happened on that day came too late for it."""
        zone = ZoneInfo(self.now.query.time_zone)
        known = aware(history.known_until(self.then.version.number)).astimezone(zone)
        return datetime.combine(known.date(), time(), tzinfo=zone)

    # --- which import -------------------------------------------------------------------------------------------------

    def _bring(self, duck: Duck) -> None:
        """The table `brought`: (id, versions) of rows that an import is named for."""
        everything = [each.number for each in self.bringing]
        duck.run(
            f"CREATE TABLE brought AS SELECT id, {everything}::BIGINT[] AS versions FROM found "  # noqa: S608
            f"WHERE reason IN {tuple(map(str, BY_IMPORT))}"
        )
        own = [each for each in self.bringing if self.table in each.changed_tables]
        if self.is_of_enrollments and len(self.bringing) > 1:
            walking.find_versions(duck, self.then.version, own, self.scopes)

    # --- told ---------------------------------------------------------------------------------------------------------

    def _gathered(self, duck: Duck) -> Changes:
        joined = "found f LEFT JOIN brought b ON b.id = f.id"
        counted = duck.rows(f"SELECT kind, reason, versions, count(*) FROM {joined} GROUP BY ALL")  # noqa: S608
        counts = [Count(Kind(kind), Reason(why), number, tuple(by or ())) for kind, why, by, number in counted]
        counts.sort(key=lambda each: (_ORDER[each.reason], each.kind, each.versions))
        named = {number for each in counts for number in each.versions}
        return Changes(
            since=self.then.query.moment,
            before=duck.one("SELECT count(*) FROM rows_then"),
            after=duck.one("SELECT count(*) FROM rows_now"),
            counts=tuple(counts),
            rows=tuple(self._rows(duck, joined)),
            versions={
                each.number: Brought(aware(each.published_at), each.undone_to)
                for each in self.bringing
                if each.number in named
            },
        )

    def _rows(self, duck: Duck, joined: str) -> Iterator[Row]:
        order = "CASE reason " + " ".join(f"WHEN {literal(why)} THEN {place}" for why, place in _ORDER.items()) + " END"
        sql = naming.named(joined, self.table, self.scopes, order, ROWS_NAMED)
        for kind, why, by, *texts in duck.rows(sql):
            yield replace(_row(texts), kind=Kind(kind), reason=Reason(why), versions=tuple(by or ()))


def _row(texts: Sequence[Any]) -> Row:
    learner, number, of_class, content, was, now = (text or "" for text in texts)
    return Row(Kind.CHANGED, Reason.IMPORT, learner, number, of_class, content, was, now)


__all__ = ["ROWS_NAMED", "Asked", "between"]
