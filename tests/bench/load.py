"""A load generator in a process of its own: HTTP/1.1 over kept-alive connections, as browsers poll.

Reads a plan as JSON from standard input, writes what it measured as JSON to standard output. Bounded by the plan's
seconds and by its number of watchers. As a browser does, it asks once more when a kept connection was closed before
the first byte of an answer.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from typing import Any

USER_AGENT = "reportdesk-bench"


@dataclass
class Measured:
    latencies: list[float] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    reconnects: int = 0


class Watcher:
    """One browser with one page open."""

    def __init__(self, port: int, path: str, cookie: str, measured: Measured) -> None:
        self.port, self.path, self.cookie, self.measured = port, path, cookie, measured
        self.tag = ""
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self) -> None:
        begin = time.perf_counter()
        try:
            status = await asyncio.wait_for(self._exchange(), 10)
        except (OSError, asyncio.IncompleteReadError, TimeoutError, ValueError) as error:
            self.measured.errors.append(repr(error))
            self.close()
            return
        self.measured.latencies.append(time.perf_counter() - begin)
        self.measured.statuses[status] = self.measured.statuses.get(status, 0) + 1
        if status not in ("200", "304"):
            self.measured.errors.append(f"status {status}")

    async def _exchange(self) -> str:
        if self.streams is not None:
            try:
                return await self._once()
            except (ConnectionError, asyncio.IncompleteReadError) as error:
                if isinstance(error, asyncio.IncompleteReadError) and error.partial:
                    raise
                self.measured.reconnects += 1
                self.close()
        self.streams = await asyncio.open_connection("127.0.0.1", self.port)
        return await self._once()

    async def _once(self) -> str:
        assert self.streams is not None
        reader, writer = self.streams
        tag = f"HX-PTag: {self.tag}\r\n" if self.tag else ""
        writer.write(
            f"GET {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nUser-Agent: {USER_AGENT}\r\n"
            f"HX-Request: true\r\n{tag}Cookie: {self.cookie}\r\n\r\n".encode()
        )
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = head[0].split(" ")[1]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        if length := int(headers.get("content-length", 0)) if status != "304" else 0:
            await reader.readexactly(length)
        self.tag = headers.get("hx-ptag", self.tag)
        if headers.get("connection", "").lower() == "close":
            self.close()
        return status

    def close(self) -> None:
        if self.streams is not None:
            self.streams[1].close()
            self.streams = None


async def run(plan: dict[str, Any]) -> Measured:
    measured = Measured()
    watchers = [Watcher(plan["port"], path, cookie, measured) for path, cookie in plan["watchers"]]
    every, begin = plan["every_seconds"], time.perf_counter()
    end = begin + plan["seconds"]

    async def watch(watcher: Watcher, offset: float) -> None:
        due = begin + offset
        while due < end:
            await asyncio.sleep(max(due - time.perf_counter(), 0))
            await watcher.ask()
            due = max(due + every, time.perf_counter()) if every else time.perf_counter()

    # People do not open their pages in step.
    await asyncio.gather(*(watch(each, every * n / len(watchers)) for n, each in enumerate(watchers)))
    for each in watchers:
        each.close()
    return measured


if __name__ == "__main__":
    print(json.dumps(vars(asyncio.run(run(json.load(sys.stdin))))))
