"""Sharing with everyone: asked about before it is set, with the number of people, and forbidden where the installation
says so for reports that name learners."""

from __future__ import annotations

from webapp.documents import ReportJob
from webapp.errors import ConflictError, InvalidRequestError
from webapp.messages import Message
from webapp.services.questions import as_query, ways
from webapp.services.questions.named_learners import why_not_everyone
from webapp.services.rights import visibility
from webapp.services.rights.data_scope import DataScope
from webapp.services.rights.visibility import EVERYONE
from webapp.settings import get_settings


class NotAgreedError(ConflictError):
    """Sharing with everyone was asked for by somebody who has not been told yet how many they are: `people`."""

    code = "share-with-everyone"
    hint = Message("Say so once more if that is what you want.")

    def __init__(self, people: int) -> None:
        super().__init__(
            Message.counted(
                "%(num)s person would see this report: everyone who may ask for reports.",
                "%(num)s people would see this report: everyone who may ask for reports.",
                people,
            )
        )
        self.people = people


def require_agreed(visibility_key: str, is_agreed: bool) -> None:
    """Raises NotAgreedError for a report that everyone would see, unless its sharer was told and agreed."""
    if visibility_key == EVERYONE and not is_agreed:
        raise NotAgreedError(visibility.people_of_everyone())


def require_shareable(job: ReportJob, visibility_key: str) -> None:
    """Raises InvalidRequestError under `visibility` for a report that may not be shared so."""
    if visibility_key != EVERYONE or not get_settings().forbid_everyone_for_named_learners:
        return
    query = as_query.to_query(ways.from_job(job), DataScope())
    if problem := why_not_everyone(visibility_key, query):
        raise InvalidRequestError({"visibility": problem})
