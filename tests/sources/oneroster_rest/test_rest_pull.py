"""What a OneRoster service has is in the bundle, row by row and value by value, whatever happens on the way."""

from __future__ import annotations

import csv
import logging
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sources.oneroster_rest.service import CLIENT, SECRET, Service, row, service, small_school, user
from tests.sources.web_server import Reply
from webapp.settings import Settings
from webapp.sources import oneroster_rest
from webapp.sources.csv_tables import Row
from webapp.sources.http_addresses import PullError
from webapp.sources.http_retries import Limits
from webapp.sources.oneroster.bundle import Bundle, open_bundle
from webapp.sources.oneroster_rest import RestAccess, RestPull

NOON, LATER = datetime(2026, 3, 2, 12, tzinfo=UTC), "2026-03-05T10:00:00.000Z"
EVERYTHING = dict.fromkeys(
    (
        "orgs",
        "academicSessions",
        "courses",
        "classes",
        "users",
        "roles",
        "enrollments",
        "categories",
        "lineItems",
        "results",
    ),
    "bulk",
)


def fetched(access: RestAccess, into: Path, *args: Any, **more: Any) -> RestPull:
    return oneroster_rest.pull(access, into, *args, **{"wait": lambda seconds: None, **more})


def rows(bundle: Bundle, file: str) -> list[Row]:
    found = [each for _, each in bundle.rows(file)]
    assert all(isinstance(each, dict) for each in found)
    return found  # type: ignore[return-value]


def filled(given: Row) -> Row:
    return {name: value for name, value in given.items() if value}


@pytest.fixture
def running() -> Any:
    with service() as found:
        yield found


def test_a_school_comes_as_the_bundle_that_its_files_would_be(running: Service, tmp_path: Path) -> None:
    found = fetched(running.access, tmp_path)
    bundle = open_bundle(tmp_path)
    assert (bundle.version, bundle.notes, bundle.missing) == ("1.2", {}, [])
    assert found.modes == EVERYTHING
    assert {name: EVERYTHING[name] for name in bundle.tables}.items() <= bundle.modes.items()
    assert (found.notes, found.retries, found.rows["users"], found.rows["roles"]) == ({}, 0, 3, 3)
    assert filled(rows(bundle, "orgs")[1]) == {
        "sourcedid": "school",
        "name": "Escuela “Sol”",
        "type": "school",
        "parentsourcedid": "district",
    }
    assert filled(rows(bundle, "academicSessions")[0]) == {
        "sourcedid": "term",
        "title": "Spring",
        "type": "term",
        "startdate": "2026-01-10",
        "enddate": "2026-06-30",
        "parentsourcedid": "year",
        "schoolyear": "2026",
    }
    assert filled(rows(bundle, "classes")[0]) == {
        "sourcedid": "math-1",
        "title": "Maths 1\nmorning",
        "classcode": "MA-1",
        "classtype": "scheduled",
        "coursesourcedid": "math",
        "schoolsourcedid": "school",
        "termsourcedids": "term,year",
    }
    assert filled(rows(bundle, "users")[0]) == {
        "sourcedid": "ann",
        "enableduser": "true",
        "username": "ann",
        "userids": "{SIS:n-ann}",
        "givenname": "Given",
        "familyname": "Family, ann",
        "email": "ann@example.org",
        "grades": "09,10",
        "primaryorgsourcedid": "school",
    }
    role = filled(rows(bundle, "roles")[2])
    assert len(role.pop("sourcedid")) == 32
    assert role == {
        "usersourcedid": "tea",
        "roletype": "primary",
        "role": "teacher",
        "begindate": "2025-09-01",
        "orgsourcedid": "school",
    }
    assert filled(rows(bundle, "enrollments")[2]) == {
        "sourcedid": "e-tea",
        "classsourcedid": "math-1",
        "schoolsourcedid": "school",
        "usersourcedid": "tea",
        "role": "teacher",
        "primary": "true",
        "begindate": "2026-01-12",
    }
    assert filled(rows(bundle, "lineItems")[0]) == {
        "sourcedid": "quiz",
        "title": "Quiz",
        "classsourcedid": "math-1",
        "schoolsourcedid": "school",
        "categorysourcedid": "tests",
        "academicsessionsourcedid": "term",
        "assigndate": "2026-01-20",
        "duedate": "2026-02-01",
        "resultvaluemin": "0.0",
        "resultvaluemax": "20.0",
    }
    assert filled(rows(bundle, "results")[0]) == {
        "sourcedid": "r-ann",
        "lineitemsourcedid": "quiz",
        "studentsourcedid": "ann",
        "classsourcedid": "math-1",
        "scorestatus": "fully graded",
        "score": "17.25",
        "scoredate": "2026-02-01",
        "late": "false",
    }


def test_passwords_and_telephone_numbers_are_left_where_they_are(running: Service, tmp_path: Path) -> None:
    fetched(running.access, tmp_path)
    assert "hunter2" not in (tmp_path / "users.csv").read_text(encoding="utf-8")
    assert "555-0100" not in (tmp_path / "users.csv").read_text(encoding="utf-8")


def test_a_score_keeps_every_digit(running: Service, tmp_path: Path) -> None:
    body = b'{"results": [{"sourcedId": "r", "score": 0.12345678901234567890}, {"sourcedId": "s", "score": 1e2}]}'
    real = running.answer
    running.site.answer = lambda asked: Reply(body) if asked.path.endswith("/results") else real(asked)
    fetched(running.access, tmp_path)
    assert [each["score"] for each in rows(open_bundle(tmp_path), "results")] == ["0.12345678901234567890", "1e2"]


def test_the_next_pull_asks_for_what_changed_with_an_overlap_and_ends_nothing(running: Service, tmp_path: Path) -> None:
    first = fetched(running.access, tmp_path / "first")
    assert first.watermarks["users"] == datetime(2026, 3, 2, 8, tzinfo=UTC)
    running.data["users"].append(user("cat", "student", LATER))
    running.data["users"][0] |= {"status": "tobedeleted", "dateLastModified": LATER}
    second = fetched(running.access, tmp_path / "second", first.watermarks)
    bundle = open_bundle(tmp_path / "second")
    assert running.asked("users")[-1].query["filter"] == "dateLastModified>'2026-03-02T07:55:00.000Z'"
    assert [(each["sourcedid"], each["status"]) for each in rows(bundle, "users")] == [
        ("ann", "tobedeleted"),
        ("bob", "active"),
        ("tea", "active"),
        ("cat", "active"),
    ]
    assert set(second.modes.values()) == {"delta"}
    assert second.watermarks["users"] == datetime(2026, 3, 5, 10, tzinfo=UTC)
    third = fetched(running.access, tmp_path / "third", second.watermarks)
    assert [each["sourcedid"] for each in rows(open_bundle(tmp_path / "third"), "users")] == ["ann", "cat"]
    assert third.watermarks == second.watermarks


def test_what_is_to_be_deleted_is_no_part_of_what_there_is(running: Service, tmp_path: Path) -> None:
    """A bulk file says nothing of it, and of no change either: the standard wants it so."""
    running.data["users"][1]["status"] = "tobedeleted"
    found = fetched(running.access, tmp_path)
    bundle = open_bundle(tmp_path)
    assert [each["sourcedid"] for each in rows(bundle, "users")] == ["ann", "tea"]
    assert [each["usersourcedid"] for each in rows(bundle, "roles")] == ["ann", "tea"]
    assert (found.rows["users"], found.rows["roles"], found.modes["users"]) == (2, 2, "bulk")
    assert found.notes == {"rows of users marked to be deleted, left out of what there is": 1}
    assert {each["status"] + each["datelastmodified"] for each in rows(bundle, "users")} == {""}


def test_a_watermark_is_never_after_the_first_page(running: Service, tmp_path: Path) -> None:
    running.data["orgs"][0]["dateLastModified"] = "2199-01-01T00:00:00Z"
    found = fetched(running.access, tmp_path)
    assert found.watermarks["orgs"].year < 2199


def test_rows_without_a_date_are_fetched_whole_each_time(running: Service, tmp_path: Path) -> None:
    running.data["courses"] = [{"sourcedId": "math", "title": "Maths"}]
    found = fetched(running.access, tmp_path)
    assert "courses" not in found.watermarks
    assert fetched(running.access, tmp_path / "again", found.watermarks).modes["courses"] == "bulk"


def test_a_service_without_a_gradebook_gives_a_roster(running: Service, tmp_path: Path) -> None:
    running.offers = ("orgs", "academicSessions", "courses", "classes", "users", "enrollments")
    found = fetched(running.access, tmp_path, {"results": NOON})
    assert sorted(found.notes) == [
        f"the service offers us no {name}: what is known of them stays as it is"
        for name in ("categories", "lineItems", "results")
    ]
    assert open_bundle(tmp_path).modes["results"] == "absent"
    assert not (tmp_path / "results.csv").exists()
    assert found.watermarks["results"] == NOON


def test_a_service_without_users_is_told_and_leaves_no_bundle(running: Service, tmp_path: Path) -> None:
    running.offers = ("orgs", "academicSessions", "courses", "classes")
    with pytest.raises(PullError, match="/ims/oneroster/rostering/v1p2/users there is nothing") as failed:
        fetched(running.access, tmp_path)
    assert "REPORTDESK_ONEROSTER_URL" in failed.value.hint
    assert not (tmp_path / "manifest.csv").exists()


def test_a_collection_that_comes_empty_ends_nothing(running: Service, tmp_path: Path) -> None:
    running.data["enrollments"] = []
    found = fetched(running.access, tmp_path)
    assert found.modes["enrollments"] == "delta"
    assert found.notes == {"enrollments: the service gives none; nothing was ended": 1}


def test_a_token_that_ends_is_renewed_and_the_answer_asked_again(running: Service, tmp_path: Path) -> None:
    running.token_uses = 3
    fetched(running.access, tmp_path)
    assert len(running.asked("token")) == 3
    assert open_bundle(tmp_path).modes["results"] == "bulk"


def test_a_token_is_renewed_before_its_end_is_reached(running: Service, tmp_path: Path) -> None:
    seconds = iter(range(0, 100_000, 20))
    running.expires_in = "90"
    fetched(running.access, tmp_path, monotonic=lambda: float(next(seconds)))
    assert not [each for each in running.site.asked if each.headers.get("Authorization") == "Bearer "]
    assert 1 < len(running.asked("token")) < 8


@pytest.mark.parametrize(
    ("change", "sentence", "hint"),
    [
        ({"client_secret": "another"}, "does not know the client", "REPORTDESK_ONEROSTER_CLIENT_SECRET"),
        ({"scopes": "everything"}, "gives no token for the scopes", "REPORTDESK_ONEROSTER_SCOPES"),
        ({"token_url": "/elsewhere"}, "/elsewhere there is nothing", "REPORTDESK_ONEROSTER_TOKEN_URL"),
        ({"url": "/wrong"}, "there is nothing", "REPORTDESK_ONEROSTER_URL"),
    ],
)
def test_a_refusal_is_told_with_what_to_do(
    running: Service, change: dict[str, str], sentence: str, hint: str, tmp_path: Path
) -> None:
    full = {name: f"{running.site.url}{value}" if value.startswith("/") else value for name, value in change.items()}
    with pytest.raises(PullError) as failed:
        fetched(replace(running.access, **full), tmp_path)  # type: ignore[arg-type]
    assert sentence in str(failed.value)
    assert hint in failed.value.hint
    assert SECRET not in failed.value.with_hint


@pytest.mark.parametrize(
    ("name", "reply", "sentence"),
    [
        ("token", Reply({"token": "x"}), "gives no access_token"),
        ("token", Reply(b"<p>Welcome", headers={"Content-Type": "text/html"}), "answers with text/html, not with JSON"),
        ("token", Reply({}, 302, {"Location": "/token"}), "only sends us on"),
        ("orgs", Reply({"org": []}), "JSON without “orgs”"),
        ("orgs", Reply([]), "JSON without “orgs”"),
        ("orgs", Reply({}, 403), "does not let us read this"),
        ("orgs", Reply({}, 401), "does not know who asks"),
        ("users", Reply({"users": []}, 200, {"Link": '<https://other.example/users>; rel="next"'}), "another host"),
        ("users", Reply({"users": [row("a")]}, 200, {"Link": '<users?a=1>; rel="next"'}), "goes round in circles"),
    ],
)
def test_what_cannot_be_used_is_told(running: Service, name: str, reply: Reply, sentence: str, tmp_path: Path) -> None:
    count = 0

    def answer(asked: Any) -> Reply:
        nonlocal count
        count += 1
        if not asked.path.endswith(f"/{name}"):
            return running.answer(asked)
        # Each page another row, so that only its address tells that it is the same one.
        is_circle = "circles" in sentence
        return replace(reply, body={"users": [row(f"u{count}")]}) if is_circle else reply

    running.site.answer = answer
    with pytest.raises(PullError) as failed:
        fetched(running.access, tmp_path)
    assert sentence in str(failed.value)
    assert not (tmp_path / "manifest.csv").exists()


def test_a_filter_that_is_refused_is_told_as_that(running: Service, tmp_path: Path) -> None:
    real = running.answer
    running.site.answer = lambda asked: Reply({}, 400) if "filter" in asked.query else real(asked)
    with pytest.raises(PullError, match="asked for what changed since last time") as failed:
        fetched(running.access, tmp_path, {"orgs": NOON})
    assert "fetch everything each time" in failed.value.hint


def changing(running: Service, times: int) -> None:
    """Users vanish while they are paged: as often as this, the first page says one more than there are in the end."""
    real, left = running.answer, [times]

    def answer(asked: Any) -> Reply:
        reply = real(asked)
        if asked.path.endswith("/users") and left[0] > 0 and asked.query["offset"] != "0":
            left[0] -= 1
            return replace(reply, headers={"X-Total-Count": "4"})
        return reply

    running.site.answer = answer
    running.most = 2


def test_a_collection_that_changes_while_it_is_read_is_read_once_more(running: Service, tmp_path: Path) -> None:
    # The second page, and the empty one after it.
    changing(running, 2)
    found = fetched(running.access, tmp_path)
    assert found.notes == {"users changed while it was read (3 rows came of 4), and was read once more": 1}
    assert (found.modes["users"], found.rows["users"], found.rows["roles"]) == ("bulk", 3, 3)
    assert len(rows(open_bundle(tmp_path), "users")) == 3


def test_a_collection_that_never_agrees_with_its_count_ends_nothing_and_is_asked_for_again(
    running: Service, tmp_path: Path
) -> None:
    changing(running, 100)
    found = fetched(running.access, tmp_path)
    assert found.modes["users"] == found.modes["roles"] == "delta"
    assert "users" not in found.watermarks
    assert [text.partition(":")[0] for text in found.notes if "next sync" in text] == ["users"]


def test_a_row_that_comes_twice_counts_once_and_is_told(running: Service, tmp_path: Path) -> None:
    running.most, running.counts = 2, False
    running.data["users"].insert(2, {**running.data["users"][1]})
    found = fetched(running.access, tmp_path)
    assert found.notes == {"rows of users that came twice; the first one counts": 1}
    assert [each["sourcedid"] for each in rows(open_bundle(tmp_path), "users")] == ["ann", "bob", "tea"]


def test_what_is_no_object_is_told_and_ends_nothing(running: Service, tmp_path: Path) -> None:
    running.data["courses"] += ["course", None]
    found = fetched(running.access, tmp_path)
    assert found.notes == {"rows of courses that are no objects, left out": 2}
    assert found.modes["courses"] == "delta"


def test_a_bad_byte_spoils_one_value_and_is_told(running: Service, tmp_path: Path) -> None:
    real = running.answer
    bad = b'{"courses": [{"sourcedId": "math", "title": "caf\xe9"}]}'
    running.site.answer = lambda asked: Reply(bad) if asked.path.endswith("/courses") else real(asked)
    found = fetched(running.access, tmp_path)
    assert found.notes == {"rows of courses with letters that no text holds, read as “?”": 1}
    assert rows(open_bundle(tmp_path), "courses")[0]["title"] == "caf?"


def test_a_service_that_knows_no_offset_is_not_asked_for_ever(running: Service, tmp_path: Path) -> None:
    real = running.answer
    everything = small_school()["users"]
    running.site.answer = lambda asked: Reply({"users": everything}) if asked.path.endswith("/users") else real(asked)
    found = fetched(running.access, tmp_path)
    assert (found.rows["users"], found.notes) == (3, {})
    assert len(running.asked("users")) == 2


def test_a_service_that_stays_away_is_told(running: Service, tmp_path: Path) -> None:
    running.site.answer = lambda asked: Reply({}, 503)
    with pytest.raises(PullError, match=r"token service at .* is not to be had just now .* tried 2 times"):
        fetched(running.access, tmp_path, limits=Limits(tries=2))


@pytest.mark.parametrize("ending", ["", "/", "/rostering/v1p2", "/gradebook/v1p2/"])
def test_the_address_may_be_that_of_either_service(ending: str) -> None:
    access = RestAccess(f"https://sis.example/ims/oneroster{ending}", "", "", "")
    assert access.address_of("rostering", "orgs") == "https://sis.example/ims/oneroster/rostering/v1p2/orgs"
    assert access.address_of("gradebook", "results") == "https://sis.example/ims/oneroster/gradebook/v1p2/results"


def test_the_settings_say_where_the_service_is(settings_env: pytest.MonkeyPatch) -> None:
    names = [f"REPORTDESK_ONEROSTER_{each}" for each in ("URL", "TOKEN_URL", "CLIENT_ID", "CLIENT_SECRET")]
    with pytest.raises(PullError, match=", ".join(names)):
        oneroster_rest.access(Settings())
    values = ("https://sis.example/ims/oneroster", "https://sis.example/token", CLIENT, SECRET)
    for name, value in zip(names, values, strict=True):
        settings_env.setenv(name, value)
    found = oneroster_rest.access(Settings())
    assert (found.url, found.token_url, found.client_id, found.client_secret) == values
    assert "scope/roster.readonly" in found.scopes
    assert SECRET not in repr(found) + repr(Settings())


def test_a_service_is_asked_whether_it_is_there(running: Service) -> None:
    assert oneroster_rest.check(running.access) == 2
    with pytest.raises(PullError, match="does not know the client"):
        oneroster_rest.check(replace(running.access, client_id="stranger"))


def test_secrets_and_tokens_stand_in_no_log(running: Service, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    running.site.failures = [Reply({}, 503)]
    fetched(running.access, tmp_path)
    assert "asking again" in caplog.text
    told = "".join(str(vars(each)) for each in caplog.records)
    assert not [each for each in (SECRET, "Bearer", "Basic", "token-0") if each in told]


troubles = st.dictionaries(
    st.integers(0, 60),
    st.sampled_from(
        [Reply({}, 503), Reply({}, 429), Reply({}, 401), Reply({"orgs": []}, cut=3), Reply(b'{"users": [')]
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(1, 40),
    page_size=st.integers(1, 15),
    most=st.integers(1, 15),
    links=st.booleans(),
    counts=st.booleans(),
    troubles=troubles,
)
def test_whatever_the_pages_and_failures_the_bundle_has_exactly_the_services_rows(
    count: int,
    page_size: int,
    most: int,
    links: bool,
    counts: bool,
    troubles: dict[int, Reply],
) -> None:
    with service() as running, TemporaryDirectory() as path:
        running.data = {**small_school(), "users": [user(f"u{number}", "student") for number in range(count)]}
        running.most, running.links, running.counts = most, links, counts
        number = 0
        was_refused = False

        def answer(asked: Any) -> Reply:
            nonlocal number, was_refused
            number += 1
            trouble = troubles.get(number)
            if trouble is not None and trouble.status == 401:
                # A token that is refused twice for one question is refused for good.
                trouble = None if was_refused or asked.path == "/token" else trouble
                was_refused = was_refused or trouble is not None
            if trouble is None and asked.path != "/token":
                was_refused = False
            return trouble or running.answer(asked)

        running.site.answer = answer
        folder = Path(path)
        found = fetched(replace(running.access, page_size=page_size), folder, limits=Limits(tries=20))
        assert found.notes == {}
        assert found.modes == EVERYTHING
        for name, objects in running.data.items():
            with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
                assert [each["sourcedId"] for each in csv.DictReader(file)] == [each["sourcedId"] for each in objects]
            assert found.rows[name] == len(objects)
