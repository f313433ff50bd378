"""How a report is made in parts, in a sentence or two."""

from __future__ import annotations

from webapp.documents import Burst, MadeInParts, PartBy
from webapp.messages import Message
from webapp.services.rights import organisation

_FOR_EACH = {
    PartBy.DEPARTMENT: Message("Beside the whole, one report for each department, with all below it."),
    PartBy.CLASS: Message("Beside the whole, one report for each class."),
    PartBy.INSTRUCTOR: Message("Beside the whole, one report for each instructor."),
}


def burst_in_words(burst: Burst | MadeInParts) -> Message:
    """For whom there is one, and from where on."""
    told: list[str] = [_FOR_EACH[PartBy(burst.by)]]
    if burst.root_id is not None:
        root = organisation.departments().get(burst.root_id)
        told.append(
            Message("Down the tree from %(name)s.", name=root.name)
            if root is not None
            else Message("Down the tree from a department that is not there any more.")
        )
    if burst.named:
        told.append(
            Message.counted(
                "For %(num)s of them other persons are named.", "For %(num)s of them other persons are named.",
                len(burst.named),
            )
        )  # fmt: skip
    return Message.joined(told)
