"""A CSV file as rows by heading: separator and encoding recognised and said, headings in any case, broken rows told."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

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
    """`headings` are as the file has them; rows have them in small letters. `notes` count what is worth telling."""

    file: SourceFile
    headings: tuple[str, ...]
    separator: str
    codec: str
    notes: dict[str, int] = field(default_factory=dict)

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(key_of(heading) for heading in self.headings)

    def rows(self) -> Iterator[tuple[int, Row | Unread]]:
        """(line, row) of every row; the line is where it begins, the heading's is 1. Raises SourceFileError."""
        keys = self.keys
        with self.file.open() as opened, told_in_words(self.file.name):
            text = io.TextIOWrapper(opened, encoding=self.codec, newline="")
            csv.field_size_limit(LONGEST_FIELD)
            reader = csv.reader(text, delimiter=self.separator, strict=True)
            line = 1
            try:
                next(reader, None)
                line = reader.line_num + 1
                for cells in reader:
                    if any(cell.strip() for cell in cells):
                        yield line, self._row(keys, cells)
                    line = reader.line_num + 1
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

    def _row(self, keys: Sequence[str], cells: list[str]) -> Row | Unread:
        if any("\0" in cell for cell in cells):
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
        return dict(zip(keys, (cell.strip() for cell in cells), strict=False))

    def note(self, text: str, count: int = 1) -> None:
        self.notes[text] = self.notes.get(text, 0) + count


def key_of(heading: str) -> str:
    """A heading as rows have it: in small letters, without blanks around it."""
    return heading.strip().casefold()


def open_table(file: SourceFile) -> CsvTable:
    """The table of a CSV file: its heading has been read. Raises SourceFileError for what is no text, or has a heading
    twice."""
    encoding = encoding_of(file)
    with file.open() as opened:
        begin = opened.read(LONGEST_HEADING)
    first = _first_line(begin.decode(encoding.codec, errors="replace"))
    separator = max(SEPARATORS, key=lambda each: (first.count(each), -SEPARATORS.index(each)))
    try:
        headings = next(csv.reader([first], delimiter=separator, strict=True), [])
    except csv.Error:
        headings = []
    while headings and not headings[-1].strip():
        headings.pop()
    keys = [key_of(each) for each in headings]
    if twice := next((each for n, each in enumerate(keys) if each and each in keys[:n]), None):
        raise SourceFileError(
            Message("%(file)s has the heading “%(heading)s” twice.", file=file.name, heading=twice[:60])
        )
    table = CsvTable(file, tuple(headings), separator, encoding.codec)
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
