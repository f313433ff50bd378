"""Makes the demo organisation: its learning record in one import, then the accounts of those who sign in."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from webapp import clock, record
from webapp.demo.people import DEMO_PASSWORD, SIGN_INS, Accounts, Ids
from webapp.demo.record_rows import LAST, SEED, Maker, Row
from webapp.messages import Message
from webapp.services.people import demo_accounts
from webapp.services.people.demo_accounts import NotADemoHomeError
from webapp.services.permissions import TERMINAL
from webapp.services.record import reading
from webapp.services.rights import record_changes

SOURCE = demo_accounts.SOURCE
BATCH = 10_000

Progress = Callable[[str, int, int], None]


@dataclass
class DemoSummary:
    """How many rows and documents of each kind were added; 0 everywhere when the demo was there already."""

    added: dict[str, int] = field(default_factory=dict)


def is_built() -> bool:
    """Whether the demo is here, whole."""
    return _is_in_record() and _accounts().are_there()


def may_be_built() -> bool:
    """Whether this is a home for it: one without people, other than the demo's own of a build cut short."""
    try:
        demo_accounts.require_nobody_else()
    except NotADemoHomeError:
        return False
    return True


def build(*, scale: float = 1.0, on_progress: Progress | None = None) -> DemoSummary:
    """Add the demo organisation. It belongs only to a home without people: raises NotADemoHomeError where anybody else
    is.

    A build cut short has published its record or has not: the next one begins again from there. `scale` shrinks
    learners and events for tests. `on_progress` is called with a table's name, the rows made so far, and their
    expected number.
    """
    summary = DemoSummary()
    if is_built():
        return summary
    demo_accounts.require_nobody_else()
    if not _is_in_record():
        _import(scale, summary, on_progress)
    record_changes.took_effect(record.current(), by=TERMINAL)
    summary.added |= _accounts().write()
    return summary


def _is_in_record() -> bool:
    return bool(
        reading.rows("certificates", ["id"], "source = ? AND key = ?", [SOURCE, LAST], version=record.current())
    )


def _accounts() -> Accounts:
    return Accounts(Ids(), _chance(), clock.utcnow())


def _chance() -> random.Random:
    return random.Random(SEED)  # noqa: S311  (a believable spread, not a secret)


def _import(scale: float, summary: DemoSummary, on_progress: Progress | None) -> None:
    ids, chance, now = Ids(), _chance(), clock.utcnow()
    teachers = Accounts(ids, chance, now).teachers()
    told = Message("The demo organisation")
    with record.importing(source=SOURCE, what=told, import_id=uuid.uuid4().hex, by="terminal") as staging:
        for table, rows, expected in Maker(scale, now, ids, chance, teachers).tables():
            made = 0
            for batch in _batches(rows):
                staging.add(table, batch)
                made += len(batch)
                if on_progress is not None:
                    on_progress(table, min(made, expected or made), expected or made)
            summary.added[table] = made
        staging.publish()


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, BATCH)):
        yield batch


__all__ = ["DEMO_PASSWORD", "SIGN_INS", "DemoSummary", "build", "is_built", "may_be_built"]
