"""What the tests of files share."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import pytest
import vl_convert

from webapp.renderers import chart_svg


@lru_cache(maxsize=16)
def _drawn_here(specifications: tuple[str, ...]) -> list[str]:
    return [vl_convert.vegalite_to_svg(each) for each in specifications]


@pytest.fixture(autouse=True, scope="session")
def charts_are_drawn_in_this_process() -> Iterator[None]:
    """Not by a process of its own for each, which takes a second. (Workers and servers under test draw as people's do.)"""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chart_svg, "_drawn", _drawn_here)
        yield
