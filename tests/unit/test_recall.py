"""What may be said of how right boards are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.model import Missing
from worker.recall import Audited, overall, recall_of, sum_of

amounts = st.floats(0, 1e6)
audits = st.lists(
    st.builds(Audited, st.integers(0, 10_000), st.none() | st.builds(Missing, amounts, amounts)), max_size=20
)


@given(st.floats(0, 1e6), st.none() | st.builds(Missing, amounts, amounts))
def test_what_is_said_lies_in_its_interval_which_is_narrow(places: float, missing: Missing | None) -> None:
    recall = recall_of(places, missing)
    if recall is not None:
        assert 0 <= recall.low <= recall.value <= recall.high <= 1
        assert recall.high - recall.low <= 0.05 + 1e-12


@given(audits)
def test_all_boards_together_lie_between_the_best_and_the_worst(found: list[Audited]) -> None:
    recall = overall(found)
    shares = [one.missing.posts / one.places for one in found if one.missing is not None and one.places]
    if recall is not None:
        assert 1 - max(shares) - 1e-9 <= recall.value <= 1 - min(shares) + 1e-9


def test_the_less_is_known_the_wider_it_is_until_nothing_is_said() -> None:
    widths = []
    for unsure in (0.0, 0.2, 0.5, 0.7):
        recall = recall_of(100, Missing(2.0, unsure))
        assert recall is not None
        widths.append(recall.high - recall.low)
    assert widths == sorted(widths)
    assert recall_of(100, Missing(2.0, 0.8)) is None
    assert recall_of(100, Missing(6.0, 0.0)) is None, "half of six hundredths may be wrong either way"


def test_of_no_places_and_of_what_nobody_knows_nothing_is_said() -> None:
    assert recall_of(0, Missing(0.0, 0.0)) is None
    assert recall_of(10, None) is None
    assert overall([]) is None


def test_a_few_boards_without_an_audit_do_not_silence_the_others() -> None:
    known, new = Audited(95, Missing(0.0, 0.0)), Audited(5, None)
    assert overall([known, new]) is not None
    assert overall([known, new, Audited(15, None)]) is None


def test_a_sum_is_not_known_when_a_part_is_not() -> None:
    assert sum_of([Missing(1.0, 0.5), None]) is None
    assert sum_of([]) == Missing(0, 0)
    assert sum_of([Missing(1.0, 0.5), Missing(2.0, 0.25)]) == Missing(3.0, 0.75)
    assert Missing(2.0, 0.5).part(0.5) == pytest.approx((1.0, 0.25))
