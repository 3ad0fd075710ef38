"""Requests that fail whole: halved until the Post at fault stands alone; and what is known without asking."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from tests.unit.engagement.fakes import (
    FIRST,
    NOON,
    POSTS,
    Sent,
    bench,
    count_of,
    counted,
    errors,
    measured,
    reply,
    run_virtual,
    truth,
)
from worker.engagement import Reply, TransientError
from worker.model import NOT_AVAILABLE, MetricName, PostId, Timestamp, first_post_id

if TYPE_CHECKING:
    from tests.unit.engagement.fakes import Bench
    from worker.engagement import Outcome


def test_a_400_without_a_name_is_halved_until_the_post_at_fault_stands_alone() -> None:
    bad = POSTS[6]

    def judge(sent: Sent) -> Reply:
        return errors(400, "Invalid Tweet ID") if bad in sent.post_ids else counted(sent)

    async def asked() -> tuple[Outcome, int]:
        tested = bench(otherwise=judge)
        return await tested.ask(POSTS), len(tested.api.sent)

    outcome, requests = run_virtual(asked())
    assert [*outcome.refused] == [bad]
    assert measured(outcome) == truth(*(set(POSTS) - {bad}))
    assert requests <= 2 * 4 + 1


def test_halves_that_were_answered_count_when_a_later_one_fails() -> None:
    def judge(sent: Sent) -> Reply:
        if len(sent.post_ids) == len(POSTS):
            return errors(400, "?")
        return counted(sent) if POSTS[0] in sent.post_ids else reply(500, b"")

    async def asked() -> Outcome:
        return await bench(otherwise=judge).ask(POSTS)

    outcome = run_virtual(asked())
    assert measured(outcome) == truth(*POSTS[:5])
    assert [*outcome.failed] == POSTS[5:]


@pytest.mark.parametrize(
    "failing", [reply(500, b""), reply(200, b"<html>"), TransientError("timeout", "late")]
)
@pytest.mark.parametrize("at_fault", [POSTS[:1], POSTS[9:], [POSTS[2], POSTS[7]]])
def test_a_request_that_keeps_failing_is_halved_until_the_posts_at_fault_stand_alone(
    failing: Reply | Exception, at_fault: list[int]
) -> None:
    def judge(sent: Sent) -> Reply | Exception:
        return failing if set(at_fault) & set(sent.post_ids) else counted(sent)

    async def asked() -> tuple[Outcome, Bench]:
        tested = bench(otherwise=judge, attempts=3)
        return await tested.ask(POSTS), tested

    with capture_logs() as logs:
        outcome, tested = run_virtual(asked())
    assert sorted(outcome.failed) == at_fault
    assert all(reason for reason in outcome.failed.values())
    assert measured(outcome) == truth(*(set(POSTS) - set(at_fault)))
    assert tested.answered("failed") == len(at_fault)
    assert [entry["event"] for entry in logs] == ["post_set_aside"] * len(at_fault)


def test_a_post_that_fails_alone_is_set_aside_only_when_others_are_answered() -> None:
    def judge(sent: Sent) -> Reply | Exception:
        return reply(500, b"") if POSTS[0] in sent.post_ids else counted(sent)

    async def asked(*, others: bool) -> Outcome:
        tested = bench(otherwise=judge)
        first = asyncio.create_task(tested.ask(POSTS[:1]))
        if others:
            await asyncio.sleep(0.01)
            await tested.ask(POSTS[1:])
        return await first

    assert [*run_virtual(asked(others=True)).failed] == POSTS[:1]
    assert [*run_virtual(asked(others=False)).again] == POSTS[:1]


def test_totals_that_old_posts_do_not_have_are_not_asked_for_and_not_available() -> None:
    metrics = [MetricName("favorites"), MetricName("impressions"), MetricName("video_views")]
    young, middle, old = (PostId(first_post_id(Timestamp(NOON - days * 86_400))) for days in (1, 100, 2000))

    async def asked(*post_ids: PostId) -> tuple[list[str], dict[int, list[int]]]:
        tested = bench(metrics=metrics)
        outcome = await tested.ask(post_ids)
        return tested.api.sent[0].metrics, measured(outcome)

    none = NOT_AVAILABLE
    told = {
        young: [count_of(young, metric) for metric in metrics],
        middle: [count_of(middle, "favorites"), none, count_of(middle, "video_views")],
        old: [count_of(old, "favorites"), none, none],
    }
    assert run_virtual(asked(old)) == (["favorites"], {old: told[old]})
    assert run_virtual(asked(old, middle)) == (
        ["favorites", "video_views"],
        {old: told[old], middle: told[middle]},
    )
    assert run_virtual(asked(old, middle, young)) == ([*metrics], told)


def test_posts_that_have_none_of_the_metrics_cost_no_request() -> None:
    old = first_post_id(Timestamp(NOON - 100 * 86_400))

    async def asked() -> tuple[int, Outcome]:
        tested = bench(metrics=[MetricName("impressions")])
        outcome = await tested.ask([old])
        return len(tested.api.sent), outcome

    requests, outcome = run_virtual(asked())
    assert requests == 0
    assert measured(outcome) == {old: [NOT_AVAILABLE]}


def test_a_refusal_that_names_nobody_of_all_requests_stops_before_every_post_was_asked_alone() -> None:
    many = list(range(FIRST, FIRST + 200))

    async def asked() -> tuple[Bench, Outcome]:
        tested = bench(otherwise=errors(400, "what?"))
        return tested, await tested.ask(many)

    tested, outcome = run_virtual(asked())
    assert list(outcome.again) == many
    assert len(tested.api.sent) == 1 + 2 + 4 + 8
    assert "the API refuses every request" in (tested.circuit.reason or "")
