"""What a file looks like that is none of ours: told by name, so that whoever sent it knows which export to choose."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from webapp.messages import Message
from webapp.sources.csv_tables import open_table
from webapp.sources.files import SourceFile, SourceFileError


@dataclass(frozen=True)
class _Look:
    """A form known by headings that all stand in one file (small letters), whatever else does."""

    name: str
    headings: frozenset[str]


def _look(name: str, *headings: str) -> _Look:
    return _Look(name, frozenset(headings))


ONEROSTER, XAPI = Message("a OneRoster CSV export"), Message("xAPI statements")
_CANVAS_SIS, _CANVAS_DATA = Message("a Canvas SIS export"), Message("a Canvas Data export")
_SDS, _CLEVER = Message("a Microsoft School Data Sync (SDS) export"), Message("a Clever export")
_MOODLE_LOG, _MOODLE_GRADES = Message("a Moodle log"), Message("a Moodle grade book")
_BLACKBOARD, _D2L = Message("a Blackboard snapshot"), Message("a Brightspace data set")
_GOOGLE = Message("a Google Classroom or Workspace export")

#: The most telling first: a file is named for the first that fits.
_HEADINGS = (
    _look(_MOODLE_LOG, "event context", "component", "event name"),
    _look(_MOODLE_GRADES, "first name", "email address", "last downloaded from this course"),
    _look(_CANVAS_SIS, "course_id", "user_id", "role", "status"),
    _look(_CANVAS_SIS, "user_id", "login_id"),
    _look(_CANVAS_SIS, "course_id", "short_name", "long_name"),
    _look(_CANVAS_SIS, "section_id", "course_id", "name", "status"),
    _look(_CANVAS_SIS, "term_id", "name", "status"),
    _look(_CANVAS_SIS, "account_id", "parent_account_id"),
    _look(_CANVAS_DATA, "canvas_id", "workflow_state"),
    _look(_SDS, "sis id", "school sis id"),
    _look(_SDS, "section sis id", "sis id"),
    _look(_SDS, "sis id", "name", "school number"),
    _look(_CLEVER, "school_id", "student_id"),
    _look(_CLEVER, "school_id", "teacher_id"),
    _look(_CLEVER, "school_id", "section_id"),
    _look(_BLACKBOARD, "external_person_key"),
    _look(_BLACKBOARD, "external_course_key"),
    _look(_D2L, "orgunitid", "userid"),
    _look(_D2L, "org unit id", "user id"),
    _look(_GOOGLE, "first name [required]", "last name [required]"),
)  # fmt: skip
_BEGINNINGS = (
    (b"%PDF", Message("a PDF")),
    (b"PAR1", Message("a Parquet file")),
    (b"SQLite format 3", Message("a SQLite database")),
    (b"\xd0\xcf\x11\xe0", Message("an old Office document")),
    (b"7z\xbc\xaf\x27\x1c", Message("a 7-Zip archive")),
    (b"Rar!", Message("a RAR archive")),
    (b"BZh", Message("a file packed with bzip2")),
    (b"\xfd7zXZ", Message("a file packed with xz")),
    (b"\x28\xb5\x2f\xfd", Message("a file packed with Zstandard")),
    (b"\x89PNG", Message("a picture")),
    (b"\xff\xd8\xff", Message("a picture")),
    (b"PGDMP", Message("a PostgreSQL dump")),
)
_OBJECT_KEYS = (
    (_CANVAS_DATA, {"workflow_state"}),
    (Message("a Canvas live event"), {"metadata", "body"}),
    (Message("Caliper events"), {"@context", "action"}),
    (Message("Caliper events"), {"sensor", "data"}),
    (Message("an Open edX tracking log"), {"event_type", "event_source"}),
    (Message("a OneRoster answer by REST, not its CSV export"), {"sourcedId", "status"}),
    (Message("a GeoJSON file"), {"type", "features"}),
)


def of_headings(headings: Collection[str]) -> str:
    """The form that a file with these headings (small letters) seems to be; empty when nothing is known."""
    there = {each.strip().casefold() for each in headings}
    if "sourcedid" in there:
        return ONEROSTER
    return next((look.name for look in _HEADINGS if look.headings <= there), "")


def of_object(keys: Collection[str]) -> str:
    """The form of JSON objects with these keys."""
    there = set(keys)
    if {"actor", "verb", "object"} <= there or {"statements"} <= there:
        return XAPI
    return next((name for name, wanted in _OBJECT_KEYS if wanted <= there), "")


def of_bytes(begin: bytes) -> str:
    """The form of a file that begins so, as far as its bytes tell."""
    for mark, name in _BEGINNINGS:
        if begin.startswith(mark):
            return name
    text = begin.lstrip(b"\xef\xbb\xbf \t\r\n")
    lower = text[:200].lower()
    if lower.startswith((b"<!doctype html", b"<html")):
        return Message("a web page")
    if lower.startswith(b"<?xml") or re.match(rb"<[a-z]", lower):
        return Message("an XML file")
    return ""


def of_files(files: Collection[SourceFile]) -> str:
    """The form of a whole folder, zip or file: by its office files, then by its headings, then by its bytes."""
    bases = {each.base for each in files}
    names = {each.name.replace("\\", "/").casefold() for each in files}
    if any(each.startswith("xl/") for each in names):
        return Message("an Excel workbook")
    if any(each.startswith(("word/", "ppt/")) for each in names):
        return Message("an Office document")
    if "imsmanifest.xml" in bases:
        return Message("an IMS or SCORM package")
    if "moodle_backup.xml" in bases:
        return Message("a Moodle backup")
    for file in files:
        try:
            begin = file.begin()
            if found := of_bytes(begin):
                return found
            stripped = begin.lstrip(b"\xef\xbb\xbf \t\r\n")
            if stripped[:1] in (b"{", b"["):
                keys = {each.decode("utf-8", "replace") for each in re.findall(rb'"([^"\\]{1,60})"\s*:', begin)}
                if found := of_object(keys):
                    return found
            elif found := of_headings(open_table(file).headings):
                return found
        except SourceFileError:
            continue  # another file may tell; reading this one says what is wrong with it
    return ""


def not_ours(name: str, wanted: str, looks: str) -> SourceFileError:
    """What to say of a file that is not what it was sent as."""
    if looks:
        return SourceFileError(
            Message("“%(file)s” looks like %(looks)s; wanted is %(wanted)s.", file=name, looks=looks, wanted=wanted)
        )
    return SourceFileError(Message("“%(file)s” is not %(wanted)s.", file=name, wanted=wanted))
