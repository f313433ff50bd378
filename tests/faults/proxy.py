"""A TCP proxy between a worker and its database that understands enough of MongoDB's wire protocol to break the
connection at a chosen moment: when a job is claimed, when its lease is renewed, when it is finished.

One proxy for each worker, all in one thread. What is broken, and when, is decided by `Breaks`.
"""

from __future__ import annotations

import asyncio
import random
import struct
import threading
import time
from collections import Counter
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import bson
from bson import ObjectId

OP_MSG = 2013
_HEADER = struct.Struct("<iiii")


class Moment(StrEnum):
    CLAIM = "claim"
    BEAT = "beat"
    FINISH = "finish"


class Break(StrEnum):
    DROP = "drop"  # the connection is reset
    DELAY = "delay"  # the request arrives late, even if nobody waits for its answer any more
    HALF_OPEN = "half-open"  # the connection stays up and carries nothing; new ones are let through after a while


@dataclass(frozen=True)
class Hit:
    """One broken request. `after`: the server had done it, and the answer was lost; `seconds` is how long it lasted."""

    moment: Moment
    kind: Break
    after: bool
    seconds: float
    job_ids: tuple[ObjectId, ...]
    at: float = field(default_factory=time.monotonic)


@dataclass
class Breaks:
    """`times` of each kind at each moment; no job is hit twice. `seconds` are the lengths to choose from."""

    times: int
    seconds: tuple[float, ...]
    hits: list[Hit] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._left = Counter({(moment, kind): self.times for moment in Moment for kind in Break})
        self._hit_jobs: set[ObjectId] = set()

    @property
    def left(self) -> int:
        return self._left.total()

    def choose(self, moment: Moment, job_ids: tuple[ObjectId, ...]) -> Hit | None:
        """How to break this request, if at all."""
        kinds = [kind for kind in Break if self._left[moment, kind]]
        # Only now and then, so that every moment of a job's life gets its turn.
        if not kinds or self._hit_jobs & set(job_ids) or random.random() < 0.5:
            return None
        kind = random.choice(kinds)
        self._left[moment, kind] -= 1
        self._hit_jobs |= set(job_ids)
        seconds = 0.0 if kind is Break.DROP else random.choice(self.seconds)
        hit = Hit(moment, kind, kind is not Break.DELAY and random.random() < 0.5, seconds, job_ids)
        self.hits.append(hit)
        return hit


def recognise(message: bytes) -> tuple[Moment, tuple[ObjectId, ...]] | None:
    """Which moment of which jobs an update command is; None for anything else."""
    if _HEADER.unpack_from(message)[3] != OP_MSG:
        return None
    body, updates = _sections(message)
    if body.get("update") != "reportjobs":
        return None
    updates = updates or body.get("updates", [])
    moments = {_moment_of(update["u"]) for update in updates}
    if len(moments) != 1 or (moment := moments.pop()) is None:
        return None
    return moment, tuple(update["q"]["_id"] for update in updates)


def _sections(message: bytes) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The command, and the documents sent beside it (updates may come either way)."""
    body: dict[str, Any] = {}
    beside: list[dict[str, Any]] = []
    at = _HEADER.size + 4
    while at < len(message):
        kind = message[at]
        (size,) = struct.unpack_from("<i", message, at + 1)
        section = message[at + 1 : at + 1 + size]
        if kind == 0:
            body = bson.decode(section)
        else:
            beside += bson.decode_all(section[section.index(b"\0", 4) + 1 :])
        at += 1 + size
    return body, beside


def _moment_of(pipeline: Any) -> Moment | None:
    sets = pipeline[0].get("$set", {}) if isinstance(pipeline, list) and pipeline else {}
    if list(sets) == ["lease.until"]:
        return Moment.BEAT
    return {"processing": Moment.CLAIM, "ready": Moment.FINISH}.get(sets.get("status"))


class Connection:
    """One connection of a worker, and its twin to the server."""

    def __init__(self, proxy: Proxy, client: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        self._proxy = proxy
        self._from_client, self._to_client = client
        self.is_silent = False
        self._swallowed: int | None = None  # the request whose answer is not to be passed on
        self._answered = asyncio.Event()

    async def run(self) -> None:
        """Pass messages both ways until one side ends."""
        await self._proxy.wait_for_peace()
        self._from_server, self._to_server = await asyncio.open_connection(*self._proxy.upstream)
        tasks = [asyncio.create_task(self._upwards()), asyncio.create_task(self._downwards())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if self.is_silent:
                await asyncio.Event().wait()  # nobody is told
        finally:
            for task in tasks:
                task.cancel()
            # Their ends are the two sides' own affair; a fault of the proxy itself must show.
            for problem in await asyncio.gather(*tasks, return_exceptions=True):
                if problem is not None and not isinstance(problem, (OSError, EOFError, asyncio.CancelledError)):
                    self._proxy.problems.append(problem)
            self._to_server.transport.abort()

    async def _upwards(self) -> None:
        while True:
            message = await _read(self._from_client)
            if self.is_silent:
                continue
            found = recognise(message)
            hit = self._proxy.breaks.choose(*found) if found else None
            if hit is None:
                self._to_server.write(message)
            elif not await self._break(hit, message):
                return

    async def _downwards(self) -> None:
        while True:
            message = await _read(self._from_server)
            if _HEADER.unpack_from(message)[2] == self._swallowed:
                self._answered.set()
            elif not self.is_silent:
                self._to_client.write(message)

    async def _break(self, hit: Hit, message: bytes) -> bool:
        """False when the connection is to be reset."""
        if hit.kind is Break.DELAY:
            await asyncio.sleep(hit.seconds)
            self._to_server.write(message)
            return True
        if hit.after:
            self._swallowed = _HEADER.unpack_from(message)[1]
            self._to_server.write(message)
            await self._answered.wait()
        if hit.kind is Break.DROP:
            return False
        self._proxy.fall_silent(hit.seconds)
        return True


async def _read(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(_HEADER.size)
    return head + await reader.readexactly(_HEADER.unpack(head)[0] - _HEADER.size)


class Proxy:
    """The way of one worker, and of its children, to the database."""

    def __init__(self, upstream: tuple[str, int], breaks: Breaks) -> None:
        self.upstream = upstream
        self.breaks = breaks
        self.port = 0
        self.problems: list[BaseException] = []
        self._connections: set[Connection] = set()
        self._silent_until = 0.0

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        self._server.close()

    def fall_silent(self, seconds: float) -> None:
        """Those connections that are there carry nothing any more; those that come wait for `seconds`."""
        self._silent_until = time.monotonic() + seconds
        for connection in self._connections:
            connection.is_silent = True

    async def wait_for_peace(self) -> None:
        await asyncio.sleep(max(self._silent_until - time.monotonic(), 0))

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(self, (reader, writer))
        self._connections.add(connection)
        # Cancelled at the test's end: asyncio would call a cancelled connection a fault.
        with suppress(asyncio.CancelledError, ConnectionError):
            await connection.run()
        self._connections.discard(connection)
        writer.transport.abort()


class ProxyThread:
    """Where all proxies of a test live."""

    def __init__(self, upstream: tuple[str, int], breaks: Breaks) -> None:
        self._upstream = upstream
        self._breaks = breaks
        self._proxies: list[Proxy] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True)

    def __enter__(self) -> ProxyThread:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._end_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def problems(self) -> list[BaseException]:
        """What went wrong in the proxies themselves."""
        return [problem for proxy in self._proxies for problem in proxy.problems]

    def add(self) -> int:
        """The port of a new proxy."""
        proxy = Proxy(self._upstream, self._breaks)
        self._run(proxy.listen())
        self._proxies.append(proxy)
        return proxy.port

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _end_all(self) -> None:
        for proxy in self._proxies:
            proxy.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.1)  # aborted transports close their sockets in the loop's next turns
