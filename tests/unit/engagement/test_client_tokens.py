"""Tokens: given or fetched, refused, revoked, and what the client makes of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from structlog.testing import capture_logs

from tests.unit.engagement.fakes import (
    POSTS,
    FakeApi,
    Sent,
    bench,
    counted,
    errors,
    measured,
    reply,
    run_virtual,
    truth,
)
from worker.engagement import AppOnlyAuth, Reply

if TYPE_CHECKING:
    from tests.unit.engagement.fakes import Answering, Bench
    from worker.engagement import Credentials, Outcome, Transport


def fetched(api: Transport) -> Credentials:
    return AppOnlyAuth("http://api.example/oauth2/token", "key", "secret", api)


# The token


def refusing(*good: str) -> Answering:
    """The API and its token service: gives out first, second, …; only ``good`` ones hold."""
    given = iter(["first", "second", "third", "fourth", "fifth", "sixth"])

    def judge(sent: Sent) -> Reply:
        if sent.url.endswith("token"):
            return reply(200, {"token_type": "bearer", "access_token": next(given)})
        return (
            counted(sent) if sent.token in good else errors(401, "Your account could not be authenticated.")
        )

    return judge


def fetches(api: FakeApi) -> int:
    return sum(sent.url.endswith("token") for sent in api.sent)


def test_a_fixed_token_that_is_refused_opens_the_circuit_and_says_what_to_do() -> None:
    async def asked() -> tuple[Outcome, Bench]:
        tested = bench(otherwise=errors(401, "Your account could not be authenticated."))
        outcome = await tested.ask(POSTS)
        assert tested.circuit.wait() > 0
        return outcome, tested

    with capture_logs() as logs:
        outcome, tested = run_virtual(asked())
    assert [*outcome.again] == POSTS
    assert len(tested.api.sent) == 1
    assert tested.requests("401") == 1
    assert [entry["event"] for entry in logs] == ["api_refuses"]
    assert "engagement.bearer_token" in logs[0]["reason"]


def test_a_fetched_token_that_is_refused_is_fetched_once_more() -> None:
    async def asked() -> tuple[Outcome, Bench]:
        tested = bench(otherwise=refusing("second"), credentials=fetched)
        return await tested.ask(POSTS), tested

    outcome, tested = run_virtual(asked())
    assert measured(outcome) == truth(*POSTS)
    assert fetches(tested.api) == 2
    assert tested.circuit.reason is None


def test_two_fetched_tokens_refused_open_the_circuit() -> None:
    async def asked() -> tuple[Outcome, Bench]:
        tested = bench(otherwise=refusing(), credentials=fetched)
        return await tested.ask(POSTS), tested

    outcome, tested = run_virtual(asked())
    assert [*outcome.again] == POSTS
    assert fetches(tested.api) == 2
    assert tested.requests("401") == 2
    assert tested.circuit.reason


def test_requests_under_way_when_the_token_is_revoked_share_one_new_token() -> None:
    async def asked() -> tuple[list[Outcome], Bench]:
        tested = bench(otherwise=refusing("second"), credentials=fetched)
        return await asyncio.gather(*(tested.ask([post_id]) for post_id in POSTS)), tested

    outcomes, tested = run_virtual(asked())
    assert all(measured(outcome) for outcome in outcomes)
    assert fetches(tested.api) == 2


def test_with_a_limit_of_one_a_token_service_that_fails_does_not_block_the_client_by_its_own_permit() -> None:
    down = [True, True]

    def judge(sent: Sent) -> Reply:
        if not sent.url.endswith("token"):
            return counted(sent)
        return reply(503, b"") if down and down.pop() else reply(200, {"access_token": "t"})

    async def asked() -> Outcome:
        async with asyncio.timeout(600):
            return await bench(otherwise=judge, credentials=fetched, limit=1).ask(POSTS)

    assert measured(run_virtual(asked())) == truth(*POSTS)


def test_a_token_service_that_stays_down_gives_the_posts_back() -> None:
    async def asked() -> tuple[Outcome, Bench]:
        tested = bench(otherwise=reply(503, b""), credentials=fetched)
        return await tested.ask(POSTS), tested

    outcome, tested = run_virtual(asked())
    assert [*outcome.again] == POSTS
    assert tested.circuit.reason is None


def test_a_wrong_consumer_key_opens_the_circuit() -> None:
    async def asked() -> tuple[Outcome, Bench]:
        tested = bench(otherwise=errors(403, "Unable to verify your credentials"), credentials=fetched)
        return await tested.ask(POSTS), tested

    outcome, tested = run_virtual(asked())
    assert [*outcome.again] == POSTS
    assert "engagement.consumer_key" in (tested.circuit.reason or "")
