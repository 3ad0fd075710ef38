"""A worker's metrics with a sample in every series, for tests of what reads them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    start_http_server,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from worker import telemetry
from worker.limits import LIMITS

if TYPE_CHECKING:
    from collections.abc import Iterator

CAMPAIGN: Final = "spring"
METRIC: Final = "favorites"
_LABELS: Final = {"outcome": "measured", "status": "429", "topic": "posts", "partition": "0"}
_NOW: Final = 1_790_000_000.0


class _Boards(Collector):
    """What ``publish/prometheus.py`` exports of two boards."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        score = GaugeMetricFamily(
            telemetry.BOARD_SCORE, telemetry.BOARD_SCORE_HELP, labels=telemetry.BOARD_SCORE_LABELS
        )
        board = ("campaign", "metric")
        oldest = GaugeMetricFamily(telemetry.BOARD_OLDEST, telemetry.BOARD_OLDEST_HELP, labels=board)
        tracked = GaugeMetricFamily(telemetry.BOARD_TRACKED, telemetry.BOARD_TRACKED_HELP, labels=board)
        recall = GaugeMetricFamily(
            telemetry.BOARD_RECALL, telemetry.BOARD_RECALL_HELP, labels=("campaign", "bound")
        )
        overall = GaugeMetricFamily(telemetry.BOARDS_RECALL, telemetry.BOARDS_RECALL_HELP, labels=("bound",))
        for bound in ("recall", "low", "high"):
            overall.add_metric((bound,), 0.99)
            recall.add_metric((CAMPAIGN, bound), 0.98)
        for campaign in ("all", CAMPAIGN):
            for rank in range(1, 11):
                score.add_metric((campaign, METRIC, str(rank)), 1000 / rank)
            oldest.add_metric((campaign, METRIC), _NOW)
            tracked.add_metric((campaign, METRIC), 500)
        yield from (score, oldest, tracked, recall, overall)
        yield GaugeMetricFamily(telemetry.BOARD_LEFT_OUT, telemetry.BOARD_LEFT_OUT_HELP, value=0)


def sample_registry() -> CollectorRegistry:
    """Every metric of ``telemetry.py``, each with a value, and those of the process."""
    registry = CollectorRegistry()
    worker = telemetry.Telemetry(registry)
    for metric in vars(worker).values():
        if isinstance(metric, Counter | Gauge | Histogram):
            names = metric._labelnames  # noqa: SLF001 -- the client shows them nowhere else
            child = metric.labels(*(_LABELS.get(name, "sample") for name in names)) if names else metric
            if isinstance(child, Histogram):
                child.observe(1)
            else:
                child.inc()
    for setting in LIMITS:
        worker.limits.labels(setting).set(10)
    worker.build.info({"version": "0.1.0"})
    ProcessCollector(registry=registry)
    registry.register(_Boards())
    return registry


@contextmanager
def serve_samples() -> Iterator[str]:
    """Serve them for a scrape; gives ``host:port``."""
    server, thread = start_http_server(0, "127.0.0.1", sample_registry())
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
