"""A rate as whole requests in a span, here as in the sandbox; and parts of it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.quota import whole
from worker.engagement import Limit
from worker.model import Seconds

RATES = st.floats(0.001, 10_000_000) | st.integers(1, 10_000_000)


@pytest.mark.parametrize(
    ("rate", "requests", "seconds"),
    [
        (60, 60, 60.0),
        (1, 1, 60.0),
        (2.5, 2, 48.0),
        (1.5, 1, 40.0),
        (0.25, 1, 240.0),
        (0.1, 1, 600.0),
        (0.05, 1, 1200.0),
        (0.001, 1, 60_000.0),
        (10_000_000, 10_000_000, 60.0),
    ],
)
def test_a_rate_is_so_many_whole_requests_in_so_many_seconds(
    rate: float, requests: int, seconds: float
) -> None:
    assert Limit.of(rate) == Limit(requests, Seconds(seconds))
    assert Limit.of(rate).rate == rate


@given(RATES)
def test_a_limit_has_the_rate_it_was_made_of_and_the_sandbox_makes_the_same_of_it(rate: float) -> None:
    limit = Limit.of(rate)
    assert limit.rate == pytest.approx(rate, rel=1e-6)
    assert (limit.requests, limit.seconds) == whole(rate)
    assert limit.requests == max(1, math.floor(rate))
    assert limit.seconds == Seconds(60) if rate == limit.requests else limit.seconds > 30


@pytest.mark.parametrize("rate", [0, -1, math.nan, math.inf])
def test_a_limit_of_nothing_or_without_end_is_a_fault(rate: float) -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        Limit.of(rate)


@pytest.mark.parametrize(
    ("rate", "share", "part"),
    [
        (100, 0.29, Limit(29, Seconds(60))),
        (60, 1.0, Limit(60, Seconds(60))),
        (8, 0.3, Limit(2, Seconds(60))),
        (2.5, 0.5, Limit(1, Seconds(48))),
        (1, 0.25, Limit(1, Seconds(240))),
        (0.25, 0.5, Limit(1, Seconds(480))),
    ],
)
def test_a_part_is_of_the_same_span_or_one_request_in_a_longer_one(
    rate: float, share: float, part: Limit
) -> None:
    assert Limit.of(rate).part(share) == part


@given(RATES, st.floats(0.01, 0.99))
def test_two_parts_of_a_limit_that_have_a_request_each_hold_no_more_than_it(
    rate: float, share: float
) -> None:
    limit = Limit.of(rate)
    parts = limit.part(share), limit.part(1 - share)
    if all(part.seconds == limit.seconds for part in parts):
        assert sum(part.requests for part in parts) <= limit.requests
    else:
        assert all(part.rate <= limit.rate for part in parts)
