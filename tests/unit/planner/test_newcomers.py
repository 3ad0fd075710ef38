"""What Posts never asked for may have come to."""

from __future__ import annotations

import numpy as np
import pytest

from worker.planner.newcomers import Newcomers

ALL_GROWN = np.array([1.0])


def _chance(newcomers: Newcomers, campaign: int, bar: float, grown: float = 1.0) -> float:
    told = newcomers.above(np.array([campaign]), np.array([[bar]]), np.array([grown]))
    return float(told[0, 0])


def _met(campaign: int, sizes: list[float]) -> Newcomers:
    newcomers = Newcomers(1)
    count = len(sizes)
    newcomers.learn(np.full(count, campaign), np.array(sizes)[:, np.newaxis], np.ones(count))
    return newcomers


def test_what_most_first_answers_were_above_is_likely() -> None:
    newcomers = _met(0, [100.0] * 900 + [1.0] * 100)
    assert _chance(newcomers, 0, 40.0) > 0.85
    assert _chance(newcomers, 0, 4000.0) < 0.01


def test_a_young_post_must_be_of_a_larger_kind_to_be_above_a_bar_by_now() -> None:
    newcomers = _met(0, [float(2**step) for step in range(12) for _ in range(50)])
    assert _chance(newcomers, 0, 32.0, grown=0.01) < _chance(newcomers, 0, 32.0, grown=0.5)


def test_a_campaign_without_answers_is_as_the_others_are() -> None:
    newcomers = _met(0, [1000.0] * 500)
    assert _chance(newcomers, 3, 100.0) == pytest.approx(_chance(newcomers, 0, 100.0), abs=0.05)


def test_a_campaign_of_its_own_kind_is_told_apart() -> None:
    newcomers = _met(0, [1000.0] * 500)
    newcomers.learn(np.full(500, 1), np.full((500, 1), 1.0), np.ones(500))
    assert _chance(newcomers, 1, 100.0) < 0.1
    assert _chance(newcomers, 0, 100.0) > 0.5


def test_a_number_that_stands_for_another_campaign_begins_anew() -> None:
    newcomers = _met(0, [1000.0] * 500)
    newcomers.learn(np.full(5000, 1), np.full((5000, 1), 1.0), np.ones(5000))
    before = _chance(newcomers, 0, 100.0)
    newcomers.reset(0)
    assert _chance(newcomers, 0, 100.0) < before / 2


def test_an_open_board_takes_anyone_and_nothing_known_rules_nothing_out() -> None:
    newcomers = Newcomers(1)
    assert _chance(newcomers, 0, -1.0) == pytest.approx(1.0)
    assert 0 < _chance(newcomers, 0, 1e6) < _chance(newcomers, 0, 10.0) < 1


def test_a_metric_that_is_not_available_teaches_nothing() -> None:
    newcomers = Newcomers(2)
    sizes = np.column_stack([np.full(100, 50.0), np.full(100, np.nan)])
    before = newcomers.above(np.array([0]), np.array([[10.0, 10.0]]), ALL_GROWN)
    newcomers.learn(np.zeros(100, dtype=np.intp), sizes, np.ones(100))
    after = newcomers.above(np.array([0]), np.array([[10.0, 10.0]]), ALL_GROWN)
    assert after[0, 0] > before[0, 0]
    assert after[0, 1] == before[0, 1]
