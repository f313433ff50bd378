"""A bundle: which files it has, what its manifest says of them, and their rows with what is wrong with each.

A bundle that contradicts itself (a file that its manifest says is absent, or the reverse) is read and told; what cannot
be read at all is one sentence (`SourceFileError`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from webapp.messages import Message
from webapp.sources import looks
from webapp.sources.csv_tables import CsvTable, Row, Unread, headings_of, key_of, open_table
from webapp.sources.files import SourceFile, SourceFileError, files_of, is_empty
from webapp.sources.oneroster.forms import ALL_FORMS, FILES, FORM_OF, MANIFEST, ONLY_IN_1_2
from webapp.sources.oneroster.manifest import Broken, Manifest, read_manifest

_ENDINGS = (".csv", ".csv.gz", ".txt")


@dataclass
class Bundle:
    """`tables` by the standard's name of the file; `modes` as the manifest says (nothing where there is none)."""

    name: str
    version: str
    tables: dict[str, CsvTable]
    modes: dict[str, str]
    #: What is worth telling about the bundle as a whole, how often.
    notes: dict[str, int] = field(default_factory=dict)
    #: Files that should be there by the manifest, or that others refer to, and are not.
    missing: list[str] = field(default_factory=list)
    #: Where the bundle as a whole breaks the standard.
    broken: list[Broken] = field(default_factory=list)

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
    return bundle_of(files_of(path, name), name)


def bundle_of(files: Sequence[SourceFile], name: str) -> Bundle:
    """The bundle that these files make; `name` is what people call it. Raises SourceFileError for what is none."""
    if len(files) == 1 and files[0].name == name and files[0].stem not in (*FORM_OF, MANIFEST):
        # One file alone, which is not called as one of a bundle.
        raise looks.not_ours(name, looks.ONEROSTER, "" if is_one_of_ours(files[0]) else looks.of_files(files))
    notes: dict[str, int] = {}
    broken: list[Broken] = []
    found = _by_name(files, notes, broken)
    manifest = read_manifest(found.pop(MANIFEST)) if MANIFEST in found else None
    if manifest is None:
        _add(notes, Message("no manifest: what the bundle does not name stays as it is"))
    if not found:
        if manifest is None:
            raise looks.not_ours(name, looks.ONEROSTER, looks.of_files(files))
        if not manifest.says_that_there_is_nothing:
            raise SourceFileError(Message("“%(file)s” holds a manifest and no file with rows.", file=name))
        _add(notes, Message("by its manifest, the bundle holds nothing"))
    tables = {form.name: open_table(found[key]) for form in ALL_FORMS if (key := form.name.casefold()) in found}
    for file, table in tables.items():
        _take_other_names(file, table)
    if found:
        _require_oneroster(name, files, tables)
    version = (manifest.version if manifest else "") or _version_told_by(tables)
    bundle = Bundle(name, version, tables, manifest.modes if manifest else {}, notes, broken=broken)
    if manifest is not None:
        broken += manifest.broken(version)
        _compare_with_manifest(bundle, manifest)
    return bundle


def is_one_of_ours(file: SourceFile) -> bool:
    """Has this file the heading by which every file of OneRoster is known? Only its beginning is read."""
    try:
        return "sourcedid" in {key_of(each) for each in headings_of(file)[1]}
    except SourceFileError:
        return False


def may_be_ours(file: SourceFile) -> bool:
    """Is this file called as one of a bundle, and has it such a heading?"""
    if not file.base.endswith(_ENDINGS) or file.stem not in (*FORM_OF, MANIFEST):
        return False
    try:
        keys = {key_of(each) for each in headings_of(file)[1]}
    except SourceFileError:
        return False
    return {"propertyname", "value"} <= keys if file.stem == MANIFEST else bool({"sourcedid", "usersourcedid"} & keys)


def _by_name(files: Sequence[SourceFile], notes: dict[str, int], broken: list[Broken]) -> dict[str, SourceFile]:
    """The files of the standard by their name in small letters; others are told.

    Raises SourceFileError where one stands in the bundle twice: which of the two is meant, nobody can say.
    """
    found: dict[str, SourceFile] = {}
    for file in files:
        if not file.base.endswith(_ENDINGS) or file.stem not in (*FORM_OF, MANIFEST):
            told = Message("file that is none of OneRoster's, left out: %(file)s", file=file.name)
            _add(notes, told)
            if file.base.endswith(_ENDINGS):
                broken.append(Broken(file.name, 1, told))
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
    return found


def _take_other_names(file: str, table: CsvTable) -> None:
    """Headings of widespread exports are read as what the standard calls them, and told."""
    there = set(table.keys)
    for other, standard in FORM_OF[file.casefold()].other_names.items():
        if other in there and standard not in there:
            table.renamed[other] = standard
            table.note(
                Message(
                    "%(file)s has the heading %(other)s, read as %(standard)s",
                    file=table.file.base,
                    other=next(each for each in table.headings if key_of(each) == other),
                    standard=as_written(file, standard),
                )
            )


def _require_oneroster(name: str, files: Sequence[SourceFile], tables: dict[str, CsvTable]) -> None:
    """Raises SourceFileError when the files are called as OneRoster's, but are another system's."""
    if not any("sourcedid" in each for table in tables.values() for each in table.keys):
        raise looks.not_ours(name, looks.ONEROSTER, looks.of_files(files))
    for file, table in tables.items():
        form = FORM_OF[file.casefold()]
        if not any(each.strip() for each in table.headings):
            raise is_empty(table.file.name)
        if lacking := [each for each in form.needed if each not in table.keys]:
            given = ", ".join(heading.strip() for heading in table.headings)[:200]
            raise SourceFileError(
                Message(
                    "%(file)s has no column %(lacking)s. Its heading is: %(given)s.",
                    file=table.file.name,
                    lacking=[as_written(file, each) for each in lacking],
                    given=given or "–",
                )
            )


def as_written(file: str, key: str) -> str:
    """A heading as the standard writes it."""
    columns = FORM_OF[file.casefold()].columns
    return next((each.name for each in columns if each.key == key), key)


def _version_told_by(tables: dict[str, CsvTable]) -> str:
    is_new = "roles" in tables or ("users" in tables and ONLY_IN_1_2 & set(tables["users"].keys))
    return "1.2" if is_new else "1.1"


def _compare_with_manifest(bundle: Bundle, manifest: Manifest) -> None:
    for file, mode in bundle.modes.items():
        told: str = ""
        if mode == "absent" and file in bundle.tables:
            told = Message("%(file)s.csv is there although the manifest says absent; it was read", file=file)
        if mode != "absent" and file not in bundle.tables:
            told = Message("%(file)s.csv is missing although the manifest names it", file=file)
            bundle.missing.append(file)
        if told:
            _add(bundle.notes, told)
            bundle.broken.append(Broken(manifest.file, manifest.line_of(file), told))
    for file, table in bundle.tables.items():
        if file not in bundle.modes:
            told = Message("%(file)s.csv is there and the manifest does not say in which mode", file=file)
            bundle.broken.append(Broken(table.file.name, 1, told))


def _add(notes: dict[str, int], text: str) -> None:
    notes[text] = notes.get(text, 0) + 1


__all__ = ["FILES", "Bundle", "Row", "Unread", "bundle_of", "open_bundle"]
