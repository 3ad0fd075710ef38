"""The client: whatever the API does, each Post ends as measured, unavailable, refused or asked again."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from tests.unit.engagement.fakes import (
    FIRST,
    NOON,
    NOON_DATE,
    POSTS,
    TOKEN,
    Sent,
    bench,
    counted,
    errors,
    measured,
    reply,
    run_virtual,
    truth,
)
from worker.engagement import AppOnlyAuth, Reply, TransientError
from worker.model import NOT_AVAILABLE, PUBLIC_METRICS, MetricName

if TYPE_CHECKING:
    from tests.unit.engagement.fakes import Answering, Bench
    from worker.engagement import Credentials, Outcome, Transport

PASSING: list[Answering] = [
    reply(429, {}),
    reply(500, b"internal server error"),
    reply(502, b"<html>502 Bad Gateway</html>"),
    reply(503, {"errors": ["Service Unavailable"]}),
    reply(200, b"<html>log in</html>"),
    reply(200, b'{"by_post": {"10'),
    reply(200, {"errors": ["Rate limit exceeded"]}),
    TransientError("timeout", "no whole answer in time"),
    TransientError("connection", "ConnectError: refused"),
    TransientError("unreadable", "the answer is not the gzip it says it is"),
]


def fetched(api: Transport) -> Credentials:
    return AppOnlyAuth("http://api.example/oauth2/token", "key", "secret", api)


# What is sent


def test_a_request_is_as_the_reference_says() -> None:
    async def asked() -> tuple[Bench, Outcome]:
        tested = bench()
        return tested, await tested.ask(POSTS)

    tested, outcome = run_virtual(asked())
    (sent,) = tested.api.sent
    assert sent.url == "http://api.example/insights/engagement/totals"
    assert sent.token == TOKEN
    assert sent.headers["Content-Type"] == "application/json"
    assert b'"tweet_ids":["%d",' % FIRST in sent.body
    assert b'"groupings":{"by_post":{"group_by":["tweet.id","engagement.type"]}}' in sent.body
    assert sent.metrics == [*PUBLIC_METRICS]
    assert measured(outcome) == truth(*POSTS)
    assert tested.requests("200") == 1


def test_counts_are_as_of_the_answers_date() -> None:
    async def asked() -> Outcome:
        def dated(sent: Sent) -> Reply:
            right = counted(sent)
            return Reply(200, {"date": NOON_DATE}, right.body)

        tested = bench(dated, latency=7)
        return await tested.ask(POSTS)

    outcome = run_virtual(asked())
    assert outcome.counts[0].measured_at == NOON
    assert outcome.at == NOON + 7


# Partial answers


def test_unavailable_posts_are_told_beside_the_others() -> None:
    gone = POSTS[3:5]

    async def asked() -> Outcome:
        tested = bench(
            lambda sent: counted(
                sent,
                without=gone,
                errors=["2 Tweet ID(s) are unavailable"],
                unavailable_tweet_ids=[str(post_id) for post_id in gone],
            )
        )
        outcome = await tested.ask(POSTS)
        assert tested.answered("measured") == 8
        assert tested.answered("unavailable") == 2
        return outcome

    outcome = run_virtual(asked())
    assert sorted(outcome.unavailable) == gone
    assert measured(outcome).keys() == set(POSTS) - set(gone)


def test_a_400_with_all_unavailable_is_no_reason_to_ask_again() -> None:
    async def asked() -> tuple[Outcome, int]:
        tested = bench(reply(400, {"unavailable_tweet_ids": [str(post_id) for post_id in POSTS]}))
        return await tested.ask(POSTS), len(tested.api.sent)

    outcome, requests = run_virtual(asked())
    assert sorted(outcome.unavailable) == POSTS
    assert requests == 1


def test_a_200_may_count_some_posts_and_refuse_others() -> None:
    text = f"Forbidden to access tweets: {POSTS[0]}, {POSTS[1]}"

    async def asked() -> Outcome:
        return await bench(lambda sent: counted(sent, without=POSTS[:2], errors=[text])).ask(POSTS)

    outcome = run_virtual(asked())
    assert sorted(outcome.refused) == POSTS[:2]
    assert measured(outcome) == truth(*POSTS[2:])


def test_posts_that_an_answer_leaves_out_are_asked_again_and_known_as_silent() -> None:
    async def asked() -> Outcome:
        return await bench(lambda sent: counted(sent, without=POSTS[:2])).ask(POSTS)

    outcome = run_virtual(asked())
    assert [*outcome.again] == [*outcome.silent] == POSTS[:2]


def test_posts_of_a_request_that_failed_are_not_silent() -> None:
    async def asked() -> Outcome:
        return await bench(otherwise=reply(500, b"")).ask(POSTS)

    outcome = run_virtual(asked())
    assert [*outcome.again] == POSTS
    assert not outcome.silent


# Tried again


@pytest.mark.parametrize("passing", PASSING)
def test_what_passes_is_tried_again_and_the_answer_is_used(passing: Answering) -> None:
    async def asked() -> tuple[Outcome, int]:
        tested = bench(passing, passing)
        return await tested.ask(POSTS), len(tested.api.sent)

    outcome, requests = run_virtual(asked())
    assert measured(outcome) == truth(*POSTS)
    assert requests == 3


@pytest.mark.parametrize("passing", PASSING)
def test_what_does_not_pass_is_given_up_and_the_posts_go_back(passing: Answering) -> None:
    async def asked() -> tuple[Outcome, Bench]:
        tested = bench(otherwise=passing, attempts=3)
        return await tested.ask(POSTS), tested

    with capture_logs() as logs:
        outcome, tested = run_virtual(asked())
    assert [*outcome.again] == POSTS
    told_to_wait = tested.requests("429") > 0
    # Its halves and quarters are tried once each: it may have been one of the Posts.
    assert len(tested.api.sent) == 3 + (0 if told_to_wait else 2 + 4)
    assert tested.answered("asked_again") == len(POSTS)
    assert tested.circuit.reason is None
    assert [entry["event"] for entry in logs] == ["request_given_up"]


def test_waits_between_tries_double_with_jitter_up_to_the_longest() -> None:
    async def waits() -> list[float]:
        tested = bench(otherwise=reply(500, b""), attempts=8, latency=0)
        await tested.ask(POSTS)
        times = [sent.at for sent in tested.api.sent[:8]]
        return [after - before for before, after in pairwise(times)]

    random.seed(1)
    first, second = run_virtual(waits()), run_virtual(waits())
    for number, wait in enumerate(first):
        assert min(8, 0.5 * 2**number) <= wait <= min(8.0, 0.5 * 2**number + 0.5) + 0.01
    assert first != second


def test_a_429_holds_all_requests_for_as_long_as_it_says() -> None:
    async def asked() -> list[float]:
        tested = bench(reply(429, {}, retry_after="40"))
        other = asyncio.create_task(tested.ask(POSTS[5:]))
        await tested.ask(POSTS[:5])
        await other
        return [sent.at for sent in tested.api.sent]

    times = run_virtual(asked())
    assert len(times) == 3
    assert times[0] < 1
    assert times[2] >= 40


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry_after": "Thu, 09 Oct 2025 12:00:25 GMT", "date": NOON_DATE}, 25),
        ({"x_per_minute_reset": str(int(NOON) + 33), "date": NOON_DATE}, 33),
        ({"x_per_minute_remaining": "0", "x_per_minute_reset": str(int(NOON) + 33), "date": NOON_DATE}, 33),
        ({"retry_after": "soon", "x_per_minute_limit": "?", "x_per_minute_reset": "never"}, 0.5),
    ],
)
def test_a_429_waits_by_whichever_header_tells(headers: dict[str, str], wait: float) -> None:
    async def asked() -> float:
        tested = bench(reply(429, {}, **headers), latency=0)
        await tested.ask(POSTS)
        return tested.api.sent[1].at

    assert wait <= run_virtual(asked()) <= wait + 1


def test_a_503_with_retry_after_waits_as_well() -> None:
    async def asked() -> float:
        tested = bench(reply(503, {}, retry_after="12"), latency=0)
        await tested.ask(POSTS)
        return tested.api.sent[1].at

    assert run_virtual(asked()) >= 12


def test_every_try_takes_a_permit() -> None:
    async def asked() -> list[float]:
        tested = bench(reply(500, b""), reply(500, b""), limit=6, latency=0)
        await tested.ask(POSTS)
        return [sent.at for sent in tested.api.sent]

    assert run_virtual(asked()) == pytest.approx([0, 10, 20])


# Refused


def test_refused_posts_are_taken_out_and_the_rest_is_asked_again_and_used() -> None:
    refused = [POSTS[1], POSTS[8]]
    text = f"Forbidden to access tweets: {refused[0]}, {refused[1]}"

    async def asked() -> tuple[Outcome, Bench]:
        tested = bench(errors(403, text))
        return await tested.ask(POSTS), tested

    outcome, tested = run_virtual(asked())
    assert sorted(outcome.refused) == refused
    assert measured(outcome) == truth(*(set(POSTS) - set(refused)))
    assert tested.api.sent[1].post_ids == [post_id for post_id in POSTS if post_id not in refused]
    assert tested.answered("refused") == 2
    assert tested.requests("403") == 1


def test_a_request_whose_posts_are_all_refused_is_not_sent_again_empty() -> None:
    async def asked() -> tuple[Outcome, int]:
        tested = bench(errors(403, f"Forbidden to access tweets: {POSTS[0]}, {POSTS[1]}"))
        return await tested.ask(POSTS[:2]), len(tested.api.sent)

    outcome, requests = run_virtual(asked())
    assert sorted(outcome.refused) == POSTS[:2]
    assert requests == 1


@pytest.mark.parametrize(
    "body", [b"", b"<html>", {"errors": ["Your account could not be authenticated."]}, []]
)
def test_a_401_is_a_refused_token_whatever_the_body(body: object) -> None:
    async def asked() -> tuple[Bench, Outcome]:
        tested = bench(otherwise=reply(401, body))
        return tested, await tested.ask(POSTS)

    tested, outcome = run_virtual(asked())
    assert list(outcome.again) == POSTS
    assert "engagement.bearer_token" in (tested.circuit.reason or "")


def test_a_refused_metric_is_dropped_and_not_available() -> None:
    async def asked() -> tuple[Outcome, Outcome, Bench]:
        tested = bench(errors(403, "Forbidden to access metrics: retweets"))
        return await tested.ask(POSTS[:2]), await tested.ask(POSTS[2:4]), tested

    with capture_logs() as logs:
        first, second, tested = run_virtual(asked())
    column = PUBLIC_METRICS.index(MetricName("retweets"))
    for outcome, posts in ((first, POSTS[:2]), (second, POSTS[2:4])):
        right = truth(*posts)
        for values in right.values():
            values[column] = NOT_AVAILABLE
        assert measured(outcome) == right
    assert ["retweets" in sent.metrics for sent in tested.api.sent] == [True, False, False]
    assert [entry["event"] for entry in logs] == ["metrics_refused"]


def test_requests_under_way_when_a_metric_is_dropped_lose_nothing() -> None:
    def judge(sent: Sent) -> Reply:
        if "retweets" in sent.metrics:
            return errors(403, "Forbidden to access metrics: retweets")
        if "replies" in sent.metrics:
            return errors(403, "Forbidden to access metrics: replies")
        return counted(sent)

    async def asked() -> tuple[list[Outcome], int]:
        tested = bench(otherwise=judge, latency=5)
        outcomes = await asyncio.gather(*(tested.ask([post_id]) for post_id in POSTS))
        return outcomes, len(tested.api.sent)

    with capture_logs() as logs:
        outcomes, requests = run_virtual(asked())
    assert all(measured(outcome) for outcome in outcomes)
    assert not any(outcome.refused for outcome in outcomes)
    assert requests <= 3 * len(POSTS)
    assert [entry["metrics"] for entry in logs] == [["retweets"], ["replies"]]


def test_an_answer_from_before_a_metric_was_dropped_keeps_its_columns() -> None:
    def judge(sent: Sent) -> Reply:
        refuses = POSTS[0] in sent.post_ids and "retweets" in sent.metrics
        return errors(403, "Forbidden to access metrics: retweets") if refuses else counted(sent)

    async def asked() -> Outcome:
        tested = bench(otherwise=judge)
        quick = asyncio.create_task(tested.ask(POSTS[:1]))
        await asyncio.sleep(0.05)
        whole = asyncio.create_task(tested.ask(POSTS[1:]))
        await quick
        return await whole

    assert measured(run_virtual(asked())) == truth(*POSTS[1:])


def test_an_answer_to_fewer_metrics_keeps_its_columns_when_one_more_is_dropped() -> None:
    """The whole batch asks for all but retweets; before its answer comes, replies are dropped too."""

    def judge(sent: Sent) -> Reply:
        for post_id, metric in ((POSTS[0], "retweets"), (POSTS[1], "replies")):
            if post_id in sent.post_ids and metric in sent.metrics:
                return errors(403, f"Forbidden to access metrics: {metric}")
        return counted(sent)

    async def asked() -> Outcome:
        tested = bench(otherwise=judge)
        await tested.ask(POSTS[:1])
        quick = asyncio.create_task(tested.ask(POSTS[1:2]))
        await asyncio.sleep(0.05)
        whole = asyncio.create_task(tested.ask(POSTS[2:]))
        await quick
        return await whole

    right = truth(*POSTS[2:])
    for values in right.values():
        values[PUBLIC_METRICS.index(MetricName("retweets"))] = NOT_AVAILABLE
    assert measured(run_virtual(asked())) == right


def test_when_every_metric_is_refused_the_circuit_opens_and_a_probe_asks_for_them_all() -> None:
    async def asked() -> tuple[Outcome, Bench, Outcome]:
        tested = bench(errors(403, f"Forbidden to access metrics: {', '.join(PUBLIC_METRICS)}"))
        first = await tested.ask(POSTS)
        assert "every metric" in (tested.circuit.reason or "")
        second = await tested.ask(POSTS)
        return first, tested, second

    first, tested, second = run_virtual(asked())
    assert [*first.again] == POSTS
    assert tested.api.sent[1].metrics == [*PUBLIC_METRICS]
    assert measured(second) == truth(*POSTS)
    assert tested.circuit.reason is None


# Cut off


@pytest.mark.parametrize("after", [0.05, 0.5, 5, 25])
def test_a_cancelled_request_is_accounted_for_wherever_it_was(after: float) -> None:
    """Under way, between two tries, or waiting for the quota."""

    async def asked() -> Bench:
        tested = bench(reply(500, b""), reply(429, {}, retry_after="60"))
        request = asyncio.create_task(tested.ask(POSTS))
        await asyncio.sleep(after)
        assert tested.value("toptweets_ids_in_flight") == len(POSTS)
        tested.check_counters()
        request.cancel()
        await asyncio.gather(request, return_exceptions=True)
        assert request.cancelled()
        return tested

    tested = run_virtual(asked())
    tested.check_counters()
    assert tested.answered("asked_again") == len(POSTS)
    assert tested.value("toptweets_ids_in_flight") == 0


def test_a_cancelled_request_gives_its_permit_back() -> None:
    async def asked() -> int:
        tested = bench(latency=1000)
        request = asyncio.create_task(tested.ask(POSTS))
        await asyncio.sleep(1)
        request.cancel()
        await asyncio.gather(request, return_exceptions=True)
        await asyncio.sleep(61)
        return tested.quota.used

    assert run_virtual(asked()) == 0


def test_a_fault_of_ours_is_raised_and_accounted_for() -> None:
    async def asked() -> Bench:
        tested = bench(RuntimeError("a bug"))
        with pytest.raises(RuntimeError, match="a bug"):
            await tested.ask(POSTS)
        return tested

    tested = run_virtual(asked())
    tested.check_counters()
    assert tested.answered("asked_again") == len(POSTS)
    assert tested.value("toptweets_ids_in_flight") == 0


def test_closing_closes_the_connections() -> None:
    async def closed() -> bool:
        tested = bench()
        await tested.asker.close()
        return tested.api.closed

    assert run_virtual(closed())


# All together


def test_any_mix_of_faults_leaves_every_post_accounted_for_and_every_count_right() -> None:
    chance = random.Random(7)  # noqa: S311 -- not a secret

    def judge(sent: Sent) -> Reply:
        drawn = chance.random()
        passing = [answer for answer in PASSING if isinstance(answer, Reply)]
        if drawn < 0.4:
            return chance.choice(passing)
        if drawn < 0.5:
            return errors(403, f"Forbidden to access tweets: {sent.post_ids[0]}")
        if drawn < 0.55:
            return errors(400, "Invalid")
        if drawn < 0.65:
            return counted(sent, without=sent.post_ids[-1:], unavailable_tweet_ids=sent.post_ids[-1:])
        return counted(sent)

    async def asked() -> None:
        tested = bench(otherwise=judge, limit=6000)
        batches = [list(range(start, start + 20)) for start in range(FIRST, FIRST + 4000, 20)]
        outcomes = await asyncio.gather(*(tested.ask(batch) for batch in batches))
        for outcome in outcomes:
            told = measured(outcome)
            assert told == truth(*told)
        tested.check_counters()
        assert tested.value("toptweets_ids_in_flight") == 0
        assert all(tested.answered(name) for name in ("measured", "unavailable", "refused", "asked_again"))

    run_virtual(asked())
