"""The boards that a planner works for: those whose values an answer of its endpoint brings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.board_metrics import board_metric

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from worker.catalogue import Endpoint
    from worker.model import FloatArray, MetricName
    from worker.planner.planner import Columns


class OwnBoards:
    """Which of all board metrics are of one endpoint, and their columns among the Watchlist's values.

    Of Posts that are not ``owned`` nobody tells private metrics.
    """

    def __init__(self, metrics: Sequence[MetricName], endpoint: Endpoint, *, owned: bool = True) -> None:
        made = [board_metric(metric) for metric in metrics]
        self._places = [
            place
            for place, metric in enumerate(made)
            if metric.endpoint is endpoint and (owned or not metric.is_private)
        ]
        self._all = len(self._places) == len(metrics)
        self.metrics = [metrics[place] for place in self._places]

    def __len__(self) -> int:
        return len(self.metrics)

    def values(self, columns: Columns, rows: NDArray[np.intp]) -> FloatArray:
        """Their last values of some Posts, shape (n, own metrics)."""
        values = columns.values[rows]
        return values if self._all else values[:, self._places]
