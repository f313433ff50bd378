"""Claims whose answers were lost, as a worker keeps them."""

from __future__ import annotations

import time

import pytest
from bson import ObjectId

from webapp.services.leases.lease import Hold, UnsureClaimError, UnsureClaims
from webapp.settings import Settings, get_settings

pytestmark = pytest.mark.usefixtures("settings")


def test_a_claim_that_was_written_late_is_found_until_it_is_taken_up() -> None:
    written: dict[ObjectId, Hold] = {}
    claims = UnsureClaims("w1", lambda document_id, worker_id, claim_id: written.get(document_id))
    document = ObjectId()
    claims.add(UnsureClaimError(document, "c1"))
    assert list(claims.found()) == []
    written[document] = Hold(document, "w1", "c1", 3)
    assert list(claims.found()) == [written[document]] == list(claims.found())
    claims.forget(written[document])
    assert list(claims.found()) == []


def test_a_claim_that_was_not_written_by_the_end_of_its_lease_is_asked_for_no_more(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []

    def find(document_id: ObjectId, worker_id: str, claim_id: str) -> None:
        asked.append((worker_id, claim_id))

    claims = UnsureClaims("w1", find)
    claims.add(UnsureClaimError(ObjectId(), "c1"))
    assert list(claims.found()) == []
    later = time.monotonic() + get_settings().lease_seconds + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert list(claims.found()) == list(claims.found()) == []
    assert asked == [("w1", "c1")] * 2
