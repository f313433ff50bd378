"""A worker process that only delivers, by the name that it is given; it is killed from outside."""

from __future__ import annotations

import signal
import sys
import threading


def main() -> None:
    from webapp import logs
    from webapp.documents import connect
    from webapp.settings import get_settings
    from webapp.worker.deliveries import DeliveryThread

    logs.to_stderr("ERROR")
    settings = get_settings()
    if settings.mongodb_uri is None:
        sys.exit("REPORTDESK_MONGODB_URI is not set")
    connect(settings.mongodb_uri, settings.mongodb_database)
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    sender = DeliveryThread(sys.argv[1], look_seconds=0.05)
    sender.start()
    over.wait()
    sender.stop()


if __name__ == "__main__":
    main()
