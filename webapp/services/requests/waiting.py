"""How many reports of one person may wait at once: enough for a night's work, not so many that they fill the queue."""

from __future__ import annotations

from bson import ObjectId

from webapp.documents import ReportJob
from webapp.documents.job_status import WAITING
from webapp.errors import InvalidRequestError
from webapp.messages import Message

MOST_WAITING = 200


class TooManyWaitingError(InvalidRequestError):
    """The person has so many reports waiting that one more would help nobody."""

    code = "too-many-waiting"
    hint = Message("Wait until some are made, or cancel those that are no longer needed.")

    def __init__(self) -> None:
        text = Message(
            "%(most)s reports of yours are waiting already; more cannot be asked for now.", most=MOST_WAITING
        )
        super().__init__({"waiting": text})


def require_room(requester_id: ObjectId, *, besides: int = 0) -> None:
    """Raises TooManyWaitingError when `MOST_WAITING` reports wait, `besides` of them not counted, nor parts: of these
    their whole counts."""
    jobs = ReportJob._get_collection()
    waiting = 0
    for state in WAITING:
        # By the index `requester`, a status at a time, and never further than the answer needs.
        one = {"requestedBy": requester_id, "status": state.value, "parentId": None}
        waiting += jobs.count_documents(one, limit=MOST_WAITING + 1, hint="requester")
    if waiting - besides >= MOST_WAITING:
        raise TooManyWaitingError
