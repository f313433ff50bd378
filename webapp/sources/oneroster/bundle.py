"""A bundle: which files it has, what its manifest says of them, and their rows with what is wrong with each.

A bundle that contradicts itself (a file that its manifest says is absent, or the reverse) is read and told; what cannot
be read at all is one sentence (`SourceFileError`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from webapp.messages import Message
from webapp.sources import looks
from webapp.sources.csv_tables import CsvTable, Row, Unread, open_table
from webapp.sources.files import SourceFile, SourceFileError, files_of
from webapp.sources.oneroster.forms import (
    FILES,
    FORM_OF,
    MANIFEST,
    MODES,
    NOT_NEEDED,
    ONLY_IN_1_2,
    VERSIONS,
)

_ENDINGS = (".csv", ".csv.gz", ".txt")


@dataclass
class Bundle:
    """`tables` by the standard's name of the file; `modes` as the manifest says (bulk where it says nothing)."""

    name: str
    version: str
    tables: dict[str, CsvTable]
    modes: dict[str, str]
    #: What is worth telling about the bundle as a whole, how often.
    notes: dict[str, int] = field(default_factory=dict)
    #: Files that should be there by the manifest, or that others refer to, and are not.
    missing: list[str] = field(default_factory=list)

    def rows(self, file: str) -> Iterator[tuple[int, Row | Unread]]:
        """(line, row) of a file; nothing for one that the bundle does not have."""
        if file in self.tables:
            yield from self.tables[file].rows()

    def is_bulk(self, file: str) -> bool:
        """Does the file hold everything there is of its kind? Only a manifest can say so."""
        return file in self.tables and self.modes.get(file) == "bulk"

    def all_notes(self) -> dict[str, int]:
        found = dict(self.notes)
        for table in self.tables.values():
            for text, count in table.notes.items():
                found[text] = found.get(text, 0) + count
        return found


def open_bundle(path: Path, shown: str | None = None) -> Bundle:
    """The bundle at `path`; `shown` is what people call it. Raises SourceFileError for what is no bundle."""
    name = shown or str(path)
    files = files_of(path, name)
    wanted = {form.casefold() for form in (*FILES, MANIFEST)}
    if not path.is_dir() and len(files) == 1 and files[0].name == name and files[0].stem not in wanted:
        # One file alone, which is not called as one of a bundle.
        raise looks.not_ours(name, looks.ONEROSTER, "" if _is_bundle_file(files[0]) else looks.of_files(files))
    found, notes = _by_name(files)
    if not set(found) - {MANIFEST}:
        if MANIFEST in found:
            raise SourceFileError(Message("“%(file)s” holds a manifest and no file with rows.", file=name))
        raise looks.not_ours(name, looks.ONEROSTER, looks.of_files(files))
    tables: dict[str, CsvTable] = {}
    for file in FILES:
        if (source := found.get(file.casefold())) is not None:
            tables[file] = open_table(source)
    _require_oneroster(name, files, tables)
    stated, modes = _manifest(found, notes)
    bundle = Bundle(name, stated or _version_told_by(tables), tables, modes, notes)
    _compare_with_manifest(bundle, found)
    return bundle


def _is_bundle_file(file: SourceFile) -> bool:
    try:
        return "sourcedid" in open_table(file).keys
    except SourceFileError:
        return False


def _by_name(files: list[SourceFile]) -> tuple[dict[str, SourceFile], dict[str, int]]:
    """The files of the standard by their name in small letters, and notes on others.

    Raises SourceFileError where one stands in the bundle twice: which of the two is meant, nobody can say.
    """
    found: dict[str, SourceFile] = {}
    notes: dict[str, int] = {}
    known = {*FORM_OF, MANIFEST, *NOT_NEEDED}
    for file in files:
        if not file.base.endswith(_ENDINGS) or file.stem not in known:
            if file.base.endswith(_ENDINGS):
                _add(notes, Message("file that is none of OneRoster's, left out: %(file)s", file=file.name))
            continue
        if file.stem in found:
            raise SourceFileError(
                Message(
                    "%(first)s and %(second)s are both there. Send a bundle that holds each file once.",
                    first=found[file.stem].name,
                    second=file.name,
                )
            )
        found[file.stem] = file
    return found, notes


def _require_oneroster(name: str, files: list[SourceFile], tables: dict[str, CsvTable]) -> None:
    """Raises SourceFileError when the files are called as OneRoster's, but are another system's."""
    if not any("sourcedid" in each for table in tables.values() for each in table.keys):
        raise looks.not_ours(name, looks.ONEROSTER, looks.of_files(files))
    for file, table in tables.items():
        form = FORM_OF[file.casefold()]
        if lacking := [each for each in form.needed if each not in table.keys]:
            given = ", ".join(heading.strip() for heading in table.headings)[:200]
            raise SourceFileError(
                Message(
                    "%(file)s has no column %(lacking)s. Its heading is: %(given)s.",
                    file=table.file.name,
                    lacking=[_as_written(each) for each in lacking],
                    given=given or "–",
                )
            )


def _as_written(key: str) -> str:
    """A heading as the standard writes it."""
    return key.replace("sourcedid", "SourcedId").replace("lineitem", "lineItem") if key != "sourcedid" else "sourcedId"


def _manifest(found: dict[str, SourceFile], notes: dict[str, int]) -> tuple[str, dict[str, str]]:
    """(the version, file -> mode) as the manifest states them; nothing where there is none."""
    if MANIFEST not in found:
        _add(notes, Message("no manifest: what the bundle does not name stays as it is"))
        return "", {}
    table = open_table(found[MANIFEST])
    if not {"propertyname", "value"} <= set(table.keys):
        raise SourceFileError(Message("%(file)s has not the columns propertyName and value.", file=table.file.name))
    stated: dict[str, str] = {}
    for _, row in table.rows():
        if not isinstance(row, Unread):
            stated[row.get("propertyname", "").casefold()] = row.get("value", "").casefold()
    version = stated.get("oneroster.version", "")
    if version and version not in VERSIONS:
        raise SourceFileError(
            Message(
                "%(file)s says that this is OneRoster %(version)s; read are %(known)s.",
                file=table.file.name,
                version=version[:20],
                known=list(VERSIONS),
            )
        )
    modes: dict[str, str] = {}
    for file in FILES:
        mode = stated.get(f"file.{file}".casefold())
        if mode is None:
            continue
        if mode not in MODES:
            raise SourceFileError(
                Message(
                    "%(file)s: file.%(of)s is “%(mode)s”; possible are %(known)s.",
                    file=table.file.name,
                    of=file,
                    mode=mode[:40],
                    known=list(MODES),
                )
            )
        modes[file] = mode
    return version, modes


def _version_told_by(tables: dict[str, CsvTable]) -> str:
    is_new = "roles" in tables or ("users" in tables and ONLY_IN_1_2 & set(tables["users"].keys))
    return "1.2" if is_new else "1.1"


def _compare_with_manifest(bundle: Bundle, found: dict[str, SourceFile]) -> None:
    for file, mode in bundle.modes.items():
        if mode == "absent" and file in bundle.tables:
            _add(
                bundle.notes, Message("%(file)s.csv is there although the manifest says absent; it was read", file=file)
            )
        if mode != "absent" and file not in bundle.tables:
            _add(bundle.notes, Message("%(file)s.csv is missing although the manifest names it", file=file))
            bundle.missing.append(file)


def _add(notes: dict[str, int], text: str) -> None:
    notes[text] = notes.get(text, 0) + 1


__all__ = ["FILES", "Bundle", "open_bundle"]
