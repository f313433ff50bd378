"""What a PDF shows, and where: the template's data (`report.typ`), all of it texts.

Title, period and scope; the key figures; the chart; the table, or a page for each learner; then, small, the question,
what the numbers mean and where they come from.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from webapp import statuses
from webapp.engine.catalogue.measures import AVG_SCORE
from webapp.engine.result import Column, Result
from webapp.messages import Message
from webapp.renderers import headings
from webapp.renderers.about import About
from webapp.renderers.reader import Reader

#: Characters of a line at this size of type, upright and flipped.
PORTRAIT_WIDTH, LANDSCAPE_WIDTH = 105, 155
NARROWEST, WIDEST = 6, 34
LONGEST_CELL = 300
#: Of charts, in points: upright; flipped, and what is left for it under title and key figures there.
CHART_WIDTH, CHART_NARROWEST, CHART_WIDEST, CHART_HEIGHT_LEFT = 480, 400, 600, 285
#: What a page has for a drawing under its heading, with a few notes, in points.
PORTRAIT_HEIGHT, LANDSCAPE_HEIGHT = 640, 400
#: A table that is wider than its page by no more than this has narrower columns, in place of another table.
SQUEEZED = 1.2
#: A cell of more lines than this may go over the end of a page.
MOST_LINES = 12
PART_ROWS = 500
ROWS_MEASURED = 400
MOST_FIGURES = 6
#: A table of no more rows than this stands on one page, with its heading.
ROWS_TOGETHER = 18
#: No font has them, or they turn the text around: a screen shows nothing where they are.
_UNSHOWN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff0-\ufffb\ud800-\udfff\ue000-\uf8ff]"
)
Rows = Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Drawing:
    """A file beside the document's, in words, and its height by its width."""

    path: str
    description: str
    ratio: float


def document(
    result: Result,
    about: About,
    rows: Rows,
    notes: Sequence[str],
    drawings: Sequence[Drawing] = (),
    chart_notes: Sequence[str] = (),
) -> dict[str, Any]:
    """`rows` are the first rows of the result; `drawings` the pieces of its chart."""
    reader = about.reader
    say = reader.text
    sheets, landscape, breakable = _sheets(result, reader, rows)
    return {
        # A name of nothing that can be seen would be an empty heading, which PDF/UA refuses.
        "title": shown(about.title).strip() or say(Message("Report %(id)s", id=about.job_id)),
        "subtitle": [shown(line) for line in [say(about.description), *about.subtitle()] if line],
        "organization": shown(about.organization),
        "logo": None,
        "created": shown(f"{about.organization} · {about.created()}"),
        "lang": reader.language,
        "landscape": landscape,
        "breakable": breakable,
        "words": {
            "page": say(Message("Page")),
            "of": say(Message("of")),
            "figures": say(Message("Key figures")),
            "chart": say(Message("Chart")),
            "result": say(Message("Result")),
            "question": say(Message("The question")),
            "definitions": say(Message("What the numbers mean")),
            "provenance": say(Message("Where they come from")),
            "appendix": say(Message("About this report")),
        },
        "notes": [shown(say(note)) for note in [*result.notes, *notes]],
        "figures": [] if result.pages else _figures(result, reader),
        "drawings": [
            {
                "path": each.path,
                "alt": shown(say(each.description)),
                "width": _chart_width(each.ratio, landscape=landscape),
            }
            for each in drawings
        ],
        "chartNotes": [shown(say(each)) for each in chart_notes],
        "sheets": sheets,
        "question": [[shown(what), shown(said)] for what, said in about.question],
        "definitions": [[shown(what), shown(said)] for what, said in about.definitions()],
        "facts": [[shown(what), shown(said)] for what, said in about.facts() if said],
    }  # fmt: skip


def _chart_width(ratio: float, *, landscape: bool) -> float:
    """In points: never higher than a page. On a flipped one as wide as leaves it under the key figures, where it can
    still be read so."""
    if not landscape:
        return min(CHART_WIDTH, PORTRAIT_HEIGHT / ratio)
    return min(max(CHART_HEIGHT_LEFT / ratio, CHART_NARROWEST), CHART_WIDEST, LANDSCAPE_HEIGHT / ratio)


def _figures(result: Result, reader: Reader) -> list[list[str]]:
    """The measures of all rows together; of rows one by one how many there are."""
    totals = result.totals or {}
    figures = [
        [shown(reader.with_unit(reader.text(column.label), column)), shown(reader.cell(totals[column.key], column))]
        for column in result.columns
        if column.role == "measure" and not column.over and column.key in totals
    ]
    return figures[:MOST_FIGURES] or [[reader.text(Message("Rows")), reader.text(result.row_count)]]


def _figures_of(columns: Sequence[Column], rows: Rows, reader: Reader) -> list[list[str]]:
    """Of one learner: how many courses, how many of them completed, and the mean of the scores."""
    place = {column.key: number for number, column in enumerate(columns)}
    figures = [[reader.text(Message("Courses")), reader.text(len(rows))]]
    if (status := place.get("status")) is not None:
        completed = sum(row[status] == "completed" for row in rows)
        figures.append([reader.text(statuses.ENROLLMENT["completed"]), reader.text(completed)])
    if (score := place.get("score")) is not None and (known := [row[score] for row in rows if row[score] is not None]):
        label = reader.with_unit(reader.text(AVG_SCORE.label), columns[score])
        figures.append([label, reader.cell(math.fsum(known) / len(known), columns[score])])
    return figures


# --- tables -----------------------------------------------------------------------------------------------------------


def _sheets(result: Result, reader: Reader, rows: Rows) -> tuple[list[dict[str, Any]], bool, bool]:
    """What stands under headings of its own, whether pages are flipped, and whether cells may break."""
    if not rows:
        return [], False, False
    if result.pages:
        return _pages_of_their_own(result, reader, rows)
    columns = list(result.columns)
    texts = _texts(rows, columns, reader)
    totals = _totals(result, reader) if result.totals and len(rows) == result.row_count else []
    groups, landscape, breakable = _tables(columns, texts, totals, reader)
    return (
        [{"title": "", "facts": [], "figures": [], "sections": [{"title": "", "groups": groups}]}],
        landscape,
        breakable,
    )


def _pages_of_their_own(result: Result, reader: Reader, rows: Rows) -> tuple[list[dict[str, Any]], bool, bool]:
    """A page for each learner, and on it a table for each term."""
    place = {column.key: number for number, column in enumerate(result.columns)}
    own = [place[key] for key in result.pages if key in place]
    section = place.get(result.section or "")
    kept = [number for number in range(len(result.columns)) if number not in (*own, section)]
    columns = [result.columns[number] for number in kept]
    by_page: dict[tuple[Any, ...], dict[Any, list[list[Any]]]] = {}
    for row in rows:
        sections = by_page.setdefault(tuple(row[number] for number in own), {})
        sections.setdefault(row[section] if section is not None else None, []).append([row[number] for number in kept])
    widths = _widths(columns, [_shown_row(row, result.columns, reader, kept) for row in rows[:ROWS_MEASURED]], reader)
    landscape = sum(widths) > PORTRAIT_WIDTH
    sheets, breakable = [], False
    for who, sections in by_page.items():
        titles = [shown(reader.cell(value, result.columns[number])) for number, value in zip(own, who, strict=True)]
        found = []
        for name, members in sections.items():
            groups, _, long = _tables(columns, _texts(members, columns, reader), [], reader, widths, landscape)
            breakable |= long
            title = shown(reader.cell(name, result.columns[section])) if section is not None else ""
            found.append({"title": title, "groups": groups})
        facts = [
            [shown(reader.text(result.columns[number].label)), title]
            for number, title in zip(own[1:], titles[1:], strict=True)
        ]
        everything = [row for members in sections.values() for row in members]
        figures = _figures_of(columns, everything, reader)
        sheets.append({"title": titles[0], "facts": facts, "figures": figures, "sections": found})
    return sheets, landscape, breakable


def _shown_row(row: Sequence[Any], columns: Sequence[Column], reader: Reader, kept: Sequence[int]) -> list[str]:
    return [shown(reader.cell(row[number], columns[number])) for number in kept]


def _texts(rows: Rows, columns: Sequence[Column], reader: Reader) -> list[list[str]]:
    return [[shown(reader.cell(value, column)) for value, column in zip(row, columns, strict=True)] for row in rows]


def _tables(
    columns: Sequence[Column],
    texts: list[list[str]],
    totals: list[str],
    reader: Reader,
    widths: list[int] | None = None,
    landscape: bool | None = None,
) -> tuple[list[dict[str, Any]], bool, bool]:
    """Columns that fit side by side, group after group."""
    widths = widths or _widths(columns, [*texts[:ROWS_MEASURED], *([totals] if totals else [])], reader)
    landscape = sum(widths) > PORTRAIT_WIDTH if landscape is None else landscape
    room = LANDSCAPE_WIDTH if landscape else PORTRAIT_WIDTH
    widths = _squeezed(widths, columns, texts[:ROWS_MEASURED], reader, room)
    keys = [place for place, column in enumerate(columns) if column.role == "dimension"][:3] or ([0] if columns else [])
    groups = _column_groups(columns, widths, keys, room)
    found = []
    for number, group in enumerate(groups, start=1):
        chosen = [columns[place] for place in group]
        cells = headings.tiers(chosen, reader)
        found.append(
            {
                "title": reader.text(Message("Columns %(number)s of %(count)s", number=number, count=len(groups)))
                if len(groups) > 1
                else "",
                "widths": [widths[place] for place in group],
                "align": ["right" if column.type in ("integer", "number") else "left" for column in chosen],
                "tiers": headings.height(cells),
                "header": [
                    {"text": shown(cell.text), "x": cell.column, "y": cell.row, "wide": cell.columns, "high": cell.rows}
                    for cell in cells
                ],
                "together": len(texts) <= ROWS_TOGETHER,
                "parts": [
                    [[row[place] for place in group] for row in texts[first : first + PART_ROWS]]
                    for first in range(0, len(texts), PART_ROWS)
                ],
                "totals": [totals[place] for place in group] if totals else [],
            }
        )
    return found, landscape, _most_lines(widths, texts) > MOST_LINES


def _totals(result: Result, reader: Reader) -> list[str]:
    totals = result.totals or {}
    texts = [
        shown(reader.cell(totals[column.key], column)) if column.key in totals else "" for column in result.columns
    ]
    if texts and not texts[0]:
        texts[0] = reader.text(Message("Total"))
    return texts


def _column_groups(columns: Sequence[Column], widths: list[int], keys: list[int], room: int) -> list[list[int]]:
    """Columns that fit side by side; the key columns begin each group, so that its rows can be told apart, and the
    measures of one value stay together where they fit."""
    if sum(widths) <= room:
        return [list(range(len(widths)))]
    keys = keys if sum(widths[place] for place in keys) <= room // 2 else keys[:1]
    others = [place for place in range(len(widths)) if place not in keys]
    taken = sum(widths[place] for place in keys)
    blocks: list[list[int]] = []
    for place in others:
        before = columns[blocks[-1][-1]] if blocks else None
        together = before is not None and bool(before.over) and before.over == columns[place].over
        if together and taken + sum(widths[each] for each in [*blocks[-1], place]) <= room:
            blocks[-1].append(place)
        else:
            blocks.append([place])
    groups = _filled(blocks, widths, room - taken)
    # As many tables, about equally wide: none with a single column beside full ones.
    least = max((sum(widths[place] for place in block) for block in blocks), default=0)
    even = max(sum(widths[place] for place in others) / len(groups), least)
    while len(balanced := _filled(blocks, widths, even)) > len(groups):
        even += 1
    return [[*keys, *group] for group in balanced]


def _filled(blocks: Sequence[Sequence[int]], widths: Sequence[int], room: float) -> list[list[int]]:
    """The blocks one after another, a new group where the next one does not fit any more."""
    groups: list[list[int]] = [[]]
    width = 0
    for block in blocks:
        wide = sum(widths[place] for place in block)
        if groups[-1] and width + wide > room:
            groups.append([])
            width = 0
        groups[-1] += block
        width += wide
    return groups


def _squeezed(
    widths: list[int], columns: Sequence[Column], texts: list[list[str]], reader: Reader, room: int
) -> list[int]:
    """Narrower columns where that keeps a table in one piece, none narrower than its longest word."""
    over = sum(widths) - room
    if not 0 < over <= (SQUEEZED - 1) * room:
        return widths
    is_one = headings.one_measure(columns)
    spare = []
    for place, column in enumerate(columns):
        shown_there = [headings.leaf(column, reader, is_one_measure=is_one), *(row[place] for row in texts)]
        longest = max((len(word) for text in shown_there for word in text.split()), default=0)
        spare.append(max(widths[place] - max(longest + 2, NARROWEST), 0))
    if sum(spare) < over:
        return widths
    return [width - math.ceil(each * over / sum(spare)) for width, each in zip(widths, spare, strict=True)]


def _widths(columns: Sequence[Column], texts: list[list[str]], reader: Reader) -> list[int]:
    is_one = headings.one_measure(columns)
    found = []
    for place, column in enumerate(columns):
        longest = max((len(row[place]) for row in texts), default=0)
        words = headings.leaf(column, reader, is_one_measure=is_one).split(" ")
        found.append(min(max(longest + 2, max(map(len, words), default=0) + 2, NARROWEST), WIDEST))
    return found


def _most_lines(widths: list[int], texts: list[list[str]]) -> float:
    """Of a cell, about: lines of its own, and those that its column's width makes."""
    lines = (text.count("\n") + len(text) / width for row in texts for text, width in zip(row, widths, strict=True))
    return max(lines, default=0)


def shown(text: str) -> str:
    """Text as a printer can show it, cut where a cell would fill pages; long words may break."""
    text = unicodedata.normalize("NFC", _UNSHOWN.sub("", text.replace("\r\n", "\n")))
    return text if len(text) <= LONGEST_CELL else f"{text[:LONGEST_CELL]}…"
