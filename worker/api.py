"""Makes what asks the Engagement API, as the settings say: tokens, quota, client, routes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import stamina

from worker.catalogue import Endpoint, Reach
from worker.engagement import (
    Access,
    Account,
    Accounts,
    AccountSigner,
    Allowance,
    AppOnlyAuth,
    AppSigner,
    Asker,
    Circuit,
    FixedToken,
    HttpTransport,
    Query,
    Requester,
    RetryPolicy,
)
from worker.model import REAL_TIME, Seconds
from worker.routes import Route
from worker.settings.accounts import read_accounts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from worker.engagement import Credentials, Handles, Quota, Transport
    from worker.model import Clock, Pace
    from worker.planner import Planner
    from worker.settings.sections import Engagement
    from worker.telemetry import Telemetry
    from worker.watchlist import Lane, Watchlist

_MEND_APP: Final = "check engagement.bearer_token, or engagement.consumer_key and consumer_secret"


def make_accounts(path: Path | None) -> Accounts:
    """The accounts of the settings, whose faults were told when the settings were read."""
    listed, _ = read_accounts(path)
    return Accounts(
        Account(one.handle, one.id, one.token.get_secret_value(), one.token_secret.get_secret_value())
        for one in listed
    )


def make_reach(engagement: Engagement) -> Reach:
    """How far back totals go."""
    return Reach(Seconds(engagement.impressions_reach), Seconds(engagement.video_views_reach))


def make_asker(
    engagement: Engagement,
    accounts: Accounts,
    *,
    quota: Quota,
    circuit: Circuit,
    clock: Clock,
    telemetry: Telemetry,
    handles: Handles | None = None,
    on_answer: Callable[[bytes], None] | None = None,
    transport: Transport | None = None,
    pace: Pace = REAL_TIME,
) -> Asker:
    """The client of the Engagement API. ``circuit`` is that of the app's own token, ``pace`` the clock's."""
    # Retries are counted in our own metrics and told in our own words.
    stamina.instrumentation.set_on_retry_hooks([])
    transport = transport or HttpTransport(Seconds(engagement.timeout), engagement.in_flight)
    requester = Requester(
        engagement.url,
        transport=transport,
        quota=quota,
        retries=RetryPolicy(
            engagement.attempts, Seconds(engagement.retry_wait), Seconds(engagement.retry_wait_max)
        ),
        clock=clock,
        telemetry=telemetry,
        on_answer=on_answer,
        pace=pace,
    )
    return Asker(
        requester,
        Access(AppSigner(_credentials(engagement, transport)), circuit, _MEND_APP),
        {account: _access(account, engagement, clock, telemetry) for account in accounts},
        allowance=Allowance(make_reach(engagement), clock),
        account_used=lambda account: handles.note(account.handle) if handles else None,
        clock=clock,
        telemetry=telemetry,
    )


def make_routes(
    watchlist: Watchlist, accounts: Accounts, planner: Callable[[Lane], Planner], share_28h: float
) -> Sequence[Route]:
    """How the Posts of each lane are asked for. A planner remembers, so each route has its own."""
    listed = [None, *accounts]
    return [
        Route(
            lane,
            planner(lane),
            Query(lane.endpoint, lane.asked),
            listed[lane.account],
            share_28h / (1 - share_28h) if lane.endpoint is Endpoint.LAST_28H else 1.0,
        )
        for lane in watchlist.owners.lanes()
    ]


def _access(account: Account, engagement: Engagement, clock: Clock, telemetry: Telemetry) -> Access:
    key, secret = engagement.consumer_key, engagement.consumer_secret
    if key is None or secret is None:
        raise ValueError("no consumer key and secret: the settings were not checked")
    return Access(
        AccountSigner(key.get_secret_value(), secret.get_secret_value(), account, clock),
        Circuit(Seconds(engagement.circuit_retry), clock, telemetry, account.handle),
        f"check the tokens of account {account.handle}, or ask it for its permission again",
    )


def _credentials(engagement: Engagement, transport: Transport) -> Credentials:
    if engagement.bearer_token is not None:
        return FixedToken(engagement.bearer_token.get_secret_value())
    if engagement.consumer_key is None or engagement.consumer_secret is None:
        raise ValueError(
            "neither a bearer token nor a consumer key and secret: the settings were not checked"
        )
    return AppOnlyAuth(
        engagement.token_url,
        engagement.consumer_key.get_secret_value(),
        engagement.consumer_secret.get_secret_value(),
        transport,
    )
