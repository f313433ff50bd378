"""What an import did: read, added, updated, unchanged, and what was refused, why and where."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

#: So many refusals are told one by one; all are counted by reason.
REFUSALS_KEPT = 100


@dataclass(frozen=True)
class Refusal:
    source: str  # a file's name
    line: int  # counted from 1, the heading included; of a JSON array, the statement's number
    reason: str


@dataclass
class Counts:
    read: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0


@dataclass
class Summary:
    """`counts` by what was read (users, enrollments, statements…); `notes` are facts worth telling."""

    counts: dict[str, Counts] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    notes: dict[str, int] = field(default_factory=dict)

    def of(self, what: str) -> Counts:
        return self.counts.setdefault(what, Counts())

    def refuse(self, source: str, line: int, reason: str) -> None:
        self.refused[reason] += 1
        if len(self.refusals) < REFUSALS_KEPT:
            self.refusals.append(Refusal(source, line, reason))

    def note(self, text: str, count: int = 1) -> None:
        self.notes[text] = self.notes.get(text, 0) + count

    @property
    def added(self) -> int:
        return sum(counts.added for counts in self.counts.values())

    @property
    def updated(self) -> int:
        return sum(counts.updated for counts in self.counts.values())

    @property
    def refused_count(self) -> int:
        return sum(self.refused.values())
