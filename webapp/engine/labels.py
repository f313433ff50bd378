"""What people read for the keys of groups and rows: different things never read the same.

Things with equal labels (two classes “101-A”) are read with what tells them apart beside it: the first of their
entity's texts in which they differ, and the next where some are still alike. Only the things that a question finds are
compared, so that a report on one term says no more for the sake of another; and all of them, so that a class is called
the same in rows, subtotals, columns and the chart, whatever a “top” or a limit leaves out. Most results have no
namesakes: whether there are any is asked together with the number of groups, and only then is more read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import ibis

from webapp.engine.backends import Backend
from webapp.engine.catalogue.dimensions import DIMENSIONS, ENTITIES
from webapp.engine.declarations import Beside, Entity, Table, Value
from webapp.engine.keys import Tables, bucket_text

_BETWEEN = " · "
#: Said where nothing else tells them apart: what the source calls it, and the record.
_LAST = Beside((lambda thing: thing.key, lambda thing: thing.id))


class Labels:
    """The texts of one question. `open_table` opens a table of the record by its name."""

    def __init__(self, backend: Backend, tables: Tables, open_table: Callable[[str], Table]) -> None:
        self._backend = backend
        self._tables = tables
        self._open = open_table
        self._apart: dict[str, Table] = {}

    def of(
        self, groups: Table, keys: Sequence[str], prefix: str = "k", *, only: Collection[str] | None = None
    ) -> Table:
        """`groups` with what people read for each key (of `keys`, for `only` these): `<key column>_text`, and `_number`
        where an entity has one."""
        joined, texts = groups, dict[str, Value]()
        for number, key in enumerate(keys):
            if only is not None and key not in only:
                continue
            dimension, name = DIMENSIONS[key], f"{prefix}{number}"
            if dimension.entity is not None and dimension.attribute is None:
                found = self._known(key, name)
                joined = joined.left_join(found, groups[name] == found[f"{name}_id"])
                # Who is not in the record any more is still counted, under the id.
                texts[f"{name}_text"] = ibis.coalesce(found[f"{name}_known"], groups[name])
                if f"{name}_number" in found.columns:
                    texts[f"{name}_number"] = found[f"{name}_number"]
            elif dimension.time == "day":
                texts[f"{name}_text"] = groups[name].date()
            elif dimension.time is not None:
                texts[f"{name}_text"] = bucket_text(dimension.time, groups[name])
            else:
                texts[f"{name}_text"] = groups[name]
        return joined.select(*(groups[name] for name in groups.columns), **texts)

    def count(self, groups: Table, keys: Sequence[str], prefix: str = "k", *, numbered: Collection[str] = ()) -> int:
        """How many `groups` there are. From now on their namesakes read differently, except for things that have their
        number in a column beside them: the dimensions `numbered`."""
        unsure = {f"{prefix}{keys.index(key)}": key for key in _named(keys, numbered)}
        seen = self.of(groups, keys, prefix, only=unsure.values()) if unsure else groups
        asked = {"groups": seen.count()}
        for name in unsure:
            asked |= {f"{name}_things": seen[name].nunique(), f"{name}_texts": seen[f"{name}_text"].nunique()}
        found = self._backend.fetch(seen.aggregate(**asked)).to_pylist()[0]
        for name, key in unsure.items():
            if found[f"{name}_things"] > found[f"{name}_texts"]:
                self._apart[key] = self._told_apart(groups.select(shown=groups[name]).distinct(), key)
        return int(found["groups"])

    def look_at(self, rows: Table, keys: Sequence[str], *, numbered: Collection[str]) -> None:
        """As `count`, for rows one by one; many, and gone through only where the record has namesakes."""
        for key in _named(keys, numbered):
            known = self._known(key, "k")
            found = known.aggregate(things=known.count(), texts=known.k_known.nunique())
            things, texts = self._backend.fetch(found).to_pylist()[0].values()
            if things > texts:
                shown = rows.select(k0=rows[f"k{keys.index(key)}"]).distinct()
                self.count(self._backend.keep(_kept("shown", key), shown), [key])

    def _known(self, key: str, name: str) -> Table:
        """`<name>_id`, `<name>_known`, and `<name>_number` where there is one."""
        if key in self._apart:
            known = self._apart[key]
            return known.select(**{f"{name}_id": known.id, f"{name}_known": known.text})
        entity = ENTITIES[DIMENSIONS[key].entity or ""]
        known = self._tables[entity.table]
        columns = {f"{name}_id": known.id, f"{name}_known": entity.label(known)}
        if entity.number is not None:
            columns[f"{name}_number"] = entity.number(known)
        return known.select(**columns)

    def _told_apart(self, shown: Table, key: str) -> Table:
        """(id, text) of the things `shown`."""
        entity = ENTITIES[DIMENSIONS[key].entity or ""]
        known = self._tables[entity.table]
        things = self._with_texts(known.semi_join(shown, known.id == shown.shown), entity)
        for name in [name for name in things.columns if name.startswith("beside")]:
            things = things.mutate(text=_said_where_it_differs(things, name))
        return self._backend.keep(_kept("apart", key), things.select("id", "text"))

    def _with_texts(self, things: Table, entity: Entity) -> Table:
        """`id`, `text`: their label, and `beside0_0`, `beside0_1`…: what may be said with it, in its order."""
        parts = [*entity.beside, _LAST]
        columns = {"id": things.id, "text": entity.label(things)}
        for place, beside in enumerate(parts):
            columns |= {f"to{place}": things[beside.way[0][0]]} if beside.way else _texts(beside, place, things)
        found = things.select(**columns)
        for place, beside in enumerate(parts):
            further = [column for column, _ in beside.way[1:]]
            for step, (_, table) in enumerate(beside.way):
                there = self._tables.get(table)
                if there is None:
                    there = self._tables[table] = self._open(table)
                is_last = step == len(further)
                told = _texts(beside, place, there) if is_last else {f"next{place}": there[further[step]]}
                reached = there.select(**{f"id{place}_{step}": there.id}, **told)
                found = found.left_join(reached, found[f"to{place}"] == reached[f"id{place}_{step}"])
                if not is_last:
                    found = found.drop(f"to{place}").rename({f"to{place}": f"next{place}"})
        order = [f"beside{place}_{n}" for place, beside in enumerate(parts) for n in range(len(beside.texts))]
        return found.select("id", "text", *order)


def _named(keys: Sequence[str], numbered: Collection[str]) -> list[str]:
    """Those of `keys` whose things are read by their label alone."""
    found = [key for key in keys if DIMENSIONS[key].entity and DIMENSIONS[key].attribute is None]
    return [key for key in found if key not in numbered or ENTITIES[DIMENSIONS[key].entity or ""].number is None]


def _kept(what: str, key: str) -> str:
    return f"{what}_{key}".replace("-", "_")


def _texts(beside: Beside, place: int, thing: Table) -> dict[str, Value]:
    return {f"beside{place}_{n}": text(thing) for n, text in enumerate(beside.texts)}


def _said_where_it_differs(things: Table, name: str) -> Value:
    """Their text, with the text `name` after it for those that read the same so far and differ in that. What is said
    already is not said again."""
    is_said = (_BETWEEN + things.text + _BETWEEN).contains(_BETWEEN + things[name] + _BETWEEN)
    more = ibis.ifelse(is_said, ibis.null("string"), things[name].nullif(""))
    alike = ibis.window(group_by=things.text)
    differs = (more.min().over(alike) != more.max().over(alike)) | (
        more.count().over(alike) < things.id.count().over(alike)
    )
    return ibis.ifelse(more.notnull() & differs, things.text + _BETWEEN + more, things.text)
