"""The line through samples finds a growth, and does not take chance for one."""

from __future__ import annotations

import math
import random

import pytest

from benchmarks.soak.fit import rise, slope

MINUTES = [number / 12 for number in range(1000)]


def test_a_straight_line_has_its_slope_and_no_error() -> None:
    found = slope(MINUTES, [5 + 2 * at for at in MINUTES])
    assert found.value == pytest.approx(2)
    assert found.error == pytest.approx(0, abs=1e-9)
    assert found.is_above(1.9)
    assert not found.is_above(2.1)
    assert found.is_below(2.1)
    assert not found.is_below(1.9)


def test_what_does_not_change_does_not_grow() -> None:
    assert not slope(MINUTES, [7.0] * len(MINUTES)).is_above(0)


@pytest.mark.parametrize("times", [[], [1.0, 2.0, 3.0], [1.0] * 9])
def test_too_little_to_tell_is_above_nothing(times: list[float]) -> None:
    found = slope(times, [at * 1000 for at in times])
    assert found.error == math.inf
    assert not found.is_above(-1e9)
    assert not found.is_below(1e9)


def test_a_growth_is_found_among_noise() -> None:
    chance = random.Random(1)  # noqa: S311 -- not a secret
    found = slope(MINUTES, [30 * at + chance.gauss(0, 200) for at in MINUTES])
    assert found.value == pytest.approx(30, abs=3 * found.error)
    assert found.is_above(20)


def test_what_wanders_is_taken_for_a_growth_about_as_rarely_as_said() -> None:
    chance = random.Random(2)  # noqa: S311 -- not a secret
    times, wrong = MINUTES[:300], 0
    for _ in range(200):
        level, values = 0.0, []
        for _ in times:
            level = 0.8 * level + chance.gauss(0, 1)
            values.append(level)
        wrong += slope(times, values).is_above(0)
    assert wrong <= 12  # one in forty would be 5; samples taken for independent make it 50


def test_what_dips_and_comes_back_does_not_rise_and_what_goes_up_does() -> None:
    assert rise([43.0] * 10 + [40.0] * 5 + [43.0] * 30) == 0
    assert rise([40.0 + number // 10 for number in range(90)]) == 6
    assert rise([1.0, 2.0]) == 0
