"""A statement cut into the texts of its parts, without being read: most lines of a file are laid out alike, and most
parts stand in many of them."""

from __future__ import annotations

from collections.abc import Sequence

#: The parts in the order in which they are given; every statement that can be cut has the first of them.
_PARTS = ("id", "actor", "verb", "object", "timestamp", "result", "context")
_NEEDED = _PARTS[:5]
#: (between a name and its value, between two properties), as programs write them; one begins like the other.
_STYLES = ((b": ", b", "), (b":", b","))


class Layout:
    """The properties of a file's statements in their order. Some may lack results and contexts."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        """`names` without any: nothing can be cut."""
        self._count = len(names)
        self._styles = [
            (
                b'{"%s"%s' % (names[0].encode(), colon),
                _PARTS.index(names[0]),
                [(_PARTS.index(name), b'%s"%s"%s' % (comma, name.encode(), colon)) for name in names[1:]],
            )
            for colon, comma in _STYLES
            if names
        ]

    def grown(self, names: Sequence[str]) -> Layout:
        """This one, or one with more properties where a statement of these has more."""
        is_more = len(names) > self._count and set(_NEEDED) <= set(names) <= set(_PARTS)
        return Layout(names) if is_more else self

    def parts(self, text: bytes) -> list[bytes] | None:
        """The texts of the values of id, actor, verb, object, timestamp, result and context (the last two may be
        empty); None where the statement is not laid out so.

        Each of these texts that is JSON by itself *is* the value: `{"a":`, a value, `,"b":`, a value, `}` has no other
        meaning. One that is none (a property's name stood within another property) shows that the text was cut wrongly.
        """
        text = text.strip()
        for style in self._styles:
            if text.startswith(style[0]):
                break
        else:
            return None
        if not text.endswith(b"}"):
            return None
        begin, place, marks = style
        found = [b""] * len(_PARTS)
        rest = text[len(begin) : -1]
        for following, mark in marks:
            part, is_there, after = rest.partition(mark)
            if is_there:
                found[place] = part
                place, rest = following, after
        found[place] = rest
        return found if all(found[: len(_NEEDED)]) else None
