"""Requests that no browser sends, from a seeded random: what forms, addresses and headers are not meant to hold.

Addresses come from the application's own map; names of fields from its WTForms classes and from what its code reads.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_from_bytes

from flask import Flask
from werkzeug.test import run_wsgi_app
from wtforms.fields.core import UnboundField

import webapp.web
from webapp.engine.catalogue.datasets import DATASETS
from webapp.services.questions.in_words import OPERATOR_WORDS
from webapp.web.forms import DeskForm

_READ = re.compile(r"""(?:args|form|files|values|source|typed|sent|given|page_args)\.\w+\(\s*["'](\w+)["']""")

DAYS = [
    "0001-01-01", "9999-12-31", "0000-00-00", "10000-01-01", "99999-01-01", "-0001-01-01", "2024-02-30", "2024-13-45",
    "0001-01-01T00:00", "9999-12-31T23:59", "9999-12-31T23:59:59", "2024-01-01T25:61", "1-1-1", "1970-01-01T00:00:00Z",
    "0001-01-01T00:00+14:00", "9999-12-31T23:59-12:00", "2024-W01", "٢٠٢٤-٠١-٠١", "today", "1e400",
]  # fmt: skip
NUMBERS = [
    "-1", "0", "1", "2147483648", "9223372036854775807", "9223372036854775808", "-9223372036854775809", "9" * 400,
    "9" * 5_000, "1e308", "1e400", "-inf", "nan", "NaN", "0x10", "1_000", "٣", "²", "1.5", "+1", " 1 ", "--1", "1,000",
]  # fmt: skip
TEXTS = [
    "", " ", "\x00", "a\x00b", "\ud800", "x\udfff", "\ufffe", "\u202eabc", "😀" * 50, "e\u0301" * 500, "x" * 10_000,
    "x" * 300_000, "<script>alert(1)</script>", "{{7*7}}", "{% raise %}", "%s%(name)s%n", "../../etc/passwd", "$where",
    "a.b.c", "$gt", "[]", "{}", "null", "true", "[" * 2_000, "{\"a\":" * 500, "(" * 300, "a" * 40 + "!", "\r\nX: y",
    "=1+1", "'\"\\", "\\x00", ",".join(["0" * 24] * 2_000), "-" * 100, "İ", "ß", "%00%ff", "count", "sum:", ":", "sum:data.",
    "sum:data." + "x" * 500, "count:count:count", "organization", "excel", "custom", "class", "learner", "event-type",
    "Europe/Madrid", "../UTC", "Etc/GMT+12", "Pacific/Kiritimati", "en_XX", "es", "@", "a@b", "//evil.example", "/\\evil",
    "http://[", "http://[::1", "https://localhost:99999999/x", "http://a:b@c:d/", "javascript:alert(1)", "?", "#",
]  # fmt: skip
IDS = ["0" * 24, "f" * 24, "0" * 23, "0" * 25, "g" * 24, "0" * 12, "\x00" * 12, "é" * 12, "me", "-", "."]
HEADERS: dict[str, list[str]] = {
    "RANGE": ["bytes=0-", "bytes=" + "9" * 4_000 + "-", "bytes=0-" + "9" * 5_000, "bytes=-" + "9" * 4_000, "bytes=", "bytes=-",
              "bytes=" + "0-0," * 2_000, "items=0-1", "bytes=a-b", "bytes=\xb2-", "bytes =0-", "=", "bytes=0-0,-1"],
    "IF_RANGE": ['"x"', "W/", '"', "Mon, 01 Jan 0001 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "\xff"],
    "IF_NONE_MATCH": ["*", '"', '"x", W/"y"', "," * 5_000, '"' * 5_001, "W/" * 500],
    "IF_MODIFIED_SINCE": ["Mon, 01 Jan 0001 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "9" * 500, "Mon, 99 Xxx 99999"],
    "HOST": ["", "localhost:", "localhost:99999", "[::1", "a b", "\xff\xfe", "x" * 5_000, "evil.example", "localhost@evil", "[" * 50, "a..b", "%00"],
    "COOKIE": ["=", ";" * 3_000, "reportdesk=", "reportdesk=.", "reportdesk=" + "A" * 4_000, "reportdesk=eyJ9.x.y", "remember_token=\xff|x",
               "reportdesk=.eJw.aaaa.bbbb", "remember_token=" + "0" * 24 + "|" + "f" * 128, "session=\\000", 'reportdesk="\\377"'],
    "ACCEPT_LANGUAGE": ["xx", "es;q=nan", "*;q=-1", "en;q=" + "9" * 500, "," * 3_000, "e" * 5_000, "zh-Hant-\xff", "es-419,es;q=1e400"],
    "ACCEPT": ["*/*;q=\xff", "application/json;q=nan", "," * 3_000, "text/html;" * 500],
    "REFERER": ["http://[", "//", "http://localhost/\x00", "http://localhost:x/", "http://localhost/reports/?page=9", "\xff" * 50],
    "ORIGIN": ["null", "http://localhost", "http://[", "\xff"],
    "AUTHORIZATION": ["Bearer", "Bearer \xff", "Basic x", "Basic ////", "Digest " + "a=" * 500, "Basic " + "=" * 99],
    "HX_REQUEST": ["true", "false", "\xff"],
    "HX_PTAG": ["x", "\xff", "x" * 5_000],
    "HX_CURRENT_URL": ["http://[", "http://localhost/reports/", "//x", "\x00"],
    "HX_HISTORY_RESTORE_REQUEST": ["true"],
    "X_FORWARDED_FOR": ["1.2.3.4", "::1", "\xff", "," * 500, "1.2.3.4:99999"],
    "X_FORWARDED_PROTO": ["https", "javascript", "\xff"],
    "X_CSRFTOKEN": ["x", "\xff", "." * 500],
    "CONTENT_ENCODING": ["gzip", "\xff"],
    "USER_AGENT": ["", "\xff" * 50, "x" * 5_000],
}  # fmt: skip
BODY_TYPES = [
    "application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=utf-16", "multipart/form-data", "\xff",
    "application/x-www-form-urlencoded; charset=no-such", "multipart/form-data; boundary=", "multipart/form-data; boundary=\xff",
    "multipart/form-data; boundary=" + "b" * 300, "application/json", "application/json; charset=no-such", "text/plain", "", "/",
    "multipart/form-data; boundary*=utf-16''%00b", "multipart/mixed; boundary=b", "application/xml", ";" * 2_000,
]  # fmt: skip
ZONES = ["UTC", "Pacific/Kiritimati", "Etc/GMT+12", "America/St_Johns", "Asia/Kathmandu", "x", ""]
#: Of these a day is expected, and mostly given: one that no clock and no calendar holds.
OF_DAYS = re.compile(r"(^|_)(since|until|start|end|from|to|day|date|scheduled|before|after|at|on)$")
_OF_NUMBERS = re.compile(r"(^|_)(page|top|limit|rank|size|count|number|sort_order|days)$")
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "\xff", "GET" * 50]


@dataclass(frozen=True)
class Sent:
    """One request, and what came back."""

    method: str
    path: str
    query: str
    body: bytes
    headers: dict[str, str]
    status: int

    def __str__(self) -> str:
        return f"{self.method} {self.path!r}?{self.query[:300]!r} {self.body[:600]!r} {str(self.headers)[:600]} -> {self.status}"


def field_names() -> list[str]:
    """Of every form, and of everything else that the web reads by name."""
    names: set[str] = set()
    waiting: list[type] = [DeskForm]
    while waiting:
        form = waiting.pop()
        waiting += form.__subclasses__()
        for name, field in vars(form).items():
            if isinstance(field, UnboundField):
                names |= {name, name.rstrip("_"), str(field.kwargs.get("name") or name)}
    for path in Path(webapp.web.__file__).parent.rglob("*.py"):
        names |= set(_READ.findall(path.read_text(encoding="utf-8")))
    return sorted(names)


class Hostile:
    """Makes and sends requests to `app`; equal seeds make equal ones."""

    def __init__(self, app: Flask, seed: str, known_ids: Callable[[], list[str]], question: dict[str, Any]) -> None:
        self.app, self.chance = app, random.Random(seed)
        self.known_ids, self.question = known_ids, question
        self.names = field_names()
        self.rules = sorted((rule for rule in app.url_map.iter_rules()), key=lambda rule: rule.rule)

    def send(self, cookie: str) -> Sent:
        """One more request, as the person of `cookie`."""
        rule = self.chance.choice(self.rules)
        method = self.chance.choice(sorted(rule.methods or {"GET"}) if self.chance.random() < 0.9 else METHODS)
        path = re.sub(r"<(?:[^:>]*:)?[^>]+>", lambda _: self._segment(), rule.rule)
        query = self._query() if self.chance.random() < 0.6 else ""
        headers = {name: self.chance.choice(HEADERS[name]) for name in HEADERS if self.chance.random() < 0.06}
        headers.setdefault("HOST", "localhost")
        headers["COOKIE"] = f"{cookie}; {headers['COOKIE']}" if "COOKIE" in headers else cookie
        body, kind = self._body() if method in ("POST", "PUT", "PATCH") or self.chance.random() < 0.05 else (b"", "")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path.encode("utf-8", "surrogatepass").decode("latin-1"),
            "QUERY_STRING": query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": self.chance.choice(["127.0.0.1", "127.0.0.1", "", "::1", "unix:"]),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": BytesIO(body),
            "wsgi.errors": BytesIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            **{f"HTTP_{name}": value for name, value in headers.items()},
        }
        if body or kind:
            environ |= {"CONTENT_TYPE": kind, "CONTENT_LENGTH": str(len(body))}
            if self.chance.random() < 0.05:
                environ["CONTENT_LENGTH"] = self.chance.choice(["", "-1", "9" * 30, "x", str(len(body) + 9), "\xb2"])
        answer, status, _ = run_wsgi_app(self.app, environ, buffered=True)
        for _ in answer:
            pass
        return Sent(method, path, query, body, {**headers, "CONTENT_TYPE": kind}, int(status.split(" ")[0]))

    def _segment(self) -> str:
        if self.chance.random() < 0.6 and (known := self.known_ids()):
            return self.chance.choice(known)
        return self._value().replace("/", "")[:2_000] or "-"

    def _value(self) -> str:
        return self.chance.choice(self.chance.choice([DAYS, NUMBERS, TEXTS, IDS, self.known_ids() or IDS]))

    def _value_of(self, name: str) -> str:
        if self.chance.random() < 0.7:
            if OF_DAYS.search(name):
                return self.chance.choice(DAYS)
            if _OF_NUMBERS.search(name):
                return self.chance.choice(NUMBERS)
        return self._value()

    def _fields(self) -> list[tuple[str, str]]:
        names = [self.chance.choice(self.names) for _ in range(self.chance.choice([1, 1, 2, 3, 8]))]
        pairs = [(name, self._value_of(name)) for name in names]
        if self.chance.random() < 0.2:
            pairs += [(name, self._value_of(name)) for name in ("start", "end", "scheduled", "since", "until")]
            pairs += [("period", "custom"), ("time_zone", self.chance.choice(ZONES))]
        if self.chance.random() < 0.15:
            where = self.chance.choice(sorted(self.chance.choice(list(DATASETS.values())).fields))
            pairs += [("where", where), ("compare", self.chance.choice(list(OPERATOR_WORDS))), ("value", self._value())]
        if self.chance.random() < 0.05:
            pairs *= self.chance.choice([2, 50, 2_000])
        if self.chance.random() < 0.6:
            # A question that is right but for what has been put into it: it goes further than a wrong one.
            taken = {name for name, _ in pairs} if self.chance.random() < 0.7 else set()
            pairs += [
                (name, each)
                for name, value in self.question.items()
                for each in (value if isinstance(value, list) else [value])
                if name not in taken
            ]
        return pairs

    def _query(self) -> str:
        if self.chance.random() < 0.1:
            return self.chance.choice(
                ["%", "%zz", "&&&=", "=" * 500, "a[b][c]=1", "%ff=%fe", "\xff", ";", "a=1;b=2", "?"]
            )
        return self._encoded(self._fields())[:60_000]

    def _encoded(self, pairs: list[tuple[str, str]]) -> str:
        return "&".join(f"{quote(name)}={quote_from_bytes(_bytes(value), safe='')}" for name, value in pairs)

    def _body(self) -> tuple[bytes, str]:
        pairs = self._fields()
        way = self.chance.random()
        if way < 0.45:
            return self._encoded(pairs).encode("latin-1"), BODY_TYPES[0]
        parts = b"".join(self._part(name, value) for name, value in pairs) + b"--b--\r\n"
        if way < 0.8:
            return parts, "multipart/form-data; boundary=b"
        if way < 0.9:
            cut = self.chance.randrange(len(parts))
            return parts[:cut] + self.chance.choice(
                [b"", b"\x00", b"--b", b"\r\n\r\n"]
            ), "multipart/form-data; boundary=b"
        return self.chance.choice(
            [parts, b"{" * 3_000, b"[" * 3_000 + b"]" * 3_000, b"\xff\xfe\x00"]
        ), self.chance.choice(BODY_TYPES)

    def _part(self, name: str, value: str) -> bytes:
        """A text where a file belongs, or a file where a text does; of any name, type and coding."""
        head = f'--b\r\nContent-Disposition: form-data; name="{name}"'
        if self.chance.random() < 0.4:
            head += (
                '; filename="'
                + self.chance.choice(["f.csv", "", "../x", "a\x00b.zip", "x" * 3_000, "CON", "é.json.gz"])
                + '"'
            )
        if self.chance.random() < 0.2:
            head += "\r\nContent-Type: " + self.chance.choice([*BODY_TYPES, "text/plain; charset=utf-16", "image/png"])
        if self.chance.random() < 0.05:
            head += "\r\nContent-Transfer-Encoding: base64"
        return head.encode("utf-8", "surrogatepass") + b"\r\n\r\n" + _bytes(value) + b"\r\n"


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")
