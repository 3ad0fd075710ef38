"""What an answer is worth: how surely a board is wrong about a Post, and how far its number is off."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from worker.planner.tails import gain_above, normal_above

if TYPE_CHECKING:
    from worker.model import FloatArray
    from worker.planner.bars import Bars
    from worker.planner.growth import Forecast, Growth


class Doubt(NamedTuple):
    """Of each Post and metric on one board, shape (n, metrics), 0 where a value is not available.

    ``wrong``: the chance that the Post is on the board and should not be, or the other way round.
    ``missing``: the chance that it is not on the board and should be. ``error``: by how much of itself the
    number shown is off; 0 where the board does not show the Post.
    """

    wrong: FloatArray
    missing: FloatArray
    error: FloatArray


def belongs(values: FloatArray, change: Forecast, bars: Bars, growth: Growth) -> FloatArray:
    """The chance that each Post belongs on its board by now, shape (n, metrics); ``nan`` as in ``values``."""
    chance = np.empty_like(values)
    for columns, passing in ((growth.counted, _gains), (growth.moving, _moves)):
        if len(columns) == values.shape[1]:
            chance = passing(values, change.mean, change.variance, bars.true, bars.variance)
        elif len(columns):
            chance[:, columns] = passing(
                *(of[:, columns] for of in (values, change.mean, change.variance, bars.true, bars.variance))
            )
    return chance


def doubt(values: FloatArray, change: Forecast, bars: Bars, growth: Growth) -> Doubt:
    """How far boards are to be doubted. ``bars``: of the board of each Post, shape (n, metrics) each."""
    passes = belongs(values, change, bars, growth)
    shown = values >= bars.shown
    wrong = np.where(shown, 1.0 - passes, passes)
    off = np.abs(change.mean)
    off[:, growth.moving] = np.sqrt(change.variance[:, growth.moving])
    error = np.where(
        shown, np.minimum(off / np.maximum(np.abs(values + change.mean), growth.least), 1.0), 0.0
    )
    # Who has no value is not shown either, so that no error of it has to be taken out.
    wrong[np.isnan(values)] = 0.0
    return Doubt(wrong, np.where(shown, 0.0, wrong), error)


def _gains(
    values: FloatArray, mean: FloatArray, variance: FloatArray, bar: FloatArray, spread: FloatArray
) -> FloatArray:
    return gain_above(bar - values, mean, variance + spread)


def _moves(
    values: FloatArray, mean: FloatArray, variance: FloatArray, bar: FloatArray, spread: FloatArray
) -> FloatArray:
    return normal_above((bar - values - mean) / np.sqrt(variance + spread))
