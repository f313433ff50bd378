"""A process that draws charts and stays: what draws is a whole JavaScript engine, which takes half a second to start.

Run by its path, so that it imports nothing of the program. Without arguments it draws what its standard input asks for
and ends. Else it listens on a Unix socket in a folder that only its owner
may enter; a connection sends Vega-Lite specifications as one JSON array and closes its side, and is answered with a
JSON array of SVGs, or nothing where they cannot be drawn. It ends when its standard input does (with the process that
started it), when a drawing takes too long, and when nobody has asked for a while: whoever asks of one that has ended
draws by themselves.
"""

from __future__ import annotations

import json
import select
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

#: Seconds: for one answer, and without any question.
LONGEST_ANSWER, LONGEST_IDLE = 15, 600
#: A drawing leaves something behind in the engine; after so many there is a new one.
MOST_ANSWERS = 2_000


def drawn(asked: bytes) -> bytes:
    """Raises ValueError for what cannot be drawn."""
    import vl_convert  # not before: who only asks another process needs none of it

    return json.dumps([vl_convert.vegalite_to_svg(each) for each in json.loads(asked)]).encode()


def drawn_by(address: str, asked: bytes) -> bytes:
    """What the process that listens at `address` answers. Raises OSError where nobody does."""
    with socket.socket(socket.AF_UNIX) as drawer:
        drawer.settimeout(LONGEST_ANSWER)
        drawer.connect(address)
        drawer.sendall(asked)
        drawer.shutdown(socket.SHUT_WR)
        with drawer.makefile("rb") as answer:
            return answer.read()


def main(path: str) -> None:
    """Raises OSError where nobody can listen at `path`."""
    try:
        _serve(path)
    finally:
        # Whoever started this may have been killed.
        Path(path).unlink(missing_ok=True)
        with suppress(OSError):
            Path(path).parent.rmdir()


def _serve(path: str) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    import vl_convert  # noqa: F401 - loaded before the first question; whoever connects meanwhile waits

    for _ in range(MOST_ANSWERS):
        ready, _, _ = select.select([listener, sys.stdin], [], [], LONGEST_IDLE)
        if listener not in ready:
            return
        connection, _ = listener.accept()
        # Ends this process, whatever the engine is doing; its client sees the connection close.
        signal.alarm(LONGEST_ANSWER)
        with connection, suppress(OSError, ValueError, RecursionError):
            with connection.makefile("rb") as asked:
                svgs = drawn(asked.read())
            connection.sendall(svgs)
        signal.alarm(0)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(sys.argv[1])
    else:
        sys.stdout.buffer.write(drawn(sys.stdin.buffer.read()))
