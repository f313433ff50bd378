"""Styles, scripts and icons: one address for each version of all of them, kept by browsers for a year.

The files of `static/` are copied once, with a gzip twin, into a folder named by the hash of their content, and served
from there by WhiteNoise under `/static/<hash>/`. A change gives new addresses, so nothing is ever stale.
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
import tempfile
from pathlib import Path

from flask import Flask
from whitenoise import WhiteNoise

A_YEAR = 365 * 24 * 3600
COMPRESSED = {".css", ".js", ".svg", ".json", ".txt"}


def register(app: Flask, source: Path, cache: Path) -> None:
    """Serve `source` under its versioned address; templates say `asset('css/reportdesk.css')`."""
    version, folder = prepare(source, cache)
    prefix = f"static/{version}"
    app.jinja_env.globals["asset"] = lambda name: f"/{prefix}/{name}"
    app.wsgi_app = WhiteNoise(  # type: ignore[method-assign]
        app.wsgi_app,
        root=str(folder),
        prefix=prefix,
        max_age=A_YEAR,
        immutable_file_test=lambda path, url: True,
        add_headers_function=_add_headers,
    )


def prepare(source: Path, cache: Path) -> tuple[str, Path]:
    """The version of `source` and the folder that holds its files and their gzip twins; made where it is missing."""
    files = sorted(path for path in source.rglob("*") if path.is_file() and path.suffix not in {".map", ".gz"})
    digest = hashlib.sha256()
    for path in files:
        digest.update(str(path.relative_to(source)).encode() + b"\0" + path.read_bytes() + b"\0")
    version = digest.hexdigest()[:12]
    folder = cache / f"static-{version}"
    if folder.is_dir():
        return version, folder
    cache.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=cache, prefix="draft-"))
    for path in files:
        copy = draft / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        if path.suffix in COMPRESSED:
            copy.with_name(copy.name + ".gz").write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
    try:
        draft.rename(folder)
    except OSError:
        # Another process of this home made the same folder first; its content is the same by its name.
        shutil.rmtree(draft)
    return version, folder


def _add_headers(headers: object, path: str, url: str) -> None:
    headers["X-Content-Type-Options"] = "nosniff"  # type: ignore[index]
