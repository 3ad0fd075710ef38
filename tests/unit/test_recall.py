"""What may be said of how right boards are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.model import Missing
from worker.recall import Audited, overall, recall_of, sum_of

amounts = st.floats(0, 1e6)
lacking = st.builds(Missing, amounts, amounts, st.floats(1, 100))
audits = st.lists(st.builds(Audited, st.integers(0, 10_000), st.none() | lacking), max_size=20)


@given(st.floats(0, 1e6), st.none() | lacking, st.floats(0, 1))
def test_what_is_said_lies_in_its_interval_which_is_narrow(
    places: float, missing: Missing | None, widest: float
) -> None:
    recall = recall_of(places, missing, widest)
    if recall is not None:
        assert 0 <= recall.low <= recall.value <= recall.high <= 1
        assert recall.high - recall.low <= widest


@pytest.mark.parametrize("posts", [0.01, 0.3, 2.0, 9.0, 90.0, 300.0])
@pytest.mark.parametrize("unsure", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("together", [1.0, 4.0])
def test_the_interval_holds_what_luck_makes_of_it(posts: float, unsure: float, together: float) -> None:
    places, chance = 2000, np.random.default_rng(1)
    recall = recall_of(places, Missing(posts * together, unsure * together, together), 1.0)
    assert recall is not None
    means = np.full(20_000, posts)
    if unsure:
        means = chance.gamma((posts / unsure) ** 2, unsure**2 / posts, len(means))
    shares = 1 - chance.poisson(means) * together / places
    assert np.mean((shares >= recall.low - 1e-9) & (shares <= recall.high + 1e-9)) >= 0.95


@given(audits)
def test_all_boards_together_lie_between_the_best_and_the_worst(found: list[Audited]) -> None:
    recall = overall(found)
    shares = [one.missing.posts / one.places for one in found if one.missing is not None and one.places]
    if recall is not None:
        assert max(1 - max(shares), 0) - 1e-9 <= recall.value <= max(1 - min(shares), 0) + 1e-9


def test_the_less_is_known_the_wider_it_is_until_nothing_is_said() -> None:
    widths = []
    for missing in (Missing(2.0, 0.0), Missing(2.0, 2.0), Missing(2.0, 4.0), Missing(2.0, 4.0, 2.0)):
        recall = recall_of(200, missing, 1.0)
        assert recall is not None
        widths.append(recall.high - recall.low)
    assert widths == sorted(widths)
    assert widths[0] < widths[-1]
    assert recall_of(200, Missing(2.0, 4.0), 0.05) is None


def test_of_ten_places_it_says_nine_or_ten() -> None:
    recall = recall_of(10, Missing(0.2, 0.1), 0.2)
    assert recall is not None
    assert (recall.value, recall.low, recall.high) == pytest.approx((0.98, 0.9, 1.0))
    sure = recall_of(10, Missing(0.01, 0.005), 0.2)
    assert sure is not None
    assert (sure.low, sure.high) == pytest.approx((0.999, 1.0))
    many = recall_of(1000, Missing(0.01, 0.005), 0.2)
    assert many is not None
    assert many.low == pytest.approx(0.997), "of a thousand places some may be missing that nobody heard of"


def test_of_no_places_and_of_what_nobody_knows_nothing_is_said() -> None:
    assert recall_of(0, Missing(0.0, 0.0), 1.0) is None
    assert recall_of(10, None, 1.0) is None
    assert overall([]) is None


def test_one_campaign_may_be_said_less_surely_than_all_boards() -> None:
    audit = Audited(10, Missing(0.2, 0.1))
    assert audit.recall is not None
    assert overall([audit]) is None


def test_a_few_boards_without_an_audit_do_not_silence_the_others() -> None:
    known, new = Audited(95, Missing(0.0, 0.0)), Audited(5, None)
    assert overall([known, new]) is not None
    assert overall([known, new, Audited(15, None)]) is None


def test_a_sum_is_not_known_when_a_part_is_not() -> None:
    assert sum_of([Missing(1.0, 0.5), None]) is None
    assert sum_of([]) == Missing(0, 0)
    assert sum_of([Missing(1.0, 0.5), Missing(2.0, 0.25, 4.0)]) == Missing(3.0, 0.75, 3.0)
    assert Missing(2.0, 0.5, 3.0).part(0.5) == pytest.approx((1.0, 0.25, 3.0))
