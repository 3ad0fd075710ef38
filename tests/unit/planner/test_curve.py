"""How growth is spread over a Post's age."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.model import Seconds
from worker.planner.curve import Curve

curves = st.builds(Curve, st.floats(60, 1e6).map(Seconds), st.floats(0.3, 3))


@pytest.mark.parametrize("tail", [0.35, 0.5, 1.0, 2.0])
def test_half_of_growth_is_over_at_the_half(tail: float) -> None:
    assert Curve(Seconds(4800.0), tail).grown(np.array([4800.0])) == pytest.approx(0.5)


def test_with_a_tail_of_one_it_is_the_hyperbola() -> None:
    ages = np.array([0.0, 60.0, 4800.0, 86_400.0])
    assert Curve(Seconds(4800.0)).grown(ages) == pytest.approx(ages / (ages + 4800.0))


@given(curves, st.lists(st.floats(0, 1e8), min_size=2))
def test_it_rises_from_nothing_to_all(curve: Curve, ages: list[float]) -> None:
    grown = curve.grown(np.sort(np.array(ages)))
    assert (np.diff(grown) >= 0).all()
    assert curve.grown(np.array([-5.0, 0.0])).tolist() == [0.0, 0.0]
    assert (grown <= 1).all()


@given(curves, st.floats(0.0, 0.99))
def test_ages_and_shares_are_each_others_inverse(curve: Curve, share: float) -> None:
    assert curve.grown(curve.age_at(np.array([share]))) == pytest.approx(share, abs=1e-9)


def test_all_growth_is_over_never() -> None:
    assert np.isinf(Curve(Seconds(4800.0)).age_at(np.array([1.0, 1.5]))).all()
