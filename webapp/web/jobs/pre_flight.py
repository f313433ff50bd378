"""What asking would give, before anything is asked: first rows, size, wait, limits, and what the records lack."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext
from markupsafe import Markup

from webapp import clock, renderers
from webapp.documents import LookupCategory, User
from webapp.renderers import chart_sketch
from webapp.services.lookups import values as lookups
from webapp.services.questions.request import ReportRequest
from webapp.services.queue import status as queue_status
from webapp.services.requests import previews
from webapp.services.requests.previews import Preview
from webapp.services.rights import organisation, visibility
from webapp.web.formatting import number
from webapp.web.jobs import report_view

PREVIEW_ROWS = 15


def context(actor: User, asked: ReportRequest, found: Preview) -> dict[str, Any]:
    """What the template `jobs/_preview.html` shows of the answer `found` to the question `asked`."""
    ranks = {each.key: each.metadata.get("rank", 0) for each in lookups.active(LookupCategory.REPORT_PRIORITY)}
    waiting = queue_status.explain_asking(
        actor.id, asked.report_type, int(ranks.get(asked.priority, 0)), asked.scheduled_for
    )
    estimate = previews.estimate(asked.report_type, found.result)
    limit = renderers.limits_in_words(asked.format, found.result.row_count, len(found.result.columns))
    return {
        "found": found,
        "columns": [vars(column) for column in found.result.columns],
        "rows": found.rows[:PREVIEW_ROWS],
        "sketch": Markup(chart_sketch.sketch(found.chart)) if found.chart is not None else None,  # noqa: S704 - escaped
        "estimate": estimate,
        "sizes": [(key, size) for key, size in estimate.bytes.items() if size is not None],
        "age": clock.utcnow() - found.published_at if found.published_at else None,
        "wait": report_view.waiting_words(waiting),
        "warnings": [
            *([limit] if limit else []),
            *([_other_terms_in_words(found)] if found.other_terms else []),
            *(_gap_in_words(what, count) for what, count in found.gaps.items()),
        ],
        "audience": visibility.audience(
            actor, asked.visibility, asked.department_id or next(iter(organisation.departments_of(actor)), None)
        ),
    }


def _other_terms_in_words(found: Preview) -> str:
    count, named = sum(found.other_terms.values()), found.other_terms.items()
    told = ngettext(
        "%(n)s of the %(all)s records in this period is of a term that is not on in it: %(terms)s.",
        "%(n)s of the %(all)s records in this period are of terms that are not on in it: %(terms)s.",
        count,
        n=number(count),
        all=number(found.result.rows_matched),
        terms=", ".join(f"{name} ({number(each)})" for name, each in named),
    )
    advice = _("To have a term, whole and nothing else, choose the term as the period.")
    return f"{told} {advice}"


def _gap_in_words(what: str, count: int) -> str:
    texts = {
        "class": ngettext("%(n)s record names no class.", "%(n)s records name no class.", count, n=number(count)),
        "learner": ngettext("%(n)s record names no learner.", "%(n)s records name no learner.", count, n=number(count)),
        "event-type": ngettext(
            "%(n)s event is of a kind that nobody has named yet.",
            "%(n)s events are of a kind that nobody has named yet.",
            count,
            n=number(count),
        ),
    }
    counted = _("They are counted, under an empty group.")
    return f"{texts[what]} {counted}"
