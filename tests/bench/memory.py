"""How much memory a process has used at most, and those that this one has started.

Not `ru_maxrss`: Linux lets a new program inherit that of the process that started it.
"""

from __future__ import annotations

from pathlib import Path

import psutil


def peak_of_started_mb() -> float:
    """All that this process has started and that live: the sum of their peaks, which need not be at one time."""
    started = psutil.Process().children(recursive=True)
    return sum(peak_mb(each.pid) for each in started if each.status() != psutil.STATUS_ZOMBIE)


def peak_mb(pid: int | None = None) -> float:
    for line in Path(f"/proc/{pid or 'self'}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("this system does not tell the peak of a process's memory")
