"""Which metrics are worth asking for, known before asking: by the Posts' ages, and by what was refused."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
import structlog

from worker.catalogue import Endpoint, Reach
from worker.engagement.errors import StoppedError
from worker.model import NOT_AVAILABLE, creation_times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.engagement.accounts import Account
    from worker.engagement.query import Query
    from worker.model import Clock, IntArray, MetricName, PostId, Seconds, Timestamp

_DROPPED_FOR: Final = 3600.0
"""Seconds until a metric that the API refused to a token is asked for again."""

_log = structlog.get_logger(__name__)


class Allowance:
    """What may be asked of an endpoint with a token.

    Totals that are not had of Posts so old are left out where all Posts of a request are; in a request with
    younger ones they are not available for the old, whatever the API says.
    """

    def __init__(self, reach: Reach, clock: Clock) -> None:
        self._reach = reach
        self._clock = clock
        self._dropped: dict[tuple[Endpoint, Account | None], dict[MetricName, Seconds]] = {}

    def metrics(
        self, query: Query, account: Account | None, post_ids: Sequence[PostId]
    ) -> tuple[MetricName, ...]:
        """The metrics of the query that are worth asking for."""
        metrics: Sequence[MetricName] = query.metrics
        if query.endpoint is Endpoint.TOTALS:
            metrics = self._reach.askable(metrics, post_ids, self._clock.now())
        dropped = self._dropped.get((query.endpoint, account))
        if not dropped:
            return tuple(metrics)
        now = self._clock.monotonic()
        return tuple(metric for metric in metrics if dropped.get(metric, -math.inf) <= now)

    def drop(self, query: Query, account: Account | None, refused: Sequence[MetricName]) -> None:
        """Ask for these no more for an hour.

        Raises:
            StoppedError: nothing of the query is left.
        """
        now = self._clock.monotonic()
        dropped = self._dropped.setdefault((query.endpoint, account), {})
        fresh = [metric for metric in refused if dropped.get(metric, -math.inf) <= now]
        dropped |= dict.fromkeys(fresh, now + _DROPPED_FOR)  # type: ignore[arg-type]  # seconds, too
        if all(dropped.get(metric, -math.inf) > now for metric in query.metrics):
            # The circuit keeps us from asking; when it tries again, all may be had.
            dropped.clear()
            raise StoppedError(
                f"the API refuses every metric of boards.metrics to this token on {query.endpoint}: "
                "ask X for them",
                endpoint_only=True,
            )
        if fresh:
            _log.error(
                "metrics_refused",
                metrics=fresh,
                endpoint=query.endpoint.value,
                account=account.handle if account else None,
                do="ask X for them, or take them out of boards.metrics",
            )

    def fill(
        self,
        query: Query,
        asked: Sequence[MetricName],
        post_ids: IntArray,
        values: IntArray,
        at: Timestamp,
    ) -> IntArray:
        """An answer's values of the metrics asked for, with a column for each metric of the query."""
        if len(asked) != len(query.metrics):
            told, shape = values, (len(post_ids), len(query.metrics))
            values = np.full(shape, NOT_AVAILABLE, dtype=np.int64)
            values[:, [query.metrics.index(metric) for metric in asked]] = told
        if query.endpoint is Endpoint.TOTALS:
            for column, metric in enumerate(query.metrics):
                if (reach := self._reach.of(metric)) is not None:
                    # An ID without a time in it is older than any reach.
                    young = at - creation_times(post_ids) <= reach
                    values[~young, column] = NOT_AVAILABLE
        return values
