"""The `reportdesk` command: one file for each group of commands. Each reads arguments, calls one service, prints."""

from __future__ import annotations

from importlib import import_module

import click

# name -> (module, what `--help` says). Listed here so that help is instant: a module is imported when it is called.
COMMANDS = {
    "run": ("run", "Run everything on this machine: database, web pages and a worker."),
    "web": ("web", "Serve the web pages only."),
    "worker": ("worker", "Make the reports that are asked for."),
    "workers": ("workers", "See, pause, resume and drain workers."),
    "report": ("report", "Ask for a report here, wait, and get its file."),
    "schedules": ("schedules", "Reports that are made again and again: list, run, pause, resume."),
    "import": ("imports", "Read an LMS's exports: OneRoster CSV, xAPI statements."),
    "source": ("sources", "An LMS's database, read in place: check it, bring over what has changed."),
    "record": ("record", "The learning record: its versions, undo, upkeep."),
    "demo": ("demo", "Add an invented organisation to try things on."),
    "users": ("users", "People who may sign in."),
    "templates": ("templates", "Questions that are kept to be asked again."),
    "lookups": ("lookups", "Report types, formats, priorities and the other lists."),
    "info": ("info", "Where everything is, as JSON."),
}


class LazyGroup(click.Group):
    """Imports a command's module only when that command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        return import_module(f"webapp.cli.{COMMANDS[cmd_name][0]}").command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="reportdesk")
def main() -> None:
    """Reportdesk: the report desk of a learning organisation.

    \b
    Try it:            reportdesk run
    Real data:         reportdesk import oneroster FOLDER
                       reportdesk import xapi FILE.ndjson.gz
    A report, here:    reportdesk report --type completion-rates --group-by class --output rates.csv

    All state is under REPORTDESK_HOME (default: var). The database is REPORTDESK_MONGODB_URI, or an
    embedded server that every command finds or starts. `reportdesk info` says where everything is.
    """
