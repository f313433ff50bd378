"""`reportdesk …` in this process, where starting one of its own would show nothing more."""

from __future__ import annotations

import logging

from click.testing import CliRunner, Result

from webapp.cli import main


def invoke(*arguments: str, typed: str = "") -> Result:
    """What a command prints, on which stream, and how it ends; an error that is not in words is raised.

    A command says where its log goes: afterwards it goes where it went before.
    """
    log = logging.getLogger("webapp")
    before = log.handlers[:], log.level, log.propagate
    try:
        return CliRunner().invoke(main, arguments, input=typed, prog_name="reportdesk", catch_exceptions=False)
    finally:
        log.handlers[:], log.level, log.propagate = before
