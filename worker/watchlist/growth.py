"""Growth per hour: against a kept measurement, else against 0 at the Post's creation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from worker.model import FloatArray, Seconds, Timestamp
    from worker.watchlist.columns import Columns

_HOUR: Final = 3600.0
_SHORTEST: Final = 1.0
"""Seconds: answers are dated to the second, so nothing shorter is known."""


def grow(
    columns: Columns, rows: NDArray[np.intp], counts: FloatArray, at: Timestamp, window: Seconds
) -> FloatArray:
    """Growth per hour of some Posts with new counts; moves their kept measurements on.

    A Post keeps two earlier measurements: ``base``, at least ``window`` older than its newest one, which
    growth is measured against, and ``kept``, which becomes the base when it is old enough in its turn.

    Args:
        columns: where the kept measurements are.
        rows: of the Posts, shape (n,).
        counts: of the metrics whose growth is wanted, shape (n, metrics); ``nan`` where not available.
        at: when they were measured.
        window: least time between a measurement and its base, in seconds.

    Returns:
        Shape (n, metrics), counts an hour; ``nan`` where the count is, and where the Post's creation is
        unknown and no measurement with this metric is old enough.
    """
    old_enough = (columns.kept_at[rows] > 0) & (at - columns.kept_at[rows] >= window)
    moving = rows[old_enough]
    columns.base[moving] = columns.kept[moving]
    columns.base_at[moving] = columns.kept_at[moving]
    keeping = old_enough | (columns.kept_at[rows] == 0)
    columns.kept[rows[keeping]] = counts[keeping]
    columns.kept_at[rows[keeping]] = at

    base, base_at = columns.base[rows], columns.base_at[rows, np.newaxis]
    # A base measured without this metric is none for it: not available is not 0, and not for ever either.
    based = (base_at > 0) & ~np.isnan(base)
    # A Post that is there when it is seen is no younger, whatever the clock says that its ID was made by.
    created = np.minimum(columns.created[rows], columns.seen[rows])[:, np.newaxis]
    hours = np.maximum(at - np.where(based, base_at, created), _SHORTEST) / _HOUR
    return (counts - np.where(based, base, 0.0)) / hours
