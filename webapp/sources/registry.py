"""All sources whose files can be sent: which one is it. A new source is a folder, and one line here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from webapp.messages import Message
from webapp.sources import looks
from webapp.sources.files import SourceFile, SourceFileError, is_empty
from webapp.sources.oneroster.rows import OneRosterSource
from webapp.sources.texts import refuse_wide_letters
from webapp.sources.xapi.source import XapiSource

if TYPE_CHECKING:
    from webapp.record.staging import Staging


class Source(Protocol):
    """A system's form. It knows its files, and makes rows of them."""

    @property
    def name(self) -> str:
        """What the record keeps as `source` of its rows."""

    @property
    def label(self) -> Message:
        """What people call it."""

    @property
    def takes(self) -> Message:
        """In which files it comes, for who is about to send some."""

    def look(self, files: Sequence[SourceFile]) -> str | None:
        """What to tell of files that are its own, the version with it; None for those that are not."""

    def read(
        self, files: Sequence[SourceFile], staging: Staging, *, on_progress: Callable[[int, float], None] = ...
    ) -> None:
        """Give the rows of these files. `on_progress(rows read, share of the files read)`. Raises SourceFileError."""


SOURCES: tuple[Source, ...] = (
    OneRosterSource(),
    XapiSource(),
)  # fmt: skip


def source_named(name: str) -> Source:
    """Raises KeyError."""
    return {each.name: each for each in SOURCES}[name]


def recognise(files: Sequence[SourceFile], shown: str = "") -> tuple[Source, str]:
    """(whose files these are, what to tell of them). `shown` is what people call all of them together.

    Raises SourceFileError that names what they look like.
    """
    name = shown or (files[0].name if files else "")
    if not files or all(file.is_empty() for file in files):
        raise is_empty(name)
    for source in SOURCES:
        if (told := source.look(files)) is not None:
            return source, told
    for file in files:
        # What cannot be read at all is told as that, not as a strange form.
        refuse_wide_letters(file.begin(), file.name)
    found = looks.of_files(files)
    forms = Message.joined([each.label for each in SOURCES], by=", ")
    if found:
        raise SourceFileError(
            Message(
                "“%(file)s” looks like %(looks)s. What can be imported: %(forms)s.", file=name, looks=found, forms=forms
            )
        )
    raise SourceFileError(
        Message("“%(file)s” is nothing that can be imported. What can be: %(forms)s.", file=name, forms=forms)
    )
