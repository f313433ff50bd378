"""The invented organisation's people: known by a mark, and at home on the machine itself only, for their password is
published."""

from __future__ import annotations

from bson import ObjectId

from webapp.documents import User
from webapp.errors import ConflictError, ForbiddenError
from webapp.messages import Message
from webapp.services.people.accounts import TERMINAL_ADDRESS
from webapp.services.record import reading

#: How the ids of the demo's people have always begun (`demo.build`): staff, instructors, learners.
_KINDS = (b"demostaf", b"demoinst", b"demolear")
#: What the learning record calls where the demo's rows come from.
SOURCE = "demo"


class NotADemoHomeError(ConflictError):
    """The demo was to be added beside real people."""

    code = "not-a-demo-home"
    hint = Message("Try the demo in a home of its own: set REPORTDESK_HOME to an empty folder.")

    def __init__(self) -> None:
        super().__init__(
            Message(
                "There are people here already. The demo organisation is not added beside them: its sign-ins are "
                "published, one of them an administrator's."
            )
        )


class DemoSignInError(ForbiddenError):
    """Somebody elsewhere knows the published password."""

    code = "demo-sign-in-elsewhere"
    hint = Message("Open it on the machine that it runs on, or ask whoever runs it for an account of your own.")

    def __init__(self) -> None:
        super().__init__(
            Message(
                "The demo's accounts have a published password, so they can sign in only on the machine that this runs "
                "on, and only while it answers nobody else."
            )
        )


def require_nobody_else() -> None:
    """Raises NotADemoHomeError where anybody is who is not the demo's: with an account, or known from an import."""
    if User.objects(is_demo__ne=True, email__ne=TERMINAL_ADDRESS).only("id").first() is not None:
        raise NotADemoHomeError
    if reading.rows("persons", ["id"], "source <> ?", [SOURCE]):
        raise NotADemoHomeError


def require_at_home(person: User, *, is_local: bool) -> None:
    """Raises DemoSignInError for an account of the demo that is used from elsewhere."""
    if person.is_demo and not is_local:
        raise DemoSignInError


def mark() -> int:
    """Mark the people of demos that were made before there was a mark; returns how many."""
    marked = 0
    for kind in _KINDS:
        # By `_id` alone, in one range: no other id begins so.
        theirs = {"_id": {"$gte": ObjectId(kind + bytes(4)), "$lt": ObjectId(kind + b"\xff" * 4)}}
        if User._get_collection().find_one({**theirs, "isDemo": {"$ne": True}}, {"_id": 1}) is not None:
            marked += User._get_collection().update_many(theirs, {"$set": {"isDemo": True}}).modified_count
    return marked
