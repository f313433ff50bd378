"""A bad value stops the start and says what would do."""

from __future__ import annotations

import importlib.util

import click
import pytest
from pydantic import ValidationError

from webapp.cli.session import load_settings
from webapp.settings import SHORTEST_SECRET, Settings, get_settings


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


@pytest.mark.parametrize("blank", ["", " ", "\t\n"])
def test_a_blank_variable_is_as_good_as_none(settings_env: pytest.MonkeyPatch, blank: str) -> None:
    untouched = get_settings()
    for name in Settings.model_fields:
        if name != "home":
            settings_env.setenv(f"REPORTDESK_{name.upper()}", blank)
    get_settings.cache_clear()
    blanks = get_settings()
    unset = {name: field.get_default() for name, field in Settings.model_fields.items() if name != "home"}
    assert {name: getattr(blanks, name) for name in unset} == unset
    assert blanks.session_key == untouched.session_key  # one was made and kept; none is ""


@pytest.mark.parametrize("name", SHORTEST_SECRET)
def test_a_short_secret_stops_the_start_and_is_named_not_shown(settings_env: pytest.MonkeyPatch, name: str) -> None:
    variable, short = f"REPORTDESK_{name.upper()}", "hunter2" + " " * 40
    settings_env.setenv(variable, short)
    get_settings.cache_clear()
    with pytest.raises(ValidationError) as raw:
        get_settings()
    assert "hunter2" not in str(raw.value)
    with pytest.raises(click.ClickException, match=variable) as told:
        load_settings()
    assert "hunter2" not in told.value.message
    settings_env.setenv(variable, "x" * SHORTEST_SECRET[name])
    assert getattr(get_settings(), name).get_secret_value() == "x" * SHORTEST_SECRET[name]


def test_a_key_file_that_holds_nothing_signs_no_session(settings: Settings) -> None:
    settings.home.mkdir(parents=True)
    (settings.home / "secret_key").touch()
    with pytest.raises(ValueError, match="holds no key"):
        _ = settings.session_key


def test_the_key_that_is_made_is_the_same_for_all_processes_and_its_owners_only(settings: Settings) -> None:
    key = settings.session_key
    get_settings.cache_clear()
    assert get_settings().session_key == key
    assert len(key) >= SHORTEST_SECRET["secret_key"]
    assert [(path.name, path.stat().st_mode & 0o777) for path in settings.home.iterdir()] == [("secret_key", 0o600)]
