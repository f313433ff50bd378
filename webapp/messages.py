"""Texts for people, written in English where the thing happens and said in the reader's language where it is read.

Whoever makes a text below the web layer writes `Message("At most %(most)s are possible.", most=5)`. `make messages`
collects them for translation; a page says them in the language of whoever reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Protocol, Self


class Language(Protocol):
    """How a language says a text, a number and a day."""

    def text(self, english: str) -> str: ...

    def counted(self, one: str, many: str, count: int) -> str: ...

    def number(self, value: float) -> str: ...

    def day(self, value: date) -> str: ...


class Message(str):
    """An English text that remembers what it was made of.

    For logs, the terminal, files and the database it is that text; `said_in` gives it in another language. Parameters
    may be texts (kept as they are), Messages, numbers, days, and lists of them. A parameter written `%(name_)s` in the
    template is `name` with a small first letter, because it stands inside a sentence.
    """

    template: str
    params: Mapping[str, Any]
    many: str | None
    number: int

    def __new__(cls, template: str, /, **params: Any) -> Self:
        return cls._made(template, None, 0, params)

    @classmethod
    def counted(cls, one: str, many: str, count: int, /, **params: Any) -> Self:
        """`one` or `many`, by the language's own rule; `count` is the parameter `num`."""
        return cls._made(one, many, count, {"num": count, **params})

    @classmethod
    def joined(cls, texts: Iterable[str], by: str = " ") -> Self:
        """These texts one after another, the empty ones left out."""
        found = {f"t{number}": text for number, text in enumerate(text for text in texts if text)}
        return cls._made(by.join(f"%({name})s" for name in found), None, 0, found)

    @classmethod
    def _made(cls, template: str, many: str | None, count: int, params: Mapping[str, Any]) -> Self:
        made = super().__new__(cls, _filled(_ENGLISH, template, many, count, params))
        made.template, made.params, made.many, made.number = template, params, many, count
        return made

    def __getnewargs__(self) -> tuple[str]:
        # What crosses a pipe is made again from its English text, and then given its parts.
        return (str.__str__(self),)

    def __str__(self) -> str:
        # Itself: `str(error)` must not lose what the text was made of.
        return self

    def said_in(self, language: Language) -> str:
        """This text in `language`."""
        return _filled(language, self.template, self.many, self.number, self.params)


class _English:
    def text(self, english: str) -> str:
        return english

    def counted(self, one: str, many: str, count: int) -> str:
        return one if count == 1 else many

    def number(self, value: float) -> str:
        return f"{value:,}"

    def day(self, value: date) -> str:
        return f"{value.day} {value:%B %Y}"


_ENGLISH = _English()


def _filled(language: Language, template: str, many: str | None, count: int, params: Mapping[str, Any]) -> str:
    if not template:
        return ""  # a catalogue answers an empty text with its own header
    said = language.text(template) if many is None else language.counted(template, many, count)
    return said % _Params(language, params) if params else said


class _Params(dict[str, str]):
    """The parameters as `language` says them; a name with a `_` at its end gives the text as inside a sentence."""

    def __init__(self, language: Language, params: Mapping[str, Any]) -> None:
        super().__init__({name: said(value, language) for name, value in params.items()})

    def __missing__(self, name: str) -> str:
        if not name.endswith("_"):
            raise KeyError(name)
        text = self[name[:-1]]
        # An abbreviation (“SCORM attempt”) keeps its capitals.
        return text if text[1:2].isupper() else f"{text[:1].lower()}{text[1:]}"


def said(value: Any, language: Language) -> str:
    """A parameter in `language`: a Message, a number, a day, a list of them; any other text as it is."""
    if isinstance(value, Message):
        return value.said_in(language)
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, int | float):
        return language.number(value)
    if isinstance(value, date):
        return language.day(value)
    if isinstance(value, list | tuple):
        return ", ".join(said(each, language) for each in value)
    return str(value)


def to_document(text: str) -> str | dict[str, Any]:
    """`text` in a form that a database or a JSON file keeps whole; days in it become texts."""
    if not isinstance(text, Message):
        return text
    document: dict[str, Any] = {"message": text.template}
    if text.many is not None:
        document |= {"many": text.many, "count": text.number}
    if text.params:
        document["params"] = {name: _kept(value) for name, value in text.params.items()}
    return document


def _kept(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_kept(each) for each in value]
    if isinstance(value, str):
        return to_document(value)
    return said(value, _ENGLISH) if isinstance(value, date) else value


def from_document(stored: Any) -> Any:
    """What `to_document` has kept; anything else as it is."""
    if isinstance(stored, list):
        return [from_document(each) for each in stored]
    if not isinstance(stored, Mapping) or "message" not in stored:
        return stored
    params = {name: from_document(value) for name, value in (stored.get("params") or {}).items()}
    return Message._made(stored["message"], stored.get("many"), int(stored.get("count") or 0), params)


def text_of(stored: Any) -> str:
    """The text that `to_document` has kept, to be said in whatever language it is read; empty where there is none."""
    return str(from_document(stored)) if stored else ""
