"""What the report's page shows of the result, written when the report is made: a page never computes anything.

Everything but the rows, which lie in a file beside it (`kept_rows`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from webapp.engine.result import Column, Result
from webapp.messages import from_document, to_document
from webapp.renderers.chart_svg import Chart, Sketch
from webapp.renderers.json_file import dumps


def write(
    result: Result,
    chart: Chart | None,
    path: Path,
    *,
    has_all_rows: bool,
    kinds: Mapping[str, Sketch] = MappingProxyType({}),
    changes: Mapping[str, Any] | None = None,
) -> None:
    """Columns, totals, notes and the chart's drawings, as JSON. `has_all_rows`: are all of them kept beside it?
    `kinds`: the charts that the page can show in place of the one that the file has. `changes`: what is different from
    the report before, as it is to be read again."""
    document = page_document(result, chart, has_all_rows=has_all_rows)
    document["kinds"] = {
        kind: {
            "specifications": sketch.specifications,
            "description": to_document(sketch.description),
            "notes": [to_document(note) for note in sketch.notes],
        }
        for kind, sketch in kinds.items()
    }
    document["changes"] = changes
    path.write_text(dumps(document), encoding="ascii")


def read(text: bytes) -> dict[str, Any]:
    """What `write` has written, its texts made whole again. An older report's page has its first `rows` in itself, by
    column key."""
    document: dict[str, Any] = json.loads(text)
    for column in document["columns"]:
        column |= {"label": from_document(column["label"]), "definition": from_document(column.get("definition"))}
        column["over"] = [from_document(text) for text in column.get("over", ())]
        column["heading"] = from_document(column.get("heading", ""))
        column["words"] = {value: from_document(word) for value, word in column.get("words", {}).items()}
    document["notes"] = [from_document(note) for note in document["notes"]]
    if isinstance(document["totals"], dict):
        document["totals"] = [document["totals"].get(column["key"]) for column in document["columns"]]
    if "rows" in document:
        document["has_all_rows"] = len(document["rows"]) == document["row_count"]
    if document["chart"]:
        document["chart"]["description"] = from_document(document["chart"].get("description"))
        document["chart"]["notes"] = [from_document(note) for note in document["chart"].get("notes", ())]
    for sketch in document.setdefault("kinds", {}).values():
        sketch["description"] = from_document(sketch["description"])
        sketch["notes"] = [from_document(note) for note in sketch["notes"]]
    return document


def column_of(stored: Mapping[str, Any]) -> Column:
    """A column as `read` gives it, for whoever writes its cells (`Reader.cell`)."""
    names = ("key", "label", "type", "unit", "role", "time")
    given = {name: stored.get(name) or "" for name in names} | {"time": stored.get("time")}
    above: dict[str, Any] = {name: tuple(stored.get(name) or ()) for name in ("over", "over_times")}
    above["heading"] = stored.get("heading") or ""
    return Column(**given, **above, words=stored.get("words") or {}, is_long=bool(stored.get("is_long")))


def page_document(result: Result, chart: Chart | None, *, has_all_rows: bool) -> dict[str, Any]:
    """The same as a dictionary: `columns`, `row_count`, `rows_matched`, `has_all_rows`, `totals` (by the columns'
    places) or None, `notes`, `chart` (`svg`, `svg_dark`, `description`, `notes`, `kind`) or None. Texts are kept whole,
    so that a page can say them in the reader's language (`messages.from_document`)."""
    return {
        "columns": [
            {
                "key": column.key,
                "label": to_document(column.label),
                "type": column.type,
                "unit": column.unit,
                "role": column.role,
                "definition": column.definition and to_document(column.definition),
                "words": {value: to_document(word) for value, word in column.words.items()},
                "time": column.time,
                "is_long": column.is_long,
                **(_above(column) if column.over else {}),
            }
            for column in result.columns
        ],
        "row_count": result.row_count,
        "rows_matched": result.rows_matched,
        "has_all_rows": has_all_rows,
        "totals": result.totals and [result.totals.get(column.key) for column in result.columns],
        "notes": [to_document(note) for note in result.notes],
        "chart": None
        if chart is None
        else {
            "svg": chart.svg,
            "svg_dark": chart.svg_dark,
            "description": to_document(chart.description),
            "notes": [to_document(note) for note in chart.notes],
            "kind": result.chart.kind if result.chart else None,
        },
    }


def _above(column: Column) -> dict[str, Any]:
    """What of a pivot a column is counted for."""
    return {
        "slice": list(column.over_keys),
        "heading": to_document(column.heading),
        "over": [to_document(text) for text in column.over],
        "over_times": list(column.over_times),
    }
