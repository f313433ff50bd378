"""Every deliberate error: an HTTP status, one sentence, and a hint that says what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from webapp.messages import Message


class ReportdeskError(Exception):
    """Something a person should be told, in words made for them.

    `str(error)` is one sentence naming the thing and what happened; `hint` says what to do next. Both are Messages,
    which pages say in the reader's language; a plain text stays as it is.
    """

    status: HTTPStatus = HTTPStatus.INTERNAL_SERVER_ERROR
    code: str = "internal-error"
    hint: str = ""
    #: True when trying again cannot help: the worker fails the job at once.
    is_permanent: bool = True

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        if hint is not None:
            self.hint = hint

    def __str__(self) -> str:
        return str(self.args[0])

    @property
    def with_hint(self) -> str:
        """What happened, and what to do next."""
        return Message.joined([str(self), self.hint])


class NotFoundError(ReportdeskError):
    """The thing does not exist, or the person may not know that it does. The two are told alike."""

    status = HTTPStatus.NOT_FOUND
    code = "not-found"
    hint = Message("Check the address, or ask the person who shared it with you.")


class ForbiddenError(ReportdeskError):
    """The person may see the thing, but not do this to it."""

    status = HTTPStatus.FORBIDDEN
    code = "forbidden"
    hint = Message("Ask an administrator if you need this.")


class InvalidRequestError(ReportdeskError):
    """What was asked for cannot be done as asked. `fields` holds one sentence per field at fault."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "invalid-request"
    hint = Message("Correct the marked fields and try again.")

    def __init__(self, fields: Mapping[str, str], *, hint: str | None = None) -> None:
        self.fields = dict(fields)
        super().__init__(Message.joined(self.fields.values()), hint=hint)


class ConflictError(ReportdeskError):
    """The thing changed in the meantime, so that the action no longer applies."""

    status = HTTPStatus.CONFLICT
    code = "conflict"
    hint = Message("Reload the page to see how it is now.")
