"""Who asked what, of which data: what every file tells about itself where it has room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from webapp.clock import aware
from webapp.renderers.reader import Reader


@dataclass(frozen=True)
class About:
    """`provenance` is what the job keeps: question, measures, recordVersion, asOf, rowsMatched, software…"""

    title: str
    description: str
    organization: str
    requested_by: str
    job_id: str
    created_at: datetime
    time_zone: str
    locale: str
    provenance: Mapping[str, Any]

    @cached_property
    def reader(self) -> Reader:
        """Who it is for."""
        return Reader(self.locale, self.time_zone)

    @property
    def question(self) -> list[tuple[str, str]]:
        """The question in words, as (what, said)."""
        return [(str(what), str(said)) for what, said in self.provenance.get("question", ())]

    def facts(self) -> list[tuple[str, str]]:
        """Where the numbers come from, as (what, said)."""
        return [
            ("Requested by", self.requested_by),
            ("Data scope", str(self.provenance.get("scopeInWords", ""))),
            ("Data as of", _moment(self.provenance.get("asOf"), self.time_zone)),
            ("Time zone", self.time_zone),
            ("Rows matched", f"{self.provenance.get('rowsMatched', 0):,}"),
            ("Rows written", f"{self.provenance.get('rowsWritten', 0):,}"),
            ("Record version", str(self.provenance.get("recordVersion", ""))),
            ("Software", str(self.provenance.get("software", ""))),
            ("Report job", self.job_id),
        ]

    def definitions(self) -> list[tuple[str, str]]:
        """Each measure's definition in words."""
        measures: Mapping[str, Mapping[str, Any]] = self.provenance.get("measures") or {}
        return [(str(each["label"]), str(each.get("definition") or "")) for each in measures.values()]

    def to_json(self) -> dict[str, Any]:
        """As the JSON file's `report`."""
        return {
            "title": self.title,
            "description": self.description,
            "organization": self.organization,
            "createdAt": self.created_at,
            **self.provenance,
            "requestedBy": self.requested_by,
        }


def _moment(moment: Any, time_zone: str) -> str:
    if not isinstance(moment, datetime):
        return str(moment or "")
    return aware(moment).astimezone(ZoneInfo(time_zone)).isoformat(sep=" ", timespec="seconds")
