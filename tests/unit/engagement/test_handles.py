"""Handles: distinct accounts of a month, against the contract's number."""

from __future__ import annotations

from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from tests.unit.engagement.fakes import NOON, SetClock
from worker.engagement import Handles
from worker.telemetry import Telemetry

LATE_NOVEMBER = 1_764_547_140.0
"""30 November 2025, 23:59 UTC."""


class Counting:
    """Handles with what they told."""

    def __init__(self, limit: int | None = 4, warn_at: float = 0.75) -> None:
        self.clock = SetClock(LATE_NOVEMBER - NOON)
        self.told: list[tuple[str, str]] = []
        self.telemetry = Telemetry(CollectorRegistry())
        self.handles = Handles(
            limit,
            warn_at,
            first_used=lambda month, handle, _: self.told.append((month, handle)),
            clock=self.clock,
            telemetry=self.telemetry,
        )

    def gauge(self) -> float | None:
        return self.telemetry.registry.get_sample_value("toptweets_handles_used")


def test_an_account_counts_once_a_month_in_any_case() -> None:
    counting = Counting()
    for handle in ("Acme", "acme", "beta", "ACME"):
        counting.handles.note(handle)
    assert counting.told == [("2025-11", "acme"), ("2025-11", "beta")]
    assert counting.handles.used().handles == ("acme", "beta")
    assert counting.gauge() == 2


def test_a_new_month_by_utc_begins_anew() -> None:
    counting = Counting()
    counting.handles.note("acme")
    counting.clock.at += 120
    counting.handles.tell()
    assert counting.gauge() == 0
    counting.handles.note("acme")
    assert counting.told == [("2025-11", "acme"), ("2025-12", "acme")]
    assert counting.handles.used().month == "2025-12"


def test_what_other_workers_used_counts_and_is_not_told_again() -> None:
    counting = Counting()
    counting.handles.learn("2025-11", "acme")
    counting.handles.learn("2025-10", "long_ago")
    counting.handles.note("acme")
    assert counting.told == []
    assert counting.handles.used().handles == ("acme",)


def test_it_warns_once_at_the_threshold_and_once_beyond_the_contract() -> None:
    counting = Counting(limit=4, warn_at=0.75)
    with capture_logs() as logs:
        for number in range(7):
            counting.handles.note(f"account{number}")
            counting.handles.note("account0")
            assert counting.handles.used().warning is (number >= 2)
    assert [(entry["event"], entry["used"]) for entry in logs] == [
        ("handles_near_contract", 3),
        ("handles_beyond_contract", 5),
    ]


def test_without_a_contract_s_number_nothing_warns() -> None:
    counting = Counting(limit=None)
    with capture_logs() as logs:
        counting.handles.note("acme")
    assert not logs
    assert counting.handles.used().limit is None
