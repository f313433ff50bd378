"""The child process of one chore: does it, and writes its progress and its end."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path

from bson import ObjectId
from pymongo.errors import PyMongoError

from webapp.documents import Chore, connect
from webapp.errors import ReportdeskError
from webapp.services import chore_work, chores
from webapp.settings import get_settings
from webapp.worker import child

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 0.5
#: Exit codes: 0 has written its end, the others have not.
WRITTEN, NOT_WRITTEN, LOST = 0, 1, 3


def main(
    chore_id: ObjectId, claim_id: str, mongodb_uri: str, environment: Mapping[str, str], scratch: str,
    lifeline: Connection,
) -> None:  # fmt: skip
    """Carry out the chore as long as `claim_id` holds it, and exit."""
    child.begin(environment, lifeline)
    code = NOT_WRITTEN
    try:
        connect(mongodb_uri, get_settings().mongodb_database)
        chore = Chore.objects(id=chore_id, claim_id=claim_id).first()
        code = LOST if chore is None else _carry_out(chore, Path(scratch))
    except PyMongoError as error:
        log.warning("chore cut off", extra={"chore_id": str(chore_id), "error": type(error).__name__})
    logging.shutdown()
    # Libraries with threads of their own can hang at interpreter exit; all there is to say has been said.
    os._exit(code)


def _carry_out(chore: Chore, folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    told_at = 0.0

    def on_progress(share: float, doing: str, count: int) -> None:
        nonlocal told_at
        if time.monotonic() - told_at < PROGRESS_SECONDS:
            return
        told_at = time.monotonic()
        if not chores.report(chore, share=share, doing=doing, count=count):
            os._exit(LOST)  # another worker has it: what it does, it does alone

    try:
        summary = chore_work.carry_out(chore, folder, on_progress)
    except ReportdeskError as error:
        if not error.is_permanent:
            return WRITTEN if chores.put_off(chore, error.with_hint) else LOST
        return WRITTEN if chores.fail(chore, error.with_hint) else LOST
    except PyMongoError:
        raise
    except Exception as error:
        log.exception("chore failed", extra={"chore_id": str(chore.id)})
        text = f"Something went wrong ({type(error).__name__}). Tell support the id {chore.id}."
        return WRITTEN if chores.fail(chore, text) else LOST
    return WRITTEN if chores.finish(chore, summary) else LOST
