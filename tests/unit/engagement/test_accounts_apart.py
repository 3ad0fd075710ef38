"""What goes wrong with one endpoint or one account says nothing of the others."""

from __future__ import annotations

import asyncio

from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from tests.unit.engagement.fakes import (
    NOON,
    FakeApi,
    LoopClock,
    Sent,
    SetClock,
    counted,
    gives_up,
    reply,
    run_virtual,
)
from worker.catalogue import Endpoint, Reach
from worker.engagement import (
    Access,
    Account,
    AccountSigner,
    Allowance,
    AppSigner,
    Asker,
    Circuit,
    FixedToken,
    Limit,
    Outcome,
    Query,
    Quota,
    Reply,
    Requester,
    RetryPolicy,
    StoppedError,
)
from worker.model import MetricName, PostId, Seconds, Timestamp, first_post_id
from worker.telemetry import Telemetry

ACME = Account("acme", "1", "t", "s")
POSTS = [PostId(first_post_id(Timestamp(NOON - 3600)) + number) for number in range(20)]
TOTALS = Query(Endpoint.TOTALS, (MetricName("favorites"),))
RECENT = Query(Endpoint.LAST_28H, (MetricName("favorites"),))


class Apart:
    """An asker for the app and one account, on an API where 28hr answers as told."""

    def __init__(self, recent: Reply) -> None:
        clock, self.telemetry = LoopClock(), Telemetry(CollectorRegistry())

        def judge(sent: Sent) -> Reply:
            return recent if sent.url.endswith("28hr") else counted(sent)

        self.api = FakeApi(otherwise=judge)
        requester = Requester(
            "https://api.example",
            transport=self.api,
            quota=Quota(Limit.of(60_000), clock),
            retries=RetryPolicy(3, Seconds(0.5), Seconds(8.0)),
            clock=clock,
            telemetry=self.telemetry,
        )
        circuit = Circuit(Seconds(300), clock, self.telemetry)
        own = Circuit(Seconds(300), clock, self.telemetry, ACME.handle)
        self.asker = Asker(
            requester,
            Access(AppSigner(FixedToken("app")), circuit, "check"),
            {ACME: Access(AccountSigner("key", "secret", ACME, clock), own, "check")},
            allowance=Allowance(Reach(), clock),
            clock=clock,
            telemetry=self.telemetry,
        )

    async def busy(self, until: asyncio.Event) -> None:
        """Totals of the same account are answered all the while."""
        while not until.is_set():
            assert not (await self.asker.ask(TOTALS, POSTS, ACME)).again

    def requests(self, endpoint: str) -> int:
        return sum(sent.url.endswith(endpoint) for sent in self.api.sent)


def recent_while_totals_work(recent: Reply) -> tuple[Outcome, Apart]:
    async def work() -> tuple[Outcome, Apart]:
        apart, done = Apart(recent), asyncio.Event()
        busy = asyncio.create_task(apart.busy(done))
        outcome = await apart.asker.ask(RECENT, POSTS, ACME)
        done.set()
        await busy
        return outcome, apart

    return run_virtual(work())


def test_an_outage_of_one_endpoint_sets_no_post_aside_although_the_other_answers() -> None:
    outcome, apart = recent_while_totals_work(reply(503, b""))
    assert list(outcome.again) == POSTS
    assert apart.requests("28hr") == 3 + 2 + 4


def test_an_endpoint_that_is_refused_stops_alone() -> None:
    with capture_logs() as logs:
        outcome, apart = recent_while_totals_work(reply(404, {"errors": ["no such product"]}))
    assert list(outcome.again) == POSTS

    async def waits() -> tuple[float, ...]:
        again = Apart(reply(404, {}))
        await again.asker.ask(RECENT, POSTS, ACME)
        return (
            again.asker.wait(ACME, Endpoint.LAST_28H),
            again.asker.wait(ACME, Endpoint.TOTALS),
            again.asker.wait(None),
        )

    recent, totals, app = run_virtual(waits())
    assert recent > 0
    assert max(totals, app) <= 0
    (told,) = (entry for entry in logs if entry["event"] == "api_refuses")
    assert (told["account"], told["endpoint"]) == ("acme", "28hr")
    refused = apart.telemetry.registry.get_sample_value(
        "toptweets_account_refused", {"account": "acme", "endpoint": "28hr"}
    )
    assert refused == 1


def test_an_address_that_no_account_signs_for_stops_and_says_so() -> None:
    signer = AccountSigner("key", "canary-secret", ACME, LoopClock())
    error = run_virtual(gives_up(signer.sign("http://api.example/insights")))
    assert isinstance(error, StoppedError)
    assert "engagement.url" in str(error)
    assert "canary" not in str(error)


def test_a_signature_is_of_the_time_that_the_clock_tells() -> None:
    signer = AccountSigner("key", "secret", ACME, SetClock(1234.5))
    header = run_virtual(signer.sign("https://api.example/insights"))
    assert f'oauth_timestamp="{int(NOON) + 1234}"' in header


def test_a_refusal_that_names_nobody_makes_no_post_another_s() -> None:
    outcome, _ = recent_while_totals_work(reply(400, {"errors": ["what?"]}))
    assert outcome.forbidden == ()
    assert list(outcome.again) == POSTS
