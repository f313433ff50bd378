"""A OneRoster 1.2 service of a test's own, with its token endpoint."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote

from tests.sources.web_server import Asked, Reply, Site, site
from webapp.sources.oneroster_rest import RestAccess

CLIENT, SECRET = "desk", "s3cret:/ü"
SCOPES = "roster gradebook"
DAY = "2026-03-02T08:00:00.000Z"
NAMES = ("orgs", "academicSessions", "courses", "classes", "users", "enrollments", "categories", "lineItems", "results")
_FILTER = re.compile(r"dateLastModified>'([^']+)'")


def ref(key: str, kind: str) -> dict[str, str]:
    return {"href": f"https://sis.example/{kind}s/{key}", "sourcedId": key, "type": kind}


def row(key: str, modified: str = DAY, **values: Any) -> dict[str, Any]:
    return {"sourcedId": key, "status": "active", "dateLastModified": modified, **values}


def user(key: str, role: str, modified: str = DAY, **values: Any) -> dict[str, Any]:
    return row(
        key,
        modified,
        enabledUser="true",
        username=key,
        givenName="Given",
        familyName=f"Family, {key}",
        email=f"{key}@example.org",
        password="hunter2",
        phone="555-0100",
        userIds=[{"type": "SIS", "identifier": f"n-{key}"}],
        roles=[{"roleType": "primary", "role": role, "org": ref("school", "org"), "beginDate": "2025-09-01"}],
        primaryOrg=ref("school", "org"),
        grades=["09", "10"],
        **values,
    )


def small_school() -> dict[str, list[Any]]:
    return {
        "orgs": [
            row("district", name="District", type="district", identifier="D-1", parent=None),
            row("school", name="Escuela “Sol”", type="school", parent=ref("district", "org")),
        ],
        "academicSessions": [
            row(
                "term",
                title="Spring",
                type="term",
                startDate="2026-01-10",
                endDate="2026-06-30",
                parent=ref("year", "academicSession"),
                schoolYear="2026",
            ),
            row(
                "year",
                title="2025/26",
                type="schoolYear",
                startDate="2025-09-01",
                endDate="2026-06-30",
                schoolYear=2026,
            ),
        ],
        "courses": [row("math", title="Maths", courseCode="MA", org=ref("school", "org"), subjects=["Algebra"])],
        "classes": [
            row(
                "math-1",
                title="Maths 1\nmorning",
                classCode="MA-1",
                classType="scheduled",
                course=ref("math", "course"),
                school=ref("school", "org"),
                terms=[ref("term", "academicSession"), ref("year", "academicSession")],
            )
        ],
        "users": [user("ann", "student"), user("bob", "student"), user("tea", "teacher")],
        "enrollments": [
            row(
                f"e-{who}",
                **{"class": ref("math-1", "class"), "school": ref("school", "org"), "user": ref(who, "user")},
                role=role,
                primary=role == "teacher",
                beginDate="2026-01-12",
            )
            for who, role in (("ann", "student"), ("bob", "student"), ("tea", "teacher"))
        ],
        "categories": [row("tests", title="Tests", weight=50)],
        "lineItems": [
            row(
                "quiz",
                title="Quiz",
                assignDate="2026-01-20",
                dueDate="2026-02-01T12:00:00Z",
                **{
                    "class": ref("math-1", "class"),
                    "school": ref("school", "org"),
                    "category": ref("tests", "category"),
                },
                academicSession=ref("term", "academicSession"),
                resultValueMin=0.0,
                resultValueMax=20.0,
            )
        ],
        "results": [
            row(
                "r-ann",
                lineItem=ref("quiz", "lineItem"),
                student=ref("ann", "user"),
                **{"class": ref("math-1", "class")},
                scoreStatus="fully graded",
                score=17.25,
                scoreDate="2026-02-01",
                late=False,
            )
        ],
    }


@dataclass(repr=False)
class Service:
    """`links`: pages name the next one; `counts`: they say how many rows there are."""

    site: Site
    data: dict[str, list[Any]] = field(default_factory=small_school)
    most: int = 10_000
    links: bool = True
    counts: bool = True
    #: Whether there is a gradebook.
    offers: tuple[str, ...] = NAMES
    #: How many questions a token is good for.
    token_uses: int = 10_000
    expires_in: Any = 3600
    _tokens: dict[str, int] = field(default_factory=dict)

    @property
    def access(self) -> RestAccess:
        return RestAccess(f"{self.site.url}/ims/oneroster", f"{self.site.url}/token", CLIENT, SECRET, SCOPES)

    def asked(self, name: str) -> list[Asked]:
        return [each for each in self.site.asked if each.path.endswith(f"/{name}")]

    def answer(self, asked: Asked) -> Reply:
        if not asked.path.startswith("/ims/oneroster/"):
            return self._token(asked) if asked.path == "/token" else Reply({}, 404)
        return self._rows(asked)

    def _token(self, asked: Asked) -> Reply:
        pair = f"{CLIENT}:{quote(SECRET, safe='')}"
        if asked.headers.get("Authorization") != "Basic " + base64.b64encode(pair.encode()).decode():
            return Reply({"error": "invalid_client"}, 401)
        form = parse_qs(asked.body.decode())
        assert form["grant_type"] == ["client_credentials"]
        if form["scope"] != [SCOPES]:
            return Reply({"error": "invalid_scope"}, 400)
        token = f"token-{len(self._tokens)}"
        self._tokens[token] = 0
        return Reply({"access_token": token, "token_type": "Bearer", "expires_in": self.expires_in})

    def _rows(self, asked: Asked) -> Reply:
        token = asked.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self._tokens or self._tokens[token] >= self.token_uses:
            return Reply({}, 401)
        self._tokens[token] += 1
        name = asked.path.rpartition("/")[2]
        service = "gradebook" if name in ("categories", "lineItems", "results") else "rostering"
        if asked.path != f"/ims/oneroster/{service}/v1p2/{name}" or name not in self.offers:
            return Reply({}, 404)
        query = asked.query
        found = self.data.get(name, [])
        if given := query.get("filter"):
            matched = _FILTER.fullmatch(given)
            assert matched is not None
            found = [each for each in found if each["dateLastModified"] > matched[1]]
        begin, size = int(query["offset"]), min(int(query["limit"]), self.most)
        headers = {"X-Total-Count": str(len(found))} if self.counts else {}
        if self.links and begin + size < len(found):
            rest = "&".join(f"{key}={quote(value)}" for key, value in (query | {"offset": str(begin + size)}).items())
            headers["Link"] = f'<{asked.path}?offset=0>; rel="first", <{self.site.url}{asked.path}?{rest}>; rel="next"'
        return Reply({name: found[begin : begin + size]}, 200, headers)


@contextmanager
def service() -> Iterator[Service]:
    with site(lambda asked: found.answer(asked)) as running:
        found = Service(running)
        yield found
