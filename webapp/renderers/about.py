"""Who asked what, of which data: what every file tells about itself where it has room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from webapp.messages import Message
from webapp.renderers.reader import Reader

#: Lines of the question that say how the report is laid out: under its title stands only what it is about.
LAYOUT = frozenset(
    {
        "Rows", "Shown", "Grouped by", "Slicers", "Measures", "Sorted by", "Top", "Limit", "Totals", "Subtotals",
        "Inactive records", "Data",
    }
)  # fmt: skip
_PERIOD = "Period"


@dataclass(frozen=True)
class ChangeTable:
    """What is different from the report before, in its reader's words: `lines` first, then `rows` under `headings`."""

    lines: Sequence[str]
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class About:
    """`provenance` is what the job keeps: question, measures, recordVersion, asOf, rowsMatched, software…

    Texts are said as `reader` reads them. `logo` is a PNG or an SVG, as it is.
    """

    title: str
    description: str
    organization: str
    requested_by: str
    job_id: str
    created_at: datetime
    time_zone: str
    locale: str
    provenance: Mapping[str, Any]
    logo: bytes | None = None
    #: What is different from the report before, where the file is to have it.
    changes: ChangeTable | None = None

    @cached_property
    def reader(self) -> Reader:
        """Who it is for."""
        return Reader(self.locale, self.time_zone)

    @property
    def question(self) -> list[tuple[str, str]]:
        """The question in words, as (what, said)."""
        say = self.reader.text
        return [(say(what), say(said)) for what, said in self.provenance.get("question", ())]

    def subtitle(self) -> list[str]:
        """What the report is about, in words: its period, its filters, and whose data it may count."""
        say = self.reader.text
        lines: list[str] = []
        for what, said in self.provenance.get("question", ()):
            if str(what) not in LAYOUT:
                lines.insert(0 if str(what) == _PERIOD else len(lines), f"{say(what)}: {say(said)}")
        scope = say(self.provenance.get("scopeInWords") or "")
        return [*lines, *([f"{say(Message('Data scope'))}: {scope}"] if scope else [])]

    def facts(self) -> list[tuple[str, str]]:
        """Where the numbers come from, as (what, said)."""
        say, told = self.reader.text, self.provenance
        return [
            (say(Message("Requested by")), self.requested_by),
            (say(Message("Data scope")), say(told.get("scopeInWords", ""))),
            (say(Message("Data as of")), self._moment(told.get("asOf"))),
            (say(Message("Time zone")), self.time_zone),
            (say(Message("Rows matched")), say(told.get("rowsMatched", 0))),
            (say(Message("Rows written")), say(told.get("rowsWritten", 0))),
            (say(Message("Record version")), str(told.get("recordVersion", ""))),
            (say(Message("Software")), str(told.get("software", ""))),
            (say(Message("Report job")), self.job_id),
        ]

    def definitions(self) -> list[tuple[str, str]]:
        """Each measure's definition in words, once, however many columns it has."""
        say = self.reader.text
        measures: Mapping[str, Mapping[str, Any]] = self.provenance.get("measures") or {}
        return [(say(each["label"]), say(each.get("definition") or "")) for each in measures.values()]

    def created(self) -> str:
        """When the report was asked for."""
        return self.reader.instant(self.created_at)

    def to_json(self) -> dict[str, Any]:
        """As the JSON file's `report`."""
        say = self.reader.text
        return {
            "title": self.title,
            "description": say(self.description),
            "organization": self.organization,
            "createdAt": self.created_at,
            **self.provenance,
            "question": self.question,
            "requestedBy": self.requested_by,
        }

    def _moment(self, moment: Any) -> str:
        return self.reader.instant(moment) if isinstance(moment, datetime) else str(moment or "")
