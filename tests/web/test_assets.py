"""Styles and scripts: small enough for a first visit on a slow line, and never asked for twice."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from tests.commands import recorded
from tests.factories import People
from tests.web.conftest import Client

FIRST_VISIT_BYTES = 250_000
A_YEAR = 365 * 24 * 3600


@pytest.mark.parametrize("address", ["/", "/reports/", "/reports/new", "/reports/new?type=enrollment-summary"])
def test_a_first_visit_fits_into_250_kilobytes_and_is_kept_for_a_year(
    people: People, as_person: Client, address: str
) -> None:
    client = as_person(people.owner)
    page = client.get(address)
    total = len(page.data)
    names = set(re.findall(r'(?:src|href)="(/static/[^"#]+)', page.text))
    assert {name.rpartition(".")[2] for name in names} >= {"css", "js", "svg"}
    for name in names:
        asset = client.get(name, headers={"Accept-Encoding": "gzip"})
        assert asset.status_code == 200, name
        assert f"max-age={A_YEAR}" in asset.headers["Cache-Control"], name
        assert "immutable" in asset.headers["Cache-Control"], name
        if len(asset.data) > 1_000:
            assert asset.headers["Content-Encoding"] == "gzip", name
        total += len(asset.data)
        asset.close()
    assert total < FIRST_VISIT_BYTES, f"{address} is {total:,} bytes"


def test_an_asset_costs_neither_a_session_nor_a_database_call(app: Flask, people: People) -> None:
    client = app.test_client()
    name = re.findall(r'href="(/static/[^"]+tabler\.min\.css)', client.get("/sign-in").text)[0]
    with recorded() as heard:
        asset = client.get(name, headers={"Accept-Encoding": "gzip"})
    assert heard == []
    assert "Set-Cookie" not in asset.headers
    asset.close()
