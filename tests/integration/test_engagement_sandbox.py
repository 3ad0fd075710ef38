"""The whole client over HTTP against the sandbox, with every fault that it has, in time that runs faster."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import httpx
import numpy as np
import pytest
import stamina
from prometheus_client import CollectorRegistry

from sandbox.server import SandboxSettings, running_sandbox
from sandbox.world import METRICS
from tests.unit.engagement.fakes import OUTCOMES, Bench, FakeApi, accounted
from worker.catalogue import Endpoint, Reach
from worker.engagement import (
    Access,
    Allowance,
    AppOnlyAuth,
    AppSigner,
    Asker,
    Circuit,
    FixedToken,
    HttpTransport,
    Limit,
    Outcome,
    Query,
    Quota,
    Requester,
    RetryPolicy,
)
from worker.model import NOT_AVAILABLE, PUBLIC_METRICS, PostId, Seconds, Timestamp
from worker.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Sequence

    from sandbox.server import RunningSandbox
    from worker.engagement import Credentials, Transport

SPEED: Final = 100.0
BEGIN: Final = 1_760_011_200.0
UNTIL: Final = BEGIN - 60
OLDEST: Final = UNTIL - 172_800


class FastClock:
    """A minute lasts 0.6 s, for the client as for the sandbox, or as much less as the speed is higher."""

    def __init__(self, speed: float = SPEED) -> None:
        self._started = time.monotonic()
        self._speed = speed

    def now(self) -> Timestamp:
        return Timestamp(BEGIN + self.monotonic())

    def monotonic(self) -> Seconds:
        return Seconds((time.monotonic() - self._started) * self._speed)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._speed)


QUERY = Query(Endpoint.TOTALS, PUBLIC_METRICS)


@dataclass
class Meeting:
    """A client and the sandbox it asks."""

    asker: Asker
    quota: Quota
    circuit: Circuit
    telemetry: Telemetry
    sandbox: RunningSandbox

    async def ask(self, post_ids: Sequence[int]) -> Outcome:
        permit = await self.quota.take()
        return await self.asker.ask(QUERY, [PostId(post_id) for post_id in post_ids], None, permit)

    async def ask_all(self, batches: Sequence[Sequence[int]], in_flight: int = 4) -> list[Outcome]:
        """All batches, so many at once; each Post accounted for exactly once, here and in the counters."""
        room = asyncio.Semaphore(in_flight)

        async def one(batch: Sequence[int]) -> Outcome:
            async with room:
                return await self.ask(batch)

        outcomes = await asyncio.gather(*(one(batch) for batch in batches))
        for batch, outcome in zip(batches, outcomes, strict=True):
            assert sorted(accounted(outcome)) == sorted(batch)
        Bench(self.asker, QUERY, FakeApi(), self.quota, self.circuit, self.telemetry).check_counters()
        assert self.value("toptweets_ids_in_flight") == 0
        return outcomes

    def value(self, name: str, **labels: str) -> float:
        return self.telemetry.registry.get_sample_value(name, labels) or 0.0

    async def stats(self) -> dict[str, Any]:
        async with httpx.AsyncClient() as http:
            stats: dict[str, Any] = (await http.get(f"{self.sandbox.url}/sandbox/stats")).json()
        return stats

    async def have_it_fail(self, **shares: float) -> None:
        async with httpx.AsyncClient() as http:
            body = {"shares": shares, "slow_seconds": 60, "seed": 3}
            (await http.post(f"{self.sandbox.url}/sandbox/faults", json=body)).raise_for_status()

    async def revoke(self) -> None:
        async with httpx.AsyncClient() as http:
            (await http.post(f"{self.sandbox.url}/sandbox/tokens/revoke")).raise_for_status()

    def check_truth(self, outcome: Outcome) -> int:
        """Every value is the world's at its ``measured_at``, and whoever is gone is gone; how many values."""
        world, values = self.sandbox.world, 0
        columns = [METRICS.index(metric) for metric in PUBLIC_METRICS]
        for counts in outcome.counts:
            at = int(counts.measured_at)
            right = world.counts(counts.post_ids, at)[:, columns]
            told = counts.values != NOT_AVAILABLE
            assert (counts.values[told] == right[told]).all()
            assert told.all()
            assert not world.unavailable(counts.post_ids, at).any()
            values += counts.values.size
        gone = np.array(outcome.unavailable, dtype=np.int64)
        assert world.unavailable(gone, int(outcome.at)).all()
        return values


@asynccontextmanager
async def meeting(
    *,
    limit: float = 6000,
    contract: float | None = None,
    credentials: Callable[[str, Transport], Credentials] | None = None,
    speed: float = SPEED,
) -> AsyncIterator[Meeting]:
    """A sandbox with this limit, and a client that believes in ``contract``."""
    stamina.instrumentation.set_on_retry_hooks([])
    clock = FastClock(speed)
    async with running_sandbox(SandboxSettings(requests_per_minute=limit, clock=clock.now)) as sandbox:
        transport = HttpTransport(Seconds(0.4), 8)
        telemetry = Telemetry(CollectorRegistry())
        quota = Quota(Limit.of(contract or limit), clock, clock.sleep)
        circuit = Circuit(Seconds(300.0), clock, telemetry)
        make = credentials or (lambda _url, _api: FixedToken("sandbox-token"))
        requester = Requester(
            sandbox.url,
            transport=transport,
            quota=quota,
            retries=RetryPolicy(12, Seconds(0.002), Seconds(0.02)),
            clock=clock,
            telemetry=telemetry,
        )
        app = Access(AppSigner(make(sandbox.url, transport)), circuit, "check engagement.bearer_token")
        asker = Asker(requester, app, allowance=Allowance(Reach(), clock), clock=clock, telemetry=telemetry)
        try:
            yield Meeting(asker, quota, circuit, telemetry, sandbox)
        finally:
            await asker.close()


def key_and_secret(url: str, transport: Transport) -> Credentials:
    return AppOnlyAuth(f"{url}/oauth2/token", "sandbox-key", "sandbox-secret", transport)


def batches(count: int, size: int) -> list[list[int]]:
    """Posts of the last two days, in order of their IDs."""
    made_at = np.linspace(OLDEST, UNTIL, count * size)
    post_ids = (((made_at * 1000).astype(np.int64) - 1_288_834_974_657) << 22) + np.arange(count * size)
    listed: list[list[int]] = post_ids.reshape(count, size).tolist()
    return listed


def run(work: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(30):
            await work

    asyncio.run(bounded())


def test_without_faults_every_value_is_the_truth() -> None:
    async def work() -> None:
        async with meeting() as met:
            outcomes = await met.ask_all(batches(8, 250))
            assert sum(map(met.check_truth, outcomes)) > 8 * 200 * 5
            assert any(outcome.unavailable for outcome in outcomes)
            assert not any(outcome.again or outcome.refused for outcome in outcomes)
            assert (await met.stats())["answers_by_status"] == {"200": 8}

    run(work())


def test_with_every_fault_at_once_no_post_is_lost_and_every_value_is_the_truth() -> None:
    async def work() -> None:
        async with meeting() as met:
            share = dict.fromkeys(("429", "500", "503", "html", "cut_off", "hang_up", "bad_json"), 0.07)
            await met.have_it_fail(**share, slow=0.03, plain=0.2)
            outcomes = await met.ask_all(batches(60, 50), in_flight=8)
            assert not any(outcome.again or outcome.refused for outcome in outcomes)
            assert sum(map(met.check_truth, outcomes)) > 60 * 40 * 5
            stats = await met.stats()
            assert set(stats["faults"]) == {*share, "slow", "plain"}
            statuses = ("200", "429", "500", "502", "503", "timeout", "connection", "unreadable")
            counted = {
                status: met.value("toptweets_requests_total", endpoint="totals", status=status)
                for status in statuses
            }
            assert all(counted.values()), counted
            assert sum(counted.values()) == stats["requests"]

    run(work())


def test_when_nothing_ever_works_all_posts_go_back() -> None:
    async def work() -> None:
        async with meeting() as met:
            await met.have_it_fail(**{"500": 0.5, "hang_up": 0.5})
            outcomes = await met.ask_all(batches(3, 20))
            assert all(len(outcome.again) == 20 for outcome in outcomes)
            assert not any(outcome.silent for outcome in outcomes)
            assert (await met.stats())["requests"] == 3 * (12 + 2 + 4)

    run(work())


@pytest.mark.parametrize("limit", [7, 40])
def test_no_rolling_minute_of_the_server_has_more_requests_than_the_limit(limit: int) -> None:
    async def work() -> None:
        async with meeting(limit=limit) as met:
            await met.have_it_fail(**{"500": 0.1, "cut_off": 0.1, "plain": 0.2})
            await met.ask_all(batches(3 * limit, 3), in_flight=8)
            stats = await met.stats()
            assert stats["requests"] >= 3 * limit
            assert stats["most_requests_in_a_minute"] <= limit
            assert "429" not in stats["answers_by_status"]

    run(work())


@pytest.mark.parametrize("limit", [0.1, 0.25, 1.5, 2.5])
def test_no_rolling_span_of_a_fraction_has_more_requests_than_the_server_lets_in(limit: float) -> None:
    async def work() -> None:
        async with meeting(limit=limit, speed=2000) as met:
            await met.have_it_fail(**{"500": 0.2, "plain": 0.2})
            await met.ask_all(batches(6, 3), in_flight=4)
            stats = await met.stats()
            assert stats["requests"] >= 6
            assert stats["span"]["most_requests"] == stats["span"]["limit"] == max(1, int(limit))
            assert stats["requests_per_minute"] == limit
            assert "429" not in stats["answers_by_status"]

    run(work())


def test_a_limit_lower_than_the_contract_is_learned_from_the_answers() -> None:
    async def work() -> None:
        async with meeting(limit=30, contract=300) as met:
            outcomes = await met.ask_all(batches(60, 3))
            assert not any(outcome.again for outcome in outcomes)
            assert met.quota.limit.rate == 30
            answers = (await met.stats())["answers_by_status"]
            assert answers.get("429", 0) <= 4

    run(work())


def test_a_revoked_token_is_fetched_once_more_and_nothing_is_lost() -> None:
    async def work() -> None:
        async with meeting(credentials=key_and_secret) as met:
            await met.ask_all(batches(4, 20))
            await met.revoke()
            outcomes = await met.ask_all(batches(8, 20), in_flight=8)
            assert not any(outcome.again for outcome in outcomes)
            assert met.circuit.reason is None
            assert (await met.stats())["answers_by_status"]["401"] <= 8

    run(work())


def test_a_token_that_is_refused_opens_the_circuit() -> None:
    async def work() -> None:
        async with meeting(credentials=lambda _url, _api: FixedToken("wrong")) as met:
            (outcome,) = await met.ask_all(batches(1, 20))
            assert len(outcome.again) == 20
            assert "engagement.bearer_token" in (met.circuit.reason or "")
            assert (await met.stats())["requests"] == 1

    run(work())


def test_requests_cut_off_on_the_way_are_accounted_for() -> None:
    async def work() -> None:
        async with meeting() as met:
            await met.have_it_fail(slow=1.0)
            requests = [asyncio.create_task(met.ask(batch)) for batch in batches(6, 10)]
            while met.value("toptweets_ids_in_flight") < 60:  # noqa: ASYNC110 -- a counter wakes nobody
                await asyncio.sleep(0.001)
            for request in requests:
                request.cancel()
            await asyncio.gather(*requests, return_exceptions=True)
            assert met.value("toptweets_ids_in_flight") == 0
            answered = sum(met.value("toptweets_ids_answered_total", outcome=name) for name in OUTCOMES)
            assert answered == met.value("toptweets_ids_asked_total") == 60

    run(work())
