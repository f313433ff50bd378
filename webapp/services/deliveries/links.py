"""Addresses of the desk's pages, for what is read outside of it. Only where `public_url` says the desk is."""

from __future__ import annotations

from bson import ObjectId

from webapp.settings import get_settings


def of_report(job_id: ObjectId) -> str | None:
    """The report's page; None where nobody has said where the desk is."""
    return _address(f"/reports/{job_id}")


def of_file(job_id: ObjectId) -> str | None:
    """Its file, for whoever signs in and may have it."""
    return _address(f"/reports/{job_id}/download")


def of_unsubscribing(token: str) -> str | None:
    """Where one takes oneself off a list."""
    return _address(f"/unsubscribe/{token}")


def _address(path: str) -> str | None:
    base = get_settings().public_url
    return f"{base.rstrip('/')}{path}" if base else None
