"""Random numbers that are a pure function of numbers: the same on any machine, in any Python, in any order.

Source: Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators" (2014), the mixer of
SplitMix64. Only integer arithmetic modulo 2**64 and one exact conversion to float are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    KeyArray: TypeAlias = NDArray[np.uint64]
    UniformArray: TypeAlias = NDArray[np.float64]

_MASK: Final = 2**64 - 1
_GOLDEN: Final = 0x9E3779B97F4A7C15
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)
_SHIFTS: Final = tuple(np.uint64(bits) for bits in (30, 27, 31))
_DROP: Final = np.uint64(12)  # what is left are 52 bits: with a half added, a float still holds them exactly


def _mix(numbers: KeyArray) -> KeyArray:
    """SplitMix64's mixer, in place: a bijection in which every input bit moves half of the output bits."""
    numbers ^= numbers >> _SHIFTS[0]
    numbers *= _FIRST
    numbers ^= numbers >> _SHIFTS[1]
    numbers *= _SECOND
    numbers ^= numbers >> _SHIFTS[2]
    return numbers


def keys(seed: int, numbers: NDArray[np.int64]) -> KeyArray:
    """One 64-bit key for each number, different for each seed. Shape as ``numbers``."""
    start = _mix(np.array([seed & _MASK], dtype=np.uint64) + np.uint64(_GOLDEN))
    return _mix(numbers.astype(np.uint64) ^ start)


def uniforms(of_keys: KeyArray, lanes: int) -> UniformArray:
    """Independent draws in (0, 1), never 0 or 1. Shape (lanes, keys); more lanes do not change the first."""
    steps = np.array([(lane * _GOLDEN) & _MASK for lane in range(1, lanes + 1)], dtype=np.uint64)
    return fractions(_mix(of_keys[np.newaxis, :] + steps[:, np.newaxis]))


def fractions(numbers: KeyArray) -> UniformArray:
    """64-bit numbers as fractions in (0, 1). Shape as ``numbers``."""
    return ((numbers >> _DROP).astype(np.float64) + 0.5) * 2.0**-52


def uniform(seed: int, number: int) -> float:
    """One draw in (0, 1): the ``number``-th of this seed."""
    key = keys(seed, np.array([number], dtype=np.int64))
    return float(uniforms(key, 1)[0, 0])
