"""The queue's figures in Prometheus' text format, read from the database, so that any web process may answer."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from webapp.services.queue import status as queue_status

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_WINDOW_HOURS = 1


class _QueueCollector(Collector):
    def collect(self) -> Iterator[Metric]:
        overview = queue_status.overview()
        jobs = GaugeMetricFamily("reportdesk_jobs", "Report jobs by state.", labels=["status"])
        for state, number in overview.counts.items():
            jobs.add_metric([state.value], number)
        yield jobs
        oldest = overview.oldest_waiting.total_seconds() if overview.oldest_waiting else 0.0
        yield GaugeMetricFamily("reportdesk_oldest_queued_seconds", "Age of the oldest queued job.", value=oldest)
        living = [worker for worker in overview.workers if worker.is_alive]
        yield GaugeMetricFamily("reportdesk_workers", "Workers that beat.", value=len(living))
        yield GaugeMetricFamily("reportdesk_worker_slots", "Jobs they can run at once.", value=overview.slots)
        yield GaugeMetricFamily(
            "reportdesk_alarm", "1 when an operator should look.", value=0 if overview.alarm is None else 1
        )
        period = queue_status.history(hours=_WINDOW_HOURS, periods=1)[0]
        yield GaugeMetricFamily(
            "reportdesk_jobs_ready_last_hour", "Jobs finished in the last hour.", value=period.ready
        )
        seconds = GaugeMetricFamily(
            "reportdesk_job_seconds", "Seconds of the last hour's jobs.", labels=["phase", "quantile"]
        )
        measured = {
            ("wait", "0.5"): period.wait_p50,
            ("wait", "0.95"): period.wait_p95,
            ("run", "0.5"): period.run_p50,
            ("run", "0.95"): period.run_p95,
        }
        for labels, value in measured.items():
            if value is not None:
                seconds.add_metric(list(labels), value)
        yield seconds
        failures = GaugeMetricFamily(
            "reportdesk_jobs_failed_last_hour", "Jobs failed in the last hour, by code.", labels=["code"]
        )
        for code, number in queue_status.failures_by_code(hours=_WINDOW_HOURS):
            failures.add_metric([code], number)
        yield failures


def text() -> bytes:
    """All figures; the media type is CONTENT_TYPE."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_QueueCollector())
    return generate_latest(registry)
