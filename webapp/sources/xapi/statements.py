"""The statements of a file, one by one, whatever its shape: an array, one a line, one after the other over several
lines, a record store's answer (`{"statements": […]}`), packed with gzip or in a zip.

What cannot be read is told where it stands, and the next one is read; a file that is damaged as a whole is one sentence
(`SourceFileError`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import orjson

from webapp.messages import Message
from webapp.sources import looks
from webapp.sources.csv_tables import Unread
from webapp.sources.files import SourceFile, SourceFileError, files_of, is_empty, packed_position, told_in_words
from webapp.sources.texts import refuse_wide_letters

LONGEST_STATEMENT = 4 << 20
#: A record store answers page by page; no page is larger than this.
LONGEST_ANSWER = 512 << 20
CHUNK = 1 << 18
#: How often to tell how far it is.
TELL_EVERY = 1_000
_BOM = b"\xef\xbb\xbf"
_BLANK = b" \t\r\n"
#: Where a value may begin or end, and where texts are, in which none of that counts.
_MARKS = re.compile(rb'["{}\[\]]')
_TEXT_END = re.compile(rb'["\\]')
#: A value that is no object, between others of an array.
_VALUE = re.compile(rb'"(?:[^"\\]|\\.)*"|[^\s,\[\]"]+|"', re.DOTALL)
#: More of them between two statements are told as one.
MOST_BETWEEN = 1_000

#: (where it stands, the statement or why there is none): a line, or in an array the statement's number
Found = tuple[int, Any]

#: (number of the first line, lines) -> the numbers and texts of those still to be read; the others were taken.
LeftOver = Callable[[int, Sequence[bytes]], Iterable[tuple[int, bytes]]]


def statement_files(path: Path, shown: str | None = None) -> list[SourceFile]:
    """The files of statements at `path`: itself, or those in a zip. Raises SourceFileError for what holds none."""
    name = shown or str(path)
    files = files_of(path, name)
    if not files:
        raise is_empty(name)
    return files


def statements(
    file: SourceFile,
    on_read: Callable[[int], None] = lambda count: None,
    on_answer: Callable[[str], None] = lambda more: None,
    left_over: LeftOver = lambda line, texts: enumerate(texts, line),
) -> Iterator[Found]:
    """Every statement of `file`. `on_read(bytes read, as they are packed)` is called now and then, `on_answer` with
    where the next page is (or nothing) after each page of a record store's answer. Where statements stand one a line,
    `left_over` may take all lines but the first, as they stand; what it takes is not given here.

    Raises SourceFileError for a file that is none of statements, and for one that is damaged, when reading gets there.
    """
    begin = file.begin(1 << 16)
    refuse_wide_letters(begin, file.name)
    first = begin.removeprefix(_BOM).lstrip(_BLANK)[:1]
    if not first:
        raise is_empty(file.name)
    if first not in (b"{", b"[") and next(objects_by_lines(begin), None) is None:
        raise looks.not_ours(file.name, looks.XAPI, looks.of_files([file]))
    with file.open() as opened, told_in_words(file.name):
        yield from _Reader(file.name, opened, on_read, on_answer, left_over).read(is_array=first == b"[")


def objects_by_lines(begin: bytes) -> Iterator[dict[str, Any]]:
    """The lines that are whole objects, whatever the lines before them are."""
    for line in begin.removeprefix(_BOM).split(b"\n"):
        if _is_object(line):
            yield orjson.loads(line)


class _Reader:
    def __init__(
        self,
        name: str,
        file: IO[bytes],
        on_read: Callable[[int], None],
        on_answer: Callable[[str], None],
        left_over: LeftOver,
    ) -> None:
        self._name, self._file, self._on_read, self._on_answer = name, file, on_read, on_answer
        self._left_over = left_over

    def read(self, *, is_array: bool) -> Iterator[Found]:
        if is_array:
            yield from self._values(self._file.read(max(CHUNK, len(_BOM))).removeprefix(_BOM), line=1, is_array=True)
            return
        yield from self._by_lines()

    def _by_lines(self) -> Iterator[Found]:
        """One statement a line; when the very first line is none by itself, whatever the braces say."""
        line, text = 1, self._file.readline(LONGEST_STATEMENT).removeprefix(_BOM)
        while text and not text.strip(_BLANK) and not _is_too_long(text):
            line, text = line + 1, self._file.readline(LONGEST_STATEMENT)
        if _is_too_long(text):
            if _is_answer(text):
                yield from self._one(line, self._whole(text))
                return
            while text and not text.endswith(b"\n"):
                text = self._file.readline(LONGEST_STATEMENT)
            yield line, _too_long()
        elif text:
            try:
                value = orjson.loads(text)
            except orjson.JSONDecodeError as error:
                following = self._file.readline(LONGEST_STATEMENT)
                if _is_answer(text) or not _is_object(following):
                    # The one object, or the first of several, goes on over the next lines.
                    yield from self._values(text + following, line=line, is_array=False)
                    return
                # The next line is a statement of its own: this one is broken, as any other may be.
                yield line, Unread(Message("it is not JSON: %(reason)s", reason=str(error)[:100]))
                line += 1
                yield from self._line(line, following)
            else:
                yield from self._one(line, value)
        yield from self._more_lines(line)

    def _more_lines(self, line: int) -> Iterator[Found]:
        """What follows after `line`, read in chunks: to ask a file for each line costs as much as to read it."""
        begun = b""
        is_skipped = False  # what is left of a line that was too long
        while chunk := self._file.read(CHUNK):
            *lines, begun = (begun + chunk).split(b"\n")
            # Only the first of them can be longer than a chunk.
            if lines and (is_skipped or len(lines[0]) >= LONGEST_STATEMENT):
                line += 1
                if not is_skipped:
                    yield line, _too_long()
                lines, is_skipped = lines[1:], False
            for number, text in self._left_over(line + 1, lines):
                yield from self._line(number, text + b"\n")
            line += len(lines)
            if is_skipped:
                begun = b""
            elif len(begun) >= LONGEST_STATEMENT:
                yield line + 1, _too_long()
                begun, is_skipped = b"", True
            self._on_read(packed_position(self._file))
        if begun:
            yield from self._line(line + 1, begun)

    def _line(self, line: int, text: bytes) -> Iterable[Found]:
        if not text.strip(_BLANK):
            return ()
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            return [(line, Unread(Message("it is not JSON: %(reason)s", reason=str(error)[:100])))]
        return self._one(line, value)

    def _whole(self, begun: bytes) -> Any:
        rest = self._file.read(LONGEST_ANSWER)
        if len(rest) >= LONGEST_ANSWER:
            raise SourceFileError(
                Message(
                    "“%(file)s” is one answer of more than %(most)s MB. Send one statement a line.",
                    file=self._name,
                    most=LONGEST_ANSWER >> 20,
                )
            )
        try:
            return orjson.loads(begun + rest)
        except orjson.JSONDecodeError as error:
            raise SourceFileError(
                Message("“%(file)s” is not JSON: %(reason)s.", file=self._name, reason=str(error)[:100])
            ) from error

    def _one(self, place: int, value: Any) -> Iterator[Found]:
        """A value of the file: a statement, an answer that holds several, or an array of them."""
        if isinstance(value, dict) and isinstance(value.get("statements"), list):
            yield from enumerate(value["statements"], start=1)
            self._on_answer(str(value.get("more") or ""))
        elif isinstance(value, list) and value:
            yield from enumerate(value, start=1)
        else:
            yield place, value

    def _values(self, begun: bytes, *, line: int, is_array: bool) -> Iterator[Found]:
        """Values found by their braces: the elements of one array, or objects that follow each other."""
        number = 0
        for at, text in self._pieces(begun, line, inside=1 if is_array else 0):
            number += 1
            if number % TELL_EVERY == 0:
                self._on_read(packed_position(self._file))
            if isinstance(text, Unread):
                yield (number if is_array else at), text
                continue
            try:
                value = orjson.loads(text)
            except orjson.JSONDecodeError as error:
                yield (
                    (number if is_array else at),
                    Unread(Message("it is not JSON: %(reason)s", reason=str(error)[:100])),
                )
                continue
            if is_array:
                yield number, value
            else:
                yield from self._one(at, value)

    def _pieces(self, begun: bytes, line: int, *, inside: int) -> Iterator[tuple[int, bytes | Unread]]:
        """(line, bytes) of every value at depth `inside`; values that are no objects (in an array) are told.

        Raises SourceFileError when the file ends within a value: it is cut off.
        """
        data, position, depth = begun, 0, 0
        start = -1  # where the value that is being read begins in `data`
        start_line = line
        is_text = is_closed = False
        stray = 0  # after the last value: what stands between values must be commas and blanks
        while True:
            mark = (_TEXT_END if is_text else _MARKS).search(data, position)
            if mark is None or (mark.group() == b"\\" and mark.end() == len(data)):
                more = self._file.read(CHUNK)
                if not more:
                    break
                if start < 0:
                    stray_text = data[stray:]
                    line += data.count(b"\n")
                    data, position, stray = stray_text + more, len(stray_text), 0
                    line -= stray_text.count(b"\n")
                else:
                    line_here = data.count(b"\n", 0, start)
                    line += line_here
                    data, position = data[start:] + more, (mark.start() if mark else len(data)) - start
                    start = 0
                    if len(data) > (LONGEST_ANSWER if inside == 0 else LONGEST_STATEMENT + 2 * CHUNK):
                        raise SourceFileError(
                            Message(
                                "“%(file)s”: the statement that begins on line %(line)s does not end within %(most)s "
                                "MB.",
                                file=self._name,
                                line=start_line,
                                most=(LONGEST_ANSWER if inside == 0 else LONGEST_STATEMENT) >> 20,
                            )
                        )
                continue
            letter, position = mark.group(), mark.end()
            if is_text:
                if letter == b"\\":
                    position += 1
                else:
                    is_text = False
                    continue
            elif letter == b'"':
                is_text = True
            elif letter in (b"{", b"["):
                if depth == inside and not (inside == 1 and depth == 0):
                    yield from _no_statements(data[stray : mark.start()], line + data.count(b"\n", 0, stray))
                    start, start_line = mark.start(), line + data.count(b"\n", 0, mark.start())
                depth += 1
            else:
                depth -= 1
                if depth < inside and start < 0:
                    is_closed = True
                    yield from _no_statements(data[stray : mark.start()], line + data.count(b"\n", 0, stray))
                    stray = mark.end()
                    if depth < 0:
                        raise SourceFileError(
                            Message("“%(file)s” is not JSON: a bracket closes what was not opened.", file=self._name)
                        )
                elif depth == inside and start >= 0:
                    yield start_line, data[start : mark.end()]
                    start, stray = -1, mark.end()
        if start >= 0 or is_text or (inside and not is_closed):
            raise SourceFileError(
                Message(
                    "“%(file)s” is cut off: it ends within a statement, after line %(line)s.",
                    file=self._name,
                    line=line + data.count(b"\n"),
                )
            )


def _no_statements(between: bytes, line: int) -> Iterator[tuple[int, Unread]]:
    """(line, why it is none) of each value that stands between two statements, where more stands there than a comma."""
    for number, found in enumerate(_VALUE.finditer(between)):
        text = found.group() if number < MOST_BETWEEN else between[found.start() :].strip()
        shown = text[:40].decode("utf-8", "replace")
        yield line + between.count(b"\n", 0, found.start()), Unread(Message("“%(text)s” is no statement", text=shown))
        if number == MOST_BETWEEN:
            return


def _is_json(text: bytes) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def _is_object(line: bytes) -> bool:
    return line.lstrip(_BLANK).startswith(b"{") and _is_json(line)


def _is_too_long(text: bytes) -> bool:
    return len(text) >= LONGEST_STATEMENT and not text.endswith(b"\n")


def _too_long() -> Unread:
    return Unread(Message("it is longer than %(most)s MB", most=LONGEST_STATEMENT >> 20))


def _is_answer(begin: bytes) -> bool:
    return re.match(rb'(\xef\xbb\xbf)?\s*\{\s*"(statements|more)"', begin) is not None


__all__ = ["Found", "Unread", "statement_files", "statements"]
