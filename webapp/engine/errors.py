"""What the engine refuses, and why."""

from __future__ import annotations

from webapp.errors import InvalidRequestError


class QueryError(InvalidRequestError):
    """A question that the declarations do not allow."""

    code = "invalid-question"
