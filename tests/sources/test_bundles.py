"""OneRoster bundles as rostering systems really write them: read, or told in one sentence."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pytest

from webapp.sources.csv_tables import Unread
from webapp.sources.files import SourceFileError, files_of
from webapp.sources.oneroster.bundle import open_bundle
from webapp.sources.registry import recognise

ORGS = "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId\nb1,active,,Birch Hall,school,BH,\n"
USERS = "sourcedId,status,enabledUser,orgSourcedIds,role,givenName,familyName\np1,active,true,b1,student,Ivo,Léger\n"


def folder_of(tmp_path: Path, **files: str | bytes) -> Path:
    for name, content in files.items():
        path = tmp_path / f"{name}.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return tmp_path


def rows(path: Path, file: str) -> list[dict[str, str]]:
    return [row for _, row in open_bundle(path).rows(file) if not isinstance(row, Unread)]


def test_any_case_of_file_and_heading_is_read(tmp_path: Path) -> None:
    folder_of(tmp_path, ORGS=ORGS.replace("sourcedId", "SourcedID"), Users=USERS)
    assert rows(tmp_path, "orgs")[0]["sourcedid"] == "b1"
    assert rows(tmp_path, "users")[0]["familyname"] == "Léger"


def test_semicolons_tabs_and_windows_1252_are_read_and_said(tmp_path: Path) -> None:
    folder_of(tmp_path, orgs=ORGS.replace(",", ";"), users=USERS.replace(",", "\t").encode("cp1252"))
    bundle = open_bundle(tmp_path)
    assert rows(tmp_path, "users")[0]["familyname"] == "Léger"
    said = " / ".join(bundle.all_notes())
    assert "orgs.csv is separated by semicolons" in said
    assert "users.csv is separated by tabs" in said
    assert "users.csv is in Windows-1252" in said


def test_a_zip_of_windows_with_folders_and_capital_endings_is_read(tmp_path: Path) -> None:
    path = tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("export\\Orgs.CSV", ORGS)
        archive.writestr("export\\Users.CSV", USERS)
    assert len(rows(path, "orgs")) == len(rows(path, "users")) == 1


def test_one_file_twice_in_a_zip_is_refused_with_both_names(tmp_path: Path) -> None:
    path = tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("users.csv", USERS)
        archive.writestr("old/users.csv", USERS)
    with pytest.raises(SourceFileError, match=r"old/users\.csv and users\.csv are both there"):
        open_bundle(path)


def test_cells_beyond_the_heading_and_quotes_that_do_not_match_are_told(tmp_path: Path) -> None:
    folder_of(tmp_path, orgs=ORGS + "b2,active,,Oak, Elm and Ash,school,OE,,x\n")
    found = list(open_bundle(tmp_path).rows("orgs"))
    assert [(line, isinstance(row, Unread)) for line, row in found] == [(2, False), (3, True)]
    folder_of(tmp_path, orgs=ORGS + 'b3,active,,"Half,school,H,\n')
    with pytest.raises(SourceFileError, match="line 3"):
        list(open_bundle(tmp_path).rows("orgs"))


def test_the_line_of_a_row_is_where_it_begins_also_behind_texts_of_several_lines(tmp_path: Path) -> None:
    folder_of(tmp_path, orgs=ORGS + 'b2,active,,"Two\nlines",school,T,\nb3,active,,Three,school,H,\n')
    assert [line for line, _ in open_bundle(tmp_path).rows("orgs")] == [2, 3, 5]


def test_nul_characters_refuse_their_row_alone(tmp_path: Path) -> None:
    folder_of(tmp_path, orgs=ORGS + "b2,active,,N\0L,school,N,\nb3,active,,Fine,school,F,\n")
    found = list(open_bundle(tmp_path).rows("orgs"))
    assert [isinstance(row, Unread) for _, row in found] == [False, True, False]


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"users": "user_id,login_id,first_name\n1,a,b\n"}, "a Canvas SIS export"),
        ({"School": "SIS ID,Name,School Number\n1,a,2\n"}, "Microsoft School Data Sync"),
        ({"logs": "Time,User full name,Event context,Component,Event name\n"}, "a Moodle log"),
        ({"manifest": "propertyName,value\noneroster.version,1.1\n"}, "no file with rows"),
        ({"manifest": "propertyName,value\noneroster.version,2.0\n", "orgs": ORGS}, "OneRoster 2.0"),
        ({"manifest": "propertyName,value\nfile.orgs,some\n", "orgs": ORGS}, "file.orgs"),
        ({"orgs": ORGS, "users": ""}, "“users.csv” is empty"),
        ({"orgs": ORGS, "users": "\n \n\n"}, "“users.csv” is empty"),
        ({"orgs": "sourcedId,status,type\nb1,active,school\n"}, "no column"),
        ({"orgs": "sourcedId,name,name\nb1,a,b\n"}, "twice"),
        ({"orgs": ORGS.encode("utf-16")}, "UTF-16"),
        ({"orgs": b"sourcedId,name\nb1,\x81\x8d\xff\n"}, "neither in UTF-8"),
        ({}, "not a OneRoster"),
    ],
)
def test_what_is_no_bundle_is_told_by_what_it_looks_like(
    tmp_path: Path, files: dict[str, str | bytes], told: str
) -> None:
    with pytest.raises(SourceFileError, match=told):
        open_bundle(folder_of(tmp_path, **files))


def test_a_manifest_and_its_files_are_compared(tmp_path: Path) -> None:
    manifest = "propertyName,value\noneroster.version,1.1\nfile.orgs,absent\nfile.users,bulk\nfile.classes,bulk\n"
    bundle = open_bundle(folder_of(tmp_path, manifest=manifest, orgs=ORGS, users=USERS))
    assert bundle.missing == ["classes"]
    assert bundle.is_bulk("users")
    assert not bundle.is_bulk("orgs")
    assert any("orgs.csv is there although" in str(text) for text in bundle.notes)


def test_every_file_that_is_none_of_the_standards_is_told_whatever_it_is(tmp_path: Path) -> None:
    folder_of(tmp_path, orgs=ORGS, users=USERS, buses="route\n7\n")
    (tmp_path / "statements.ndjson").write_text("{}\n")
    said = " / ".join(open_bundle(tmp_path).all_notes())
    assert "statements.ndjson" in said
    assert "buses.csv" in said


def _empty_zip(path: Path, *members: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in members:
            archive.writestr(name, " \r\n")
    return path


@pytest.mark.parametrize(
    "form", ["file", "blanks", "mark", "gzip", "zip", "zip of blanks", "folder", "many blanks", "list"]
)
def test_what_is_empty_is_told_as_empty_in_one_sentence(tmp_path: Path, form: str) -> None:
    path = tmp_path / "x"
    contents = {
        "file": b"",
        "blanks": b" \n\t\r\n",
        "mark": b"\xef\xbb\xbf\n",
        "gzip": gzip.compress(b""),
        "list": b"\n[ ]\n",
        "many blanks": b"\n" * 600_000,
    }
    if form == "folder":
        path.mkdir()
    elif form.startswith("zip"):
        _empty_zip(path, *(["a.csv", "b.csv"] if "blanks" in form else []))
    else:
        path.write_bytes(contents[form])
    with pytest.raises(SourceFileError) as told:
        recognise(files_of(path, "sent.zip"), "sent.zip")
    assert str(told.value) == "“sent.zip” is empty."


def test_what_is_nothing_known_is_told_with_what_can_be_imported(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for content, told in (
        ("buy milk", "“x” is nothing that can be imported. What can be: OneRoster bundle, xAPI statements."),
        ("%PDF-1.7", "“x” looks like a PDF. What can be imported: OneRoster bundle, xAPI statements."),
    ):
        path.write_text(content)
        with pytest.raises(SourceFileError) as raised:
            recognise(files_of(path, "x"), "x")
        assert str(raised.value) == told


def test_an_encrypted_zip_is_told(tmp_path: Path) -> None:
    path = tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("users.csv", USERS)
    content = bytearray(path.read_bytes())
    # The flag of the member that says it is encrypted, in both of its headers.
    content[6] |= 1
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(content))
    with pytest.raises(SourceFileError, match="encrypted"):
        open_bundle(path)
