"""What came, went and changed, said to people: one line for a letter or a page, and a table."""

from __future__ import annotations

from collections.abc import Sequence

from webapp import statuses
from webapp.messages import Message
from webapp.renderers.about import ChangeTable
from webapp.renderers.reader import EMPTY, Reader
from webapp.services.changes.changes import BY_IMPORT, Changes, Count, Kind, Reason, Row


def line(changes: Changes, reader: Reader) -> str:
    """“12 completed, 3 withdrew, 5 newly overdue; 2 corrected by the import of 3 Nov 2026”."""
    if changes.problem:
        return reader.text(changes.problem)
    if not changes.counts:
        return reader.text(Message("Nothing has changed."))
    own = [_own(each) for each in _together(changes.counts) if each.reason not in BY_IMPORT]
    imported = [_imported(each, changes, reader) for each in changes.counts if each.reason in BY_IMPORT]
    return reader.text(Message.joined([Message.joined(own, ", "), *imported], "; "))


def since(changes: Changes, reader: Reader) -> str:
    """Since when, and how many rows there were and are."""
    return reader.text(
        Message(
            "Since the report of the data of %(moment)s: %(before)s rows then, %(after)s now.",
            moment=reader.instant(changes.since),
            before=changes.before,
            after=changes.after,
        )
    )


def table(changes: Changes, reader: Reader) -> ChangeTable:
    """Everything, as a sheet or a page shows it. Columns that no row has anything in are left out."""
    rest = Message.counted("%(num)s more row is not named here.", "%(num)s more rows are not named here.", changes.rest)
    lines = [line(changes, reader)]
    if not changes.problem:
        lines += [since(changes, reader), *([reader.text(rest)] if changes.rest else [])]
    columns = [
        (Message("What happened"), [what_happened(row, changes, reader) for row in changes.rows]),
        (Message("Learner"), [row.learner for row in changes.rows]),
        (Message("Learner number"), [row.number for row in changes.rows]),
        (Message("Class"), [row.of_class for row in changes.rows]),
        (Message("Content"), [row.content for row in changes.rows]),
        (Message("Status then"), [_status(row.was, reader) for row in changes.rows]),
        (Message("Status now"), [_status(row.now, reader) for row in changes.rows]),
    ]
    filled = [(heading, cells) for heading, cells in columns if any(cells)]
    return ChangeTable(
        lines,
        [reader.text(heading) for heading, _ in filled],
        [[cell or EMPTY for cell in row] for row in zip(*(cells for _, cells in filled), strict=True)],
    )


def what_happened(row: Row, changes: Changes, reader: Reader) -> str:
    """Why one row came, went or changed."""
    if row.reason in BY_IMPORT:
        return reader.text(_by(_OF_A_ROW[row.kind, row.reason], row.versions, changes, reader))
    return reader.text(_OF_A_ROW.get((row.kind, row.reason)) or _EVENTS[row.reason])


_EVENTS: dict[Reason, Message] = {
    Reason.COMPLETED: Message("Completed"),
    Reason.WITHDRAWN: Message("Withdrew"),
    Reason.FAILED: Message(statuses.ENROLLMENT["failed"]),
    Reason.EXPIRED: Message("Expired"),
    Reason.STARTED: Message("Started"),
    Reason.ENROLLED: Message("Newly enrolled"),
    Reason.OVERDUE: Message("Newly overdue"),
}
_OF_A_ROW: dict[tuple[Kind, Reason], Message] = {
    (Kind.CAME, Reason.TIME): Message("Came in as time passed"),
    (Kind.WENT, Reason.TIME): Message("Fell out as time passed"),
    (Kind.CHANGED, Reason.TIME): Message("Changed as time passed"),
    (Kind.CAME, Reason.CORRECTED): Message("Corrected: is in now"),
    (Kind.WENT, Reason.CORRECTED): Message("Corrected: is out now"),
    (Kind.CHANGED, Reason.CORRECTED): Message("Corrected"),
    (Kind.CAME, Reason.IMPORT): Message("Came"),
    (Kind.WENT, Reason.IMPORT): Message("Went"),
    (Kind.CHANGED, Reason.IMPORT): Message("Changed"),
}


def _together(counts: Sequence[Count]) -> list[Count]:
    """Counts of one reason as one: whether somebody who completed came or went is the question's matter."""
    found: dict[tuple[Reason, Kind | None], Count] = {}
    for each in counts:
        key = (each.reason, each.kind if each.reason is Reason.TIME else None)
        before = found.get(key)
        found[key] = Count(each.kind, each.reason, each.count + (before.count if before else 0), each.versions)
    return list(found.values())


def _own(counted: Count) -> Message:
    number = counted.count
    if counted.reason is Reason.TIME:
        return {
            Kind.CAME: Message.counted("%(num)s came in as time passed", "%(num)s came in as time passed", number),
            Kind.WENT: Message.counted("%(num)s fell out as time passed", "%(num)s fell out as time passed", number),
            Kind.CHANGED: Message.counted("%(num)s changed as time passed", "%(num)s changed as time passed", number),
        }[counted.kind]
    return {
        Reason.COMPLETED: Message.counted("%(num)s completed", "%(num)s completed", number),
        Reason.WITHDRAWN: Message.counted("%(num)s withdrew", "%(num)s withdrew", number),
        Reason.FAILED: Message.counted("%(num)s did not pass", "%(num)s did not pass", number),
        Reason.EXPIRED: Message.counted("%(num)s expired", "%(num)s expired", number),
        Reason.STARTED: Message.counted("%(num)s started", "%(num)s started", number),
        Reason.ENROLLED: Message.counted("%(num)s newly enrolled", "%(num)s newly enrolled", number),
        Reason.OVERDUE: Message.counted("%(num)s newly overdue", "%(num)s newly overdue", number),
    }[counted.reason]


def _imported(counted: Count, changes: Changes, reader: Reader) -> Message:
    number = counted.count
    if counted.reason is Reason.CORRECTED:
        what = {
            Kind.CAME: Message.counted("%(num)s corrected and in now", "%(num)s corrected and in now", number),
            Kind.WENT: Message.counted("%(num)s corrected and out now", "%(num)s corrected and out now", number),
            Kind.CHANGED: Message.counted("%(num)s corrected", "%(num)s corrected", number),
        }[counted.kind]
    else:
        what = {
            Kind.CAME: Message.counted("%(num)s came", "%(num)s came", number),
            Kind.WENT: Message.counted("%(num)s went", "%(num)s went", number),
            Kind.CHANGED: Message.counted("%(num)s changed", "%(num)s changed", number),
        }[counted.kind]
    return _by(what, counted.versions, changes, reader)


def _by(what: Message, versions: Sequence[int], changes: Changes, reader: Reader) -> Message:
    """And which imports brought it, by their days on the clocks of the reader's zone."""
    known = [changes.versions[number] for number in versions]
    if not known:
        return what
    days = list(dict.fromkeys(reader.day_of(each.at) for each in known))
    if len(known) == 1 and known[0].undone_to is not None:
        return Message(
            "%(what)s by going back, on %(day)s, to version %(number)s of the record",
            what=what,
            day=days[0],
            number=str(known[0].undone_to),
        )
    if any(each.undone_to is not None for each in known):
        return Message("%(what)s by changes of the record of %(days)s", what=what, days=days)
    if len(known) == 1:
        return Message("%(what)s by the import of %(day)s", what=what, day=days[0])
    return Message("%(what)s by the imports of %(days)s", what=what, days=days)


def _status(status: str, reader: Reader) -> str:
    return reader.text(statuses.ENROLLMENT.get(status, status))
