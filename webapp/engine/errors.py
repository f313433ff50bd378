"""What the engine refuses, and why."""

from __future__ import annotations

from http import HTTPStatus

from webapp.errors import InvalidRequestError, ReportdeskError
from webapp.messages import Message


class QueryError(InvalidRequestError):
    """A question that the declarations do not allow."""

    code = "invalid-question"


class QuestionTooSlowError(ReportdeskError):
    """A question took longer than whoever asked could wait."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "question-too-slow"
    hint = Message("Ask for the report: a worker has the time.")

    def __init__(self, seconds: float) -> None:
        super().__init__(
            Message("The answer takes longer than %(seconds)s seconds to work out.", seconds=round(seconds))
        )
