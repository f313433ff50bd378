"""A report that is made in parts: one for the whole, and one for each department, class or instructor (DESIGN §10).

A schedule says how (`Burst`); the report that it makes keeps that, and which parts there were at that moment
(`MadeInParts`). The names in MongoDB are camelCase, as those of jobs are.
"""

from __future__ import annotations

from enum import StrEnum

import mongoengine as me
from mongoengine.errors import ValidationError

from webapp.documents.base import LooseEmbedded
from webapp.messages import Message, text_of

#: Of one report. More files at once nobody hands out, and everybody else would wait for them.
MOST_PARTS = 200
#: Persons who are named for one part in place of those who run it.
MOST_NAMED = 20
PART_NAME_LENGTH = 300
ADDRESS_LENGTH = 320


class PartBy(StrEnum):
    """What each part is of."""

    DEPARTMENT = "department"  # with all below it
    CLASS = "class"
    INSTRUCTOR = "instructor"  # the classes that a person teaches


class PartsState(StrEnum):
    """What is still to be done about the parts of a report; nothing once the field is gone."""

    TO_MAKE = "to-make"  # as soon as the whole is ready
    BEING_MADE = "being-made"


class NamedForPart(LooseEmbedded):
    """Who gets one part in place of those who run it: addresses of e-mail."""

    part_id = me.ObjectIdField(db_field="partId", required=True)
    addresses = me.ListField(me.StringField(max_length=ADDRESS_LENGTH))


class _ForEach(LooseEmbedded):
    """One report for each of what. `root_id`: the department from which to go down the tree; None: from the top."""

    meta = {"abstract": True, "strict": False}

    by = me.StringField(required=True, choices=[each.value for each in PartBy])
    root_id = me.ObjectIdField(db_field="rootId")
    by_mail = me.BooleanField(db_field="byMail", default=True)  # beside the notice in their inbox, with the file
    named = me.EmbeddedDocumentListField(NamedForPart)

    def problems(self) -> dict[str, ValidationError]:
        """What it lacks or has too much of, by its fields."""
        errors: dict[str, ValidationError] = {}
        if self.root_id is not None and self.by != PartBy.DEPARTMENT:
            errors["burst.root_id"] = ValidationError(Message("Only departments have a tree to go down from."))
        parts = [each.part_id for each in self.named]
        if len(parts) != len(set(parts)):
            errors["burst.named"] = ValidationError(Message("Persons are named for the same part more than once."))
        elif len(parts) > MOST_PARTS or any(len(each.addresses) > MOST_NAMED for each in self.named):
            text = Message(
                "Persons can be named for %(parts)s parts, %(named)s for each.", parts=MOST_PARTS, named=MOST_NAMED
            )
            errors["burst.named"] = ValidationError(text)
        return errors


class Burst(_ForEach):
    """How a schedule has its reports made in parts."""


class PartMade(LooseEmbedded):
    """One part as it was when the parts were found: whose it is, its report, and who gets that."""

    part_id = me.ObjectIdField(db_field="partId", required=True)
    name = me.StringField(required=True, max_length=PART_NAME_LENGTH)
    job_id = me.ObjectIdField(db_field="jobId")  # None: none is made, and `said` says why
    recipient_ids = me.ListField(me.ObjectIdField(), db_field="recipientIds")  # accounts
    addresses = me.ListField(me.StringField(max_length=ADDRESS_LENGTH))  # of persons without an account
    said = me.DynamicField()

    @property
    def text(self) -> str:
        """`said`, to be told in whatever language it is read."""
        return text_of(self.said)


class MadeInParts(_ForEach):
    """How one report is made in parts, and which there are. `found_at` None: nobody has looked yet."""

    found_at = me.DateTimeField(db_field="foundAt")
    parts = me.EmbeddedDocumentListField(PartMade)
    said = me.DynamicField()  # why no part at all is made

    @property
    def text(self) -> str:
        return text_of(self.said)
