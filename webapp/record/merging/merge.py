"""What an import would make of the record, worked out by DuckDB: files in, tables of what is and of what shall be.

`g_<table>` what the import gives, `c_<table>` what is there, `skip_<table>` the given rows that are left out (repeated,
refused, there already), `b_<table>` the rows as given, old and new, `w_<table>` those rows as they shall be, with what
became of each. Events are too many for the last two: they stay in files, and only what is left out is listed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from webapp.engine.sql import literal
from webapp.messages import Message
from webapp.record.lake.duck import Duck, quoted
from webapp.record.merging import derived
from webapp.record.merging.derived import Verbs
from webapp.record.merging.matching import MATCHES, NO_MATCH_NOW, UNSURE
from webapp.record.merging.rows import FILE, LINE, REF_PREFIX
from webapp.record.summary import REFUSALS_KEPT, Refusal, Summary
from webapp.record.tables import EVERY_ROW, GIVEN, OF_A_CLASS, OF_ITS_CLASS, TABLES, RecordTable, Reference
from webapp.record.versions import RecordVersion

FIRST_STAYS = Message("same id, other content: the first stays")
#: Tables whose rows may have come from a version of this program that gave ids by chance.
_RENAMED = tuple(name for name in GIVEN if name not in ("events", "outcomes", "voids", "aliases", "teachings"))
#: Worked out by the record beside each row; of an event these say nothing about what a source gave.
_NOT_GIVEN = frozenset({"is_active", "event_type", "verb", "source", "key", *OF_ITS_CLASS})
_WHAT = {
    "learner_id": Message("its learner is neither in these files nor in the record"),
    "person_id": Message("its person is neither in these files nor in the record"),
    "class_id": Message("its class is neither in these files nor in the record"),
    "content_id": Message("its content is neither in these files nor in the record"),
    "course_id": Message("its course is neither in these files nor in the record"),
    "department_id": Message("its department is neither in these files nor in the record"),
    "program_id": Message("its program is neither in these files nor in the record"),
    "parent_id": Message("what it belongs to is neither in these files nor in the record"),
    "term_id": Message("its term is neither in these files nor in the record"),
}
UNSURE_ACCOUNTS = Message(
    "accounts named like somebody of a roster, under more than one home page: they count as persons of their own"
)
PERSONS_AGAIN = Message(
    "accounts that were taken for somebody of a roster and are persons of their own again: the name is not that "
    "person's alone any more"
)
NO_TIME = Message("it has no time")


@dataclass
class Given:
    """What an import gives of one table: Parquet files, rows in them, and the names of its numbers of `data`."""

    paths: list[Path] = field(default_factory=list)
    count: int = 0
    data: set[str] = field(default_factory=set)
    is_whole: bool = False


@dataclass(frozen=True)
class Facts:
    """What a merge is told beside the rows."""

    source: str
    import_id: str
    now: datetime
    verbs: Verbs


class Merge:
    """The tables in `duck`, made in the order in which they depend on one another. Counts go to `summary`."""

    def __init__(
        self, duck: Duck, base: RecordVersion, given: Mapping[str, Given], facts: Facts, summary: Summary
    ) -> None:
        self.duck, self.base, self.given, self.facts, self.summary = duck, base, given, facts, summary
        self.now = derived.instant(facts.now)
        #: The tables of which there is a `w_<table>`.
        self.worked: list[str] = []
        #: The months of events of which something that is worked out changes, and how many of them.
        self.moved: dict[str, int] = {}
        #: Of those: how many have ended, because a source that gives all of its events names them no more.
        self.absent_events = 0
        self.data: list[str] = []
        self.skipped: dict[str, int] = {}

    def run(self) -> None:
        self.duck.run(
            'CREATE TABLE refused ("table" VARCHAR, file VARCHAR, line BIGINT, "column" VARCHAR, value VARCHAR)'
        )
        for table in TABLES.values():
            self._see(table)
        self._see_given()
        for name in GIVEN:
            self._leave_out(TABLES[name])
            if name != "events":
                self._put_together(TABLES[name])
        self._tell_refusals()
        self._prepare()
        for table in TABLES.values():
            if table.name == "enrollments" or table.name in OF_A_CLASS:
                continue
            if self._is_touched(table):
                self._work_out(table)
        self._work_out(TABLES["enrollments"])
        self.duck.run(f"CREATE TABLE places AS {derived.PLACES}")
        for name in OF_A_CLASS:
            if name != "events" and self._is_touched(TABLES[name]):
                self._work_out(TABLES[name])
        self._prepare_events()

    # --- what is given, and what is left out of it --------------------------------------------------------------------

    def _see(self, table: RecordTable) -> None:
        held = self.duck.see_table(f"h_{table.name}", table, self.base.open(table.name))
        given = self.given.get(table.name, Given())
        data = sorted({*held, *given.data}) if table.has_data else []
        if table.has_data:
            self.data = data
        self.duck.run(f"CREATE VIEW c_{table.name} AS SELECT *{_empty(data, held)} FROM h_{table.name}")  # noqa: S608

    def _see_given(self) -> None:
        is_renamed = self._find_other_ids()
        for name, given in self.given.items():
            if not given.paths:
                continue
            table = TABLES[name]
            self.duck.see_files(f"g_{name}_files", [str(path) for path in given.paths])
            data = self.data if table.has_data else []
            columns = [each.column for each in table.references if each.table in _RENAMED]
            columns += ["id"] if name in _RENAMED else []
            if not (is_renamed and columns):
                self.duck.run(f"CREATE VIEW g_{name} AS SELECT *{_empty(data, given.data)} FROM g_{name}_files")  # noqa: S608
                continue
            known = ", ".join(f'coalesce("o_{each}".id, f."{each}") AS "{each}"' for each in columns)
            joins = " ".join(f'LEFT JOIN other_ids "o_{each}" ON "o_{each}".made = f."{each}"' for each in columns)
            self.duck.run(
                f"CREATE TABLE g_{name} AS SELECT f.* REPLACE ({known}){_empty(data, given.data)} "  # noqa: S608
                f"FROM g_{name}_files f {joins}"
            )

    def _find_other_ids(self) -> bool:
        """`other_ids`: what this source calls by a key is there under an id of before ids were made of keys."""
        made = " UNION ALL ".join(
            f"SELECT id, substr(sha256(source || '/{name}/' || key), 1, 24) AS made FROM c_{name} "  # noqa: S608
            f"WHERE source = {literal(self.facts.source)} AND key <> id"
            for name in _RENAMED
        )
        self.duck.run(
            f"CREATE TABLE other_ids AS SELECT made, any_value(id) AS id FROM ({made}) WHERE made <> id "  # noqa: S608
            "GROUP BY made"
        )
        return bool(self.duck.one("SELECT count(*) FROM other_ids"))

    def is_whole(self, name: str) -> bool:
        """Whether the import gives all that its source has of the table."""
        return self.given.get(name, Given()).is_whole

    def _named(self, name: str) -> str:
        """Ids that the source names, whether it gives their rows or they were refused."""
        named = f"SELECT id FROM mentioned WHERE \"table\" = '{name}'"  # noqa: S608
        return named + (f" UNION SELECT id FROM g_{name}" if self.is_given(TABLES[name]) else "")  # noqa: S608

    def is_given(self, table: RecordTable) -> bool:
        given = self.given.get(table.name)
        return given is not None and bool(given.paths)

    def _leave_out(self, table: RecordTable) -> None:
        """`skip_<table>`: the numbers of given rows that are not taken."""
        name = table.name
        self.skipped[name] = 0
        if not self.is_given(table):
            return
        self.duck.run(f"CREATE TABLE skip_{name} (_seq BIGINT)")
        self._leave_out_repeated(table)
        for reference in table.references:
            if reference.is_required:
                self._refuse_lost(table, reference)
        if table.month_of is not None:
            self._refuse(table, table.month_of, f'g."{table.month_of}" IS NULL', "NULL")
        if table.is_first_kept:
            self._leave_out_known(table)
        self.skipped[name] = self.duck.one(f"SELECT count(*) FROM skip_{name}")  # noqa: S608

    def _content_given(self, table: RecordTable) -> list[str]:
        return ["source", "key", "is_active", *table.given, *(self.data if table.has_data else ())]

    def _leave_out_repeated(self, table: RecordTable) -> None:
        """Of rows with one id the first is taken."""
        name = table.name
        self.duck.run(
            f"CREATE TABLE twice_{name} AS SELECT id, min(_seq) AS first FROM g_{name} "  # noqa: S608
            "GROUP BY id HAVING count(*) > 1"
        )
        if not self.duck.one(f"SELECT count(*) FROM twice_{name}"):  # noqa: S608
            return
        other = derived.differs(self._content_given(table), "g", "o")
        self.duck.run(
            f"CREATE TABLE later_{name} AS SELECT g._seq, {other} AS is_other FROM g_{name} g "  # noqa: S608
            f"JOIN twice_{name} t ON t.id = g.id AND g._seq > t.first JOIN g_{name} o ON o._seq = t.first"
        )
        self.duck.run(f"INSERT INTO skip_{name} SELECT _seq FROM later_{name}")  # noqa: S608
        counts = self.summary.of(name)
        count = self.duck.one(f"SELECT count(*) FROM later_{name}")  # noqa: S608
        others = self.duck.one(f"SELECT count(*) FROM later_{name} WHERE is_other")  # noqa: S608
        counts.repeated += others
        counts.unchanged += count - others
        if others:
            self.summary.note(FIRST_STAYS, others)

    def _refuse_lost(self, table: RecordTable, reference: Reference) -> None:
        column = reference.column
        if reference.table == table.name:
            there = f"(SELECT id FROM g_{table.name} UNION SELECT id FROM c_{table.name})"  # noqa: S608
        else:
            there = f"b_{reference.table}"
        lost = f'NOT EXISTS (SELECT 1 FROM {there} r WHERE r.id = g."{column}")'  # noqa: S608
        self._refuse(table, column, lost, f'coalesce(g."{REF_PREFIX}{column}", g."{column}")')

    def _refuse(self, table: RecordTable, column: str, where: str, value: str) -> None:
        name = table.name
        self.duck.run(
            f"CREATE TABLE lost_{name}_{column} AS "  # noqa: S608
            f'SELECT g._seq, g."{FILE}" AS file, g."{LINE}" AS line, {value} AS value '
            f"FROM g_{name} g ANTI JOIN skip_{name} s ON s._seq = g._seq WHERE {where}"
        )
        self.duck.run(f"INSERT INTO skip_{name} SELECT _seq FROM lost_{name}_{column}")  # noqa: S608
        self.duck.run(
            f"INSERT INTO refused SELECT '{name}', file, line, '{column}', value FROM lost_{name}_{column}"  # noqa: S608
        )
        self.summary.of(name).refused += self.duck.one(f"SELECT count(*) FROM lost_{name}_{column}")  # noqa: S608

    def _leave_out_known(self, table: RecordTable) -> None:
        """Rows that are there already stay as they were; but one may be over, or no more (`turned_<table>`), as its own
        source says now."""
        name = table.name
        columns = [each for each in self._content_given(table) if each not in _NOT_GIVEN]
        there = ", ".join(f'{derived.given_again(table, each)} AS "{each}"' for each in columns)
        # One number stands for a row's content: it only says whether there is something to tell.
        self.duck.run(
            f"CREATE TABLE known_{name} AS SELECT g._seq, g.content <> c.content AS is_other, "  # noqa: S608
            "g.source = c.source AND g.is_active <> c.is_active AS is_turned FROM "
            f"(SELECT _seq, id, source, is_active, hash({quoted(columns)}) AS content FROM g_{name}) g JOIN "
            f"(SELECT id, source, is_active, hash({quoted(columns)}) AS content "
            f"FROM (SELECT id, source, is_active, {there} FROM c_{name})) c "
            f"ON c.id = g.id ANTI JOIN skip_{name} s ON s._seq = g._seq"
        )
        self.duck.run(f"INSERT INTO skip_{name} SELECT _seq FROM known_{name}")  # noqa: S608
        self.duck.run(
            f"CREATE TABLE turned_{name} AS SELECT g.id, g.is_active FROM g_{name} g "  # noqa: S608
            f"SEMI JOIN (SELECT _seq FROM known_{name} WHERE is_turned) k ON k._seq = g._seq"
        )
        self.summary.of(name).unchanged += self.duck.one(f"SELECT count(*) FROM known_{name}")  # noqa: S608
        others = self.duck.one(f"SELECT count(*) FROM known_{name} WHERE is_other")  # noqa: S608
        if others:
            self.summary.note(FIRST_STAYS, others)

    def taken(self, table: RecordTable) -> str:
        """The given rows that are taken."""
        if not self.skipped[table.name]:
            return f"g_{table.name}"
        return f"(SELECT g.* FROM g_{table.name} g ANTI JOIN skip_{table.name} s ON s._seq = g._seq)"  # noqa: S608

    # --- old and new rows as given ------------------------------------------------------------------------------------

    def _put_together(self, table: RecordTable) -> None:
        name = table.name
        columns = [each for each in EVERY_ROW if each not in ("changed_at", "import_id")] + list(table.given)
        there = {each: derived.given_again(table, each) for each in columns}
        is_given = self.is_given(table)
        joins = ""
        if self.is_whole(name):
            joins = f"LEFT JOIN ({self._named(name)}) n ON n.id = c.id"
            there["is_active"] = (
                f"{there['is_active']} AND NOT (source = {literal(self.facts.source)} AND named IS NULL)"
            )
        named_column = "n.id AS named" if joins else "NULL AS named"
        old = f"SELECT c.*, {named_column} FROM c_{name} c {joins}"  # noqa: S608
        if is_given:
            old += f" ANTI JOIN {self.taken(table)} g ON g.id = c.id"
        sql = f"SELECT {derived.named(there)}, false AS _is_read FROM ({old})"  # noqa: S608
        if is_given:
            sql = f"SELECT {quoted(columns)}, true AS _is_read FROM {self.taken(table)} UNION ALL {sql}"  # noqa: S608
        if is_given or joins or name == "aliases":
            self.duck.run(f"CREATE TABLE b_{name} AS {sql}")
        else:
            self.duck.run(f"CREATE VIEW b_{name} AS {sql}")

    def _tell_refusals(self) -> None:
        """The first of each kind, by file and line; all of them are counted by reason."""
        for name, column, count in self.duck.rows('SELECT "table", "column", count(*) FROM refused GROUP BY ALL'):
            self.summary.refused[_reason(column)] += count
            room = REFUSALS_KEPT - sum(each.what == name for each in self.summary.refusals)
            first = self.duck.rows(
                "SELECT coalesce(file, ''), coalesce(line, 0), coalesce(value, '') FROM refused "
                'WHERE "table" = ? AND "column" = ? ORDER BY 1, 2 LIMIT ?',
                [name, column, max(room, 0)],
            )
            self.summary.refusals += [Refusal(file, line, _reason(column), value, name) for file, line, value in first]

    # --- as they shall be ---------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        """What the rules of `derived` read beside the rows."""
        self._match()
        if self.is_given(TABLES["persons"]) and (unsure := self.duck.one(UNSURE)):
            self.summary.note(UNSURE_ACCOUNTS, int(unsure))
        self.duck.run(f"CREATE TABLE aliases AS {derived.ALIASES}")
        self.duck.run(f"CREATE TABLE voided AS {derived.VOIDED}")
        self.duck.run(f"CREATE TABLE instructors AS {derived.INSTRUCTORS.replace('$now', self.now)}")
        self.duck.run(
            "CREATE TABLE contents_kinds AS SELECT id, content_type AS kind FROM b_contents "
            "WHERE content_type IS NOT NULL"
        )

    def _match(self) -> None:
        """The matches of now in the place of those that were there."""
        self.duck.run(f"CREATE TABLE matched AS {MATCHES}")
        if again := self.duck.one(f"SELECT count(*) FROM b_aliases WHERE {NO_MATCH_NOW}"):  # noqa: S608
            self.summary.note(PERSONS_AGAIN, int(again))
            self.duck.run(f"UPDATE b_aliases SET is_active = false WHERE {NO_MATCH_NOW}")  # noqa: S608
        self.duck.run("DELETE FROM b_aliases WHERE id IN (SELECT id FROM matched)")
        self.duck.run("INSERT INTO b_aliases BY NAME SELECT * FROM matched")

    def _is_touched(self, table: RecordTable) -> bool:
        """Whether rows of it may have to change."""
        if self.is_given(table) or self.is_whole(table.name):
            return True
        if table.name == "aliases":
            return bool(self.duck.one("SELECT count(*) FROM b_aliases"))
        if table.name == "classes":
            return True  # what all that belongs to a class reads
        return table.name in self.base.tables and (table.name == "persons" or table.name in OF_A_CLASS)

    def _work_out(self, table: RecordTable) -> None:
        name = table.name
        self.duck.run(
            f"CREATE TABLE w_{name} AS SELECT f.*, c.changed_at AS _changed_at, c.import_id AS _import_id, "  # noqa: S608
            f"{derived.state(table.content)} AS _state "
            f"FROM ({derived.final(table)}) f LEFT JOIN c_{name} c ON c.id = f.id"
        )
        self.worked.append(name)

    # --- events -------------------------------------------------------------------------------------------------------

    def _prepare_events(self) -> None:
        """Which events that are there change: all that is kept of it is how many there are in each month."""
        self.duck.run("CREATE TABLE verb_types (verb VARCHAR, kind VARCHAR, event_type VARCHAR)")
        self._find_verbs()
        if "events" in self.base.tables:
            moved = (
                "SELECT month, count(*), count(*) FILTER (WHERE _is_absent) "  # noqa: S608
                f"FROM ({self.events_there()}) WHERE _is_moved GROUP BY month"
            )
            found = self.duck.rows(moved)
            self.moved = {str(month): int(count) for month, count, _ in found}
            self.absent_events = sum(int(absent) for _, _, absent in found)

    def _find_verbs(self) -> None:
        if not self.facts.verbs:
            return
        table = TABLES["events"]
        rows = ["c_events", *([self.taken(table)] if self.is_given(table) else [])]
        unknown = " UNION ".join(
            f"SELECT verb, content_id FROM {each} WHERE event_type IS NULL AND verb IS NOT NULL"  # noqa: S608
            for each in rows
        )
        pairs = self.duck.rows(
            f"SELECT DISTINCT verb, coalesce(k.kind, '') FROM ({unknown}) u "  # noqa: S608
            "LEFT JOIN contents_kinds k ON k.id = u.content_id"
        )
        found = derived.verb_types(pairs, self.facts.verbs)
        if found:
            self.duck.connection.executemany("INSERT INTO verb_types VALUES (?, ?, ?)", found)

    def events_there(self, months: Sequence[str] = ()) -> str:
        """The events that are there (all, or those of `months`) as they shall be; `_is_moved`: they change,
        `_is_absent`: they end, because their source names them no more."""
        table = TABLES["events"]
        was = derived.worked_out(table)
        columns = {each: derived.given_again(table, each) for each in ("id", *table.content, *self.data)}
        columns |= {f"was_{each}": f'"{each}"' for each in was}
        columns |= {"_changed_at": "changed_at", "_import_id": "import_id", "_is_absent": "false"}
        more_of, joins = "", ""
        if self.is_given(table):
            more_of += ", t.is_active AS turned"
            joins += f" LEFT JOIN turned_{table.name} t ON t.id = c.id"
            columns["is_active"] = "coalesce(turned, is_active)"
        if self.is_whole(table.name):
            more_of += f", c.source = {literal(self.facts.source)} AND n.id IS NULL AS unnamed"
            joins += f" LEFT JOIN ({self._named(table.name)}) n ON n.id = c.id"
            columns["_is_absent"] = "unnamed AND is_active"
            columns["is_active"] = f"NOT unnamed AND {columns['is_active']}"
        source = f"(SELECT c.*{more_of} FROM c_events c{joins} {_of_months(derived.month(table), months)})"  # noqa: S608
        rows = f"(SELECT {derived.named(columns)} FROM {source})"  # noqa: S608
        more = ["_changed_at", "_import_id", "_is_absent", *(f"was_{each}" for each in was)]
        moved = " OR ".join(f'"{each}" IS DISTINCT FROM "was_{each}"' for each in was)
        return (
            f"SELECT *, {moved} AS _is_moved, {derived.month(table)} AS month "  # noqa: S608
            f"FROM ({derived.final(table, self.data, rows, more)})"
        )

    def events_new(self) -> str:
        """The events that are added, as they shall be."""
        table = TABLES["events"]
        rows = derived.final(table, self.data, self.taken(table), more=())
        return f"SELECT *, {derived.month(table)} AS month FROM ({rows})"  # noqa: S608


def _empty(wanted: Sequence[str], there: Collection[str]) -> str:
    """Columns without a value, for those of `wanted` that are not there."""
    return "".join(f', NULL::DOUBLE AS "{name}"' for name in wanted if name not in there)


def _of_months(month: str, months: Sequence[str]) -> str:
    return f"WHERE {month} IN ({', '.join(literal(each) for each in months)})" if months else ""


def _reason(column: str) -> Message:
    return _WHAT.get(column, NO_TIME)
