"""Accounts, passwords and roles."""

from __future__ import annotations

import pytest
from bson import ObjectId

from tests.factories import PASSWORD
from webapp.documents import Membership, User
from webapp.errors import ConflictError, InvalidRequestError, NotFoundError
from webapp.services.people import accounts, passwords
from webapp.services.permissions import TERMINAL


def test_the_right_password_signs_in_and_a_wrong_one_does_not(people):
    assert accounts.authenticate("Olivia.Owner@staff.example ", PASSWORD).id == people.owner.id
    assert accounts.authenticate("olivia.owner@staff.example", PASSWORD + "x") is None
    assert accounts.authenticate("nobody@staff.example", PASSWORD) is None
    assert accounts.authenticate("", "") is None


def test_someone_who_left_or_has_no_password_cannot_sign_in(people):
    people.owner.is_active = False
    people.owner.save()
    people.colleague.password_hash = None
    people.colleague.save()
    assert accounts.authenticate(people.owner.email, PASSWORD) is None
    assert accounts.authenticate(people.colleague.email, PASSWORD) is None


def test_a_password_is_kept_as_an_argon2id_hash_only(people):
    accounts.set_password(people.owner, "another good one", by=TERMINAL)
    stored = User.objects.get(id=people.owner.id).password_hash
    assert stored.startswith("$argon2id$")
    assert "another" not in stored


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"email": "not an address"}, "email"),
        ({"email": None, "password": "long enough ok"}, "email"),
        ({"password": "short"}, "password"),
        ({"password": "x" * 2000}, "password"),
        ({"roles": ["emperor"]}, "roles"),
        ({"roles": ["staff"]}, "roles"),  # held in a department
        ({"memberships": [Membership(department_id=ObjectId("1" * 24), roles=["staff"])]}, "memberships"),
        ({"person_id": ObjectId("1" * 24)}, "person_id"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
    ],
)
def test_a_bad_account_is_refused_under_its_field(database, values, field):
    with pytest.raises(InvalidRequestError) as caught:
        accounts.create_user(
            TERMINAL, **{"name": "New", "email": "new@staff.example", "roles": ["billing-admin"], **values}
        )
    assert list(caught.value.fields) == [field]


def test_an_address_is_used_once_whatever_its_case(people):
    with pytest.raises(ConflictError, match="already an account"):
        accounts.create_user(TERMINAL, name="Twin", email="OLIVIA.owner@staff.example", roles=["billing-admin"])


def test_many_people_may_have_no_address(database):
    for number in range(3):
        accounts.create_user(TERMINAL, name=f"Auditor {number}", email=None, roles=["billing-admin"])
    assert User.objects(roles="billing-admin").count() == 3


def test_only_an_active_account_may_act(people):
    assert accounts.active_user(str(people.owner.id)).id == people.owner.id
    User.objects(id=people.owner.id).update(set__is_active=False)
    assert accounts.active_user(str(people.owner.id)) is None
    assert accounts.active_user("not an id") is None
    with pytest.raises(NotFoundError):
        accounts.user_by_email(people.owner.email)


def test_a_password_without_an_account_is_checked_as_slowly_as_one_with_one() -> None:
    assert not passwords.needs_new_hash(passwords._DECOY_HASH)
    assert not passwords.is_right("no account has this password", None)
