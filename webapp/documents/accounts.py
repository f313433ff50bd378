"""Accounts and what they are in which department, departments and teams."""

from __future__ import annotations

import mongoengine as me

from webapp.documents.base import Stamped


class Department(Stamped):
    """A node of the department tree; `parent_id` is None at the top."""

    meta = {
        "collection": "departments",
        "indexes": [
            {"fields": ["external_id"], "unique": True, "sparse": True},
            "code",
            "parent_id",
            "updated_at",
        ],
    }

    external_id = me.StringField(db_field="externalId", max_length=255)
    name = me.StringField(required=True, max_length=255)
    code = me.StringField(required=True, max_length=100)
    parent_id = me.ObjectIdField(db_field="parentId")
    edited_at = me.DateTimeField(db_field="editedAt")  # here, and not in the record yet (`services.record.mirror`)
    is_active = me.BooleanField(db_field="isActive", default=True)


class Team(Stamped):
    """People who work together; sharing a report with the `team` reaches everyone in one of its requester's teams."""

    meta = {"collection": "teams", "indexes": ["department_id"]}

    name = me.StringField(required=True, max_length=255)
    department_id = me.ObjectIdField(db_field="departmentId")
    is_active = me.BooleanField(db_field="isActive", default=True)


class Membership(me.EmbeddedDocument):
    """What an account is in one department. An inactive one counts for nothing; the primary one is where its reports
    are filed unless another is named."""

    meta = {"strict": False}

    department_id = me.ObjectIdField(db_field="departmentId", required=True)
    roles = me.ListField(me.StringField(max_length=100))
    is_primary = me.BooleanField(db_field="isPrimary", default=False)
    is_active = me.BooleanField(db_field="isActive", default=True)


class User(Stamped):
    """An account: who may sign in. Ours alone; no source of the learning record writes one.

    Roles are keys of the lookup category `role`; what a role allows stands in that lookup's `metadata.permissions`.
    Those that allow something on the whole desk are held in `roles`, every other one in a department's membership
    (`services.permissions`). `person_id` ties the account to a person of the record: their classes are the ones that
    this person teaches.
    """

    meta = {
        "collection": "users",
        "indexes": [
            {"fields": ["email"], "unique": True, "sparse": True},
            # Of each index at most one field may be a list: MongoDB refuses documents with two ("parallel arrays").
            "memberships.department_id",
            "team_ids",
            # Those who can sign in.
            {"fields": ["password_hash"], "sparse": True},
            # Whose account a person of the record has.
            {"fields": ["person_id"], "sparse": True},
            ["roles", "name"],
            "updated_at",
        ],
    }

    email = me.StringField(max_length=320)  # kept in lower case
    name = me.StringField(required=True, max_length=255)
    password_hash = me.StringField(db_field="passwordHash")
    # Raised by whatever ends all sessions of the person at once (`services.people.sessions`).
    session_epoch = me.IntField(db_field="sessionEpoch", default=0)
    roles = me.ListField(me.StringField(max_length=100))
    memberships = me.EmbeddedDocumentListField(Membership)
    team_ids = me.ListField(me.ObjectIdField(), db_field="teamIds")
    person_id = me.ObjectIdField(db_field="personId")
    is_active = me.BooleanField(db_field="isActive", default=True)
    deactivated_by = me.ObjectIdField(db_field="deactivatedBy")  # none: active, or ended from the terminal
    is_demo = me.BooleanField(db_field="isDemo")  # of the invented organisation; its password is published
    time_zone = me.StringField(db_field="timeZone")
    locale = me.StringField(max_length=10)
    favourite_template_ids = me.ListField(me.ObjectIdField(), db_field="favouriteTemplateIds")

    def clean(self) -> None:
        self.email = self.email.strip().lower() if self.email and self.email.strip() else None
