"""What the engine refuses, and why."""

from __future__ import annotations

from http import HTTPStatus

from webapp.errors import InvalidRequestError, ReportdeskError


class QueryError(InvalidRequestError):
    """A question that the declarations do not allow."""

    code = "invalid-question"


class QuestionTooSlowError(ReportdeskError):
    """A question took longer than whoever asked could wait."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "question-too-slow"
    hint = "Ask for the report: a worker has the time."

    def __init__(self, seconds: float) -> None:
        super().__init__(f"The answer takes longer than {seconds:.0f} seconds to work out.")
