"""`reportdesk users`: accounts from the terminal."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Terminal
from tests.factories import PASSWORD, People, make_department
from webapp.documents import User
from webapp.services.people import accounts

GOOD = "orchard lantern 47 quiet"
ANA = ("users", "add", "ana@staff.example", "--name", "Ana Ruiz", "--role", "staff", "--department", "history")


@pytest.mark.does("users add", "users list")
def test_who_is_added_signs_in_and_is_listed_with_roles_and_departments(terminal: Terminal, people: People) -> None:
    done = terminal(*ANA, "--role", "instructor", "--role", "billing-admin", "--password", GOOD)
    assert (done.exit_code, done.stdout) == (
        0,
        "ana@staff.example may now sign in as staff, instructor, billing-admin.\n",
    )
    assert accounts.authenticate("ana@staff.example", GOOD) is not None
    listed = terminal("users", "list").stdout.splitlines()
    assert "ana@staff.example  Ana Ruiz  [billing-admin; history: staff, instructor]" in listed
    assert len(listed) == User.objects(password_hash__exists=True).count()
    assert terminal("users", "list", "--role", "instructor").stdout.count("\n") == 1


@pytest.mark.does("users add")
def test_a_password_that_is_not_given_is_asked_for_twice_and_never_shown(terminal: Terminal, people: People) -> None:
    done = terminal(*ANA, typed=f"{GOOD}\n{GOOD}\n")
    assert done.exit_code == 0, done.stderr
    assert GOOD not in done.output
    assert (
        terminal("users", "add", "bo@staff.example", "--name", "Bo", "--role", "billing-admin").exit_code == 1
    )  # no answer


@pytest.mark.refuses("users add")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("ana", "--name", "Ana", "--role", "billing-admin"), "“ana” is not an e-mail address."),
        (("ana@x.example", "--name", " ", "--role", "billing-admin"), "A person needs a name."),
        (("ana@x.example", "--name", "x" * 2_000, "--role", "billing-admin"), "too long"),
        (("ana@x.example", "--name", "Ana", "--role", "chief"), "Not an active role: chief."),
        (("ana@x.example", "--name", "Ana", "--role", "department-admin"), "In which department?"),
        (("ana@x.example", "--name", "Ana", "--role", "staff", "--department", "nowhere"), "history, physics"),
        (
            ("ana@x.example", "--name", "Ana", "--role", "billing-admin", "--time-zone", "Mars/X"),
            "“Mars/X” is not a time zone",
        ),
        (("Olivia.Owner@staff.example", "--name", "Ana", "--role", "billing-admin"), "There is already an account"),
    ],
)
def test_an_account_that_cannot_be_made_is_refused_in_words(
    terminal: Terminal, people: People, arguments: tuple[str, ...], words: str
) -> None:
    before = User.objects.count()
    done = terminal("users", "add", *arguments, "--password", GOOD)
    assert done.exit_code in (1, 2)
    assert words in done.stderr
    assert "None" not in done.stderr
    assert done.stdout == ""
    assert User.objects.count() == before


@pytest.mark.does("users set-password")
def test_a_new_password_is_the_only_one(terminal: Terminal, people: People) -> None:
    done = terminal("users", "set-password", people.owner.email, "--password", GOOD)
    assert (done.exit_code, done.stdout) == (0, f"{people.owner.email} has a new password.\n")
    assert accounts.authenticate(people.owner.email, GOOD) is not None
    assert accounts.authenticate(people.owner.email, PASSWORD) is None


@pytest.mark.does("users set-roles", "users roles")
def test_roles_are_replaced_and_told_with_what_they_allow(terminal: Terminal, people: People) -> None:
    done = terminal("users", "set-roles", people.owner.email, "instructor", "staff")
    assert done.exit_code == 0, done.stderr
    owner = people.owner.reload()
    assert (owner.roles, owner.memberships[0].roles) == ([], ["instructor", "staff"])
    # Managed in one department, taught in another: of which it is has to be said.
    managing = ("users", "set-roles", people.owner.email, "department-admin")
    assert terminal(*managing, "--department", "physics").exit_code == 0
    held = {each.department_id: each.roles for each in people.owner.reload().memberships}
    assert held == {
        people.department.id: ["instructor", "staff"], people.other_department.id: ["department-admin"],
    }  # fmt: skip
    assert "In which department?" in terminal(*managing).stderr
    assert any(line.startswith("staff: Staff.") for line in terminal("users", "roles").stdout.splitlines())
    told = terminal("users", "roles").stdout
    assert "(allows: nothing; held in a department)" in told
    assert "read-billing; held for the whole desk)" in told


@pytest.mark.does("users deactivate")
def test_who_is_deactivated_cannot_sign_in_and_is_listed_as_such(terminal: Terminal, people: People) -> None:
    assert terminal("users", "deactivate", people.owner.email).exit_code == 0
    assert accounts.authenticate(people.owner.email, PASSWORD) is None
    assert "[history: staff]  (inactive)" in terminal("users", "list").stdout


@pytest.mark.does("users reset-link")
def test_a_link_for_a_new_password_stands_alone_on_standard_output(terminal: Terminal, people: People) -> None:
    done = terminal("users", "reset-link", people.owner.email, "--at", "https://desk.example/")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("https://desk.example/new-password?t=")
    assert done.stdout.count("\n") == 1
    assert "works once" in done.stderr


@pytest.mark.refuses("users set-password", "users set-roles", "users deactivate", "users reset-link", "users list")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("set-password", "nobody@x.example", "--password", GOOD), "no active account with the address nobody@x.exam"),
        (("set-password", "olivia.owner@staff.example", "--password", "short"), "at least 12 characters"),
        (("set-roles", "nobody@x.example", "staff"), "no active account"),
        (("set-roles", "olivia.owner@staff.example", "chief"), "Not an active role: chief."),
        (("set-roles", "olivia.owner@staff.example"), "Missing argument"),
        (("set-roles", "ada.administrator@staff.example", "staff"), "In which department?"),
        (("set-roles", "olivia.owner@staff.example", "billing-admin", "--department", "history"), "whole desk"),
        (("deactivate", "nobody@x.example"), "no active account"),
        (("reset-link", "nobody@x.example"), "no active account"),
        (("reset-link", "olivia.owner@staff.example", "--at", "nonsense"), "“nonsense” is not an address"),
        (("reset-link", "olivia.owner@staff.example", "--at", "ftp://desk.example"), "is not an address"),
        (("list", "--role", "chief"), "There is no role “chief”."),
    ],
)
def test_what_cannot_be_done_to_an_account_is_told_and_nothing_is_changed(
    terminal: Terminal, people: People, arguments: tuple[str, ...], words: str
) -> None:
    before = people.owner.reload().to_mongo().to_dict()
    done = terminal("users", *arguments)
    assert done.exit_code in (1, 2)
    assert words in done.stderr
    assert done.stdout == ""
    assert people.owner.reload().to_mongo().to_dict() == before


@pytest.mark.refuses("users set-roles")
def test_a_department_code_that_two_have_is_refused_and_the_id_says_which(terminal: Terminal, people: People) -> None:
    other = make_department("History of the lake", "history", external_id="h2")
    for arguments in (
        ("users", "set-roles", people.owner.email, "staff", "--department", "history"),
        (*ANA, "--password", GOOD),
    ):
        done = terminal(*arguments)
        assert done.exit_code != 0
        assert "2 departments have the code history" in done.stderr
        assert str(other.id) in done.stderr
        assert str(people.department.id) in done.stderr
    assert User.objects(email="ana@staff.example").first() is None
    done = terminal(*ANA[:-1], str(other.id), "--password", GOOD)
    assert done.exit_code == 0, done.stderr
    assert User.objects.get(email="ana@staff.example").memberships[0].department_id == other.id
