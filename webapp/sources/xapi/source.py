"""xAPI as a source: which files are statements, and their rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from webapp.messages import Message
from webapp.settings import get_settings
from webapp.sources import looks
from webapp.sources.files import SourceFile, SourceFileError
from webapp.sources.xapi.parts import SOURCE
from webapp.sources.xapi.rows import Rows
from webapp.sources.xapi.statements import objects_by_lines, statements

if TYPE_CHECKING:
    from webapp.record.staging import Staging

LOOKED_AT = 1 << 16
#: How often to tell how far it is, in statements.
TELL_EVERY = 20_000
IS_PAGE = Message("it is one page of a record store's answer (“more”), and no file here holds the next one")
_VERSION = re.compile(rb'"version"\s*:\s*"([0-9.]{1,12})"')
_KEY = re.compile(rb'"([^"\\]{1,60})"\s*:')
_BEFORE = b"\xef\xbb\xbf \t\r\n"

Progress = Callable[[int, float], None]


class XapiSource:
    """Statements of xAPI 1.0 and 2.0, in whatever files they come."""

    name = SOURCE
    label = Message("xAPI statements")
    takes = Message("xAPI statements (a JSON array, or one statement a line; .gz too)")

    def look(self, files: Sequence[SourceFile]) -> str | None:
        """“xAPI” and the version that the statements name, if they do; None where no file has statements."""
        return next((told for told in map(_look, files) if told is not None), None)

    def read(
        self,
        files: Sequence[SourceFile],
        staging: Staging,
        *,
        on_progress: Progress = lambda count, share: None,
    ) -> None:
        """Every statement of these files. `on_progress(statements read, share of the files read)`.

        Raises SourceFileError for a file that is none of statements, or is damaged.
        """
        rows = Rows(staging, get_settings().xapi_class_iris.split())
        size = sum(file.packed_size for file in files) or 1
        before = told = 0
        more = page = ""

        def read_so_far(position: int) -> None:
            nonlocal told
            if rows.count - told >= TELL_EVERY:
                told = rows.count
                on_progress(rows.count, min((before + min(position, file.packed_size)) / size, 1.0))

        def answered(next_page: str) -> None:
            nonlocal more, page
            more, page = next_page, name

        for file in files:
            name, is_first = file.base, True
            rows.begin_file()
            for place, statement in statements(file, read_so_far, answered, partial(rows.left_over, name)):
                if is_first and isinstance(statement, dict):
                    is_first = False
                    _require_statement(file.name, statement)
                rows.take(name, place, statement)
            before += file.packed_size
        if more:
            # What is not here is missing, and nothing else would say so.
            staging.refuse(page, 1, IS_PAGE, value=more)
        rows.finish()
        on_progress(rows.count, 1.0)


def _look(file: SourceFile) -> str | None:
    try:
        begin = file.begin(LOOKED_AT)
    except SourceFileError:
        return None
    if begin.lstrip(_BEFORE)[:1] not in (b"{", b"[") and not any(
        looks.of_object(each) == looks.XAPI for each in objects_by_lines(begin)
    ):
        return None
    keys = {key.decode("utf-8", "replace") for key in _KEY.findall(begin)}
    if looks.of_object(keys) != looks.XAPI:
        return None
    version = _VERSION.search(begin)
    return f"xAPI {version[1].decode()}" if version is not None else "xAPI"


def _require_statement(name: str, first: Any) -> None:
    """Raises SourceFileError when the first object of a file shows that it holds something else."""
    if isinstance(first, dict) and not {"actor", "verb", "object"} & set(first):
        found = looks.of_object(first)
        if found and found != looks.XAPI:
            raise looks.not_ours(name, looks.XAPI, found)
