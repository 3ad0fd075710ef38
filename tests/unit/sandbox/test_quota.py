"""The quota: never exceeded in any rolling minute, and told in the headers."""

from __future__ import annotations

import random

import pytest

from sandbox.quota import Quota, Rolling


def test_a_minute_is_full_until_its_oldest_request_has_left_it() -> None:
    quota = Quota(2)
    assert [quota.take(now) for now in (100.0, 130.0, 130.1, 159.9, 160.0, 160.1)] == [
        True,
        True,
        False,
        False,
        True,
        False,
    ]


def test_refused_requests_take_nothing() -> None:
    quota = Quota(1)
    assert quota.take(0.0)
    assert not any(quota.take(float(second)) for second in range(1, 60))
    assert quota.take(60.0)
    assert quota.most == 1


def test_the_headers_say_what_is_left_and_when_there_is_more() -> None:
    quota = Quota(3)
    quota.take(100.5)
    quota.take(110.0)
    assert quota.headers(110.0) == (
        ("x-per-minute-limit", "3"),
        ("x-per-minute-remaining", "1"),
        ("x-per-minute-reset", "161"),
    )
    assert dict(quota.headers(161.0))["x-per-minute-remaining"] == "2"


def test_at_the_reset_a_refused_request_is_let_in() -> None:
    quota = Quota(1)
    quota.take(100.7)
    assert not quota.take(150.0)
    assert quota.take(float(dict(quota.headers(150.0))["x-per-minute-reset"]))


@pytest.mark.parametrize(
    ("rate", "requests", "seconds", "told"), [(0.25, 1, 240, "1"), (0.05, 1, 1200, "1"), (2.5, 2, 48, "3")]
)
def test_a_fraction_lets_in_whole_requests_of_its_span_and_tells_a_limit_rounded_up(
    rate: float, requests: int, seconds: int, told: str
) -> None:
    quota = Quota(rate)
    assert all(quota.take(100.5 + number) for number in range(requests))
    last = 100.5 + requests - 1
    assert quota.headers(last) == (
        ("x-per-minute-limit", told),
        ("x-per-minute-remaining", "0"),
        ("x-per-minute-reset", str(101 + seconds)),
    )
    assert not quota.take(100.4 + seconds)
    assert quota.wait(100.4 + seconds) == 1
    assert quota.take(100.5 + seconds)
    assert quota.most_in_a_span == requests


def test_the_busiest_minute_is_told_beside_the_busiest_span() -> None:
    quota = Quota(2.5)
    assert all(quota.take(at) for at in (0.0, 1.0, 48.0, 49.0))
    assert (quota.most, quota.most_in_a_span) == (4, 2)


def test_without_a_limit_all_are_let_in_and_no_headers_are_given() -> None:
    quota = Quota(0)
    assert all(quota.take(1.0) for _ in range(1000))
    assert quota.headers(1.0) == ()
    assert quota.most == 1000


def test_the_busiest_minute_is_what_counting_each_window_gives() -> None:
    chance = random.Random(4)  # noqa: S311 - not a secret
    times = sorted(chance.uniform(0, 600) for _ in range(500))
    minute = Rolling()
    for now in times:
        minute.add(now)
    assert minute.most == max(sum(end - 60 < time <= end for time in times) for end in times)
    assert minute.count(10_000.0) == 0
