"""`reportdesk worker`: make the reports that are asked for."""

from __future__ import annotations

import signal
from types import FrameType

import click

from webapp import embedded, logs
from webapp.cli.session import connected
from webapp.worker import execution, startup
from webapp.worker.child_process import warm_up
from webapp.worker.deliveries import DeliveryThread
from webapp.worker.drawing import Drawer
from webapp.worker.loop import Worker
from webapp.worker.maintenance import MaintenanceThread
from webapp.worker.orders import OrderThread
from webapp.worker.scheduler import SchedulerThread


@click.command()
@click.option("--concurrency", type=click.IntRange(1, 64), default=2, show_default=True, help="Reports made at once.")
@click.option(
    "--log-level",
    type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"]),
    default="INFO",
    show_default=True,
    help="What to write to standard error, one JSON line each.",
)
def command(concurrency: int, log_level: str) -> None:
    """Make the reports that are asked for, and those of schedules, until told to stop.

    Start as many as you like, on as many machines as you like: they share the queue, and the storage must be one that
    all of them reach. SIGTERM: finish what runs (25 s at most), hand the rest back. Ctrl-C: hand back at once.
    """
    logs.to_stderr(log_level)
    with connected() as settings:
        startup.check_database()
        maintenance = MaintenanceThread()
        uri = embedded.ensure_running(settings)
        worker = Worker(
            settings,
            uri,
            run_job=execution.execute,
            janitor=maintenance,
            concurrency=concurrency,
            drawer=Drawer(),
        )

        orders = OrderThread(worker.id, uri)
        scheduler = SchedulerThread(worker.id)
        deliveries = DeliveryThread(worker.id)

        def stop(number: int, _frame: FrameType | None) -> None:
            worker.stop(at_once=number == signal.SIGINT)

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        # The first report need not wait for it.
        warm_up(execution.execute)
        maintenance.start()
        orders.start()
        scheduler.start()
        deliveries.start()
        worker.run()
        scheduler.stop()
        deliveries.stop()
        orders.stop()
        maintenance.stop()
