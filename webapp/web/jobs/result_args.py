"""The address of a result's table: what it is sorted by, what is searched, which page. Whatever is typed there, the
table answers; links carry on what was understood."""

from __future__ import annotations

import re
from dataclasses import replace

from bson import ObjectId
from flask import request, url_for

from webapp.engine.charts import CHART_KINDS, NO_CHART
from webapp.services.files.result_table import TableQuery
from webapp.web.typed_numbers import page_number

LONGEST_SEARCH = 200
#: A column is told by its place: labels may repeat.
_SORT = re.compile(r"(-?)(\d{1,4})")


def read() -> TableQuery:
    """What this request's address asks of the table."""
    sort = _SORT.fullmatch(request.args.get("sort", ""))
    typed = request.args.get("find", "")[:LONGEST_SEARCH]
    return TableQuery(
        sort=int(sort[2]) if sort else None,
        descending=bool(sort and sort[1]),
        find="".join(letter for letter in typed if letter.isprintable()).strip(),
        chart=chart if (chart := request.args.get("chart", "")) in (*CHART_KINDS, NO_CHART) else "",
        compared=request.args.get("compare") == "1",
        page=page_number(request.args.get("page")),
    )


def address(job_id: ObjectId, query: TableQuery) -> str:
    """The report's page with this of its table."""
    sort = None if query.sort is None else f"{'-' if query.descending else ''}{query.sort}"
    page = query.page if query.page > 1 else None
    compare = "1" if query.compared else None
    return url_for(
        "jobs.show",
        job_id=job_id,
        sort=sort,
        find=query.find or None,
        page=page,
        compare=compare,
        chart=query.chart or None,
    )


def sorted_by(query: TableQuery, place: int) -> TableQuery:
    """A click on a heading: upwards, then downwards, then the report's own order again."""
    if query.sort != place:
        return TableQuery(sort=place, find=query.find)
    return (
        TableQuery(sort=place, descending=True, find=query.find)
        if not query.descending
        else TableQuery(find=query.find)
    )


def turned_to(query: TableQuery, page: int) -> TableQuery:
    return replace(query, page=page)


def with_chart(query: TableQuery, kind: str) -> TableQuery:
    return replace(query, chart=kind)


def compared(query: TableQuery) -> TableQuery:
    """With the report before it, or without it again."""
    return replace(query, compared=not query.compared)
