"""Writing a OneRoster 1.2 CSV bundle. Its manifest comes last: a folder without one is no whole pull."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Self

from webapp.sources.oneroster.forms import FILES, MANIFEST

_OTHERS = (
    *("categories", "classResources", "courseResources", "demographics", "resources", "userProfiles"),
    *("userResources", "scoreScales", "lineItemLearningObjectiveIds", "lineItemScoreScales"),
    *("resultLearningObjectiveIds", "resultScoreScales"),
)


class CsvFile:
    """A file that appears when it is whole: leaving the block with an error leaves nothing."""

    def __init__(self, path: Path, headings: Sequence[str]) -> None:
        self._path, self._draft = path, path.with_name(f".{path.name}")
        self._headings = headings
        self._file: IO[str] | None = None
        #: Rows with letters that no text holds, written as `?`.
        self.replaced = 0

    def __enter__(self) -> Self:
        self._file = self._draft.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\r\n")
        self._writer.writerow(self._headings)
        return self

    def write(self, row: Sequence[str]) -> None:
        try:
            "".join(row).encode()
        except UnicodeEncodeError:
            row = [each.encode("utf-8", "replace").decode() for each in row]
            self.replaced += 1
        self._writer.writerow(row)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._file is not None:
            self._file.close()
        if kind is None:
            self._draft.replace(self._path)
        else:
            self._draft.unlink(missing_ok=True)


def as_bulk(path: Path) -> int:
    """Make a written file one of bulk, which has neither status nor dateLastModified, and no row to be deleted.

    How many rows that left out."""
    left_out = 0
    with path.open(encoding="utf-8", newline="") as file:
        given = csv.reader(file)
        with CsvFile(path, next(given)) as written:
            for row in given:
                if row[1].strip().casefold() == "tobedeleted":
                    left_out += 1
                else:
                    written.write([row[0], "", "", *row[3:]])
    return left_out


def write_manifest(folder: Path, modes: Mapping[str, str], system: str) -> None:
    """`modes`: file -> bulk or delta; all others of the standard are absent."""
    with CsvFile(folder / f"{MANIFEST}.csv", ("propertyName", "value")) as file:
        file.write(("manifest.version", "1.0"))
        file.write(("oneroster.version", "1.2"))
        for name in sorted({*FILES, *_OTHERS}, key=str.casefold):
            file.write((f"file.{name}", modes.get(name, "absent")))
        file.write(("source.systemName", system))
