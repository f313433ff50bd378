"""What an import did, or would do, as its order keeps it and its page shows it: counts, the first rows, refusals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from webapp.messages import from_document, to_document
from webapp.record import Change, Comparison, Counts, RecordVersion, Refusal, Summary

ROWS_SHOWN = 5
#: An order is one document: texts of files in it are cut, and no kind may fill it.
TEXT_LENGTH, REFUSALS_SHOWN, TEXTS_SHOWN = 300, 200, 50
#: What the record keeps for itself beside what a source gave.
_OWN = "given_"
_NAMED_BY = {"learner_id": "persons", "person_id": "persons", "class_id": "classes", "course_id": "courses"}
KINDS = (Change.ADDED, Change.CHANGED, Change.ENDED, Change.DERIVED)


@dataclass(frozen=True)
class RowTold:
    """One row: the source's key, what people call it, and (column, before, after) of what differs."""

    key: str
    name: str
    changes: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class Sample:
    """The first rows of one table to which one thing happens."""

    table: str
    kind: str
    rows: tuple[RowTold, ...]


@dataclass(frozen=True)
class Told:
    """`looks` is what the files look like; `base` the record version that was compared with, `version` the one that was
    made. `ended_enrollments` counts those that stood and do so no more."""

    source: str = ""
    looks: str = ""
    summary: Summary = field(default_factory=Summary)
    samples: tuple[Sample, ...] = ()
    ended_enrollments: int = 0
    base: int = 0
    version: int | None = None
    #: Where the list of all changes lies; None where there is none, or none any more.
    changes_key: str | None = None
    changes_size: int = 0

    def to_document(self) -> dict[str, Any]:
        """Texts of files are values here, never names of fields."""
        summary = self.summary.to_document()
        for name in ("counts", "aside"):
            summary[name] = [[what, value] for what, value in summary[name].items()]
        for name in ("refusals", "departures"):
            summary[name] = [
                {**each, "value": str(each["value"])[:TEXT_LENGTH]} for each in summary[name][:REFUSALS_SHOWN]
            ]
        for name in ("notes", "broken", "refused"):
            summary[name] = sorted(summary[name], key=lambda each: -each[1])[:TEXTS_SHOWN]
        return {
            "source": self.source,
            "looks": to_document(self.looks),
            "told": summary,
            "refusedCount": self.summary.refused_count,
            "samples": [asdict(each) for each in self.samples],
            "endedEnrollments": self.ended_enrollments,
            "base": self.base,
            "version": self.version,
            "changesKey": self.changes_key,
            "changesSize": self.changes_size,
        }

    @classmethod
    def from_document(cls, stored: Mapping[str, Any]) -> Told:
        """As it was stored; what an older version stored, as far as it told the same."""
        if "told" not in stored:
            return cls(summary=_old_summary(stored))
        told = dict(stored["told"])
        for name in ("counts", "aside"):
            told[name] = dict(told.get(name) or ())
        return cls(
            source=stored.get("source") or "",
            looks=from_document(stored.get("looks") or ""),
            summary=Summary.from_document(told),
            samples=tuple(_sample(each) for each in stored.get("samples") or ()),
            ended_enrollments=int(stored.get("endedEnrollments") or 0),
            base=int(stored.get("base") or 0),
            version=stored.get("version"),
            changes_key=stored.get("changesKey"),
            changes_size=int(stored.get("changesSize") or 0),
        )


def tell(comparison: Comparison, *, source: str, looks: str, version: RecordVersion | None, samples: bool) -> Told:
    """What this comparison, still open, comes to. With `samples` the first rows of each kind, too."""
    enrollments = comparison.tables.get("enrollments")
    return Told(
        source=source,
        looks=looks,
        summary=comparison.summary,
        samples=tuple(_samples(comparison)) if samples else (),
        ended_enrollments=enrollments.ended + enrollments.gone if enrollments else 0,
        base=comparison.base,
        version=version.number if version else None,
    )


def text_of(value: Any) -> str:
    """A cell as text, as DuckDB writes it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(str(each) for each in value)}]"
    return str(value)


def changed_columns(row: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(column, before, after) of a row of a comparison's changes; nothing for one that is added or ended."""
    names: Sequence[str] = row.get("_changed") or ()
    before: Sequence[str | None] = row.get("_was") or ()
    return [
        (name, was or "", text_of(row.get(name)))
        for name, was in zip(names, before, strict=True)
        if not name.startswith(_OWN)
    ]


def _samples(comparison: Comparison) -> list[Sample]:
    found: list[Sample] = []
    for table in comparison.tables:
        for kind in KINDS:
            rows = comparison.changes(table, kind, ROWS_SHOWN).to_pylist()
            if rows:
                found.append(Sample(table, kind.value, tuple(_rows_told(comparison, rows))))
    return found


def _rows_told(comparison: Comparison, rows: Sequence[Mapping[str, Any]]) -> list[RowTold]:
    names: dict[str, dict[str, str]] = {}
    for column, table in _NAMED_BY.items():
        ids = sorted({str(row[column]) for row in rows if row.get(column)})
        if ids and not any(row.get("name") for row in rows):
            names[column] = comparison.names(table, ids)
    found: list[RowTold] = []
    for row in rows:
        of_others = [names[column].get(str(row.get(column)), "") for column in names if column != "course_id"]
        name = row.get("name") or " · ".join(each for each in of_others if each)
        changes = [(column, _cut(before), _cut(after)) for column, before, after in changed_columns(row)]
        found.append(RowTold(_cut(str(row.get("key") or row.get("id") or "")), _cut(str(name)), tuple(changes)))
    return found


def _cut(text: str) -> str:
    return text[:TEXT_LENGTH]


def _sample(stored: Mapping[str, Any]) -> Sample:
    rows = tuple(
        RowTold(each["key"], each["name"], tuple((one[0], one[1], one[2]) for one in each["changes"]))
        for each in stored["rows"]
    )
    return Sample(stored["table"], stored["kind"], rows)


def _old_summary(stored: Mapping[str, Any]) -> Summary:
    return Summary(
        {
            each["what"]: Counts(
                read=each.get("read", 0),
                added=each.get("added", 0),
                changed=each.get("updated", 0),
                unchanged=each.get("unchanged", 0),
            )
            for each in stored.get("counts") or ()
        },
        [Refusal(each["source"], each["line"], each["reason"]) for each in stored.get("refusals") or ()],
        Counter(dict(stored.get("reasons") or ())),
        dict(stored.get("notes") or ()),
    )
