"""Which of several imports changed a row: its state is followed from version to version."""

from __future__ import annotations

from collections.abc import Sequence

from webapp import record
from webapp.engine.query import Scope
from webapp.engine.sql import literal
from webapp.record import RecordVersion
from webapp.record.lake.duck import Duck
from webapp.record.tables import TABLES
from webapp.services.changes import reasons
from webapp.services.changes.changes import Reason

#: Of more versions the last import that touched a row is named for it, as the row itself says.
MOST_VERSIONS = 40
_TABLE = "enrollments"


def find_versions(duck: Duck, then: RecordVersion, own: Sequence[RecordVersion], scopes: tuple[Scope, ...]) -> None:
    """Put into `brought`, for each enrollment that was corrected, the versions that made it another. `own` are those
    that changed enrollments since `then`, the oldest first."""
    gone = record.gone_numbers()
    if len(own) > MOST_VERSIONS or any(each.number in gone for each in own):
        _by_stamp(duck, own)
        return
    corrected = f"SELECT id FROM found WHERE reason = '{Reason.CORRECTED}'"  # noqa: S608
    duck.run("CREATE TABLE touched (id VARCHAR, number BIGINT)")
    _see_states(duck, then, corrected, scopes, "states_0")
    for place, version in enumerate(own, start=1):
        _see_states(duck, version, corrected, scopes, f"states_{place}")
        duck.run(
            f"INSERT INTO touched SELECT coalesce(a.id, b.id), {version.number} FROM states_{place - 1} a "  # noqa: S608
            f"FULL JOIN states_{place} b ON b.id = a.id WHERE a.state IS DISTINCT FROM b.state"
        )
        duck.run(f"DROP TABLE states_{place - 1}")
    duck.run(
        "UPDATE brought SET versions = found.numbers FROM (SELECT id, list(number ORDER BY number) AS numbers "
        "FROM touched GROUP BY id) found WHERE found.id = brought.id"
    )


def _see_states(duck: Duck, version: RecordVersion, of: str, scopes: tuple[Scope, ...], name: str) -> None:
    """A table of the states of these rows; only of those that may be read there."""
    duck.see_table(f"of_{name}", TABLES[_TABLE], version.open(_TABLE))
    duck.run(
        f"CREATE TABLE {name} AS SELECT r.id, {reasons.state('r')} AS state FROM of_{name} r "  # noqa: S608
        f"SEMI JOIN ({of}) f ON f.id = r.id WHERE {reasons.within(scopes, 'r')}"
    )


def _by_stamp(duck: Duck, own: Sequence[RecordVersion]) -> None:
    numbers = ", ".join(f"({each.number}, {literal(each.import_id)})" for each in own if each.import_id)
    if numbers:
        duck.run(
            "UPDATE brought SET versions = [v.number] "  # noqa: S608
            f"FROM found f, raw_now r, (VALUES {numbers}) v (number, import_id) WHERE f.id = brought.id "
            f"AND f.reason = '{Reason.CORRECTED}' AND r.id = f.id AND r.import_id = v.import_id"
        )
