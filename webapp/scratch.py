"""A folder for what is needed for a moment, in the scratch folder of the home."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from webapp.settings import get_settings


@contextmanager
def scratch(prefix: str) -> Iterator[Path]:
    """A new folder whose name begins with `prefix`; gone with all that is in it when the block is left."""
    parent = get_settings().scratch_folder
    parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=prefix, dir=parent) as folder:
        yield Path(folder)
