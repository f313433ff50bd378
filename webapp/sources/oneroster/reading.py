"""A bundle on its way into the record: its rows one after another, and what becomes of each, told and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from webapp import clock
from webapp.messages import Message
from webapp.record.ids import id_of
from webapp.settings import get_settings
from webapp.sources.csv_tables import Row, Unread
from webapp.sources.oneroster.bundle import Bundle
from webapp.sources.oneroster.forms import FORM_OF
from webapp.sources.oneroster.rules import FileRules, Rules
from webapp.sources.oneroster.values import day, is_active

if TYPE_CHECKING:
    from webapp.record.staging import Staging

SOURCE = "oneroster"
#: Rows go to the record in batches of this size; after as many rows of a file, how far it is gets told.
BATCH = 5_000

#: (rows read, share of the files read)
Progress = Callable[[int, float], None]
Made = dict[str, Any]

#: Of a day.
_FIRST, _LAST = time(), time(23, 59, 59)


class RowError(ValueError):
    """A row that cannot be taken; its text is the reason."""


class Reading:
    """What the parts of a bundle share: `ids` are the sourcedIds that each file has, refused rows with them."""

    def __init__(self, bundle: Bundle, staging: Staging, on_progress: Progress = lambda count, share: None) -> None:
        self.bundle = bundle
        self.staging = staging
        self.now = clock.utcnow()
        self.zone = ZoneInfo(get_settings().time_zone)
        self.ids: dict[str, set[str]] = {}
        self._on_progress = on_progress
        self._read_of: dict[str, int] = {}
        self._batches: dict[str, list[Made]] = {}
        self._aside: Counter[tuple[str, str]] = Counter()
        self._notes: Counter[str] = Counter()
        self.rules = Rules(bundle, self.ids, self.break_rule)
        self._known: dict[str, dict[str, Made]] = {}
        self._instants = lru_cache(maxsize=20_000)(self._instant_of)

    # --- rows ---------------------------------------------------------------------------------------------------------

    def rows(self, file: str) -> Iterator[tuple[int, Row]]:
        """(line, row) of a file; refused is what cannot be read, what has no sourcedId, and one that is there twice."""
        if file not in self.bundle.tables:
            return
        form = FORM_OF[file.casefold()]
        seen = self.ids.setdefault(file, set())
        twice: list[tuple[int, str]] = []
        count = 0
        for line, row in self.bundle.rows(file):
            count += 1
            if count % BATCH == 0:
                self._tell(file, count)
            if isinstance(row, Unread):
                self.refuse(file, line, row.reason)
                continue
            key = row.get("sourcedid", "")
            if key in seen:
                twice.append((line, key))
            elif key:
                seen.add(key)
                yield line, row
            elif form.keyed:
                self.refuse(file, line, Message("sourcedId is empty"))
            else:
                yield line, row
        self._refuse_twice(file, twice)
        self._tell(file, count)
        if not self._is_referred_to(file):
            del self.ids[file]

    def _is_referred_to(self, file: str) -> bool:
        """Does a file of the bundle refer to this one? The ids of others (enrollments) need no place in memory."""
        forms = (FORM_OF[each.casefold()] for each in self.bundle.tables)
        return any(column.refers_to == file for form in forms for column in form.columns)

    def _refuse_twice(self, file: str, twice: list[tuple[int, str]]) -> None:
        """Where the first of them stands is looked up only now: to know the line of every row costs too much."""
        if not twice:
            return
        wanted = {key for _, key in twice}
        first: dict[str, int] = {}
        for line, row in self.bundle.rows(file):
            if not isinstance(row, Unread) and (key := row.get("sourcedid", "")) in wanted:
                first.setdefault(key, line)
        for line, key in twice:
            self.refuse(
                file, line, Message("the sourcedId %(key)s stands in line %(first)s already", key=key, first=first[key])
            )

    def _tell(self, file: str, count: int) -> None:
        """Files differ in size, and each is read about once: their bytes tell how far it is."""
        self._read_of[file] = count
        sizes = {name: table.file.packed_size for name, table in self.bundle.tables.items()}
        done = sum(sizes[name] for name in self._read_of if name != file)
        self._on_progress(sum(self._read_of.values()), done / (sum(sizes.values()) or 1))

    def each(self, file: str, make: Callable[[int, Row], tuple[str, Made] | None]) -> None:
        """Take what `make` gives for the rows of a file: a table and a row of it, or None for one set aside by it.

        A ValueError refuses the row. Its key is the sourcedId, unless `make` gives another.
        """
        rules: FileRules | None = self.rules.of_file(file) if file in self.bundle.tables else None
        shown = self.bundle.tables[file].file.name if rules else ""
        for line, row in self.rows(file):
            try:
                active = is_active(row)
                made = make(line, row)
            except ValueError as error:
                self.refuse(file, line, error.args[0])
                self._mention(file, row)
                continue
            if rules:
                rules.check(line, row)
            if made is not None:
                table, values = made
                values.setdefault("key", row.get("sourcedid", ""))
                values.setdefault("is_active", active)
                values["_file"], values["_line"] = shown, line
                self.add(table, values)
        if rules:
            rules.finish()

    def add(self, table: str, row: Made) -> None:
        """One row of a table of the record."""
        batch = self._batches.setdefault(table, [])
        batch.append(row)
        if len(batch) >= BATCH:
            self._send(table)

    def _send(self, table: str) -> None:
        batch = self._batches.pop(table, [])
        if batch:
            self.staging.read(table, len(batch))
            self.staging.add(table, batch)

    # --- what becomes of them -----------------------------------------------------------------------------------------

    def refuse(self, file: str, line: int, reason: str) -> None:
        form = FORM_OF[file.casefold()]
        what = form.tables[-1] if form.tables else file
        self.staging.read(what)
        self.staging.refuse(self.bundle.tables[file].file.name, line, reason, what=what)

    def _mention(self, file: str, row: Row) -> None:
        """A row that is refused is no reason to end the one that an earlier import brought."""
        if key := row.get("sourcedid", ""):
            for table in FORM_OF[file.casefold()].tables:
                self.staging.mention(table, key)

    def break_rule(self, file: str, line: int, text: str, count: int = 1) -> None:
        """A rule of the standard that does not hold in what is taken."""
        self.staging.note_at(file, line, text, count)

    def set_aside(self, what: str, reason: str, count: int = 1) -> None:
        """Rows that are understood and of no use here."""
        self._aside[what, reason] += count

    def note(self, text: str) -> None:
        self._notes[text] += 1

    def finish(self) -> None:
        """Every row has been read: send what is left, tell what was counted."""
        for table in list(self._batches):
            self._send(table)
        for (what, reason), count in self._aside.items():
            self.staging.read(what, count)
            self.staging.set_aside(what, reason, count)
        self.rules.finish()
        for text, count in {**self.bundle.all_notes(), **self._notes}.items():
            self.staging.note(text, count)

    # --- what rows hold -----------------------------------------------------------------------------------------------

    def known(self, table: str, *columns: str) -> dict[str, Made]:
        """The rows of this source that the record has already, by their key."""
        if table not in self._known:
            self._known[table] = self.staging.known(table, ["id", *columns])
        return self._known[table]

    def begins(self, row: Row, name: str) -> datetime | None:
        """The first instant of the day in this cell, in the organisation's zone."""
        on = day(row, name)
        return self._instants(on, _FIRST) if on is not None else None

    def ends(self, row: Row, name: str) -> datetime | None:
        """The last second of the day in this cell: the day is included, is counted and shown as that day."""
        on = day(row, name)
        return self._instants(on, _LAST) if on is not None else None

    def _instant_of(self, on: date, at: time) -> datetime:
        try:
            return datetime.combine(on, at, tzinfo=self.zone).astimezone(UTC)
        except OverflowError:
            raise RowError(Message("the day %(day)s is beyond the calendar", day=on.isoformat())) from None


@lru_cache(maxsize=1 << 17)
def reference(table: str, key: str) -> str:
    """The id of the row of this source that is called `key`."""
    return id_of(SOURCE, table, key)
