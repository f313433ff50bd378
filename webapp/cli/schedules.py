"""`reportdesk schedules`: reports that are made again and again."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import click
from bson import ObjectId

from webapp.cli.session import connected
from webapp.clock import aware
from webapp.documents import Burst, ReportJob, ReportSchedule, ScheduleFire
from webapp.services import database_clock
from webapp.services.bursting.in_words import burst_in_words
from webapp.services.jobs import parts
from webapp.services.people import accounts
from webapp.services.permissions import TERMINAL, Actor
from webapp.services.rights import organisation
from webapp.services.schedules import asked, firing, keeping, lists, planning
from webapp.services.schedules.in_words import rule_in_words
from webapp.services.schedules.lists import ListQuery, State, Whose
from webapp.services.schedules.rights import visible_schedule

_AS = click.option("--as", "email", default=None, help="Who asks; default: the terminal, as the audit trail says.")


def _actor(email: str | None) -> Actor:
    return accounts.user_by_email(email) if email else TERMINAL


@click.group()
def command() -> None:
    """Reports that are made again and again: list, run, pause, resume."""


@command.command("list")
@click.option("--find", "text", default="", help="Only those with these words in name, owner, type or recipients.")
@click.option(
    "--state",
    type=click.Choice([each.value for each in State if each]),
    default=None,
    help="Only those in this state.",
)
@_AS
def list_(text: str, state: str | None, email: str | None) -> None:
    """Every schedule that one may see, the next run first, as JSON lines."""
    with connected():
        actor = _actor(email)
        query = ListQuery(Whose.DEPARTMENT, text, State(state or ""))
        own = {each.id: each for each in lists.matching(actor, ListQuery(Whose.OWN, text, State(state or "")))}
        found = {each.id: each for each in lists.matching(actor, query)} | own
        names = organisation.names_of_people(each.owner_id for each in found.values() if each.owner_id)
        for each in ReportSchedule.objects(id__in=list(found)).order_by("next_run_at"):
            click.echo(json.dumps(_line(each, found[each.id].state, names.get(each.owner_id, ""))))


def _line(schedule: ReportSchedule, state: State, owner: str) -> dict[str, Any]:
    return {
        "id": str(schedule.id),
        "name": schedule.name,
        "owner": owner,
        "when": str(rule_in_words(schedule)),
        "state": state.value,
        "next": _text(schedule.next_run_at),
        "last": schedule.last_run.outcome if schedule.last_run else None,
    }


@command.command()
@click.argument("schedule_id")
@_AS
def show(schedule_id: str, email: str | None) -> None:
    """One schedule with its last fires, as JSON."""
    with connected():
        actor = _actor(email)
        found = visible_schedule(actor, schedule_id)
        names = organisation.names_of_people(asked.people_of(found))
        click.echo(
            json.dumps(
                {
                    **_line(found, lists.state_of(found), names.get(found.owner_id, "")),
                    "co_owners": [names.get(each, str(each)) for each in found.co_owner_ids],
                    "paused": found.pause_text or None,
                    "report_type": found.report_type,
                    "parts": _burst(found.burst),
                    "fires": [_fire(each) for each in lists.history(actor, found.id)],
                },
                indent=1,
            )
        )


def _fire(line: ScheduleFire) -> dict[str, Any]:
    return {
        "for": _text(line.fired_for),
        "why": line.why,
        "outcome": line.outcome,
        "job": str(line.job_id) if line.job_id else None,
        "said": line.text or None,
        "parts": _parts(line.job_id),
    }


def _burst(burst: Burst | None) -> dict[str, Any] | None:
    """How its reports are made in parts, too."""
    if burst is None:
        return None
    return {
        "for_each": burst.by,
        "from": str(burst.root_id) if burst.root_id else None,
        "by_mail": bool(burst.by_mail),
        "named_for": [str(each.part_id) for each in burst.named],
        "said": str(burst_in_words(burst)),
    }


def _parts(whole_id: ObjectId | None) -> list[dict[str, Any]] | None:
    """The parts of one run: their reports, how far each is, and whom it is for."""
    whole = ReportJob.objects(id=whole_id).only("burst").first() if whole_id else None
    if whole is None or whole.burst is None:
        return None
    states = {job.id: job.status for job in parts.of(whole.id, "status")}
    people = {person for each in whole.burst.parts for person in each.recipient_ids}
    names = organisation.names_of_people(people)
    return [
        {
            "name": each.name,
            "job": str(each.job_id) if each.job_id else None,
            "state": states.get(each.job_id),
            "for": [*(names.get(person, str(person)) for person in each.recipient_ids), *each.addresses],
            "said": each.text or None,
        }
        for each in whole.burst.parts
    ]


@command.command("next")
@click.argument("schedule_id")
@click.option("--count", type=click.IntRange(1, 100), default=5, show_default=True, help="So many runs.")
@_AS
def next_(schedule_id: str, count: int, email: str | None) -> None:
    """When it runs next, in its own time zone, a line each; nothing where it is paused or over."""
    with connected():
        found = visible_schedule(_actor(email), schedule_id)
        if found.is_running:
            zone = planning.rule_of(found).zone
            for run in planning.next_runs(found, database_clock.now(), count=count):
                click.echo(run.astimezone(zone).isoformat())


@command.command()
@click.argument("schedule_id")
@_AS
def run(schedule_id: str, email: str | None) -> None:
    """Make its report now, for its owner; its times stay as they are. Prints the report's id."""
    with connected():
        click.echo(str(firing.run_now(_actor(email), schedule_id).id))


@command.command()
@click.argument("schedule_id")
@click.option("--reason", default="", help="What its people are told.")
@_AS
def pause(schedule_id: str, reason: str, email: str | None) -> None:
    """Stop it until somebody resumes it."""
    with connected():
        keeping.pause(_actor(email), schedule_id, reason)
        click.echo("Paused.")


@command.command()
@click.argument("schedule_id")
@_AS
def resume(schedule_id: str, email: str | None) -> None:
    """Let it go on; runs that were missed meanwhile are not made up for."""
    with connected():
        found = keeping.resume(_actor(email), schedule_id)
        click.echo(f"Resumed; next: {_text(found.next_run_at) or 'when new data comes'}.")


def _text(moment: datetime | None) -> str | None:
    return aware(moment).isoformat() if moment else None
