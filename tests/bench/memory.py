"""How much memory a process has used at most, and this one with those that it has started.

Not `ru_maxrss`: Linux lets a new program inherit that of the process that started it.
"""

from __future__ import annotations

from pathlib import Path

import psutil


def peak_together_mb() -> float:
    """This process and all it has started that live: the peaks of all, which need not be at one time."""
    started = psutil.Process().children(recursive=True)
    return peak_mb() + sum(peak_mb(each.pid) for each in started if each.status() != psutil.STATUS_ZOMBIE)


def peak_mb(pid: int | None = None) -> float:
    for line in Path(f"/proc/{pid or 'self'}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("this system does not tell the peak of a process's memory")
