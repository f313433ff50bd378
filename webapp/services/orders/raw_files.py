"""The files of every import, packed and kept: what the record could be made of anew."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from webapp import clock, storage
from webapp.scratch import scratch
from webapp.settings import get_settings
from webapp.sources.files import is_litter

FOLDER = "raw/"
#: What an import's files are called, beside them.
LISTED = "import.json"
_GZIP, _ZIP = b"\x1f\x8b", b"PK"
#: Packing is for the disk's sake; more than this costs time and gains little.
LEVEL = 1


def keep(import_id: str, source: str, files: Mapping[Path, str]) -> None:
    """Keep these files under the import's id, and a list of what people call them. Names are never keys.

    Before the import is published: one that fails after leaves files that `delete_old` takes in time.
    """
    if not get_settings().raw_file_days:
        return
    stored = storage.open_storage(get_settings().effective_storage_url)
    names: list[str] = []
    with scratch("raw-") as folder:
        for path, name in files.items():
            for each in sorted(path.iterdir()) if path.is_dir() else [path]:
                if each.is_file():
                    stored.put(_packed(each, folder), f"{FOLDER}{import_id}/{len(names)}")
                    names.append(f"{name}/{each.name}" if path.is_dir() else name)
        told = folder / LISTED
        told.write_text(json.dumps({"source": source, "files": names, "at": clock.utcnow().isoformat()}))
        stored.put(told, f"{FOLDER}{import_id}/{LISTED}")


def are_kept(import_id: str) -> bool:
    """Is every file of this import still there?"""
    stored = storage.open_storage(get_settings().effective_storage_url)
    there = {key.rpartition("/")[2] for key, _, _ in stored.list(f"{FOLDER}{import_id}/")}
    if LISTED not in there:
        return False
    return all(str(number) in there for number in range(len(_told(import_id)["files"])))


def fetch(import_id: str, folder: Path) -> dict[Path, str]:
    """The files of this import, as they were kept, in `folder`; path -> what people call it. Raises FileGoneError."""
    stored = storage.open_storage(get_settings().effective_storage_url)
    found: dict[Path, str] = {}
    for number, name in enumerate(_told(import_id)["files"]):
        if is_litter(name):
            continue
        path = folder / str(number)
        with path.open("wb") as file:
            for chunk in stored.read(f"{FOLDER}{import_id}/{number}"):
                file.write(chunk)
        found[path] = name
    return found


def _told(import_id: str) -> dict[str, Any]:
    stored = storage.open_storage(get_settings().effective_storage_url)
    told: dict[str, Any] = json.loads(b"".join(stored.read(f"{FOLDER}{import_id}/{LISTED}")))
    return told


def _packed(path: Path, folder: Path) -> Path:
    """The file itself where it is packed already."""
    with path.open("rb") as file:
        begin = file.read(2)
    if begin in (_GZIP, _ZIP):
        return path
    target = folder / "packed.gz"
    with path.open("rb") as source, gzip.open(target, "wb", compresslevel=LEVEL) as packed:
        shutil.copyfileobj(source, packed, 1 << 20)
    return target


def delete_old(now: datetime) -> int:
    """Delete what was kept longer than `REPORTDESK_RAW_FILE_DAYS`; returns how many files."""
    files = storage.open_storage(get_settings().effective_storage_url)
    until = now - timedelta(days=get_settings().raw_file_days)
    old = [key for key, _, changed_at in files.list(FOLDER) if changed_at < until]
    for key in old:
        files.delete(key)
    return len(old)
