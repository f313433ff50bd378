"""REPORTDESK_HOME belongs to the account that runs Reportdesk: nobody else on the machine reads it.

It holds finished reports, the learning record, uploads, logs, the database and the key that signs sessions.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

OTHERS = stat.S_IRWXG | stat.S_IRWXO
#: What Reportdesk makes in its home. Anything else there is somebody's own, whose rights are theirs to set.
OURS = frozenset({"cache", "database", "logs", "scratch", "secret_key", "storage", "uploads", "run.lock"})
_umask_before = OTHERS
OUR_BEGINNINGS = ("embedded", "record")


def make_private(home: Path) -> list[Path]:
    """Make the folder if it is not there, take all rights from others, and let this process make nothing they can read.

    Returns what could not be changed, because it belongs to another account.
    """
    global _umask_before
    before = os.umask(OTHERS)
    if before != OTHERS:
        _umask_before = before
    home.mkdir(parents=True, exist_ok=True)
    refused: list[Path] = []
    for entry in os.scandir(home):
        if entry.name in OURS or entry.name.startswith(OUR_BEGINNINGS):
            _tighten_all(entry, refused)
    _tighten(home, refused)
    return refused


def give_out(path: Path) -> None:
    """A file that somebody wanted outside the home has the rights that all their files have."""
    path.chmod(0o666 & ~_umask_before)


def _tighten_all(entry: os.DirEntry[str], refused: list[Path]) -> None:
    if entry.is_symlink():
        return  # what it leads to is not below the home
    try:
        if entry.is_dir(follow_symlinks=False):
            with os.scandir(entry.path) as inside:
                for each in inside:
                    _tighten_all(each, refused)
        _tighten(Path(entry.path), refused)
    except FileNotFoundError:
        return  # another process has just deleted it
    except PermissionError:
        refused.append(Path(entry.path))


def _tighten(path: Path, refused: list[Path]) -> None:
    mode = stat.S_IMODE(path.lstat().st_mode)
    if mode & OTHERS:
        try:
            path.chmod(mode & ~OTHERS)
        except PermissionError:
            refused.append(path)
