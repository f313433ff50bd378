"""Mapping files: shipped ones by name, others by path. An error names file, line, place and what is allowed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from webapp.errors import ReportdeskError
from webapp.messages import Message
from webapp.sources.lms_mongodb.mapping import Condition, Expression, LmsMapping, Reading, Unless, problems

SHIPPED = Path(__file__).with_name("mappings")
Place = tuple[str | int, ...]
#: Of a file with many faults, so many are told.
_TOLD = 8
#: What is allowed at a place depends on what stands there.
_MODELS: dict[str, type[BaseModel]] = {"fields": Expression, "data": Expression, "key": Expression, "unless": Unless}


class _Loader(yaml.SafeLoader):
    """YAML whose words stay words: only true and false are truth values (not on, off, yes, no), and no text a date."""


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


class MappingError(ReportdeskError):
    """A mapping file that cannot be used."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "lms-mapping"
    hint = Message("Correct the file that REPORTDESK_LMS_MAPPING names, and try again.")


@dataclass(frozen=True)
class MappingFile:
    name: str
    mapping: LmsMapping
    #: Changes with the file: what was read by another mapping is read anew.
    digest: str


def shipped_names() -> list[str]:
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def load(name: str) -> MappingFile:
    """The mapping that `name` names: a shipped one, or the path of a file. Raises MappingError."""
    shipped = name in shipped_names()
    path = SHIPPED / f"{name}.yaml" if shipped else Path(name).expanduser()
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        known = ", ".join(shipped_names())
        raise MappingError(
            Message("There is no mapping “%(name)s” that can be read. Shipped are: %(known)s.", name=name, known=known),
            hint=Message("Give the name of a shipped mapping, or the path of a file in UTF-8."),
        ) from error
    return MappingFile(name, parse(text, path.name), hashlib.sha256(text.encode()).hexdigest()[:16])


def parse(text: str, file: str) -> LmsMapping:
    """The mapping in `text`, which stands in `file`. Raises MappingError."""
    try:
        tree = yaml.compose(text, Loader=_Loader)
        twice = next(_twice(tree), None) if tree is not None else None
        given = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        said = str(getattr(error, "problem", None) or "it is not YAML")
        raise MappingError(_told(file, mark.line + 1 if mark else None, (), said)) from error
    if tree is None or not isinstance(given, dict):
        raise MappingError(_told(file, 1, (), "a mapping has the parts values and tables"))
    if twice is not None:
        raise MappingError(_told(file, twice[0], (), f"“{twice[1]}” stands there twice"))
    try:
        mapping = LmsMapping.model_validate(given)
    except ValidationError as error:
        found = [(tuple(each["loc"]), _sentence(each)) for each in error.errors(include_url=False)]
        raise _all_told(file, tree, found) from error
    except RecursionError as error:
        raise MappingError(_told(file, None, (), "it is too deep")) from error
    if found := list(problems(mapping)):
        raise _all_told(file, tree, found)
    return mapping


def _all_told(file: str, tree: yaml.Node, found: list[tuple[Place, str]]) -> MappingError:
    told = [_told(file, _line_of(tree, place), place, said) for place, said in found[:_TOLD]]
    if len(found) > _TOLD:
        told.append(Message("… and %(count)s more.", count=len(found) - _TOLD))
    return MappingError(Message.joined(told, by="\n"))


def _told(file: str, line: int | None, place: Place, said: str) -> Message:
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")
    spot = ", ".join(part for part in (file, f"line {line}" if line else "", where) if part)
    return Message("%(spot)s: %(said)s.", spot=spot, said=said)


def _sentence(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        place = tuple(error["loc"])
        return f"“{place[-1]}” is not known here; allowed are {', '.join(_allowed(place[:-1]))}"
    if error["type"] == "missing":
        return "this is missing"
    return str(error["msg"]).removeprefix("Value error, ")


def _allowed(place: Place) -> list[str]:
    names = [part for part in place if isinstance(part, str)]
    model: type[BaseModel] = LmsMapping
    if names[:1] == ["tables"]:
        inner = [name for name in names[2:] if name in _MODELS]
        model = _MODELS[inner[0]] if inner else Reading
        if "where" in names[2:] or "with" in names[2:]:
            model = Condition
    return [field.alias or name for name, field in model.model_fields.items()]


def _line_of(tree: yaml.Node, place: Place) -> int:
    """The line of the innermost part of `place` that the file has."""
    node = tree
    line = node.start_mark.line + 1
    for part in place:
        found = None
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == str(part)), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            found = (node.value[part], node.value[part])
        if found is None:
            # A single thing may stand where a list of one is meant.
            continue
        line, node = found[0].start_mark.line + 1, found[1]
    return int(line)


def _twice(node: yaml.Node) -> Iterator[tuple[int, str]]:
    """Keys that stand twice in one mapping, of which YAML would keep the last: (line, key)."""
    waiting, seen = [node], set()
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue  # an alias
        seen.add(id(each))
        if isinstance(each, yaml.MappingNode):
            keys: set[str] = set()
            for key, value in each.value:
                if isinstance(key, yaml.ScalarNode):
                    if key.value in keys:
                        yield key.start_mark.line + 1, key.value
                    keys.add(key.value)
                waiting.append(value)
        elif isinstance(each, yaml.SequenceNode):
            waiting += each.value
