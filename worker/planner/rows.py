"""Sets of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def without(rows: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.intp]:
    """Those rows, in their order, that are not among the others."""
    # Rows are small numbers: a table of them takes less than sorting does.
    return rows[~np.isin(rows, others, kind="table")] if len(rows) and len(others) else rows
