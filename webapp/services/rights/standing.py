"""Whether a report that waits may still be made: its requester may have left, or lost the right, since they asked.

Asked when a job starts, of the database itself: what a process remembers may be seconds old.
"""

from __future__ import annotations

from webapp.documents import ReportJob, User
from webapp.errors import ReportdeskError
from webapp.messages import Message
from webapp.services import permissions
from webapp.services.rights import data_scope
from webapp.services.rights.data_scope import DataScope


class RequesterGoneError(ReportdeskError):
    """Nobody active asked for it."""

    code = "requester-gone"
    hint = Message("Duplicate it to make it your own.")

    def __init__(self) -> None:
        super().__init__(Message("The person who asked for this report has left, so it was not made."))


class RightLostError(ReportdeskError):
    """No role of its requester allows to ask for reports any more."""

    code = "right-lost"
    hint = Message("Duplicate it to make it your own, or have an administrator give the right back.")

    def __init__(self) -> None:
        super().__init__(
            Message("The person who asked for this report may not ask for reports any more, so it was not made.")
        )


class ScopeLostError(ReportdeskError):
    """It would count rows that its requester may not read today."""

    code = "scope-lost"
    hint = Message("Make it again: it then counts the rows that they may read today.")

    def __init__(self) -> None:
        super().__init__(
            Message(
                "This report would count rows that the person who asked for it may not read any more, so it was not "
                "made."
            )
        )


def standing_requester(job: ReportJob) -> User:
    """Who asked for the job, if they are still here and may still ask. Raises RequesterGoneError and RightLostError."""
    requester = User.objects(id=job.requested_by, is_active=True).first()
    if requester is None:
        raise RequesterGoneError
    if not permissions.may_ask(requester):
        raise RightLostError
    return requester


def require_standing(job: ReportJob, scope: DataScope) -> None:
    """Raises as `standing_requester`, and ScopeLostError unless its requester may read all of `scope` today."""
    if not data_scope.data_scope(standing_requester(job)).covers(scope):
        raise ScopeLostError
