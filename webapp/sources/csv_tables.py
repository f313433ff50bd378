"""A CSV file as rows by heading: separator and encoding recognised and said, headings in any case, broken rows told."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

from webapp.messages import Message
from webapp.sources.files import SourceFile, SourceFileError, told_in_words
from webapp.sources.texts import encoding_of

SEPARATORS = (",", ";", "\t", "|")
SEPARATOR_WORDS = {";": Message("semicolons"), "\t": Message("tabs"), "|": Message("vertical bars")}
LONGEST_FIELD = 1 << 20
#: A heading that is longer than this is no heading.
LONGEST_HEADING = 1 << 16

Row = dict[str, str]


@dataclass(frozen=True)
class Unread:
    """A row that cannot be taken as it stands; `reason` says why."""

    reason: str


@dataclass
class CsvTable:
    """`headings` are as the file has them; rows have them in small letters, or as `renamed` says. `notes` count what is
    worth telling; `loose` are the lines in which a quotation mark stands where CSV does not allow it, and was kept."""

    file: SourceFile
    headings: tuple[str, ...]
    separator: str
    codec: str
    notes: dict[str, int] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    loose: list[int] = field(default_factory=list)

    @property
    def keys(self) -> tuple[str, ...]:
        keys = (key_of(heading) for heading in self.headings)
        return tuple(self.renamed.get(key, key) for key in keys)

    def rows(self) -> Iterator[tuple[int, Row | Unread]]:
        """(line, row) of every row; the line is where it begins, the heading's is 1. Raises SourceFileError."""
        keys = self.keys
        with self.file.open() as opened, told_in_words(self.file.name):
            text = io.TextIOWrapper(opened, encoding=self.codec, newline="")
            csv.field_size_limit(LONGEST_FIELD)
            raw: list[str] = []
            reader = csv.reader(_watched(text, raw), delimiter=self.separator, strict=True)
            well_quoted = _well_quoted(self.separator)
            line = 1
            try:
                next(reader, None)
                line = reader.line_num + 1
                raw.clear()
                for cells in reader:
                    whole = "".join(cells)
                    if whole and not whole.isspace():
                        if '"' in whole and not well_quoted.fullmatch("".join(raw).rstrip("\r\n")):
                            self.loose.append(line)
                        yield line, self._row(keys, cells, whole)
                    line = reader.line_num + 1
                    raw.clear()
            except csv.Error as error:
                raise SourceFileError(
                    Message(
                        "%(file)s, line %(line)s: the quotation marks do not match (%(reason)s).",
                        file=self.file.name,
                        line=line,
                        reason=str(error),
                    )
                ) from error
            except UnicodeDecodeError as error:
                raise SourceFileError(
                    Message(
                        "%(file)s, near line %(line)s: a character cannot be read. Save the file as UTF-8.",
                        file=self.file.name,
                        line=line,
                    )
                ) from error

    def _row(self, keys: Sequence[str], cells: list[str], whole: str) -> Row | Unread:
        if "\0" in whole:
            return Unread(Message("a character that no text holds (NUL) stands in it"))
        if len(cells) > len(keys) and any(cell.strip() for cell in cells[len(keys) :]):
            return Unread(
                Message(
                    "it has %(cells)s cells and the heading %(headings)s: is a separator inside a text without "
                    "quotation marks?",
                    cells=len(cells),
                    headings=len(keys),
                )
            )
        if len(cells) < len(keys):
            self.note(
                Message(
                    "rows of %(file)s that end before the heading does; the missing cells count as empty",
                    file=self.file.base,
                )
            )
        return dict(zip(keys, map(str.strip, cells), strict=False))

    def note(self, text: str, count: int = 1) -> None:
        self.notes[text] = self.notes.get(text, 0) + count


def _watched(lines: Iterable[str], seen: list[str]) -> Iterator[str]:
    """These lines; each is put down in `seen`, because a reader of CSV does not tell how a cell was written."""
    for line in lines:
        seen.append(line)
        yield line


@cache
def _well_quoted(separator: str) -> re.Pattern[str]:
    """A row in which every quotation mark encloses a cell, or is doubled within one."""
    cell = rf'(?:"(?:[^"]|"")*+"|[^"{re.escape(separator)}\r\n]*+)'
    return re.compile(rf"{cell}(?:{re.escape(separator)}{cell})*+")


def key_of(heading: str) -> str:
    """A heading as rows have it: in small letters, without blanks around it."""
    return heading.strip().casefold()


def headings_of(file: SourceFile, codec: str = "utf-8-sig") -> tuple[str, tuple[str, ...]]:
    """(separator, headings) by the beginning of the file alone; no headings where it has none that can be read."""
    first = _first_line(file.begin(LONGEST_HEADING).decode(codec, errors="replace"))
    separator = max(SEPARATORS, key=lambda each: (first.count(each), -SEPARATORS.index(each)))
    try:
        headings = next(csv.reader([first], delimiter=separator, strict=True), [])
    except csv.Error:
        headings = []
    while headings and not headings[-1].strip():
        headings.pop()
    return separator, tuple(headings)


def open_table(file: SourceFile) -> CsvTable:
    """The table of a CSV file: its heading has been read. Raises SourceFileError for what is no text, or has a heading
    twice."""
    encoding = encoding_of(file)
    separator, headings = headings_of(file, encoding.codec)
    keys = [key_of(each) for each in headings]
    if twice := next((each for n, each in enumerate(keys) if each and each in keys[:n]), None):
        raise SourceFileError(
            Message("%(file)s has the heading “%(heading)s” twice.", file=file.name, heading=twice[:60])
        )
    table = CsvTable(file, headings, separator, encoding.codec)
    if encoding.note:
        table.note(encoding.note)
    if separator in SEPARATOR_WORDS and len(headings) > 1:
        table.note(
            Message(
                "%(file)s is separated by %(what)s, and was read as that",
                file=file.base,
                what=SEPARATOR_WORDS[separator],
            )
        )
    return table


def _first_line(text: str) -> str:
    """Up to the end of line that does not stand in quotation marks."""
    is_quoted = False
    for place, letter in enumerate(text):
        if letter == '"':
            is_quoted = not is_quoted
        elif letter in "\r\n" and not is_quoted:
            return text[:place]
    return text
