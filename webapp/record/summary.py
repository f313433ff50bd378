"""What an import did: how many of each kind were read, and what became of them; what was refused, why and where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from webapp.messages import from_document, to_document

#: So many refusals of each kind are told one by one; all are counted by reason.
REFUSALS_KEPT = 100


@dataclass(frozen=True)
class Refusal:
    source: str  # a file's name
    line: int  # counted from 1, the heading included; of a JSON array, the statement's number
    reason: str
    value: str = ""  # what stands there
    what: str = ""  # the kind


@dataclass
class Counts:
    """`ended`: was active and is no more; `absent` of those were not read: the source does not name them any longer.
    `repeated`: under an id that an earlier line of the import has, with other content."""

    read: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    ended: int = 0
    absent: int = 0
    refused: int = 0
    set_aside: int = 0
    repeated: int = 0

    @property
    def settled(self) -> int:
        """Of what was read, how many it is known what became of."""
        became = self.added + self.changed + self.unchanged + self.ended - self.absent
        return became + self.refused + self.set_aside + self.repeated


@dataclass
class Summary:
    """`counts` by kind: the record's tables, and what a source counts under names of its own (statements…).
    `notes` are facts worth telling."""

    counts: dict[str, Counts] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    notes: dict[str, int] = field(default_factory=dict)
    aside: dict[str, Counter[str]] = field(default_factory=dict)  # kind -> reason -> how many
    #: Taken though a rule of the form is broken: the first ones, and all by rule.
    departures: list[Refusal] = field(default_factory=list)
    broken: Counter[str] = field(default_factory=Counter)
    _told: Counter[str] = field(default_factory=Counter, repr=False, compare=False)

    def of(self, what: str) -> Counts:
        return self.counts.setdefault(what, Counts())

    def refuse(self, source: str, line: int, reason: str, *, value: str = "", what: str = "") -> None:
        self.refused[reason] += 1
        if what:
            self.of(what).refused += 1
        self._told[what] += 1
        if self._told[what] <= REFUSALS_KEPT:
            self.refusals.append(Refusal(source, line, reason, value, what))

    def depart(self, source: str, line: int, rule: str, count: int = 1) -> None:
        self.broken[rule] += count
        if len(self.departures) < REFUSALS_KEPT:
            self.departures.append(Refusal(source, line, rule))

    def note(self, text: str, count: int = 1) -> None:
        self.notes[text] = self.notes.get(text, 0) + count

    def set_aside(self, what: str, reason: str, count: int = 1) -> None:
        self.of(what).set_aside += count
        self.aside.setdefault(what, Counter())[reason] += count

    @property
    def added(self) -> int:
        return sum(counts.added for counts in self.counts.values())

    @property
    def changed(self) -> int:
        return sum(counts.changed for counts in self.counts.values())

    @property
    def ended(self) -> int:
        return sum(counts.ended for counts in self.counts.values())

    @property
    def refused_count(self) -> int:
        return sum(self.refused.values())

    @property
    def unbalanced(self) -> list[str]:
        """The kinds of which not every one read is accounted for. Empty, or a source counts wrongly."""
        return [what for what, counts in self.counts.items() if counts.read and counts.read != counts.settled]

    def to_document(self) -> dict[str, Any]:
        return {
            "counts": {what: asdict(counts) for what, counts in self.counts.items()},
            "refusals": [asdict(each) | {"reason": to_document(each.reason)} for each in self.refusals],
            "refused": [[to_document(reason), count] for reason, count in self.refused.items()],
            "departures": [asdict(each) | {"reason": to_document(each.reason)} for each in self.departures],
            "broken": [[to_document(rule), count] for rule, count in self.broken.items()],
            "notes": [[to_document(text), count] for text, count in self.notes.items()],
            "aside": {
                what: [[to_document(reason), count] for reason, count in reasons.items()]
                for what, reasons in self.aside.items()
            },
        }

    @classmethod
    def from_document(cls, stored: Mapping[str, Any]) -> Summary:
        names = {each.name for each in fields(Counts)}
        return cls(
            {
                what: Counts(**{name: int(count) for name, count in counts.items() if name in names})
                for what, counts in (stored.get("counts") or {}).items()
            },
            [
                Refusal(
                    each["source"],
                    each["line"],
                    from_document(each["reason"]),
                    each.get("value", ""),
                    each.get("what", ""),
                )
                for each in stored.get("refusals") or ()
            ],
            Counter({from_document(reason): count for reason, count in stored.get("refused") or ()}),
            {from_document(text): count for text, count in stored.get("notes") or ()},
            {
                what: Counter({from_document(reason): count for reason, count in reasons})
                for what, reasons in (stored.get("aside") or {}).items()
            },
            [
                Refusal(each["source"], each["line"], from_document(each["reason"]))
                for each in stored.get("departures") or ()
            ],
            Counter({from_document(rule): count for rule, count in stored.get("broken") or ()}),
        )
