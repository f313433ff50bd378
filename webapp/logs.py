"""One JSON line for each thing that happens, with identifiers and never with personal data."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info:
            line["stack"] = _stack(record.exc_info[1])
        return json.dumps(line, default=str, ensure_ascii=False)


def _stack(error: BaseException | None) -> str:
    """Where it went wrong, and the kind of each error; what an error says may name people, and stays out."""
    parts: list[str] = []
    found = traceback.TracebackException.from_exception(error) if error is not None else None
    while found is not None:
        kind = found.exc_type
        parts.append("".join(found.stack.format()) + (f"{kind.__module__}.{kind.__qualname__}" if kind else ""))
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)
    return "\ncaused by\n".join(parts)


def to_stderr(level: str = "INFO") -> None:
    """Write this program's log lines to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger("webapp")
    root.handlers[:] = [handler]
    root.setLevel(level)
    root.propagate = False
