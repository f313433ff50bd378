"""A mapping: which table of the record comes from which collection, and how.

A value is said as an expression: a dotted path (`person.lastName`), or one of
`constant`, `text` (`"{person.firstName} {person.lastName}"`), `first` and `all` (of several expressions), `each`
(elements of a list, with `where` and `take`), or a join: `by` (here) `in` (a collection) `on` (there) `take` (there).
`values` turns the LMS's words into ours, `scale` and `out_of` a number into another, `day` an instant into a day.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from webapp.sources.lms_mongodb.shape import TABLES, Kind

#: What an element of a list is called in a reading with `each`.
ITEM = "item"
_IN_TEXT = re.compile(r"\{([^{}]+)\}")
#: Exactly one of these says where a value comes from.
_ORIGINS = ("path", "constant", "text", "first", "all", "each", "by")

Scalar = str | int | float | bool | None


def _a_path(path: str) -> str:
    segments = path.split(".")
    if any(not segment or segment.startswith("$") or "\0" in segment for segment in segments):
        raise ValueError("a path is names with dots between them, such as person.lastName")
    return path


def _a_collection(name: str) -> str:
    if name.startswith("system.") or "$" in name or "\0" in name:
        raise ValueError("a collection is named as the LMS names it; MongoDB's own are not read")
    return name


Path = Annotated[str, AfterValidator(_a_path)]
#: A collection is named as it is; MongoDB's own are none of ours.
Collection = Annotated[str, Field(min_length=1), AfterValidator(_a_collection)]


class Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, arbitrary_types_allowed=True)


class Condition(Strict):
    """One of: `is` (one of these), `not` (none of these), `exists`, or `in` a collection `with` conditions there."""

    is_: list[Scalar] | None = Field(default=None, alias="is")
    not_: list[Scalar] | None = Field(default=None, alias="not")
    exists: bool | None = None
    in_: Collection | None = Field(default=None, alias="in")
    with_: dict[Path, ConditionOrValue] = Field(default_factory=dict, alias="with")

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        given = [each is not None for each in (self.is_, self.not_, self.exists, self.in_)]
        if given.count(True) != 1:
            raise ValueError("a condition is a value, a list of values, or one of is, not, exists, in")
        return self


def _as_condition(given: Any) -> Any:
    if isinstance(given, Condition):
        return given
    if not isinstance(given, Mapping):
        return {"is": given if isinstance(given, list) else [given]}
    return {
        name: [each] if name in ("is", "not") and not isinstance(each, list) else each for name, each in given.items()
    }


ConditionOrValue = Annotated[Condition, BeforeValidator(_as_condition)]
Conditions = dict[Path, ConditionOrValue]


def _as_expression(given: Any) -> Any:
    return {"path": given} if isinstance(given, str) else given


def _as_list(given: Any) -> Any:
    return given if given is None or isinstance(given, list) else [given]


class Expression(Strict):
    """Where a value comes from, and what is made of it."""

    path: Path | None = None
    constant: Scalar = None
    text: str | None = None
    first: list[AnExpression] | None = None
    all: list[AnExpression] | None = None
    each: Path | None = None
    where: Conditions = Field(default_factory=dict)
    by: Annotated[list[AnExpression] | None, BeforeValidator(_as_list)] = None
    in_: Collection | None = Field(default=None, alias="in")
    on_: Annotated[list[AnExpression] | None, BeforeValidator(_as_list)] = Field(default=None, alias="on")
    take: AnExpression | None = None
    values: str | None = None
    keep_in: str | None = None
    scale: float | None = Field(default=None, allow_inf_nan=False)
    out_of: AnExpression | None = None
    day: Literal["first", "last"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _not_by_accident(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and "by" in given and given["by"] is None:
            raise ValueError("by is empty: it takes a path or a list of paths")
        return given

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        given = [name for name in _ORIGINS if getattr(self, name) is not None]
        if len(given) != 1:
            found = f"; found {' and '.join(given)}" if given else ""
            raise ValueError(f"a value comes from exactly one of {', '.join(_ORIGINS)}{found}")
        if self.by is not None and (self.in_ is None or self.take is None):
            raise ValueError("a join needs by, in and take (and on, where it is not by _id)")
        if self.by is None and self.in_ is not None:
            raise ValueError("in needs by: the path here whose value is looked for there")
        if self.by is not None and len(self.by) != len(self.on):
            raise ValueError("by and on need as many paths as each other")
        if self.take is not None and self.by is None and self.each is None:
            raise ValueError("take stands only with by or each")
        if self.where and self.by is None and self.each is None:
            raise ValueError("where stands only with by or each")
        if self.text is not None and not _IN_TEXT.search(self.text):
            raise ValueError("text needs paths in braces, such as {person.lastName}; constant is for texts without")
        for path in self.text_paths:
            _a_path(path)
        return self

    @property
    def on(self) -> list[Expression]:
        """Where the other collection's documents have what `by` finds here: their _id, if nothing else is said."""
        return _BY_ID if self.on_ is None else self.on_

    @property
    def text_paths(self) -> list[str]:
        return _IN_TEXT.findall(self.text or "")

    @property
    def own(self) -> list[Expression]:
        """The expressions in this one that read the same document as it does."""
        found = [*(self.first or ()), *(self.all or ()), *(self.by or ())]
        return [*found, self.out_of] if self.out_of is not None else found

    @property
    def there(self) -> list[Expression]:
        """What a join reads in the documents of its collection."""
        return [] if self.by is None or self.take is None else [*self.on, self.take]

    @property
    def paths(self) -> set[str]:
        """The paths that it reads of its own document."""
        found = {self.path} if self.path else set()
        found |= set(self.text_paths)
        if self.each is not None:
            # Whatever is taken of an element, the element is read whole.
            found.add(self.each)
        for expression in self.own:
            found |= expression.paths
        return found

    @property
    def joins(self) -> list[Expression]:
        """The joins out of the same document, those first that others are looked for by."""
        found = [join for expression in self.own for join in expression.joins]
        if self.each is not None and self.take is not None:
            found += self.take.joins
        return [*found, self] if self.by is not None else found


AnExpression = Annotated[Expression, BeforeValidator(_as_expression)]
Expression.model_rebuild()
_BY_ID = [Expression(path="_id")]


class Unless(Strict):
    """A document is set aside when `in` has one whose `on` is this one's `by`."""

    by: Annotated[list[AnExpression], BeforeValidator(_as_list)]
    in_: Collection = Field(alias="in")
    on_: Annotated[list[AnExpression] | None, BeforeValidator(_as_list)] = Field(default=None, alias="on")
    because: str = Field(min_length=1)

    @property
    def join(self) -> Expression:
        written = {"by": self.by, "in": self.in_, "on": self.on_, "take": Expression(constant=True)}
        return Expression.model_validate(written)


class Reading(Strict):
    """One collection that gives rows of a table."""

    collection: Collection
    where: Conditions = Field(default_factory=dict)
    each: Path | None = None
    key: Annotated[list[AnExpression] | None, BeforeValidator(_as_list)] = None
    unless: Unless | None = None
    fields: dict[str, AnExpression] = Field(min_length=1)
    data: dict[str, AnExpression] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _no_empty_key(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and "key" in given and given["key"] is None:
            raise ValueError("key is empty: leave it out, and the document's _id is the key")
        return given

    @model_validator(mode="after")
    def _rows_of_a_list_have_keys(self) -> Self:
        if self.each is not None and not self.key:
            raise ValueError(f"each makes several rows of a document: key must tell them apart, such as [_id, {ITEM}]")
        return self

    @property
    def expressions(self) -> list[Expression]:
        return [*(self.key or ()), *self.fields.values(), *self.data.values()]

    @property
    def paths(self) -> set[str]:
        """What is read of each document."""
        found = {path for each in self.expressions for path in each.paths}
        if self.unless is not None:
            found |= {path for each in self.unless.by for path in each.paths}
        of_document = {path for path in found if path.partition(".")[0] != ITEM} if self.each else found
        return {"_id", *of_document} | ({self.each} if self.each else set())


def _word_table(given: Any) -> Any:
    """A list is words that mean with us what they mean there."""
    if isinstance(given, list) and all(isinstance(each, Scalar) for each in given):
        given = {word(each): word(each) for each in given}
    if isinstance(given, Mapping):
        return {word(key): value for key, value in given.items()}
    return given


def word(value: Any) -> str:
    """A value as value tables know it: YAML reads `true` and `1` otherwise than a document may hold them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


class LmsMapping(Strict):
    """A whole mapping. `updated` is the path of a document's last change, and `without_updated` names collections
    that lack it, which are read whole every time."""

    description: str = ""
    updated: Path | None = "updatedAt"
    without_updated: list[Collection] = Field(default_factory=list)
    values: dict[str, Annotated[dict[str, str | None], BeforeValidator(_word_table)]] = Field(default_factory=dict)
    tables: dict[str, Annotated[list[Reading], BeforeValidator(_as_list)]] = Field(min_length=1)

    @property
    def readings(self) -> Iterator[tuple[str, Reading]]:
        """In the order of tables, so that what is referred to comes first."""
        for table in TABLES:
            for reading in self.tables.get(table, ()):
                yield table, reading

    def updated_of(self, collection: str) -> str | None:
        """Where a document of `collection` says when it last changed."""
        return None if collection in self.without_updated else self.updated


def problems(mapping: LmsMapping) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What the parts say of each other that cannot be: (place, sentence)."""
    for table, readings in mapping.tables.items():
        if table not in TABLES:
            yield ("tables", table), f"there is no such table; the tables are {', '.join(TABLES)}"
            continue
        for number, reading in enumerate(readings):
            place = ("tables", table, number)
            for column, expression in reading.fields.items():
                yield from _of_column(mapping, (*place, "fields", column), table, column, expression)
            if reading.data and table != "events":
                yield (*place, "data"), "only events have data"
            for name, expression in reading.data.items():
                yield from _of_values(mapping, (*place, "data", name), expression)


def _of_column(
    mapping: LmsMapping, place: tuple[str | int, ...], table: str, column: str, expression: Expression
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    columns = TABLES[table]
    if column not in columns:
        yield place, f"{table} has no such column; it has {', '.join(columns)}"
        return
    if expression.keep_in is not None and columns.get(expression.keep_in) is not Kind.TEXT:
        texts = ", ".join(name for name, kind in columns.items() if kind is Kind.TEXT)
        yield (*place, "keep_in"), f"{table} has no such column of text; it has {texts}"
    if expression.day is not None and columns[column] is not Kind.INSTANT:
        yield (*place, "day"), f"{column} is no instant"
    yield from _of_values(mapping, place, expression)


def _of_values(
    mapping: LmsMapping, place: tuple[str | int, ...], expression: Expression, *, is_there: bool = False
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """`is_there`: the expression reads another collection, or says what is looked for there."""
    if expression.values is not None and is_there:
        yield (*place, "values"), "words are made ours outside of a join: put values beside by and in"
    elif expression.values is not None and expression.values not in mapping.values:
        known = ", ".join(mapping.values) or "none"
        yield (*place, "values"), f"there is no value table “{expression.values}”; there is {known}"
    for name in ("first", "all", "by", "on", "take", "out_of"):
        inner = getattr(expression, "on_" if name == "on" else name)
        within = is_there or (name in ("by", "on", "take") and expression.by is not None)
        if isinstance(inner, list):
            for number, each in enumerate(inner):
                yield from _of_values(mapping, (*place, name, number), each, is_there=within)
        elif isinstance(inner, Expression):
            yield from _of_values(mapping, (*place, name), inner, is_there=within)
            if inner.keep_in is not None or inner.day is not None:
                yield (*place, name), "keep_in and day stand beside a column's own value only"
