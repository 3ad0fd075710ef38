"""Tails, against the standard library and against samples."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.planner.tails import gain_above, normal_above


@given(st.floats(-8, 8))
def test_the_normal_tail_is_that_of_the_standard_library(z: float) -> None:
    assert normal_above(np.array([z]))[0] == pytest.approx(1 - NormalDist().cdf(z), abs=1e-7)


def test_the_tail_of_gains_is_that_of_samples_with_the_same_mean_and_variance() -> None:
    mean, variance, need = 20.0, 900.0, np.array([5.0, 20.0, 60.0, 150.0])
    spread = np.log1p(variance / mean**2)
    samples = np.random.default_rng(1).lognormal(np.log(mean) - spread / 2, np.sqrt(spread), 400_000)
    assert samples.mean() == pytest.approx(mean, rel=0.02)
    told = gain_above(need, np.full(4, mean), np.full(4, variance))
    assert told == pytest.approx([(samples >= one).mean() for one in need], abs=0.005)


@given(st.floats(-1e6, 0), st.floats(1e-9, 1e9), st.floats(1e-9, 1e12))
def test_what_is_there_already_is_sure(need: float, mean: float, variance: float) -> None:
    assert gain_above(np.array([need]), np.array([mean]), np.array([variance])).tolist() == [1.0]


@given(st.floats(1e-3, 1e6), st.floats(1e-6, 1e6), st.floats(1e-6, 1e12))
def test_a_gain_of_more_is_never_likelier(need: float, mean: float, variance: float) -> None:
    more, less = gain_above(np.array([2 * need, need]), np.full(2, mean), np.full(2, variance))
    assert 0 <= more <= less <= 1
