"""Imports by the browser: sent, followed, told; what is wrong is refused and nothing is kept."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest

from tests.factories import People
from tests.web.conftest import Client
from webapp import record
from webapp.documents import Order, OrderState
from webapp.services.orders import lifecycle as order_lifecycle
from webapp.services.orders.told import Told


def bundle() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("users.csv", "sourcedId,role,givenName,familyName\nu1,student,Ana,Ruiz\n")
    return held.getvalue()


STATEMENT = b"""{"id": "00000000-0000-4000-8000-000000000001", "actor": {"mbox": "mailto:ana@example.org"},
"verb": {"id": "http://adlnet.gov/expapi/verbs/experienced"}, "object": {"id": "https://lms.example/page"}}"""


def sent(*files: tuple[bytes, str], do: str = "import", **more: str) -> dict[str, Any]:
    return {"files": [(io.BytesIO(content), name) for content, name in files], "do": do, **more}


def one_large(size: int) -> dict[str, Any]:
    """A body of a few MB, ready made: the test client leaves its own large bodies in files that nobody closes."""
    head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="s.json"\r\n\r\n[' + STATEMENT
    return {"data": head + b" " * size + b"]\r\n--x--\r\n", "content_type": "multipart/form-data; boundary=x"}


def test_a_file_is_sent_and_its_page_says_how_far_it_is(people: People, as_person: Client) -> None:
    client = as_person(people.administrator)
    answer = client.post("/admin/imports/", data=sent((bundle(), "../<roster>.zip")))
    assert answer.status_code == 303
    order = Order.objects.get()
    page = client.get(answer.location).text
    assert "&lt;roster&gt;.zip" in page
    assert "It waits for a worker." in page
    assert "No worker is running" in page
    assert 'hx-trigger="every 1s"' in page

    poll = {"HX-Request": "true"}
    first = client.get(answer.location, headers=poll)
    assert client.get(answer.location, headers={**poll, "HX-PTag": first.headers["HX-PTag"]}).status_code == 304
    held = order_lifecycle.claim("worker-1")
    assert held is not None
    order_lifecycle.report(held, share=0.42, doing="rows", count=1_234)
    moved = client.get(answer.location, headers={**poll, "HX-PTag": first.headers["HX-PTag"]})
    assert 'value="42"' in moved.text
    assert "Rows and statements read: 1,234" in moved.text
    counted = record.Summary()
    counted.of("persons").added, counted.of("persons").read = 2, 3
    counted.refuse("users.csv", 3, "<b>no id</b>", what="persons")
    counted.note("things noted", 7)
    counted.set_aside("guardians", "of no use", 4)
    counted.depart("users.csv", 4, "role is unknown")
    order_lifecycle.finish(held, Told("oneroster", "a OneRoster CSV export", counted, version=1).to_document())
    done = client.get(answer.location, headers=poll).text
    assert "hx-trigger" not in done  # the markup has stopped asking
    assert "&lt;b&gt;no id&lt;/b&gt;" in done
    assert "7 things noted" in done
    assert "4 × guardians: of no use" in done
    assert "1 × role is unknown" in done
    assert "/admin/imports/versions/1" in done
    assert "roster" in client.get("/admin/imports/").text
    order.reload()
    assert order.is_finished


def test_a_failed_import_says_why_and_is_tried_again(people: People, as_person: Client) -> None:
    client = as_person(people.administrator)
    here = client.post("/admin/imports/", data=sent((STATEMENT, "s.json"))).location
    held = order_lifecycle.claim("worker-1")
    assert held is not None
    order_lifecycle.fail(held, "The file is torn.")
    assert "The file is torn." in client.get(here).text
    assert client.post(f"{here}/again").status_code == 303
    assert Order.objects.get().state == OrderState.WAITING
    assert client.post(f"{here}/again").status_code == 409


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"files": (io.BytesIO(b""), "")},
        sent((b"", "empty.zip")),
        sent((b"MZ\x90", "virus.zip")),
        sent((b"<html>", "<script>alert(1)</script>.json")),
        sent((STATEMENT, "s.json"), (bundle(), "r.zip")),
        sent(*[(STATEMENT, f"{number}.json") for number in range(60)]),
    ],
)
def test_what_is_no_export_comes_back_with_the_reason(
    people: People, as_person: Client, files: dict[str, object]
) -> None:
    answer = as_person(people.administrator).post("/admin/imports/", data=files, content_type="multipart/form-data")
    assert answer.status_code == 422
    assert 'id="files-error"' in answer.text
    assert "<script>alert" not in answer.text
    assert Order.objects.count() == 0


def test_only_who_may_import_may_send_more_than_a_form(people: People, as_person: Client) -> None:
    large = one_large(3_000_000)
    assert as_person(people.owner).post("/admin/imports/", **large).status_code in (404, 413)
    assert as_person(people.administrator).post("/admin/imports/", **large).status_code == 303
    assert as_person(people.administrator).post("/admin/people/add", data={"name": "x" * 3_000_000}).status_code == 413


def test_more_than_the_limit_is_refused_in_words(
    people: People, as_person: Client, settings_env: pytest.MonkeyPatch, app: object
) -> None:
    from webapp.app import create_app
    from webapp.settings import get_settings

    settings_env.setenv("REPORTDESK_UPLOAD_LIMIT_MB", "1")
    get_settings.cache_clear()
    small = create_app(connect=False)
    small.config.update(TESTING=True, PROPAGATE_EXCEPTIONS=False, WTF_CSRF_ENABLED=True)
    client = small.test_client()
    token = client.get("/sign-in").text.split('name="csrf_token" value="')[1].split('"')[0]
    data = {"email": people.administrator.email, "password": "correct horse battery", "csrf_token": token}
    client.post("/sign-in", data=data)
    answer = client.post("/admin/imports/", **one_large(2_000_000))
    assert answer.status_code == 413
    assert "more than this page can take" in answer.text


def test_what_an_older_version_told_of_an_import_is_still_told(people: People, as_person: Client) -> None:
    client = as_person(people.administrator)
    here = client.post("/admin/imports/", data=sent((bundle(), "r.zip"))).location
    held = order_lifecycle.claim("worker-1")
    assert held is not None
    summary = {
        "counts": [{"what": "users", "read": 3, "added": 2, "updated": 1, "unchanged": 0}],
        "refusedCount": 1, "reasons": [["no id", 1]], "notes": [["things noted", 7]],
        "refusals": [{"source": "users.csv", "line": 3, "reason": "no id"}],
    }  # fmt: skip
    order_lifecycle.finish(held, summary)
    Order.objects.update(set__kind="import-oneroster", unset__source=True)
    page = client.get(here).text
    assert "7 things noted" in page
    assert "1 × no id" in page
    assert client.get("/admin/imports/").status_code == 200
