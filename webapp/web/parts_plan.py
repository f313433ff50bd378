"""Who would get what of a report that is made in parts: worked out when somebody asks, in a slot of the previews."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from flask_babel import gettext as _

from webapp.documents import Burst, User
from webapp.errors import InvalidRequestError, ReportdeskError
from webapp.services.bursting import checking, preview
from webapp.services.questions.request import ReportRequest
from webapp.web import preview_slots
from webapp.web.languages import in_readers_language as said


def told(actor: User, owner: User, burst: Burst | None, asks: Callable[[], ReportRequest]) -> dict[str, Any]:
    """What the template `_parts_plan.html` shows: the plan, or why there is none; and the status of the answer.

    `actor` waits for a slot; `owner` is by whose rights it would be made.
    """
    if burst is None:
        return nothing([_("The whole alone is made: choose for whom there is a report of its own.")])
    with preview_slots.slot(actor.id) as is_free:
        if not is_free:
            text = _("Earlier previews are still being made. Try again in a moment.")
            return nothing([text], HTTPStatus.TOO_MANY_REQUESTS)
        try:
            request: ReportRequest = asks()
            if wrong := checking.problems(owner, burst, request):
                return nothing([said(text) for text in wrong.values()])
            return {"plan": preview.plan(owner, request, burst), "problems": [], "status": HTTPStatus.OK}
        except InvalidRequestError as error:
            return nothing([said(text) for text in error.fields.values()])
        except ReportdeskError as error:
            return nothing([said(error.with_hint)])


def nothing(problems: list[str], status: HTTPStatus = HTTPStatus.OK) -> dict[str, Any]:
    return {"plan": None, "problems": problems, "status": status}
