"""The child process of one order: does it, and writes its progress and its end."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path

from bson import ObjectId
from pymongo.errors import PyMongoError

from webapp.documents import Order, connect
from webapp.errors import ReportdeskError
from webapp.services.orders import orders
from webapp.settings import get_settings
from webapp.worker import child, order_work

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 0.5
#: Exit codes: 0 has written its end, the others have not.
WRITTEN, NOT_WRITTEN, LOST = 0, 1, 3


def main(
    order_id: ObjectId, claim_id: str, mongodb_uri: str, environment: Mapping[str, str], scratch: str,
    lifeline: Connection,
) -> None:  # fmt: skip
    """Carry out the order as long as `claim_id` holds it, and exit."""
    child.begin(environment, lifeline)
    code = NOT_WRITTEN
    try:
        connect(mongodb_uri, get_settings().mongodb_database)
        order = Order.objects(id=order_id, claim_id=claim_id).first()
        code = LOST if order is None else _carry_out(order, Path(scratch))
    except PyMongoError as error:
        log.warning("order cut off", extra={"order_id": str(order_id), "error": type(error).__name__})
    logging.shutdown()
    # Libraries with threads of their own can hang at interpreter exit; all there is to say has been said.
    os._exit(code)


def _carry_out(order: Order, folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    told_at = 0.0

    def on_progress(share: float, doing: str, count: int) -> None:
        nonlocal told_at
        if time.monotonic() - told_at < PROGRESS_SECONDS:
            return
        told_at = time.monotonic()
        if not orders.report(order, share=share, doing=doing, count=count):
            os._exit(LOST)  # another worker has it: what it does, it does alone

    try:
        summary = order_work.carry_out(order, folder, on_progress)
    except ReportdeskError as error:
        if not error.is_permanent:
            return WRITTEN if orders.put_off(order, error.with_hint) else LOST
        return WRITTEN if orders.fail(order, error.with_hint) else LOST
    except PyMongoError:
        raise
    except Exception as error:
        log.exception("order failed", extra={"order_id": str(order.id)})
        text = f"Something went wrong ({type(error).__name__}). Tell support the id {order.id}."
        return WRITTEN if orders.fail(order, text) else LOST
    return WRITTEN if orders.finish(order, summary) else LOST
