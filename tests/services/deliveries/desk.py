"""Reports that have ended, and what sends their deliveries, in a few lines."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bson import ObjectId

from tests.factories import make_job
from webapp import clock, record, storage
from webapp.documents import Channel, Delivery, DeliveryWish, ReportJob, User
from webapp.messages import Message
from webapp.services import database_clock
from webapp.services.deliveries import ledger, making, sending
from webapp.services.jobs import held
from webapp.services.jobs.changes import Failure
from webapp.services.rights import data_scope
from webapp.settings import get_settings
from webapp.worker.deliveries import DeliveryThread

CONTENT = b"Class,Count\r\nAAA,3\r\n"
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40"><rect width="60" height="40" fill="#066fd1"/></svg>'
)
PAGE: dict[str, Any] = {
    "columns": [
        {"key": "class", "label": {"message": "Class"}, "type": "string", "unit": "text", "role": "dimension"},
        {"key": "count", "label": {"message": "Count"}, "type": "integer", "unit": "count", "role": "measure"},
        {"key": "rate", "label": {"message": "Completion rate"}, "type": "number", "unit": "ratio", "role": "measure"},
    ],
    "row_count": 1,
    "rows_matched": 1234,
    "has_all_rows": True,
    "totals": [None, 1234, 0.613],
    "notes": [],
    "chart": {"svg": SVG, "svg_dark": SVG, "description": {"message": "Count by class"}, "notes": [], "kind": "bar"},
}


def ready_report(
    folder: Path,
    sender: User,
    wishes: Iterable[DeliveryWish] = (),
    *,
    content: bytes = CONTENT,
    made: Mapping[str, Any] | None = None,
    **fields: Any,
) -> ReportJob:
    """A report of `sender` that has just become ready, with its file and its page. `made`: what else its provenance
    says."""
    job = _begun(sender, wishes, **fields)
    hold = held.find_claim(job.id, "worker", job.lease.claim_id)
    assert hold is not None
    files = storage.open_storage(get_settings().effective_storage_url)
    key = f"reports/{job.id}/1/Figures.csv"
    for name, data in ((key, content), (f"reports/{job.id}/1/page.json", json.dumps(PAGE).encode())):
        path = folder / f"{job.id}.part"
        path.write_bytes(data)
        files.put(path, name)
    stored = {
        **files.locate(key),
        "sizeBytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "mimeType": "text/csv",
    }
    seen = {"recordVersion": record.current().number, "asOf": clock.utcnow()}
    provenance = {"rowsWritten": 1, "timeZone": "Europe/Madrid", **seen, **(made or {})}
    assert held.finish(hold, storage=stored, provenance=provenance, records=1)
    return job.reload()


def failed_report(sender: User, wishes: Iterable[DeliveryWish] = (), **fields: Any) -> ReportJob:
    """As `ready_report`, of one that could not be made."""
    job = _begun(sender, wishes, **fields)
    hold = held.find_claim(job.id, "worker", job.lease.claim_id)
    assert hold is not None
    assert held.fail(hold, Failure("no-such-class", Message("There is no class 7.")))
    return job.reload()


def _begun(sender: User, wishes: Iterable[DeliveryWish], **fields: Any) -> ReportJob:
    wanted = list(wishes)
    made = make_job(
        sender.id,
        **{
            "status": "queued",
            "slot": f"test:{ObjectId()}",
            "name": "Quarterly figures",
            "department_id": next((each.department_id for each in sender.memberships), None),
            "visibility": "department",
            "provenance": {"scope": data_scope.data_scope(sender).to_document()},
            "deliver_to": wanted,
            "deliveries_wanted": True if wanted else None,
            **fields,
        },
    )
    assert held.take(made.id, "worker") is not None
    return made.reload()


def due_at_once() -> None:
    """What waits for its next try has waited long enough."""
    Delivery.objects(state="queued").update(set__not_before=clock.utcnow().replace(year=2020))


def send_all() -> list[str]:
    """Make what is to be made, and send what is due, one after another; what became of each."""
    making.make_due()
    words: list[str] = []
    for channel in Channel:
        for found in ledger.due(channel, database_clock.now()):
            hold = ledger.claim(found, "worker")
            assert hold is not None
            words.append(sending.send(hold))
    return words


def deliveries() -> dict[str, Delivery]:
    """The ledger, by recipient."""
    return {each.recipient: each for each in Delivery.objects}


def thread() -> DeliveryThread:
    return DeliveryThread("worker-1", look_seconds=0.05)
