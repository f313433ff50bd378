"""How much memory this process has used at most.

Not `ru_maxrss`: Linux lets a new program inherit that of the process that started it.
"""

from __future__ import annotations

from pathlib import Path


def peak_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("this system does not tell the peak of a process's memory")
