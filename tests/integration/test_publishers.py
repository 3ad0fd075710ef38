"""The contract of ``Publisher``, held by every destination: Kafka on each broker, HTTP and Prometheus."""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import httpx
import pytest
from prometheus_client import CollectorRegistry

from tests.tools.brokers import running_broker, wanted_kinds, why_not
from tests.tools.kafka_records import latest
from tests.tools.publishing import taken_over
from tests.tools.require import missing
from tests.unit.publish.http.serving import PATIENCE, serving
from tests.unit.publish.http.serving import Worker as HttpWorker
from worker.connections import KafkaConnections
from worker.model import Campaign, Entry, Leaderboard, MetricName, PostId, Seconds, Timestamp
from worker.publish.kafka import KafkaPublisher
from worker.publish.prometheus import PrometheusPublisher
from worker.settings.sections import Kafka
from worker.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence

    from tests.tools.brokers import Broker, Kind
    from worker.publish.protocol import Publisher
    from worker.publish.term import Transactions

Key: TypeAlias = "tuple[str, str]"
Shown: TypeAlias = "Mapping[Key, Sequence[float]]"

NOON: Final = Timestamp(1795176000.0)
SPRING: Final = (Campaign("spring"), MetricName("retweets"))
AWKWARD: Final = (Campaign("früh/ling \N{PARTY POPPER}"), MetricName("favorites_per_hour"))


@dataclass
class Destination:
    """A publisher, how to call it, and what its readers see: each leaderboard's values, in rank order."""

    publisher: Publisher
    call: Callable[[Coroutine[Any, Any, None]], None]
    shown: Callable[[], Shown]

    def publish(self, *boards: Leaderboard) -> None:
        self.call(self.publisher.publish(boards))

    def withdraw(self, *keys: tuple[Campaign, MetricName]) -> None:
        self.call(self.publisher.withdraw(keys))

    def close(self) -> None:
        self.call(self.publisher.close())


def board(key: tuple[Campaign, MetricName], *values: float, minute: int = 0) -> Leaderboard:
    """A leaderboard with these values."""
    at = Timestamp(NOON + 60 * minute)
    entries = [
        Entry(rank, PostId(10**18 + rank), value, at, None, None, None)
        for rank, value in enumerate(values, start=1)
    ]
    return Leaderboard(*key, at, len(values), tuple(entries))


@contextmanager
def _kafka(broker: Broker, transactions: Transactions = "auto") -> Iterator[Destination]:
    topic = broker.create_topic(settings={"cleanup.policy": "compact"})
    connections = KafkaConnections(Kafka(bootstrap_servers=[broker.bootstrap], topic=["posts"]))
    publisher = KafkaPublisher(
        connections,
        topic,
        Seconds(10),
        telemetry=Telemetry(CollectorRegistry()),
        transactions=transactions,
    )

    def shown() -> Shown:
        found = {}
        for record_key, record in latest(broker.bootstrap, topic).items():
            document = json.loads(record.value)
            key = (document["campaign"], document["metric"])
            assert record_key.decode() == "/".join(key)
            found[key] = [entry["value"] for entry in document["entries"]]
        return found

    asyncio.run(taken_over(publisher))
    try:
        yield Destination(publisher, asyncio.run, shown)
    finally:
        asyncio.run(publisher.close())


@contextmanager
def _http() -> Iterator[Destination]:
    worker = HttpWorker()
    with serving(worker) as served:

        def call(work: Coroutine[Any, Any, None]) -> None:
            asyncio.run_coroutine_threadsafe(work, served._loop).result(PATIENCE)  # noqa: SLF001 -- its loop has no name for others

        def shown() -> Shown:
            with httpx.Client(base_url=served.url, trust_env=False) as client:
                boards = client.get("/api/leaderboards").json()["leaderboards"]
                return {
                    (one["campaign"], one["metric"]): [
                        entry["value"] for entry in client.get(one["url"]).json()["entries"]
                    ]
                    for one in boards
                }

        yield Destination(worker.publisher, call, shown)


@contextmanager
def _prometheus() -> Iterator[Destination]:
    telemetry = Telemetry(CollectorRegistry())
    publisher = PrometheusPublisher(telemetry, ranks=10, max_series=1000)

    def shown() -> Shown:
        found: dict[Key, dict[int, float]] = {}
        for family in publisher.collect():
            for sample in family.samples:
                key = (sample.labels.get("campaign", ""), sample.labels.get("metric", ""))
                if sample.name == "toptweets_board_tracked_posts":
                    found.setdefault(key, {})
                if sample.name == "toptweets_board_score":
                    found.setdefault(key, {})[int(sample.labels["rank"])] = sample.value
        return {key: [ranks[rank] for rank in sorted(ranks)] for key, ranks in found.items()}

    yield Destination(publisher, asyncio.run, shown)


@pytest.fixture(scope="module")
def broker_of() -> Iterator[Callable[[Kind], Broker]]:
    """A broker of a kind, started when it is first asked for."""
    with ExitStack() as stack:
        yield cache(lambda kind: stack.enter_context(running_broker(kind)))


DESTINATIONS: Final = [
    *(f"{how}-{kind}" for how in ("kafka", "kafka_plain") for kind in wanted_kinds()),
    *("http", "prometheus"),
]


@pytest.fixture(params=DESTINATIONS)
def destination(request: pytest.FixtureRequest, broker_of: Callable[[Kind], Broker]) -> Iterator[Destination]:
    name, _, kind = request.param.partition("-")
    if kind and (reason := why_not(kind)):
        if kind == "apache":
            missing("apache", reason)
        pytest.skip(reason)
    make = {
        "kafka": lambda: _kafka(broker_of(kind)),
        "kafka_plain": lambda: _kafka(broker_of(kind), "off"),
        "http": _http,
        "prometheus": _prometheus,
    }
    with make[name]() as made:
        yield made


def test_nothing_is_shown_before_anything_is_published(destination: Destination) -> None:
    assert destination.shown() == {}


def test_what_is_published_is_shown_in_the_order_of_its_ranks(destination: Destination) -> None:
    destination.publish(board(SPRING, 30, 20, 20), board(AWKWARD, 2.5))
    assert destination.shown() == {SPRING: [30, 20, 20], AWKWARD: [2.5]}


def test_publishing_the_same_again_is_as_publishing_once(destination: Destination) -> None:
    for _ in range(3):
        destination.publish(board(SPRING, 30, 20))
    assert destination.shown() == {SPRING: [30, 20]}


def test_the_newest_wins_and_leaves_nothing_of_the_one_before(destination: Destination) -> None:
    destination.publish(board(SPRING, 30, 20, 10))
    destination.publish(board(AWKWARD, 7))
    destination.publish(board(SPRING, 40, minute=1))
    assert destination.shown() == {SPRING: [40], AWKWARD: [7]}


def test_a_board_with_nobody_on_it_is_shown_empty(destination: Destination) -> None:
    destination.publish(board(SPRING, 30))
    destination.publish(board(SPRING, minute=1))
    assert destination.shown() == {SPRING: []}


def test_a_withdrawn_board_is_gone_until_it_is_published_again(destination: Destination) -> None:
    destination.publish(board(SPRING, 30), board(AWKWARD, 7))
    destination.withdraw(SPRING)
    destination.withdraw(SPRING)
    assert destination.shown() == {AWKWARD: [7]}
    destination.publish(board(SPRING, 10, minute=1))
    assert destination.shown() == {SPRING: [10], AWKWARD: [7]}


def test_a_board_that_was_never_published_can_be_withdrawn(destination: Destination) -> None:
    destination.withdraw(SPRING)
    assert destination.shown() == {}


def test_many_boards_at_once_are_all_shown(destination: Destination) -> None:
    keys = [(Campaign(f"campaign {number}"), MetricName("retweets")) for number in range(200)]
    destination.publish(*(board(key, number, 0) for number, key in enumerate(keys)))
    assert destination.shown() == {key: [number, 0] for number, key in enumerate(keys)}


def test_publishing_no_boards_is_allowed(destination: Destination) -> None:
    destination.publish()
    destination.withdraw()
    assert destination.shown() == {}


def test_it_can_be_closed_and_closed_again(destination: Destination) -> None:
    destination.publish(board(SPRING, 30))
    destination.close()
    destination.close()
