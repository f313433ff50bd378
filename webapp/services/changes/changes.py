"""What came, went and changed between two reports: as counts by reason, and the first rows one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from webapp.clock import aware
from webapp.messages import from_document, to_document


class Kind(StrEnum):
    """What became of a row: it is in the later report alone, in the earlier one alone, or in both and another."""

    CAME = "came"
    WENT = "went"
    CHANGED = "changed"


class Reason(StrEnum):
    """Why, the first that holds: something that the learner did or that befell them, time that passed, an import."""

    COMPLETED = "completed"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"
    EXPIRED = "expired"
    STARTED = "started"
    ENROLLED = "enrolled"
    OVERDUE = "overdue"
    #: The period moved on, or a day by which the question counts has come.
    TIME = "time"
    #: The row itself is another than the record had it.
    CORRECTED = "corrected"
    #: Something else that the report looks at is.
    IMPORT = "import"


#: Reasons that an import is named for.
BY_IMPORT = (Reason.CORRECTED, Reason.IMPORT)


@dataclass(frozen=True)
class Count:
    """So many rows. `versions`: the record versions that brought it, where an import did."""

    kind: Kind
    reason: Reason
    count: int
    versions: tuple[int, ...] = ()


@dataclass(frozen=True)
class Row:
    """One row. `was` and `now` are its states (of an enrollment), empty for one that is not there."""

    kind: Kind
    reason: Reason
    learner: str = ""
    number: str = ""
    of_class: str = ""
    content: str = ""
    was: str = ""
    now: str = ""
    versions: tuple[int, ...] = ()


@dataclass(frozen=True)
class Brought:
    """A record version: when it was published, and to which it went back, if it did."""

    at: datetime
    undone_to: int | None = None


@dataclass(frozen=True)
class Changes:
    """`since`: the moment of the earlier report's data. `before` and `after`: how many rows each counted. `rows` are
    the first; what counts say beyond them is not named. `problem` says why nothing could be compared."""

    since: datetime
    before: int = 0
    after: int = 0
    counts: tuple[Count, ...] = ()
    rows: tuple[Row, ...] = ()
    versions: Mapping[int, Brought] = field(default_factory=dict)
    problem: str = ""

    @property
    def total(self) -> int:
        return sum(each.count for each in self.counts)

    @property
    def rest(self) -> int:
        """How many are not named."""
        return self.total - len(self.rows)

    def to_document(self) -> dict[str, Any]:
        """In a form that JSON keeps."""
        versions = {
            str(number): {"at": each.at.isoformat(), "undoneTo": each.undone_to}
            for number, each in self.versions.items()
        }
        return {
            "since": self.since.isoformat(),
            "before": self.before,
            "after": self.after,
            "counts": [asdict(each) for each in self.counts],
            "rows": [asdict(each) for each in self.rows],
            "versions": versions,
            "problem": to_document(self.problem),
        }

    @classmethod
    def from_document(cls, stored: Mapping[str, Any]) -> Changes:
        versions = {
            int(number): Brought(aware(datetime.fromisoformat(each["at"])), each["undoneTo"])
            for number, each in stored["versions"].items()
        }
        return cls(
            since=aware(datetime.fromisoformat(stored["since"])),
            before=stored["before"],
            after=stored["after"],
            counts=tuple(_made(Count, each) for each in stored["counts"]),
            rows=tuple(_made(Row, each) for each in stored["rows"]),
            versions=versions,
            problem=from_document(stored["problem"]),
        )


Told = TypeVar("Told", Count, Row)


def _made(of: type[Told], stored: Mapping[str, Any]) -> Told:
    made = of(**{**stored, "kind": Kind(stored["kind"]), "reason": Reason(stored["reason"])})
    return replace(made, versions=tuple(stored["versions"]))
