"""What an import did, or would do, as its order keeps it and its page shows it: counts, the first rows, refusals."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from webapp.documents import User
from webapp.messages import from_document, to_document
from webapp.record import Change, Comparison, Counts, RecordVersion, Refusal, Summary

ROWS_SHOWN = 5
#: An order is one document: texts of files in it are cut, and no kind may fill it.
TEXT_LENGTH, REFUSALS_SHOWN, TEXTS_SHOWN = 300, 200, 50
#: What the record keeps for itself beside what a source gave.
OWN = "given_"
_NAMED_BY = {"learner_id": "persons", "person_id": "persons", "class_id": "classes", "course_id": "courses"}
#: Columns that hold ids, and the table whose names people know them by.
NAMES_OF = {
    **_NAMED_BY,
    "department_id": "departments",
    "department_ids": "departments",
    "program_id": "programs",
    "term_id": "terms",
    "content_id": "contents",
    "instructor_ids": "persons",
}
#: Made of two ids, by the record: it tells nobody anything.
_OF_IDS = re.compile(r"[0-9a-f]{24} [0-9a-f]{24}")
#: Worked out of others, and told by them.
_NOT_TOLD_AS_ENDING = ("enrollments", "rosters")
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
    made. `ended_enrollments` counts those that stood and do so no more; `accounts` are the names and addresses of those
    who end as persons and have an account, which no import touches."""

    source: str = ""
    looks: str = ""
    summary: Summary = field(default_factory=Summary)
    samples: tuple[Sample, ...] = ()
    ended_enrollments: int = 0
    accounts: tuple[str, ...] = ()
    base: int = 0
    version: int | None = None
    #: Where the list of all changes lies; None where there is none, or none any more.
    changes_key: str | None = None
    changes_size: int = 0

    @property
    def endings(self) -> list[tuple[str, int]]:
        """(kind, how many) of what ends, enrollments first. Enrollments count by themselves, not by the rows of the
        roster that they are worked out of."""
        others = [
            (what, counts.ended)
            for what, counts in self.summary.counts.items()
            if counts.ended and what not in _NOT_TOLD_AS_ENDING
        ]
        return [("enrollments", self.ended_enrollments), *others] if self.ended_enrollments else others

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
            "accounts": [_cut(each) for each in self.accounts[:TEXTS_SHOWN]],
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
            accounts=tuple(stored.get("accounts") or ()),
            base=int(stored.get("base") or 0),
            version=stored.get("version"),
            changes_key=stored.get("changesKey"),
            changes_size=int(stored.get("changesSize") or 0),
        )


def tell(comparison: Comparison, *, source: str, looks: str, version: RecordVersion | None, samples: bool) -> Told:
    """What this comparison, still open, comes to. With `samples` the first rows of each kind, too."""
    return Told(
        source=source,
        looks=looks,
        summary=comparison.summary,
        samples=tuple(_samples(comparison)) if samples else (),
        ended_enrollments=comparison.ended_enrollments(),
        accounts=_accounts_of_ended(comparison),
        base=comparison.base,
        version=version.number if version else None,
    )


def _accounts_of_ended(comparison: Comparison) -> tuple[str, ...]:
    """“Name <address>” of the accounts whose persons a source has ended."""
    people = list(User.objects(person_id__exists=True, is_active=True).only("name", "email", "person_id"))
    ended = comparison.ended_persons([str(each.person_id) for each in people if each.person_id])
    found = [each for each in people if str(each.person_id) in ended]
    return tuple(sorted(f"{each.name} <{each.email}>" if each.email else str(each.name) for each in found))


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
        if not name.startswith(OWN)
    ]


def _samples(comparison: Comparison) -> list[Sample]:
    found: list[Sample] = []
    for table in comparison.tables:
        for kind in KINDS:
            rows = comparison.changes(table, kind, ROWS_SHOWN).to_pylist()
            if rows:
                found.append(Sample(table, kind.value, tuple(_rows_told(comparison, table, rows))))
    return found


def _rows_told(comparison: Comparison, table: str, rows: Sequence[Mapping[str, Any]]) -> list[RowTold]:
    changes = [changed_columns(row) for row in rows]
    is_named = any(row.get("name") for row in rows)
    named_by = {} if is_named else _NAMED_BY
    asked = [(column, str(row[column])) for column in named_by for row in rows if row.get(column)]
    asked += [(column, text) for row in changes for column, *texts in row for text in texts]
    names = _names(comparison, table, asked)
    found: list[RowTold] = []
    for row, changed in zip(rows, changes, strict=True):
        of_others = [names[column].get(str(row.get(column)), "") for column in named_by if column != "course_id"]
        name = row.get("name") or " · ".join(each for each in of_others if each)
        told = [
            (column, _cut(_with_names(column, before, names)), _cut(_with_names(column, after, names)))
            for column, before, after in changed
        ]
        key = str(row.get("key") or "")
        found.append(RowTold("" if _OF_IDS.fullmatch(key) else _cut(key), _cut(str(name)), tuple(told)))
    return found


def _names(comparison: Comparison, table: str, asked: Sequence[tuple[str, str]]) -> dict[str, dict[str, str]]:
    """By column, the names of the ids that stand there."""
    found: dict[str, dict[str, str]] = {}
    for column, other in {**NAMES_OF, "parent_id": table}.items():
        ids = sorted({each for name, text in asked if name == column for each in ids_in(text)})
        found[column] = comparison.names(other, ids) if ids else {}
    return found


def ids_in(text: str) -> list[str]:
    """The ids of a cell: one, or those of a list."""
    return [each for each in text.strip("[]").split(", ") if each]


def _with_names(column: str, text: str, names: Mapping[str, Mapping[str, str]]) -> str:
    """A cell as people read it: what an id names, and of an enrollment's id whether there is one."""
    if column == "enrollment_id":
        return str(bool(text)).lower()
    if column not in names:
        return text
    return ", ".join(names[column].get(each, each) for each in ids_in(text))


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
