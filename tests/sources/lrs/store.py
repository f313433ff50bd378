"""A record store of a test's own: statements with the instant at which it stored them."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.sources.web_server import Asked, Reply, Site, site
from webapp.sources.lrs import LrsAccess

KEY, SECRET = "desk", "s3cret:ü/+"
BEGIN = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def text_of(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def statement(number: int, stored: datetime | None = None) -> dict[str, Any]:
    return {
        "id": f"00000000-0000-4000-8000-{number:012}",
        "actor": {"mbox": f"mailto:learner{number % 7}@example.org"},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/experienced"},
        "object": {"id": "https://lms.example/page/1"},
        "timestamp": text_of(BEGIN),
        "stored": text_of(stored or BEGIN + timedelta(seconds=number)),
    }


@dataclass(repr=False)
class Store:
    site: Site
    statements: list[dict[str, Any]] = field(default_factory=list)
    #: Of a page, whatever is asked for.
    most: int = 1000
    version: str = "1.0.3"
    consistent_through: datetime | None = None

    @property
    def access(self) -> LrsAccess:
        return LrsAccess(f"{self.site.url}/xapi/", KEY, SECRET)

    def answer(self, asked: Asked) -> Reply:
        expected = "Basic " + base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
        headers = {"X-Experience-API-Version": self.version}
        if self.consistent_through is not None:
            headers["X-Experience-API-Consistent-Through"] = text_of(self.consistent_through)
        if asked.headers.get("Authorization") != expected:
            return Reply({}, 401, headers)
        if asked.headers.get("X-Experience-API-Version", "")[:3] != self.version[:3]:
            return Reply({}, 400, headers)
        if asked.path != "/xapi/statements":
            return Reply({}, 404, headers)
        query = asked.query
        found = sorted(self.statements, key=lambda each: each["stored"], reverse=query.get("ascending") != "true")
        found = [each for each in found if each["stored"] > query.get("since", "")]
        begin, size = int(query.get("from", 0)), min(int(query["limit"]), self.most)
        more = ""
        if len(found) > begin + size:
            kept = "&".join(f"{name}={value}" for name, value in query.items() if name != "from")
            more = f"/xapi/statements?{kept}&from={begin + size}"
        return Reply({"statements": found[begin : begin + size], "more": more}, 200, headers)


@contextmanager
def store(*statements: dict[str, Any]) -> Iterator[Store]:
    with site(lambda asked: found.answer(asked)) as running:
        found = Store(running, list(statements))
        yield found
