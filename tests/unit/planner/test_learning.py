"""The curve is learned from what Posts gained."""

from __future__ import annotations

import numpy as np
import pytest

from worker.model import Seconds
from worker.planner.curve import Curve
from worker.planner.growth import Measured
from worker.planner.learning import CurveLearner

HALF = Seconds(4800.0)


def _teach(learner: CurveLearner, truth: Curve, posts: int, seed: int = 1) -> None:
    """Posts of any size, asked twice, whose growth varies around the curve by half of itself."""
    chance = np.random.default_rng(seed)
    first = chance.uniform(300, 20_000, posts)
    second = first + chance.uniform(0.2, 2.0, posts) * first
    sizes = 50 * chance.pareto(1.1, posts) + 50
    before = np.floor(sizes * truth.grown(first))
    gained = sizes * (truth.grown(second) - truth.grown(first)) * chance.lognormal(-0.1, 0.45, posts)
    nothing = np.zeros(posts)
    known = Measured(first, before[:, np.newaxis], nothing, np.zeros((posts, 1)))
    learner.learn(known, second, (before + np.floor(gained))[:, np.newaxis])


@pytest.mark.parametrize("factor", [0.125, 0.25, 1.0, 4.0, 8.0])
def test_it_finds_the_half_that_the_world_has(factor: float) -> None:
    """Within a factor of two; what it forecasts by is rather shorter, and never longer than that."""
    learner = CurveLearner(HALF, 0.5, 1.0)
    truth = Curve(Seconds(HALF * factor), 0.5)
    for seed in range(20):
        _teach(learner, truth, 60, seed)
    assert truth.half / 2 <= learner.likeliest.half <= truth.half * 2
    assert min(truth.half, HALF) / 2 <= learner.curve.half <= learner.likeliest.half
    if factor == 8.0:
        assert learner.curve.half > HALF


def test_a_longer_half_that_is_only_a_little_likelier_is_not_taken() -> None:
    """The truth lies between the half of the settings and twice that: 2,400 gains speak for that."""
    learner = CurveLearner(HALF, 0.5, 1.0)
    for seed in range(40):
        _teach(learner, Curve(Seconds(HALF * 1.4), 0.5), 60, seed)
    assert learner.likeliest.half == 2 * HALF
    assert learner.curve.half == HALF


def test_few_answers_change_nothing() -> None:
    learner = CurveLearner(HALF, 0.5, 1.0)
    _teach(learner, Curve(Seconds(HALF * 4), 0.5), 3)
    assert learner.curve.half == HALF


def test_habits_that_change_are_learned_anew() -> None:
    learner = CurveLearner(HALF, 0.5, 1.0)
    for seed in range(20):
        _teach(learner, Curve(Seconds(HALF / 8), 0.5), 60, seed)
    assert learner.curve.half < HALF / 2
    for seed in range(400):
        _teach(learner, Curve(Seconds(HALF * 4), 0.5), 60, seed)
    assert learner.curve.half > HALF


def test_nothing_and_what_is_not_available_teach_nothing() -> None:
    learner = CurveLearner(HALF, 0.5, 1.0)
    _teach(learner, Curve(HALF), 0)
    known = Measured(np.array([60.0]), np.array([[np.nan]]), np.zeros(1), np.zeros((1, 1)))
    learner.learn(known, np.array([90.0]), np.array([[4.0]]))
    assert learner.curve.half == HALF
