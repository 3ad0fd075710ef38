"""Random numbers that are the same everywhere."""

from __future__ import annotations

import numpy as np

from sandbox.mixing import fractions, keys, uniform, uniforms

# The first numbers of SplitMix64 from the state 1234567, as other implementations publish them.
SPLITMIX = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]


def test_the_lanes_of_a_key_are_splitmix64() -> None:
    drawn = uniforms(np.array([1234567], dtype=np.uint64), 4)[:, 0]
    assert [int(draw * 2**52) for draw in drawn] == [number >> 12 for number in SPLITMIX]


def test_draws_are_never_0_or_1_and_spread_evenly() -> None:
    drawn = uniforms(keys(3, np.arange(100_000)), 2)
    assert drawn.min() > 0
    assert drawn.max() < 1
    filled, _ = np.histogram(drawn, bins=10, range=(0, 1))
    assert abs(filled - 20_000).max() < 600
    assert abs(np.corrcoef(drawn).min()) < 0.02


def test_the_largest_number_is_below_1_and_the_smallest_above_0() -> None:
    largest, smallest = fractions(np.array([2**64 - 1, 0], dtype=np.uint64))
    assert largest < 1
    assert smallest > 0


def test_more_lanes_do_not_change_the_first_ones() -> None:
    of_keys = keys(1, np.array([5, 6]))
    np.testing.assert_array_equal(uniforms(of_keys, 9)[:3], uniforms(of_keys, 3))


def test_a_seed_may_be_negative_or_longer_than_64_bits() -> None:
    assert len({uniform(seed, 0) for seed in (0, 1, -1, 2**70 + 5)}) == 4
