"""One job in five formats: read back, every cell is the same, for every report type, on the demo organisation.

(On the Open University's data: `tests/test_sample_figures.py`.)
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.renderers import every_type
from tests.renderers.every_type import Case
from webapp import demo
from webapp.documents import connect, disconnect
from webapp.documents.lookup_value import lookup_cache
from webapp.services.lookups import values as lookups
from webapp.settings import get_settings

#: Rows of a file: enough for more than a page.
ROWS = 40
CASES = list(every_type.cases())


@pytest.fixture(scope="module")
def demo_organisation(mongo: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("REPORTDESK_HOME", str(tmp_path_factory.mktemp("demo")))
        get_settings.cache_clear()
        client = connect(mongo, "demo_for_files")
        lookup_cache.forget()
        lookups.seed()
        demo.build(scale=0.05)
        yield
        client.drop_database("demo_for_files")
        disconnect()
        lookup_cache.forget()
    get_settings.cache_clear()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_cell_is_the_same_in_every_format(demo_organisation: None, case: Case, tmp_path: Path) -> None:
    formats = every_type.formats_by_turns(CASES.index(case))
    rows, cells = every_type.check(case, tmp_path, limit=ROWS, formats=formats)
    assert rows > 0
    assert cells > 0
