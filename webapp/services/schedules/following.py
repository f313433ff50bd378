"""Schedules that follow a template: they stop when it is retired, and their people are told when it is back."""

from __future__ import annotations

from bson import ObjectId

from webapp.documents import ReportSchedule, ReportTemplate
from webapp.messages import Message
from webapp.services import database_clock
from webapp.services.permissions import Actor
from webapp.services.schedules import asked, keeping, telling
from webapp.services.templates import facts, sharing
from webapp.services.templates.standing import TemplateRetiredError


def retire(actor: Actor, template_id: str | ObjectId) -> ReportTemplate:
    """Retire a template, and pause what follows it. Whoever is killed in between leaves the rest to the next fire of
    each. Raises TemplateNotFoundError and ForbiddenError."""
    template = sharing.retire(actor, template_id)
    for schedule in ReportSchedule.objects(template_id=template.id, is_active=True, is_paused=False):
        pause(schedule, template)
    return template


def bring_back(actor: Actor, template_id: str | ObjectId) -> ReportTemplate:
    """Let a template be used again. What followed it stays paused, because its people may have done without it; they
    are told that it can be resumed. Raises TemplateNotFoundError and ForbiddenError."""
    template = sharing.bring_back(actor, template_id)
    for schedule in ReportSchedule.objects(template_id=template.id, is_active=True, is_paused=True):
        if schedule.paused_for_template == template.id:
            text = Message(
                "The template “%(template)s” can be used again: “%(name)s” can be resumed.",
                template=facts.name_of(template),
                name=schedule.name,
            )
            telling.tell_people(schedule, text, once=f"back:{template.updated_at.isoformat()}")
    return template


def paused_with_its_template(schedule: ReportSchedule) -> bool:
    """Pause it if its template is retired; true where it is."""
    template = asked.template_of(schedule)
    if template is None or template.is_active:
        return False
    pause(schedule, template)
    return True


def pause(schedule: ReportSchedule, template: ReportTemplate) -> None:
    """Because its template is retired; its people are told."""
    keeping.pause_by_itself(
        schedule, database_clock.now(), TemplateRetiredError(template).args[0], pausedForTemplate=template.id
    )
