"""Bars of boards: found among forecasts, and raised by what the merged leaderboards show."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.model import ALL, Campaign, MetricName, Standings
from worker.planner.bars import OPEN, Campaigns, find_bars, heed, open_bars

SPRING, AUTUMN = Campaign("spring"), Campaign("autumn")
LIKES = MetricName("favorites")


def _campaigns(*sets: tuple[Campaign, ...]) -> Campaigns:
    campaigns = Campaigns()
    campaigns.update(enumerate(sets))
    return campaigns


def test_a_bar_is_midway_between_the_last_place_and_the_next() -> None:
    campaigns = _campaigns((ALL,))
    expected = np.array([[10.0], [4.0], [7.0], [1.0]])
    bars = find_bars(campaigns, np.zeros(4, dtype=np.int32), expected, np.full((4, 1), 8.0), top=2)
    assert bars.true.tolist() == [[5.5]]
    assert bars.variance.tolist() == [[4.0]]


def test_a_board_with_free_places_is_open() -> None:
    campaigns = _campaigns((ALL,))
    expected = np.array([[10.0], [4.0], [np.nan]])
    bars = find_bars(campaigns, np.zeros(3, dtype=np.int32), expected, np.ones((3, 1)), top=2)
    assert bars.true.tolist() == [[OPEN]]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.floats(0, 100), st.floats(0, 100)), min_size=1, max_size=40),
    st.integers(1, 4),
)
def test_bars_are_those_of_sorting_each_board(posts: list[tuple[int, float, float]], top: int) -> None:
    sets = ((ALL,), (ALL, SPRING), (ALL, AUTUMN), (ALL, AUTUMN, SPRING))
    campaigns = _campaigns(*sets)
    groups = np.array([group for group, *_ in posts], dtype=np.int32)
    expected = np.array([values for _, *values in posts])
    bars = find_bars(campaigns, groups, expected, np.zeros_like(expected), top)
    for campaign, number in campaigns.names().items():
        for metric in range(2):
            own = sorted(
                (values[metric] for group, *values in posts if campaign in sets[group]), reverse=True
            )
            wanted = (own[top - 1] + own[top]) / 2 if len(own) > top else OPEN
            assert bars.true[number, metric] == pytest.approx(wanted)


def test_what_others_show_raises_a_bar_and_never_lowers_it() -> None:
    campaigns = _campaigns((ALL, SPRING))
    bars = open_bars(2, 1)
    numbers = campaigns.names()
    bars.true[numbers[ALL]] = 50.0
    heed(
        bars,
        campaigns,
        Standings({(ALL, LIKES): 40.0, (SPRING, LIKES): 9.0, (AUTUMN, LIKES): 1.0}),
        {LIKES: 0},
    )
    assert (bars.true[numbers[ALL], 0], bars.shown[numbers[ALL], 0]) == (50.0, 40.0)
    assert (bars.true[numbers[SPRING], 0], bars.shown[numbers[SPRING], 0]) == (9.0, 9.0)


def test_a_campaign_that_ends_leaves_its_number_to_the_next() -> None:
    campaigns = _campaigns((ALL,), (ALL, SPRING))
    before = campaigns.names()[SPRING]
    assert campaigns.update([(0, (ALL,)), (1, (ALL, AUTUMN))]) == [before]
    assert campaigns.of_group[1].tolist() == [campaigns.names()[ALL], before]
    assert len(campaigns) == 2
