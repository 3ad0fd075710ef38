"""Owned Posts: asked for with their account's tokens, verified by the sandbox, and equal to its truth."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest
import stamina
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from sandbox.server import SandboxSettings, running_sandbox
from worker.catalogue import SERIES_METRICS, TOTALS_METRICS, Endpoint, Reach
from worker.clock import SystemClock, at_pace
from worker.engagement import (
    Access,
    Account,
    AccountSigner,
    Allowance,
    AppSigner,
    Asker,
    Circuit,
    FixedToken,
    HttpTransport,
    Limit,
    Query,
    Quota,
    Requester,
    RetryPolicy,
    Window,
)
from worker.model import NOT_AVAILABLE, REAL_TIME, Pace, PostId, Seconds, Timestamp, first_post_id
from worker.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from sandbox.server import RunningSandbox
    from worker.engagement import Outcome
    from worker.model import MetricName

TOTALS = Query(Endpoint.TOTALS, TOTALS_METRICS)
RECENT = Query(Endpoint.LAST_28H, SERIES_METRICS)
HOUR = 3600.0


@dataclass
class Meeting:
    """An asker with the tokens of two accounts, and the sandbox that gave them."""

    asker: Asker
    sandbox: RunningSandbox
    http: httpx.AsyncClient
    ours: Account
    theirs: Account
    used: list[str]

    async def posts_of(self, account: Account, count: int) -> list[PostId]:
        """Posts of the last hours that this account wrote and that can be seen."""
        first = first_post_id(Timestamp(time.time() - 40 * HOUR))
        ids = [first + number * 1_000_003 * 4_194 for number in range(400)]
        listed = ",".join(map(str, ids))
        owners = (await self.http.get("/sandbox/owner", params={"ids": listed})).json()["posts"]
        at = int(time.time())
        gone = self.sandbox.world.unavailable(np.array(ids, dtype=np.int64), at)
        own = [
            PostId(post_id)
            for post_id, away in zip(ids, gone.tolist(), strict=True)
            if owners[str(post_id)]["author_id"] == account.id and not away
        ]
        assert len(own) >= count
        return own[:count]

    async def truth(self, post_ids: Sequence[PostId], **of: Any) -> dict[str, dict[str, Any]]:
        """What the sandbox says itself."""
        params = {"ids": ",".join(map(str, post_ids)), **of}
        answer = await self.http.get("/sandbox/truth", params=params)
        answer.raise_for_status()
        return {post_id: told["counts"] for post_id, told in answer.json()["posts"].items()}

    async def fault(self, **faults: object) -> None:
        (await self.http.post("/sandbox/faults", json=faults)).raise_for_status()


@asynccontextmanager
async def meeting(pace: Pace = REAL_TIME) -> AsyncIterator[Meeting]:
    stamina.instrumentation.set_on_retry_hooks([])
    settings = SandboxSettings(
        requests_per_minute=0, owned=0.8, clock_speed=pace.speed, clock_since=str(pace.since)
    )
    async with (
        running_sandbox(settings) as sandbox,
        httpx.AsyncClient(base_url=sandbox.url) as http,
    ):
        told = (await http.get("/sandbox/accounts")).json()
        ours, theirs = (
            Account(one["handle"], one["account_id"], one["token"], one["token_secret"])
            for one in told["accounts"][:2]
        )
        clock, telemetry = at_pace(pace, SystemClock()), Telemetry(CollectorRegistry())
        transport = HttpTransport(Seconds(5), 4)
        requester = Requester(
            sandbox.url,
            transport=transport,
            quota=Quota(Limit.of(100_000), clock),
            retries=RetryPolicy(3, Seconds(0.01), Seconds(0.02)),
            clock=clock,
            telemetry=telemetry,
        )

        def access(account: Account) -> Access:
            signer = AccountSigner(told["consumer_key"], told["consumer_secret"], account, clock)
            circuit = Circuit(Seconds(300), clock, telemetry, account.handle)
            return Access(signer, circuit, f"check {account.handle}")

        used: list[str] = []
        asker = Asker(
            requester,
            Access(AppSigner(FixedToken("sandbox-token")), Circuit(Seconds(300), clock, telemetry), "check"),
            {account: access(account) for account in (ours, theirs)},
            allowance=Allowance(Reach(), clock),
            account_used=lambda account: used.append(account.handle),
            clock=clock,
            telemetry=telemetry,
        )
        try:
            yield Meeting(asker, sandbox, http, ours, theirs, used)
        finally:
            await asker.close()


def table(outcome: Outcome, metrics: Sequence[MetricName]) -> dict[str, dict[str, int]]:
    """What was measured, by Post and metric."""
    return {
        str(post_id): dict(zip(metrics, values, strict=True))
        for counts in outcome.counts
        for post_id, values in zip(counts.post_ids.tolist(), counts.values.tolist(), strict=True)
    }


def test_an_owned_post_has_all_seven_totals_and_they_are_the_truth() -> None:
    async def work() -> None:
        async with meeting() as met:
            posts = await met.posts_of(met.ours, 20)
            outcome = await met.asker.ask(TOTALS, posts, met.ours)
            assert not outcome.again
            at = int(outcome.counts[0].measured_at)
            assert table(outcome, TOTALS_METRICS) == await met.truth(posts, at=at, endpoint="totals")
            assert met.used == [met.ours.handle]

    asyncio.run(work())


def test_signatures_hold_and_counts_are_the_truth_by_a_fast_clock_that_is_hours_ahead() -> None:
    async def work() -> None:
        async with meeting(Pace(60.0, Timestamp(round(time.time()) - 600))) as met:
            posts = await met.posts_of(met.ours, 20)
            outcome = await met.asker.ask(RECENT, posts, met.ours)
            at = outcome.counts[0].measured_at
            assert at > time.time() + 9 * HOUR
            assert table(outcome, SERIES_METRICS) == await met.truth(posts, at=int(at), endpoint="28hr")

    asyncio.run(work())


def test_the_last_28_hours_have_17_metrics_and_they_are_the_truth() -> None:
    async def work() -> None:
        async with meeting() as met:
            posts = await met.posts_of(met.ours, 20)
            outcome = await met.asker.ask(RECENT, posts, met.ours)
            at = int(outcome.counts[0].measured_at)
            assert table(outcome, SERIES_METRICS) == await met.truth(posts, at=at, endpoint="28hr")

    asyncio.run(work())


def test_a_window_of_history_comes_with_its_series_and_says_its_bounds() -> None:
    async def work() -> None:
        async with meeting() as met:
            posts = await met.posts_of(met.ours, 5)
            end = time.time() // HOUR * HOUR
            window = Window(Timestamp(end - 30 * HOUR), Timestamp(end))
            metrics = SERIES_METRICS[:3]
            axes = ("engagement.type", "engagement.day", "engagement.hour")
            query = Query(Endpoint.HISTORICAL, metrics, {"hours": axes}, window)
            outcome = await met.asker.ask(query, posts, met.ours)
            measured = table(outcome, metrics)
            (body,) = outcome.bodies
            hours: Any = body["hours"]
            for metric in metrics:
                series = [int(count) for day in hours[metric].values() for count in day.values()]
                assert len(series) == 30
                assert sum(series) == sum(of_post[metric] for of_post in measured.values())
            assert body["start"] == time.strftime("%Y-%m-%dT%H:00:00Z", time.gmtime(window.start))

    asyncio.run(work())


@pytest.mark.parametrize(
    "shapes",
    [
        {},
        {"forbidden": "authors"},
        {"forbidden_status": 200},
        {"forbidden": "authors", "errors": "objects"},
        {"forbidden_status": 200, "integer_ids": True},
    ],
)
def test_posts_of_others_are_taken_out_and_the_answer_to_the_rest_is_used(shapes: dict[str, object]) -> None:
    async def work() -> None:
        async with meeting() as met:
            await met.fault(shapes=shapes)
            own, others = await met.posts_of(met.ours, 15), await met.posts_of(met.theirs, 8)
            mixed = [post for pair in zip(own, others, strict=False) for post in pair] + own[8:]
            outcome = await met.asker.ask(RECENT, mixed, met.ours)
            assert sorted(outcome.forbidden) == sorted(others)
            assert set(table(outcome, SERIES_METRICS)) == set(map(str, own))
            assert not outcome.again
            if shapes.get("forbidden") == "authors":
                assert outcome.authors == dict.fromkeys(others, met.theirs.id)
            stats = (await met.http.get("/sandbox/stats")).json()
            assert stats["requests"] == 2

    asyncio.run(work())


def test_the_app_s_token_has_public_totals_of_any_post() -> None:
    async def work() -> None:
        async with meeting() as met:
            posts = await met.posts_of(met.theirs, 5)
            outcome = await met.asker.ask(TOTALS, posts, None)
            measured = table(outcome, TOTALS_METRICS)
            truth = await met.truth(posts, at=int(outcome.counts[0].measured_at))
            for post_id, counts in truth.items():
                assert measured[post_id] == {
                    "impressions": NOT_AVAILABLE,
                    "engagements": NOT_AVAILABLE,
                    **counts,
                }
            assert met.used == []

    asyncio.run(work())


def test_revoked_tokens_of_an_account_stop_its_requests_and_nobody_else_s() -> None:
    async def work() -> None:
        async with meeting() as met:
            own, others = await met.posts_of(met.ours, 3), await met.posts_of(met.theirs, 3)
            revoked = await met.http.post("/sandbox/tokens/revoke", params={"account": met.ours.id or ""})
            revoked.raise_for_status()
            with capture_logs() as logs:
                outcome = await met.asker.ask(TOTALS, own, met.ours)
            assert sorted(outcome.again) == sorted(own)
            (refused,) = (entry for entry in logs if entry["event"] == "api_refuses")
            assert refused["account"] == met.ours.handle
            assert met.ours.token not in str(logs)
            assert met.asker.wait(met.ours) > 0
            assert max(met.asker.wait(met.theirs), met.asker.wait(None)) <= 0
            assert not (await met.asker.ask(TOTALS, others, met.theirs)).again

    asyncio.run(work())
