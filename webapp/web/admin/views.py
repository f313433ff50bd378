"""The area's pages, wired together."""

from __future__ import annotations

from flask import Blueprint

from webapp.web.admin import (
    audit_views,
    calendar_views,
    delivery_views,
    department_views,
    import_views,
    letterhead_views,
    lookup_views,
    people_views,
    quality_views,
    queue_views,
    storage_views,
    version_views,
    webhook_views,
)

admin = Blueprint("admin", __name__, url_prefix="/admin")
for page in (
    queue_views,
    lookup_views,
    people_views,
    department_views,
    import_views,
    version_views,
    quality_views,
    storage_views,
    letterhead_views,
    calendar_views,
    delivery_views,
    webhook_views,
    audit_views,
):
    page.register(admin)
