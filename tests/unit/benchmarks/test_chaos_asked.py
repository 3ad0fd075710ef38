"""The busiest rolling minute and what was asked too soon, counted from arrivals."""

from __future__ import annotations

from random import Random

from benchmarks.chaos.asked import Asked, Early, asked_early, most_in_a_minute


def test_a_minute_is_half_open() -> None:
    assert most_in_a_minute([0.0, 60.0]) == 1
    assert most_in_a_minute([0.0, 59.999]) == 2
    assert most_in_a_minute([]) == 0


def test_one_request_over_the_limit_is_found_wherever_the_minute_begins() -> None:
    limit = 10
    paced = [number * 6.0 for number in range(100)]
    assert most_in_a_minute(paced) == limit
    for place in (0, 41, 99):
        assert most_in_a_minute([*paced, paced[place] + 3.0]) == limit + 1


def test_it_equals_counting_every_window_by_hand() -> None:
    chance = Random(4)  # noqa: S311 -- not a secret
    arrivals = [chance.uniform(0, 600) for _ in range(300)]
    by_hand = max(sum(end - 60 < at <= end for at in arrivals) for end in arrivals)
    assert most_in_a_minute(arrivals) == by_hand


def test_a_post_asked_again_before_its_time_is_counted_once_for_each_time() -> None:
    requests = [
        Asked(0.0, [1, 2], answered=True),
        Asked(2.0, [1, 2], answered=True),  # all of it too soon
        Asked(4.0, [2, 3], answered=True),  # 2 too soon, 3 new
        Asked(20.0, [1, 2, 3], answered=True),
    ]
    assert asked_early(requests, 10.0) == Early(requests=1, post_ids=3)


def test_what_was_not_answered_may_be_asked_at_once() -> None:
    requests = [
        Asked(0.0, [1], answered=False),
        Asked(1.0, [1], answered=True),
        Asked(2.0, [1], answered=True),
    ]
    assert asked_early(requests, 10.0) == Early(requests=1, post_ids=1)


def test_the_interval_itself_is_soon_enough() -> None:
    requests = [Asked(0.0, [1], answered=True), Asked(10.0, [1], answered=True)]
    assert asked_early(requests, 10.0) == Early(0, 0)
