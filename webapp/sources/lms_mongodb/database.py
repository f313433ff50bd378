"""The LMS's database, opened for reading. Nothing here can write: there are counts, finds and the server's clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import ConfigurationError, InvalidURI, PyMongoError
from pymongo.uri_parser import parse_uri

from webapp.errors import ReportdeskError
from webapp.messages import Message
from webapp.sources.lms_mongodb.mapping import Conditions

#: Documents that are worked on at once.
BATCH = 2_000
#: Values of one `$in`: each costs the server a comparison.
ASKED_AT_ONCE = 1_000
_SELECTION_MS = 5_000
_SOCKET_MS = 600_000  # a server may build its whole answer before the first batch
# A date beyond our calendar and a text that is not UTF-8 must not end the reading of all others.
_CODECS: CodecOptions[Any] = CodecOptions(
    tz_aware=True,
    tzinfo=UTC,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
    unicode_decode_error_handler="replace",
)


class LmsAddressError(ReportdeskError):
    """REPORTDESK_LMS_URI is none that can be used."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "lms-address"
    hint = Message("REPORTDESK_LMS_URI is such as mongodb://reader:secret@lms.example/lms?readPreference=secondary.")


class LmsAwayError(ReportdeskError):
    """The LMS's database does not answer, or refuses."""

    status = HTTPStatus.BAD_GATEWAY
    code = "lms-away"
    hint = Message("Check REPORTDESK_LMS_URI, and that its account may read that database.")
    is_permanent = False


class Lms:
    """An open database of an LMS."""

    def __init__(self, database: Database[Any]) -> None:
        self._database = database

    @property
    def name(self) -> str:
        return self._database.name

    def collections(self) -> set[str]:
        return set(self._database.list_collection_names())

    def now(self) -> datetime:
        """What the server's clock says."""
        said: datetime = self._database.client.admin.command("hello").get("localTime") or datetime.now(UTC)
        return said if said.tzinfo else said.replace(tzinfo=UTC)

    def count(self, collection: str, query: Mapping[str, Any]) -> int:
        found = self._database[collection]
        return found.count_documents(query) if query else found.estimated_document_count()

    def batches(
        self, collection: str, query: Mapping[str, Any], projection: Mapping[str, int]
    ) -> Iterator[list[dict[str, Any]]]:
        """Documents in the order of their _id, so that a reading can be told from another by its order alone."""
        found = self._database[collection].find(query, dict(projection), batch_size=BATCH).sort("_id", 1)
        batch: list[dict[str, Any]] = []
        with found:
            for document in found:
                batch.append(document)
                if len(batch) == BATCH:
                    yield batch
                    batch = []
        if batch:
            yield batch

    def those(
        self, collection: str, path: str, values: list[Any], projection: Mapping[str, int], query: Mapping[str, Any]
    ) -> Iterator[list[dict[str, Any]]]:
        """Documents whose `path` holds one of `values`."""
        for start in range(0, len(values), ASKED_AT_ONCE):
            asked = {path: {"$in": values[start : start + ASKED_AT_ONCE]}}
            both = asked if not query else {**query, **asked} if path not in query else {"$and": [asked, query]}
            yield from self.batches(collection, both, projection)

    def query(self, conditions: Conditions) -> dict[str, Any]:
        """`conditions` as MongoDB reads them; what leads to another collection is looked up there first."""
        found: dict[str, Any] = {}
        for path, condition in conditions.items():
            if condition.in_ is not None:
                there = self.batches(condition.in_, self.query(condition.with_), {"_id": 1})
                found[path] = {"$in": [document["_id"] for batch in there for document in batch]}
            elif condition.exists is not None:
                # A null is as good as nothing there, as everywhere in a mapping.
                found[path] = {"$nin" if condition.exists else "$in": [None]}
            elif condition.is_ is not None:
                found[path] = {"$in": list(condition.is_)}
            else:
                found[path] = {"$nin": list(condition.not_ or ())}
        return found


@contextmanager
def opened(uri: str) -> Iterator[Lms]:
    """The database in the path of `uri`. Raises LmsAddressError and LmsAwayError; no error tells the address, which
    holds a password."""
    try:
        parsed = parse_uri(uri)
    except (InvalidURI, ConfigurationError, ValueError) as error:
        raise LmsAddressError(Message("The LMS's address cannot be read.")) from error
    name = parsed["database"]
    if not name:
        raise LmsAddressError(Message("The LMS's address names no database: its path is empty."))
    given = {option.lower() for option in parsed["options"]}
    patience = {"serverSelectionTimeoutMS": _SELECTION_MS, "socketTimeoutMS": _SOCKET_MS}
    options: dict[str, Any] = {name: value for name, value in patience.items() if name.lower() not in given}
    try:
        client: MongoClient[Any] = MongoClient(uri, appname="reportdesk", **options)
    except (PyMongoError, ValueError) as error:
        raise LmsAddressError(
            Message("The LMS's address cannot be used: %(why)s.", why=type(error).__name__)
        ) from error
    with client:
        try:
            yield Lms(client.get_database(name, codec_options=_CODECS))
        except PyMongoError as error:
            raise LmsAwayError(
                Message("The LMS's database “%(name)s” does not answer: %(why)s.", name=name, why=_why(error))
            ) from error


def _why(error: PyMongoError) -> str:
    details = getattr(error, "details", None)
    said = details.get("errmsg") if isinstance(details, Mapping) else None
    return str(said or type(error).__name__)
