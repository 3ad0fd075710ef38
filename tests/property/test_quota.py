"""The quota, as the API counts it: whatever latencies and idle times, no rolling span has too many."""

from __future__ import annotations

import heapq
from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.engagement.fakes import NOON, SetClock
from worker.engagement import Limit, Quota

if TYPE_CHECKING:
    from worker.engagement.quota import Permit

MINUTE = 60.0


@dataclass(frozen=True)
class Request:
    """How one request goes: its latency, when within it the API counts it, and the idle time before it."""

    latency: float
    counted: float
    idle: float
    told: dict[str, str] = field(default_factory=dict)
    hold: float = 0.0


RATES = st.integers(1, 20) | st.sampled_from([0.05, 0.1, 0.25, 0.9, 1.5, 2.5]) | st.floats(0.02, 20)
"""Requests a minute."""
LATENCIES = (
    st.floats(0, 2)
    | st.floats(0, 200)
    | st.floats(0, 3000)
    | st.sampled_from([0.0, 59.999, 60.0, 60.001, 119.9])
)
IDLE = st.just(0.0) | st.floats(0, 150) | st.floats(0, 3000)
TOLD = st.fixed_dictionaries(
    {},
    optional={
        "x-per-minute-limit": st.integers(-5, 200).map(str) | st.text(max_size=5),
        "x-per-minute-remaining": st.integers(-5, 200).map(str) | st.text(max_size=5),
        "x-per-minute-reset": st.integers(int(NOON), int(NOON) + 5000).map(str) | st.text(max_size=5),
        "date": st.text(max_size=30),
    },
)
WELL = st.builds(Request, LATENCIES, st.floats(0, 1), IDLE)
ANY = st.builds(Request, LATENCIES, st.floats(0, 1), IDLE, TOLD, st.just(0.0) | st.floats(0, 100))


def simulate(
    rate: float, in_flight: int, requests: list[Request], start: float
) -> tuple[list[float], list[float]]:
    """When each request left, and when the API counted it."""
    clock = SetClock(start)
    quota = Quota(Limit.of(rate), clock)
    under_way: list[tuple[float, int, Permit, Request]] = []
    left: list[float] = []
    counted: list[float] = []

    def pass_time(until: float) -> None:
        while under_way and under_way[0][0] <= until:
            clock.at, _, permit, request = heapq.heappop(under_way)
            permit.end()
            quota.learn(request.told)
            if request.hold:
                quota.hold(request.hold)  # type: ignore[arg-type]
        clock.at = until

    for number, request in enumerate(requests):
        pass_time(clock.at + request.idle)
        while len(under_way) >= in_flight:
            pass_time(under_way[0][0])
        while (wait := quota.wait()) > 0:
            assert wait <= max(15 * MINUTE, Limit.of(rate).seconds + 1)
            assert quota.try_take() is None
            pass_time(clock.at + wait)
        permit = quota.try_take()
        assert permit is not None
        left.append(clock.at)
        counted.append(clock.at + request.latency * request.counted)
        heapq.heappush(under_way, (clock.at + request.latency, number, permit, request))
    return left, sorted(counted)


def keeps(rate: float, times: list[float]) -> bool:
    """Whether no rolling span holds more than its limit, half open: of 1 a minute, t has left at t + 60."""
    limit = Limit.of(rate)
    return all(
        number + 1 - bisect_left(times, at - limit.seconds + 1e-6) <= limit.requests
        for number, at in enumerate(times)
    )


@given(
    RATES,
    st.integers(1, 30),
    st.lists(WELL, min_size=1, max_size=80),
    st.sampled_from([0.0, 1e5, 1e9]),
)
@settings(deadline=None, max_examples=500)
def test_no_rolling_span_of_the_api_holds_more_than_the_limit(
    rate: float, in_flight: int, requests: list[Request], start: float
) -> None:
    left, counted = simulate(rate, in_flight, requests, start)
    assert keeps(rate, counted)
    assert keeps(rate, left)


@given(RATES, st.integers(1, 30), st.lists(ANY, min_size=1, max_size=60))
@settings(deadline=None)
def test_nothing_that_the_api_says_raises_the_limit_or_stops_for_ever(
    rate: float, in_flight: int, requests: list[Request]
) -> None:
    _, counted = simulate(rate, in_flight, requests, 0.0)
    assert keeps(rate, counted)


@given(RATES | st.integers(1, 200), st.lists(WELL, min_size=2, max_size=80))
@settings(deadline=None)
def test_requests_are_spaced_by_the_pace_after_a_start_and_after_idle_times(
    rate: float, requests: list[Request]
) -> None:
    left, _ = simulate(rate, 1000, requests, 0.0)
    gaps = [after - before for before, after in pairwise(left)]
    assert min(gaps) >= MINUTE / rate - 1e-6


@given(RATES | st.integers(1, 60), st.lists(st.floats(0, 1), min_size=150, max_size=150))
@settings(deadline=None, max_examples=30)
def test_a_busy_client_uses_the_contract_but_for_the_latency(rate: float, latencies: list[float]) -> None:
    requests = [Request(latency, 0.5, 0.0) for latency in latencies]
    left, _ = simulate(rate, 1000, requests, 0.0)
    took = left[-1] - left[0]
    limit = Limit.of(rate)
    assert took <= (len(left) - 1) * (limit.seconds + 1.1) / limit.requests + 1


@settings(max_examples=150)
@given(
    st.integers(1, 8),
    st.integers(1, 8),
    st.lists(st.tuples(st.floats(0, 0.4), st.floats(0, 1)), min_size=5, max_size=60),
)
def test_no_rolling_second_of_the_api_has_more_than_it_told(
    limit: int, in_flight: int, requests: list[tuple[float, float]]
) -> None:
    told = {"x-per-second-limit": str(limit), "x-per-second-remaining": "1"}
    work = [Request(latency, counted, 0.0, told) for latency, counted in requests]
    _, counted = simulate(60_000, in_flight, [Request(0.0, 0.0, 0.0, told), *work], 0.0)
    # The first one is how the limit becomes known: it is alone in its second.
    moments = sorted(counted)
    first = moments[0]
    moments = [moment for moment in moments if moment > first]
    for start, end in zip(moments, moments[limit:], strict=False):
        assert end - start > 1.0
