"""Texts that remember what they were made of."""

from __future__ import annotations

import json
import pickle
import re
from datetime import date

import bson
import pytest

from webapp.errors import InvalidRequestError, NotFoundError
from webapp.messages import Language, Message, from_document, to_document


class Shouting:
    """A language that shows which parts were translated: texts in capitals, numbers with dots."""

    def text(self, english: str) -> str:
        return re.sub(r"%\(\w+\)s|.", lambda found: found[0] if len(found[0]) > 1 else found[0].upper(), english)

    def counted(self, one: str, many: str, count: int) -> str:
        return self.text(many)

    def number(self, value: float) -> str:
        return f"{value:,}".replace(",", ".")

    def day(self, value: date) -> str:
        return value.isoformat()


SHOUTING: Language = Shouting()
ROWS = Message.counted("%(num)s row of %(field_)s", "%(num)s rows of %(field_)s", 1234, field=Message("Recorded time"))


def test_a_message_is_its_english_text() -> None:
    assert ROWS == "1,234 rows of recorded time"
    assert f"{ROWS}!" == "1,234 rows of recorded time!"
    assert Message("to %(day)s: %(list)s", day=date(2026, 1, 2), list=["a", Message("b")]) == "to 2 January 2026: a, b"
    assert Message("100 %") == "100 %"  # without parameters nothing is filled in
    assert Message("of %(what_)s", what=Message("SCORM attempts")) == "of SCORM attempts"


def test_it_is_said_in_another_language_with_all_its_parts() -> None:
    assert ROWS.said_in(SHOUTING) == "1.234 ROWS OF RECORDED TIME"
    joined = Message.joined([Message("One."), "", "kept as it is", ROWS])
    assert joined == "One. kept as it is 1,234 rows of recorded time"
    assert joined.said_in(SHOUTING).startswith("ONE. kept as it is 1.234 ROWS")


def test_an_error_keeps_what_its_text_was_made_of() -> None:
    error = InvalidRequestError({"a": Message("One."), "b": "two"})
    assert isinstance(str(error), Message)
    assert error.with_hint.said_in(SHOUTING) == "ONE. two CORRECT THE MARKED FIELDS AND TRY AGAIN."  # type: ignore[attr-defined]
    assert str(NotFoundError("plain")) == "plain"


@pytest.mark.parametrize("text", [ROWS, Message.joined([ROWS, "x"], " · "), Message("plain"), "no message at all"])
def test_it_crosses_pipes_databases_and_json_whole(text: str) -> None:
    for back in (
        pickle.loads(pickle.dumps(text)),  # noqa: S301 - our own
        from_document(json.loads(json.dumps(to_document(text)))),
        from_document(bson.decode(bson.encode({"said": to_document(text)}))["said"]),
    ):
        assert back == text
        assert type(back) is type(text)
        assert not isinstance(text, Message) or back.said_in(SHOUTING) == text.said_in(SHOUTING)
    assert bson.decode(bson.encode({"text": text}))["text"] == text  # as a plain text too
