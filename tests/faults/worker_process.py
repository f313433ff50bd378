"""A worker process whose children do `tests.worker.jobs.work`; the faults are done to it from outside.

`FAULT_CLOCK_OFFSET` (seconds) makes every clock of this process wrong by that much.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from datetime import UTC, datetime, timedelta

from bson import ObjectId

from tests.worker import jobs
from webapp.settings import get_settings


class FolderJanitor:
    """Deletes an attempt's folder, as `execution.discard` does in a storage."""

    def discard(self, job_id: ObjectId, fence: int) -> None:
        shutil.rmtree(jobs.stored(get_settings().home, f"reports/{job_id}/{fence}"), ignore_errors=True)


def main() -> None:
    # Imported here: every child runs the top of this module again, and these take seconds.
    import time_machine

    from webapp import logs
    from webapp.documents import connect
    from webapp.worker.loop import Worker

    logs.to_stderr("WARNING")
    offset = float(os.environ.get("FAULT_CLOCK_OFFSET", "0"))
    if offset:
        time_machine.travel(datetime.now(UTC) + timedelta(seconds=offset), tick=True).start()
    settings = get_settings()
    if settings.mongodb_uri is None:
        sys.exit("REPORTDESK_MONGODB_URI is not set")
    connect(settings.mongodb_uri, settings.mongodb_database)
    concurrency = int(os.environ.get("FAULT_CONCURRENCY", "1"))
    worker = Worker(settings, settings.mongodb_uri, run_job=jobs.work, janitor=FolderJanitor(), concurrency=concurrency)
    signal.signal(signal.SIGTERM, lambda *_: worker.stop())
    worker.run()


if __name__ == "__main__":
    main()
