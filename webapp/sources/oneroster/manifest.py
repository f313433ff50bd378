"""What a bundle says of itself: its version, and whether each file holds everything, holds changes, or is not there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from webapp.messages import Message
from webapp.sources.csv_tables import Unread, key_of, open_table
from webapp.sources.files import SourceFile, SourceFileError
from webapp.sources.oneroster.forms import ALL_FORMS, MODES, PROPERTIES, VERSIONS

HEADINGS = ("propertyName", "value")
MANIFEST_VERSION = "1.0"


class Broken(NamedTuple):
    """A rule of the standard that does not hold: which file, which line, what is wrong."""

    file: str
    line: int
    text: str


@dataclass
class Manifest:
    """`stated` is every property in small letters, with line and value; `modes` by the standard's name of a file."""

    file: str
    headings: tuple[str, ...]
    stated: dict[str, tuple[int, str]]
    modes: dict[str, str]
    repeated: list[tuple[int, str]] = field(default_factory=list)

    @property
    def version(self) -> str:
        """The version of OneRoster; empty where the manifest does not say."""
        return self.stated.get("oneroster.version", (0, ""))[1]

    @property
    def says_that_there_is_nothing(self) -> bool:
        return bool(self.modes) and set(self.modes.values()) == {"absent"}

    def line_of(self, file: str) -> int:
        return self.stated.get(f"file.{file}".casefold(), (1, ""))[0]

    def broken(self, version: str) -> list[Broken]:
        """Where the manifest itself is not as the standard wants it."""
        return [Broken(self.file, line, text) for line, text in self._wrong(version)]

    def _wrong(self, version: str) -> Iterator[tuple[int, str]]:
        if self.headings != HEADINGS:
            given = ", ".join(self.headings)[:200]
            yield 1, Message("the heading is %(given)s; the standard wants propertyName,value", given=given)
        for line, name in self.repeated:
            yield line, Message("the property %(name)s stands in the manifest already", name=name[:60])
        wanted = [*PROPERTIES[:2], *(f"file.{form.name}" for form in ALL_FORMS if form.only_in in ("", version))]
        if lacking := [each for each in wanted if each.casefold() not in self.stated]:
            yield 1, Message("properties that the manifest lacks: %(names)s", names=lacking)
        known = {each.casefold() for each in (*PROPERTIES, *(f"file.{form.name}" for form in ALL_FORMS))}
        for name, (line, value) in self.stated.items():
            if name not in known:
                yield line, Message("the property %(name)s is none of OneRoster's", name=name[:60])
            elif name.startswith("file.") and not value:
                yield line, Message("the property %(name)s is empty", name=name)
        line, stated = self.stated.get("manifest.version", (1, MANIFEST_VERSION))
        if stated != MANIFEST_VERSION:
            yield line, Message("manifest.version is %(value)s; known is 1.0", value=stated[:20])


def read_manifest(file: SourceFile) -> Manifest:
    """The manifest in this file. Raises SourceFileError for one that names a version or a mode that is not known."""
    table = open_table(file)
    if not {key_of(each) for each in HEADINGS} <= set(table.keys):
        raise SourceFileError(Message("%(file)s has not the columns propertyName and value.", file=file.name))
    found = Manifest(file.name, table.headings, {}, {})
    for line, row in table.rows():
        if isinstance(row, Unread):
            continue
        name, value = row.get("propertyname", "").casefold(), row.get("value", "").casefold()
        if name in found.stated:
            found.repeated.append((line, name))
        found.stated[name] = (line, value)
    if found.version and found.version not in VERSIONS:
        raise SourceFileError(
            Message(
                "%(file)s says that this is OneRoster %(version)s; read are %(known)s.",
                file=file.name,
                version=found.version[:20],
                known=list(VERSIONS),
            )
        )
    for form in ALL_FORMS:
        _, mode = found.stated.get(f"file.{form.name}".casefold(), (0, ""))
        if mode and mode not in MODES:
            raise SourceFileError(
                Message(
                    "%(file)s: file.%(of)s is “%(mode)s”; possible are %(known)s.",
                    file=file.name,
                    of=form.name,
                    mode=mode[:40],
                    known=list(MODES),
                )
            )
        if mode:
            found.modes[form.name] = mode
    return found
