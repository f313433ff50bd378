"""The demo belongs to a home without people; its accounts are marked, those of older installations too."""

from __future__ import annotations

from typing import Any

import pytest
from bson import ObjectId

from tests.factories import People, make_user
from webapp import demo
from webapp.documents import User
from webapp.services import database_setup
from webapp.services.people import accounts, demo_accounts
from webapp.services.people.demo_accounts import DemoSignInError, NotADemoHomeError
from webapp.services.permissions import TERMINAL


def everything(database: Any) -> dict[str, int]:
    return {name: database[name].count_documents({}) for name in database.list_collection_names()}


def test_beside_real_people_the_demo_is_refused_in_words_and_adds_nothing(people: People, database: Any) -> None:
    before = everything(database)
    assert not demo.may_be_built()
    with pytest.raises(NotADemoHomeError, match="There are people here already"):
        demo.build(scale=0.01)
    assert everything(database) == before
    assert User.objects(email="admin@demo.example").first() is None


@pytest.mark.parametrize(
    "fields", [{"password_hash": None}, {"is_active": False}, {"roles": ["learner"], "email": None}]
)
def test_somebody_who_cannot_sign_in_is_a_person_too(database: Any, fields: dict[str, Any]) -> None:
    """Imported, learner, or left: they are real."""
    User(**{"name": "Real", "email": "real@staff.example", **fields}).save()
    with pytest.raises(NotADemoHomeError):
        demo.build(scale=0.01)


def test_a_demo_is_whole_marked_and_finished_after_it_was_cut_short(database: Any) -> None:
    demo.build(scale=0.01)
    assert User.objects(is_demo__ne=True).count() == 0
    assert {user.email for user in User.objects(is_demo=True, email__exists=True)} >= set(demo.SIGN_INS)
    # Cut short: the last document is missing, the demo's own people do not stand in its way.
    database.certificates.delete_one({"externalId": "demo-last"})
    demo.build(scale=0.01)
    assert demo.is_built()


def test_the_terminals_own_account_is_nobody(database: Any) -> None:
    accounts.create_user(TERMINAL, name="Terminal", email=accounts.TERMINAL_ADDRESS, roles=["system-admin"])
    assert demo.may_be_built()


def test_a_demo_of_before_is_marked_when_a_program_starts_and_nobody_else_is(database: Any) -> None:
    demo.build(scale=0.01)
    real = [
        make_user("olivia owner", ["staff"], []),
        # Made in the very second that the demo's ids begin with, and one of that address made by hand.
        User(id=ObjectId("64656d6f" + "00" * 8), name="Coincidence", email="c@staff.example").save(),
        User(name="By hand", email="someone@demo.example").save(),
    ]
    User.objects.update(unset__is_demo=1)
    assert User.objects(is_demo=True).count() == 0
    database_setup.prepare()
    assert User.objects(is_demo__ne=True).count() == len(real)
    assert all(not user.reload().is_demo for user in real)
    marked = {user.email for user in User.objects(is_demo=True) if user.email}
    assert marked >= {*demo.SIGN_INS, "exams@demo.example", "instructor18@demo.example"}
    assert demo_accounts.mark() == 0


def test_only_the_demos_accounts_are_kept_to_the_machine(people: People) -> None:
    demo_accounts.require_at_home(people.owner, is_local=False)
    people.owner.is_demo = True
    demo_accounts.require_at_home(people.owner, is_local=True)
    with pytest.raises(DemoSignInError, match="published password"):
        demo_accounts.require_at_home(people.owner, is_local=False)
