"""An outage of the brokers is seen and told once."""

from __future__ import annotations

import threading
from collections import deque

import pytest
from kafka.errors import KafkaError, NodeNotReadyError, SaslAuthenticationFailedError
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from tests.unit.intake.fakes import PATIENCE, TROUBLE
from worker.intake import BrokerWatch, watch
from worker.model import Seconds
from worker.telemetry import Telemetry

SERVERS = ["one:9092", "two:9092"]


class Brokers:
    """Answer, or do not, as the script says; after it they answer."""

    def __init__(self, *script: BaseException | None) -> None:
        self.script = deque(script)
        self.asked = 0
        self.over = threading.Event()
        self.closed = False
        self.connected = 0

    def connect(self) -> Brokers:
        self.connected += 1
        return self

    def describe_cluster(self) -> object:
        self.asked += 1
        if not self.script:
            self.over.set()
            return {}
        if (error := self.script.popleft()) is not None:
            raise error
        return {}

    def close(self) -> None:
        self.closed = True


def _watch(brokers: Brokers, failures: list[BaseException] | None = None) -> tuple[BrokerWatch, Telemetry]:
    telemetry = Telemetry(CollectorRegistry())
    failed = [] if failures is None else failures
    return BrokerWatch(brokers.connect, SERVERS, failed=failed.append, telemetry=telemetry), telemetry


def _up(telemetry: Telemetry) -> float | None:
    return telemetry.registry.get_sample_value("toptweets_kafka_up", {"client": "watch"})


def test_brokers_are_up_until_shown_otherwise() -> None:
    watching, telemetry = _watch(Brokers())
    assert _up(telemetry) == 1
    assert watching.look()
    assert _up(telemetry) == 1
    assert watching.down is None


def test_an_outage_and_its_end_are_told_once_each() -> None:
    watching, telemetry = _watch(Brokers(TROUBLE, TROUBLE, TROUBLE, None, None))
    ups = []
    with capture_logs() as logs:
        for _ in range(5):
            watching.look()
            ups.append((_up(telemetry), watching.down is not None))
    assert ups == [(1, False), (0, True), (0, True), (1, False), (1, False)]
    assert [log["event"] for log in logs] == ["kafka_down", "kafka_back"]
    assert logs[0]["error"].startswith("no answer from one:9092, two:9092")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NodeNotReadyError("No node_id provided"), "no answer from one:9092, two:9092"),
        (SaslAuthenticationFailedError("who?"), "no answer from one:9092, two:9092: "),
    ],
)
def test_an_outage_is_told_with_the_addresses_and_a_cause_that_says_more(
    error: KafkaError, said: str
) -> None:
    watching, _ = _watch(Brokers(error, error))
    watching.look()
    watching.look()
    assert watching.down is not None
    assert watching.down.startswith(said)
    assert ("who?" in watching.down) == ("who?" in str(error))
    assert "node_id" not in watching.down


def test_one_question_without_answer_is_no_outage() -> None:
    watching, telemetry = _watch(Brokers(TROUBLE, None, TROUBLE, None))
    with capture_logs() as logs:
        for _ in range(4):
            watching.look()
    assert logs == []
    assert _up(telemetry) == 1


def test_it_connects_again_when_it_could_not() -> None:
    brokers = Brokers()
    tries = deque([TROUBLE, TROUBLE])

    def connect() -> Brokers:
        if tries:
            raise tries.popleft()
        return brokers.connect()

    watching = BrokerWatch(connect, SERVERS, failed=lambda _: None, telemetry=Telemetry(CollectorRegistry()))
    assert [watching.look() for _ in range(4)] == [False, False, True, True]
    assert brokers.connected == 1


def test_its_thread_asks_until_it_is_stopped_and_lets_go_of_the_client(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "_EVERY", 0.0)
    brokers = Brokers(None, None)
    watching, _ = _watch(brokers)
    watching.start()
    assert brokers.over.wait(PATIENCE)
    watching.ask_to_stop()
    assert watching.join(Seconds(PATIENCE))
    assert brokers.closed


def test_a_fault_of_ours_is_told() -> None:
    failures: list[BaseException] = []
    watching, _ = _watch(Brokers(ZeroDivisionError()), failures)
    watching.start()
    assert watching.join(Seconds(PATIENCE))
    assert [type(one) for one in failures] == [ZeroDivisionError]
    assert not isinstance(failures[0], KafkaError)


def test_one_that_was_never_started_has_ended() -> None:
    watching, _ = _watch(Brokers())
    watching.ask_to_stop()
    assert watching.join(Seconds(0))
