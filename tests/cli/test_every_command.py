"""No command of the terminal is without a test of what it does, and one of what it refuses."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import click
import pytest

import tests.cli
from webapp.cli import main

#: Commands that take nothing, so that there is nothing to refuse but what every command refuses (`test_refusals`).
TAKE_NOTHING = {
    "demo", "import verbs", "info", "lookups seed", "record compact", "record info", "record rebuild", "users roles",
    "workers list",
}  # fmt: skip


def commands(group: click.Group, *names: str) -> Iterator[tuple[str, click.Command]]:
    """Every command with its whole name, such as `users add`."""
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        if isinstance(found, click.Group):
            yield from commands(found, *names, name)
        else:
            yield " ".join((*names, name)), found


COMMANDS = dict(commands(main))


def tried(marker: str) -> set[str]:
    """The commands that tests of this folder are marked to try."""
    found = set()
    for module in pkgutil.iter_modules(tests.cli.__path__, "tests.cli."):
        for member in vars(importlib.import_module(module.name)).values():
            for mark in getattr(member, "pytestmark", []):
                if mark.name == marker:
                    found |= set(mark.args)
    return found


def test_each_command_is_tried() -> None:
    assert set(COMMANDS) - tried("does") == set()


def test_each_command_is_tried_with_what_it_refuses() -> None:
    assert set(COMMANDS) - tried("refuses") - TAKE_NOTHING == set()


def test_no_test_is_about_a_command_that_is_not_there() -> None:
    assert (tried("does") | tried("refuses") | TAKE_NOTHING) - set(COMMANDS) == set()


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_says_what_it_is_for_and_what_each_option_means(name: str) -> None:
    command = COMMANDS[name]
    help_text = command.get_help(click.Context(command, info_name=name))
    assert (command.help or "").strip(), name
    for option in command.params:
        if isinstance(option, click.Option) and not option.hidden:
            told = option.help or option.name in {"port", "host", "processes", "concurrency"}
            assert told or option.show_default or option.required, f"{name}: {option.name}"
    assert help_text.startswith("Usage:")
