"""`reportdesk templates`: questions that are kept to be asked again."""

from __future__ import annotations

from pathlib import Path

import click

from webapp.cli import report
from webapp.cli.session import connected
from webapp.documents import ReportTemplate
from webapp.services import database_setup
from webapp.services.people import accounts
from webapp.services.permissions import TERMINAL
from webapp.services.requests.everyone import NotAgreedError
from webapp.services.rights import organisation
from webapp.services.rights.data_scope import DataScope
from webapp.services.schedules import following
from webapp.services.templates import facts, kept, seeing, standing, telling, using


@click.group("templates")
def command() -> None:
    """Questions that are kept to be asked again.

    \b
    reportdesk templates list board
    reportdesk templates show 65f0c0ffee65f0c0ffee0001
    reportdesk templates use 65f0c0ffee65f0c0ffee0001 --as rosa@staff.example --output rates.xlsx
    """


@command.command("list")
@click.argument("words", nargs=-1)
@click.option("--retired", is_flag=True, help="Those that are retired, in place of those in use.")
def list_templates(words: tuple[str, ...], retired: bool) -> None:
    """Show the templates that have all WORDS in their name, tags, author or question; without any, all of them."""
    with connected():
        found = [
            each
            for each in facts.find(seeing.visible_templates(TERMINAL), " ".join(words))
            if each.is_active is not retired
        ]
        names = organisation.names_of_people(each.created_by for each in found if each.created_by)
        for each in found:
            author = names.get(each.created_by, "?") if each.created_by else "the desk"
            state = "  (cannot be used as it is)" if standing.problems(each) else ""
            click.echo(
                f"{each.id}  {facts.name_of(each)}  [{author}, version {each.version}, used {each.usage_count}]{state}"
            )


@command.command("show")
@click.argument("template_id")
@click.option("--version", type=int, help="One of its versions; default: the newest.")
def show(template_id: str, version: int | None) -> None:
    """Show what a template asks, and what its versions changed."""
    with connected():
        template = seeing.visible_template(TERMINAL, template_id)
        chosen = seeing.version_of(template, version)
        request = kept.request_of(chosen)
        click.secho(facts.name_of(chosen), bold=True)
        for what, said in [*telling.question(request, DataScope()), *telling.output(request)]:
            click.echo(f"  {what}: {said}")
        for problem in standing.problems(request):
            click.echo(f"  ! {problem}")
        if not template.is_active:
            click.echo("  ! It is retired.")
        _show_versions(template)


def _show_versions(template: ReportTemplate) -> None:
    told = telling.history(template, DataScope())
    names = organisation.names_of_people(each.saved_by for each in told if each.saved_by)
    for each in told:
        when = f"{each.saved_at:%Y-%m-%d %H:%M} UTC" if each.saved_at else "?"
        who = names.get(each.saved_by, "?") if each.saved_by else "the desk"
        click.echo(f"Version {each.number}, {when}, {who}")
        for change in each.changes:
            click.echo(f"  {change.what}: {change.before or '–'} → {change.after or '–'}")


@command.command("use")
@click.argument("template_id")
@click.option("--version", type=int, help="One of its versions; default: the newest.")
@click.option("--as", "email", help="Whose report it is; default: the first system administrator.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="The file; default: standard output.")
@click.option("--quiet", is_flag=True, help="No progress.")
@click.option("--yes", "agreed", is_flag=True, help="Do not ask before it is shared with everyone.")
def use(
    template_id: str, version: int | None, email: str | None, output: Path | None, quiet: bool, agreed: bool
) -> None:
    """Ask for the report of a template, wait for it, write its file, as `reportdesk report` does."""
    with connected() as settings:
        database_setup.prepare()
        actor = accounts.user_by_email(email) if email else report.administrator()
        try:
            job = using.use(actor, template_id, version, insist=True, agreed=agreed)
        except NotAgreedError as error:
            click.confirm(f"{error} Share it with them?", abort=True, err=True)
            job = using.use(actor, template_id, version, insist=True, agreed=True)
        report.deliver(settings, actor, job, output, quiet=quiet)


@command.command("retire")
@click.argument("template_id")
@click.option("--bring-back", is_flag=True, help="It can be used again.")
def retire(template_id: str, bring_back: bool) -> None:
    """Take a template out of use; its versions stay, and it can be brought back."""
    with connected():
        template = (following.bring_back if bring_back else following.retire)(TERMINAL, template_id)
        click.echo(f"“{facts.name_of(template)}” {'can be used again' if bring_back else 'is retired'}.")
