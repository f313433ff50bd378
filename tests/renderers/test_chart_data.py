"""What a chart draws of a result's rows."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from webapp.engine.columns import chart_of
from webapp.engine.query import Query
from webapp.engine.result import Column, Result
from webapp.renderers.chart_data import chart_data

CLASS = Column("class", "Class", "string", "text", "dimension")
MONTH = Column("month", "Month", "string", "text", "dimension")
COUNT = Column("event-count", "Events", "integer", "count", "measure")


def test_time_goes_from_left_to_right_however_the_rows_are_sorted(tmp_path: Path) -> None:
    rows = {"class": ["B", "A", "A", "B"], "month": ["2024-03", "2024-02", "2023-12", "2024-01"]}
    pyarrow.parquet.write_table(pa.table({**rows, "event-count": [9, 7, 5, 1]}), tmp_path / "rows.parquet")
    query = Query("learner-activity", "activity", dimensions=("class", "month"), measures=("event-count",))
    columns = (CLASS, MONTH, COUNT)
    chart = chart_data(Result(columns, tmp_path / "rows.parquet", 4, 22, None, chart_of(query, columns), ()))
    assert chart is not None
    assert (chart.kind, chart.x_label, chart.series) == ("line", "Month", ["A", "B"])
    assert chart.categories == ["2023-12", "2024-01", "2024-02", "2024-03"]
    assert chart.values == [[5, None, 7, None], [None, 1, None, 9]]
