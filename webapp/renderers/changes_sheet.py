"""Excel's sheet “Changes”: what is different from the report before, in words, and the rows that became others."""

from __future__ import annotations

from xlsxwriter.worksheet import Worksheet

from webapp.renderers.about import ChangeTable
from webapp.renderers.sheet_rows import LONGEST_TEXT
from webapp.renderers.summary_sheet import Formats, plain

#: The option of a file that has it.
CHANGES = "changes"
_WIDTHS = (40, 30, 16, 22, 26, 26)


def write_changes(sheet: Worksheet, formats: Formats, told: ChangeTable) -> None:
    for place, width in enumerate(_WIDTHS[: len(told.headings)]):
        sheet.set_column(place, place, width)
    row = 0
    for line in told.lines:
        sheet.write_string(row, 0, plain(line)[:LONGEST_TEXT])
        row += 1
    if not told.rows:
        return
    row += 1
    for place, heading in enumerate(told.headings):
        sheet.write_string(row, place, plain(heading), formats.heading)
    first = row
    for cells in told.rows:
        row += 1
        for place, text in enumerate(cells):
            sheet.write_string(row, place, plain(text)[:LONGEST_TEXT], formats.wrap)
    sheet.autofilter(first, 0, row, len(told.headings) - 1)
