"""A bad value stops the start and says what would do."""

from __future__ import annotations

import importlib.util

import pytest
from pydantic import ValidationError

from webapp.settings import get_settings


@pytest.mark.parametrize("engine", ["mysql", "spark:/host", "spark://host", "spark://host:7077/path", "local[2]"])
def test_an_engine_is_duckdb_or_a_spark_master(settings_env: pytest.MonkeyPatch, engine: str) -> None:
    assert get_settings().engine == "duckdb"
    settings_env.setenv("REPORTDESK_ENGINE", engine)
    get_settings.cache_clear()
    with pytest.raises(ValidationError, match="engine"):
        get_settings()


def test_spark_is_refused_with_advice_where_it_is_not_installed(
    settings_env: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings_env.setenv("REPORTDESK_ENGINE", "spark://one.example:7077,two.example:7077")
    get_settings.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValidationError, match=r"pip install 'reportdesk\[spark\]'"):
        get_settings()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    assert get_settings().engine == "spark://one.example:7077,two.example:7077"
