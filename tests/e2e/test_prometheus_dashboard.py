"""The dashboard and the alerts, asked of a real Prometheus that scrapes a worker's metrics."""

from __future__ import annotations

import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from kafka import KafkaProducer

from tests.tools.brokers import running_broker, why_not
from tests.tools.live_worker import running_sandbox, running_worker
from tests.tools.prometheus import Prometheus, running_prometheus
from tests.tools.promql import ALERTS, Expression, alert_expressions, dashboard_expressions
from tests.tools.sample_metrics import CAMPAIGN, METRIC, serve_samples
from worker.model import Timestamp, first_post_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.prometheus

EMPTY_AT_FIRST = frozenset(
    {
        "Dead letters",
        "Posts retired",
        "How right the boards of $campaign are",
        "Right Posts by contract, simulated",
        "Error of shown counts by contract, simulated",
    }
)
"""Panels that show nothing of a worker that is young, and with which nothing goes wrong."""


@dataclass(frozen=True, slots=True)
class Scraped:
    """What is scraped: where, a board that it has, and panels that may well show nothing of it."""

    address: str
    campaign: str
    metric: str
    may_be_empty: frozenset[str] = field(default=frozenset())


@contextmanager
def _samples() -> Iterator[Scraped]:
    with serve_samples() as address:
        yield Scraped(address, CAMPAIGN, METRIC)


@contextmanager
def _worker(directory: Path) -> Iterator[Scraped]:
    """A worker that has measured the Posts of one campaign."""
    quick = {"KAFKA__SESSION_TIMEOUT": "2s", "KAFKA__HEARTBEAT_INTERVAL": "400ms"}
    # The limits that are not set by default: each has its share shown.
    quick |= {"ENGAGEMENT__HANDLES_PER_MONTH": "100", "RUN__MEMORY_WARNING": "4GiB"}
    with running_broker("tansu") as broker, running_sandbox(directory) as sandbox:
        topic = broker.create_topic()
        _produce(broker.bootstrap, topic)
        with running_worker(directory, broker.bootstrap, topic, sandbox.address, quick) as worker:
            worker.await_that(f"/api/leaderboards/{CAMPAIGN}/{METRIC}", '"rank"')
            yield Scraped(worker.address, CAMPAIGN, METRIC, EMPTY_AT_FIRST)


def _produce(bootstrap: str, topic: str) -> None:
    """A hundred Posts of one campaign, an hour old."""
    first = first_post_id(Timestamp(time.time() - 3600))
    with closing(KafkaProducer(bootstrap_servers=bootstrap)) as producer:
        for post_id in range(first, first + 100):
            producer.send(topic, str(post_id).encode(), headers=[("campaign", CAMPAIGN.encode())])


@pytest.fixture(scope="module", params=["samples", "worker"])
def scraped(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    """Samples of every metric, which show that each query finds its series; and a real worker."""
    if request.param == "worker" and (reason := why_not("tansu")):
        pytest.skip(reason)
    directory = tmp_path_factory.mktemp(request.param)
    with _samples() if request.param == "samples" else _worker(directory) as target:
        yield target


@pytest.fixture(scope="module")
def prometheus(scraped: Scraped, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    directory = tmp_path_factory.mktemp("prometheus")
    with running_prometheus(scraped.address, directory, rules=[ALERTS]) as running:
        running.await_scrapes("top-tweets")
        yield running


@pytest.mark.parametrize("expression", dashboard_expressions(), ids=lambda one: one.title)
def test_every_panel_shows_data(expression: Expression, prometheus: Prometheus, scraped: Scraped) -> None:
    asked = expression.filled(campaign=scraped.campaign, metric=scraped.metric)
    if expression.title in scraped.may_be_empty:
        prometheus.query(asked)
    else:
        prometheus.await_that(lambda: prometheus.query(asked) != [], f"no data: {asked}")


@pytest.mark.parametrize("expression", alert_expressions(), ids=lambda one: one.title)
def test_every_alert_can_be_asked(expression: Expression, prometheus: Prometheus) -> None:
    prometheus.query(expression.text)


def test_every_alert_is_evaluated_without_error(prometheus: Prometheus) -> None:
    prometheus.await_that(
        lambda: all(rule["health"] != "unknown" for rule in prometheus.rules()), "alerts not evaluated"
    )
    assert {rule["name"] for rule in prometheus.rules()} == {one.title for one in alert_expressions()}
    assert {
        rule["name"]: rule.get("lastError") for rule in prometheus.rules() if rule["health"] != "ok"
    } == {}


def test_a_variable_of_the_dashboard_finds_the_campaigns(prometheus: Prometheus, scraped: Scraped) -> None:
    found = prometheus.query("group by (campaign) (toptweets_board_score)")
    assert scraped.campaign in {one["metric"]["campaign"] for one in found}
