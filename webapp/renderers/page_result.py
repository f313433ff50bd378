"""What the report's page shows of the result, written when the report is made: a page never computes anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from webapp.engine.result import Result
from webapp.messages import from_document, to_document
from webapp.renderers.chart_svg import Chart
from webapp.renderers.json_file import dumps

ROWS_KEPT = 1_000


def write(result: Result, chart: Chart | None, path: Path) -> None:
    """Columns, the first rows, totals, notes and the chart's drawings, as JSON."""
    path.write_text(dumps(page_document(result, chart)), encoding="ascii")


def read(text: bytes) -> dict[str, Any]:
    """What `write` has written, its texts made whole again."""
    document: dict[str, Any] = json.loads(text)
    for column in document["columns"]:
        column |= {"label": from_document(column["label"]), "definition": from_document(column.get("definition"))}
        column["words"] = {value: from_document(word) for value, word in column.get("words", {}).items()}
    document["notes"] = [from_document(note) for note in document["notes"]]
    if document["chart"]:
        document["chart"]["description"] = from_document(document["chart"].get("description"))
        document["chart"]["notes"] = [from_document(note) for note in document["chart"].get("notes", ())]
    return document


def page_document(result: Result, chart: Chart | None) -> dict[str, Any]:
    """The same as a dictionary: `columns`, `rows` (by column key), `row_count`, `rows_matched`, `totals`, `notes`,
    `chart` (`svg`, `svg_dark`, `description`, `notes`) or None. Texts are kept whole, so that a page can say them in
    the reader's language (`messages.from_document`)."""
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
            }
            for column in result.columns
        ],
        "rows": result.first_rows(ROWS_KEPT),
        "row_count": result.row_count,
        "rows_matched": result.rows_matched,
        "totals": result.totals,
        "notes": [to_document(note) for note in result.notes],
        "chart": None
        if chart is None
        else {
            "svg": chart.svg,
            "svg_dark": chart.svg_dark,
            "description": to_document(chart.description),
            "notes": [to_document(note) for note in chart.notes],
        },
    }
