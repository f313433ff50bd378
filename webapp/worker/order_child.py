"""The child process of one order: does it, and writes its progress and its end."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

from pymongo.errors import PyMongoError

from webapp.documents import Order, connect
from webapp.documents.connection import SOCKET_MS
from webapp.errors import ReportdeskError
from webapp.services.leases.lease import Hold
from webapp.services.orders import lifecycle as order_lifecycle
from webapp.settings import get_settings
from webapp.worker import child, order_work

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 0.5
#: An import's writes may take longer than a report's reads; silence is noticed as there.
PATIENCE = replace(child.PATIENCE, answer_ms=SOCKET_MS)
#: Exit codes: 0 has written its end, the others have not.
WRITTEN, NOT_WRITTEN, LOST = 0, 1, 3


def main(hold: Hold, mongodb_uri: str, environment: Mapping[str, str], scratch: str, lifeline: Connection) -> None:
    """Carry out the order as long as it is held, and exit."""
    child.begin(environment, lifeline)
    code = NOT_WRITTEN
    try:
        connect(mongodb_uri, get_settings().mongodb_database, patience=PATIENCE)
        order = order_lifecycle.held(hold)
        code = LOST if order is None else _carry_out(hold, order, Path(scratch))
    except PyMongoError as error:
        log.warning("order cut off", extra={"order_id": str(hold.id), "error": type(error).__name__})
    logging.shutdown()
    # Libraries with threads of their own can hang at interpreter exit; all there is to say has been said.
    os._exit(code)


def _carry_out(hold: Hold, order: Order, folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    told_at = 0.0

    def on_progress(share: float, doing: str, count: int) -> None:
        nonlocal told_at
        if time.monotonic() - told_at < PROGRESS_SECONDS:
            return
        told_at = time.monotonic()
        if not order_lifecycle.report(hold, share=share, doing=doing, count=count):
            os._exit(LOST)  # another worker has it: what it does, it does alone

    try:
        summary = order_work.carry_out(order, folder, on_progress)
    except ReportdeskError as error:
        end = order_lifecycle.fail if error.is_permanent else order_lifecycle.postpone
        return WRITTEN if end(hold, error.with_hint) else LOST
    except PyMongoError:
        raise
    except Exception as error:
        log.exception("order failed", extra={"order_id": str(order.id)})
        text = f"Something went wrong ({type(error).__name__}). Tell support the id {order.id}."
        return WRITTEN if order_lifecycle.fail(hold, text) else LOST
    if not order_lifecycle.finish(hold, summary):
        return LOST
    # Only now: an order that is begun again needs its files.
    order_work.clean(order)
    return WRITTEN
