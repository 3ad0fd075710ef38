"""Which Posts compete for a board, and which of them are the best: read off the columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from worker.watchlist.columns import State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.model import Campaign, FloatArray, IntArray, MetricName, PostId
    from worker.watchlist.columns import Columns
    from worker.watchlist.groups import Groups


class Competitors:
    """The Posts of a Watchlist by the boards that they can stand on."""

    def __init__(self, metrics: tuple[MetricName, ...], columns: Columns, groups: Groups) -> None:
        self._metrics = metrics
        self._columns = columns
        self._groups = groups

    def all(self, partition: int, campaign: Campaign, metric: MetricName) -> Iterator[tuple[PostId, float]]:
        """All Posts of a partition and campaign that have a value of the metric, each with it."""
        post_ids, values = self._of(partition, campaign, metric)
        return zip(post_ids.tolist(), values.tolist(), strict=True)

    def best(
        self, partition: int, campaign: Campaign, metric: MetricName, count: int
    ) -> list[tuple[PostId, float]]:
        """The ``count`` best of them, best first: value descending, then the older Post."""
        post_ids, values = self._of(partition, campaign, metric)
        if len(values) > count:
            bar = np.partition(values, len(values) - count)[len(values) - count]
            reach = values >= bar
            post_ids, values = post_ids[reach], values[reach]
        order = np.lexsort((post_ids, -values))[:count]
        return list(zip(post_ids[order].tolist(), values[order].tolist(), strict=True))

    def _of(self, partition: int, campaign: Campaign, metric: MetricName) -> tuple[IntArray, FloatArray]:
        columns = self._columns
        values = columns.values[:, self._metrics.index(metric)]
        groups = self._groups.with_campaign(campaign)
        rows = np.flatnonzero(
            ((columns.states == State.NEW) | (columns.states == State.MEASURED))
            & (columns.partitions == partition)
            & np.isin(columns.groups, groups)
            & ~np.isnan(values)
        )
        return columns.post_ids[rows], values[rows]
