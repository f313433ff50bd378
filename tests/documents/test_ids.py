"""One way to read an id, and nothing else that does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from bson import ObjectId
from hypothesis import given
from hypothesis import strategies as st

import webapp
from webapp.documents.ids import NOBODY, id_or_nobody, id_or_none, ids_of


@given(st.binary(min_size=12, max_size=12))
def test_what_an_id_writes_is_read_as_that_id(raw: bytes) -> None:
    found = ObjectId(raw)
    assert id_or_none(str(found)) == id_or_none(found) == found
    assert ids_of([str(found), "x", str(found)]) == [found, found]


@pytest.mark.parametrize(
    "text", [None, "", "x", "0" * 23, "0" * 25, "g" * 24, "０" * 24, "\ud800" * 24, b"twelve bytes", 7, []]
)
def test_what_is_no_id_is_none_and_matches_nothing(text: object) -> None:
    assert id_or_none(text) is None
    assert id_or_nobody(text) == NOBODY
    assert ids_of([text]) == []


def test_no_other_module_reads_ids_its_own_way() -> None:
    here = Path(webapp.__file__).parent
    found = [
        str(each) for each in here.rglob("*.py") if re.search(r"InvalidId|ObjectId\.is_valid", each.read_text("utf-8"))
    ]
    assert found == [str(here / "documents" / "ids.py")]
