"""How the report asks the API. The only module of the report that knows how the client is put together."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import numpy as np
from prometheus_client import CollectorRegistry

from worker.api import make_accounts, make_asker, make_reach
from worker.catalogue import Endpoint
from worker.clock import sleeping
from worker.engagement import Circuit, Limit, Quota
from worker.engagement.lean import make_transport
from worker.model import Seconds, Timestamp
from worker.report.answered import Answered
from worker.report.job import SERIES, UsageError
from worker.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from worker.catalogue import Reach
    from worker.engagement import Account, Accounts, Asker, Outcome, Query
    from worker.model import Clock, IntArray, MetricName, PostId
    from worker.settings import Settings
    from worker.settings.sections import Engagement

_LEAST: Final = 0.001
"""Requests a minute, as of the setting."""


def accounts_of(settings: Settings) -> Accounts:
    """The accounts that gave permission."""
    return make_accounts(settings.engagement.accounts_file)


def reach_of(settings: Settings) -> Reach:
    """How far back totals go."""
    return make_reach(settings.engagement)


def earliest_of(settings: Settings, now: Timestamp) -> Timestamp:
    """The moment from which historical has anything."""
    engagement = settings.engagement
    begins = datetime.fromisoformat(engagement.historical_from).replace(tzinfo=UTC).timestamp()
    if engagement.historical_reach:
        begins = max(begins, now - engagement.historical_reach)
    return Timestamp(begins)


def limit_of(engagement: Engagement, share: float) -> Limit:
    """The requests that a share of the contract allows.

    Raises:
        UsageError: hardly any.
    """
    contract = engagement.requests_per_minute
    limit = Limit.of(contract).part(share)
    if limit.rate < _LEAST:
        raise UsageError(
            f"--quota-share {share:g}: of {contract:g} requests a minute it leaves less than {_LEAST}; "
            "it must leave that"
        )
    return limit


class Asking:
    """Asks the API, and says why a token should not be used any more."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._endpoint = Endpoint.TOTALS

    async def ask(self, query: Query, post_ids: Sequence[PostId], account: Account | None) -> Answered:
        """See ``measuring.Asking.ask``."""
        self._endpoint = query.endpoint
        outcome = await self._asker.ask(query, post_ids, account)
        return _answered(query.metrics, outcome, with_series=bool(query.groupings))

    def stopped(self, account: Account | None) -> str | None:
        """See ``measuring.Asking.stopped``."""
        return self._asker.stopped(account, self._endpoint)


@asynccontextmanager
async def connected(
    settings: Settings,
    clock: Clock,
    *,
    share: float,
    on_answer: Callable[[bytes], None] | None = None,
) -> AsyncIterator[Asking]:
    """The API as these settings say, for as long as the block lasts."""
    engagement, telemetry = settings.engagement, Telemetry(CollectorRegistry())
    asker = make_asker(
        engagement,
        accounts_of(settings),
        quota=Quota(limit_of(engagement, share), clock, sleeping(settings.clock.pace)),
        circuit=Circuit(Seconds(engagement.circuit_retry), clock, telemetry),
        clock=clock,
        telemetry=telemetry,
        on_answer=on_answer,
        transport=make_transport(Seconds(engagement.timeout), engagement.in_flight),
        pace=settings.clock.pace,
    )
    try:
        yield Asking(asker)
    finally:
        await asker.close()


def _answered(metrics: tuple[MetricName, ...], outcome: Outcome, *, with_series: bool) -> Answered:
    counts = [each for each in outcome.counts if len(each.post_ids)]
    at = max((each.measured_at for each in counts), default=outcome.at)
    if len(counts) == 1:
        post_ids, values = counts[0].post_ids, counts[0].values
    else:
        empty: IntArray = np.empty(0, dtype=np.int64)
        post_ids = np.concatenate([empty, *(each.post_ids for each in counts)])
        values = np.concatenate([empty.reshape(0, len(metrics)), *(each.values for each in counts)])
    return Answered(
        at,
        metrics,
        post_ids,
        values,
        unavailable=outcome.unavailable,
        refused=outcome.refused,
        forbidden=outcome.forbidden,
        failed=outcome.failed,
        why=outcome.why,
        trees=_series(outcome) if with_series else (),
    )


def _series(outcome: Outcome) -> list[dict[str, object]]:
    """The series of each answer, without what stands beside them."""
    return [{SERIES: body[SERIES]} for body in outcome.bodies if SERIES in body]
