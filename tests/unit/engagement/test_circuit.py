"""The circuit: says once what is wrong, and lets one request try now and then."""

from __future__ import annotations

from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from tests.unit.engagement.fakes import SetClock
from worker.engagement import Circuit
from worker.model import Seconds
from worker.telemetry import Telemetry

RETRY = Seconds(300.0)


def circuit_and_clock() -> tuple[Circuit, SetClock, Telemetry]:
    clock, telemetry = SetClock(), Telemetry(CollectorRegistry())
    return Circuit(RETRY, clock, telemetry), clock, telemetry


def test_a_closed_circuit_lets_everything_pass() -> None:
    circuit, _, _ = circuit_and_clock()
    assert circuit.wait() == 0.0
    circuit.asked()
    assert circuit.wait() == 0.0


def test_an_open_circuit_waits() -> None:
    circuit, clock, telemetry = circuit_and_clock()
    circuit.open("the token is bad")
    assert circuit.wait() == RETRY
    clock.at = 299.0
    assert circuit.wait() == 1.0
    assert telemetry.registry.get_sample_value("toptweets_api_circuit_open") == 1


def test_one_request_tries_an_open_circuit_and_no_other_follows_it() -> None:
    circuit, clock, _ = circuit_and_clock()
    circuit.open("the token is bad")
    clock.at = 300.0
    assert circuit.wait() == 0.0
    circuit.asked()
    assert circuit.wait() == RETRY


def test_an_answer_closes_it() -> None:
    circuit, _, telemetry = circuit_and_clock()
    circuit.open("the token is bad")
    circuit.close()
    assert circuit.wait() == 0.0
    assert circuit.reason is None
    assert telemetry.registry.get_sample_value("toptweets_api_circuit_open") == 0


def test_it_says_so_once_when_it_opens_and_once_when_it_closes() -> None:
    circuit, _, _ = circuit_and_clock()
    with capture_logs() as logs:
        circuit.close()
        for _ in range(3):
            circuit.open("check engagement.bearer_token")
        circuit.close()
        circuit.close()
    assert [entry["event"] for entry in logs] == ["api_refuses", "api_answers_again"]
    assert logs[0]["reason"] == "check engagement.bearer_token"
