"""The words of the renderers: what a format is. Each declares its own beside its writer; the package lists them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from webapp.engine.result import Result
from webapp.renderers.about import About
from webapp.renderers.row_texts import Progress

#: (result, about, path, on_progress, options) -> the rows written, and what people should know of the file.
Writer = Callable[[Result, About, Path, Progress, Mapping[str, Any]], tuple[int, list[str]]]


@dataclass(frozen=True)
class Format:
    """One kind of file; `label` and `description` are what people choose it by.

    `options` are its own, beside those that every file has. More than `most_rows` do not fit at all; of more than
    `rows_shown(columns)` it shows the first.
    """

    key: str
    label: str
    description: str
    extension: str
    mime_type: str
    write: Writer
    options: tuple[str, ...] = ()
    most_rows: int | None = None
    rows_shown: Callable[[int], int] | None = None
    has_chart: bool = False

    @property
    def takes_any_number(self) -> bool:
        """Whether every row of every report is in it."""
        return self.most_rows is None and self.rows_shown is None
