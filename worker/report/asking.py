"""How the report asks the API. The only module of the report that knows how the client is put together."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import numpy as np
import stamina
from prometheus_client import CollectorRegistry

from worker.catalogue import Reach
from worker.engagement import (
    Access,
    Accounts,
    AccountSigner,
    Allowance,
    AppOnlyAuth,
    AppSigner,
    Asker,
    Circuit,
    FixedToken,
    Quota,
    Requester,
    RetryPolicy,
)
from worker.engagement.lean import make_transport
from worker.model import Seconds
from worker.report.answered import Answered
from worker.report.job import SERIES
from worker.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from worker.engagement import Account, Credentials, Outcome, Query, Transport
    from worker.model import Clock, IntArray, MetricName, PostId
    from worker.settings import Settings
    from worker.settings.sections import Engagement

_MEND_APP: Final = "check engagement.bearer_token, or engagement.consumer_key and consumer_secret"


def accounts_of(settings: Settings) -> Accounts:  # noqa: ARG001 -- no setting names accounts yet
    """The accounts that gave permission."""
    return Accounts()


def reach_of(settings: Settings) -> Reach:  # noqa: ARG001 -- no setting says it yet
    """How far back totals go."""
    return Reach()


def limit_of(engagement: Engagement, share: float) -> int:
    """Requests a minute that a share of the contract is; at least one."""
    return max(1, int(engagement.requests_per_minute * share))


class Asking:
    """Asks the API, and says why a token should not be used any more."""

    def __init__(self, asker: Asker, circuits: dict[Account | None, Circuit]) -> None:
        self._asker = asker
        self._circuits = circuits

    async def ask(self, query: Query, post_ids: Sequence[PostId], account: Account | None) -> Answered:
        """See ``measuring.Asking.ask``."""
        outcome = await self._asker.ask(query, post_ids, account)
        return _answered(query.metrics, outcome, with_series=bool(query.groupings))

    def stopped(self, account: Account | None) -> str | None:
        """See ``measuring.Asking.stopped``."""
        return self._circuits[account].reason


@asynccontextmanager
async def connected(
    settings: Settings,
    clock: Clock,
    *,
    share: float,
    on_answer: Callable[[bytes], None] | None = None,
) -> AsyncIterator[Asking]:
    """The API as these settings say, for as long as the block lasts."""
    stamina.instrumentation.set_on_retry_hooks([])
    engagement, telemetry = settings.engagement, Telemetry(CollectorRegistry())
    transport = make_transport(Seconds(engagement.timeout), engagement.in_flight)
    circuits: dict[Account | None, Circuit] = {}

    def circuit(account: Account | None) -> Circuit:
        circuits[account] = Circuit(Seconds(engagement.circuit_retry), clock, telemetry)
        return circuits[account]

    requester = Requester(
        engagement.url,
        transport=transport,
        quota=Quota(limit_of(engagement, share), clock),
        retries=RetryPolicy(
            engagement.attempts, Seconds(engagement.retry_wait), Seconds(engagement.retry_wait_max)
        ),
        clock=clock,
        telemetry=telemetry,
        on_answer=on_answer,
    )
    asker = Asker(
        requester,
        Access(AppSigner(_credentials(engagement, transport)), circuit(None), _MEND_APP),
        {
            account: Access(
                AccountSigner(*_consumer(engagement), account),
                circuit(account),
                f"check the token of the account {account.handle}",
                owned=True,
            )
            for account in accounts_of(settings)
        },
        allowance=Allowance(reach_of(settings), clock),
        clock=clock,
        telemetry=telemetry,
    )
    try:
        yield Asking(asker, circuits)
    finally:
        await asker.close()


def _credentials(engagement: Engagement, transport: Transport) -> Credentials:
    if engagement.bearer_token is not None:
        return FixedToken(engagement.bearer_token.get_secret_value())
    return AppOnlyAuth(engagement.token_url, *_consumer(engagement), transport)


def _consumer(engagement: Engagement) -> tuple[str, str]:
    key, secret = engagement.consumer_key, engagement.consumer_secret
    if key is None or secret is None:
        raise ValueError("no consumer key and secret: the settings were not checked")
    return key.get_secret_value(), secret.get_secret_value()


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
        trees=_series(outcome) if with_series else (),
    )


def _series(outcome: Outcome) -> list[dict[str, object]]:
    """The series of each answer, without what stands beside them."""
    return [{SERIES: body[SERIES]} for body in outcome.bodies if SERIES in body]
