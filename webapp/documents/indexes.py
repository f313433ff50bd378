"""The indexes of a document's collection, made beside those of other clients.

A real MongoDB refuses a second index with the same keys under another name, and one name for two sets of keys; the
LMS's own client makes the seed's indexes under names of its own. So an index that has our keys and options is ours
whatever it is called, and nobody is asked to make one whose keys are there. In a database that is the LMS's (where
report jobs are shared) nobody makes any: what is missing there is told.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from mongoengine import Document
from pymongo.collection import Collection
from pymongo.errors import OperationFailure

from webapp.documents.connection import SHARED, jobs_are_shared
from webapp.errors import ReportdeskError

log = logging.getLogger(__name__)

#: What makes an index another one, if its keys are the same.
_OPTIONS = ("unique", "sparse", "expireAfterSeconds", "partialFilterExpression", "collation")
#: MongoDB's answers when somebody else has made an index meanwhile: IndexOptionsConflict, IndexKeySpecsConflict.
_CONFLICTS = (85, 86)

Keys = tuple[tuple[str, Any], ...]


class IndexConflictError(ReportdeskError):
    """An index of another client is in the way of one of ours."""

    code = "index-conflict"
    hint = "Drop that index, or let its owner change it, and start again; or use another database."

    def __init__(self, collection: str, there: str, wanted: str) -> None:
        super().__init__(f"The collection {collection} has the index {there}, and Reportdesk needs {wanted}.")


def ensure(document: type[Document]) -> None:
    """Make those indexes of `document` that its collection does not have; where the collection is the LMS's, only tell
    which those are. Raises IndexConflictError."""
    collection = document._get_collection()
    if is_of_another(collection):
        _tell_missing(document, collection)
        return
    for name, keys, options in _wanted(document):
        if not _is_there(collection, name, keys, options):
            _create(collection, name, keys, options)


def is_of_another(collection: Collection[Any]) -> bool:
    """Whether the collection is in a database that another client keeps."""
    return collection.name in SHARED and jobs_are_shared()


def hint(collection: Collection[Any], keys: Keys) -> list[tuple[str, Any]] | None:
    """What to tell the database to use for a question: the index with these keys. None in another's database: there an
    index that is not there would end the question."""
    return None if is_of_another(collection) else list(keys)


def _wanted(document: type[Document]) -> Iterator[tuple[str, Keys, dict[str, Any]]]:
    """Name, keys and options of each index of ours."""
    for spec in document._meta["index_specs"]:
        keys: Keys = tuple(tuple(key) for key in spec["fields"])
        yield spec.get("name") or "_".join(f"{field}_{kind}" for field, kind in keys), keys, _options_of(spec)


def _tell_missing(document: type[Document], collection: Collection[Any]) -> None:
    there = [(_keys_of(found), _options_of(found)) for found in collection.index_information().values()]
    missing = [_told(*each) for each in _wanted(document) if each[1:] not in there]
    if missing:
        log.warning(
            f"The collection {collection.full_name} is in the LMS's database, so Reportdesk makes no index there, and "
            f"reads and tidies it more slowly without those that it lacks: {'; '.join(missing)}."
        )


def _create(collection: Collection[Any], name: str, keys: Keys, options: dict[str, Any]) -> None:
    try:
        collection.create_index(list(keys), name=name, **options)
    except OperationFailure as error:
        # Another client may have been first.
        if error.code not in _CONFLICTS or not _is_there(collection, name, keys, options):
            raise


def _is_there(collection: Collection[Any], name: str, keys: Keys, options: Mapping[str, Any]) -> bool:
    """Whether the collection has this index, under whatever name. Raises IndexConflictError."""
    for other, found in collection.index_information().items():
        found_keys = _keys_of(found)
        found_options = _options_of(found)
        if found_keys == keys and found_options == options:
            return True
        if found_keys == keys or other == name:
            raise IndexConflictError(
                collection.name, _told(other, found_keys, found_options), _told(name, keys, options)
            )
    return False


def _keys_of(found: Mapping[str, Any]) -> Keys:
    """As `index_information` tells them. Another client may have written a direction as 1.0."""
    return tuple((field, int(kind) if isinstance(kind, (int, float)) else kind) for field, kind in found["key"])


def _options_of(index: Mapping[str, Any]) -> dict[str, Any]:
    """Those that are set: `expireAfterSeconds` may be 0, and no option is the same as a false one."""
    return {name: index[name] for name in _OPTIONS if index.get(name) is not None and index[name] is not False}


def _told(name: str, keys: Keys, options: Mapping[str, Any]) -> str:
    listed = ", ".join(f"{field} {kind}" for field, kind in keys)
    told = "".join(f", {option} {value}" for option, value in options.items())
    return f"“{name}” ({listed}{told})"
