"""The asking loop: how many requests are under way, when plans are made, and how it stops."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, cast

import pytest
from structlog.testing import capture_logs

from tests.unit.engagement.fakes import (
    NOON,
    LoopClock,
    accounted,
    bench,
    counted,
    counts_of,
    errors,
    reply,
    run_virtual,
)
from worker.clock import at_pace
from worker.dispatch import Dispatcher
from worker.model import REAL_TIME, Pace, PostId, Seconds, Standings, Timestamp
from worker.planner import Plan
from worker.routes import Route

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.unit.engagement.fakes import Answering, Bench, Sent
    from worker.engagement import Outcome, Reply
    from worker.planner import Planner
    from worker.tracker import Tracker
    from worker.watchlist import Lane


@dataclass
class Posts:
    """Stands in for Watchlist and tracker: knows who is in flight, and what became of whom."""

    waiting: list[PostId] = field(default_factory=list)
    in_flight: set[PostId] = field(default_factory=set)
    outcomes: list[Outcome] = field(default_factory=list)
    standings: Standings = field(default_factory=lambda: Standings({}))
    most_in_flight: int = 0

    def mark_asked(self, post_ids: Sequence[PostId], at: Timestamp) -> None:  # noqa: ARG002 -- as the protocol has it
        assert not self.in_flight & set(post_ids)
        self.in_flight |= set(post_ids)
        self.waiting = [post_id for post_id in self.waiting if post_id not in self.in_flight]

    def ask_again(self, post_ids: Iterable[PostId]) -> None:
        again = list(post_ids)
        self.in_flight -= set(again)
        self.waiting += again

    def retire_hopeless(self, post_ids: Sequence[PostId]) -> int:
        assert not post_ids
        return 0

    def answered(self, outcome: Outcome, lane: object) -> None:
        assert lane is self
        self.outcomes.append(outcome)
        self.in_flight -= {PostId(post_id) for post_id in accounted(outcome)}
        self.waiting += outcome.again


@dataclass
class InTurn:
    """Plans whoever waits, so many a request; asks to be woken when nobody does."""

    size: int = 10
    planned_at: list[float] = field(default_factory=list)
    wake_in: float = 1000.0

    def plan(self, now: Timestamp, posts: Posts, standings: Standings, seats: int) -> Plan:  # noqa: ARG002 -- as the protocol has it
        self.planned_at.append(asyncio.get_running_loop().time())
        return Plan(posts.waiting[: self.size], Timestamp(now + self.wake_in), len(posts.waiting))


@dataclass
class Running:
    """A dispatcher and all that it is joined to."""

    dispatcher: Dispatcher
    bench: Bench
    posts: Posts
    planner: InTurn
    loops: list[float]


def dispatcher(
    *answers: Answering,
    otherwise: Answering | None = None,
    in_flight: int = 4,
    limit: float = 60_000,
    latency: float = 0.1,
    posts: int = 0,
    slots: bool = False,
    pace: Pace = REAL_TIME,
) -> Running:
    tested = bench(*answers, otherwise=otherwise, limit=limit, latency=latency, attempts=2, slots=slots)
    known = Posts([PostId(1000 + number) for number in range(posts)])
    planner, loops = InTurn(), list[float]()
    made = Dispatcher(
        cast("Tracker", known),
        [Route(cast("Lane", known), cast("Planner", planner), tested.query)],
        tested.asker,
        quota=tested.quota,
        in_flight=in_flight,
        progressed=lambda: loops.append(asyncio.get_running_loop().time()),
        clock=at_pace(pace, LoopClock()),
        telemetry=tested.telemetry,
        pace=pace,
    )
    return Running(made, tested, known, planner, loops)


async def run_for(running: Running, seconds: float) -> None:
    """Run the loop for so long, and cancel it as the worker does. Whoever failed is raised."""
    loop = asyncio.create_task(running.dispatcher.run())
    await asyncio.wait((loop,), timeout=seconds)
    loop.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await loop


def test_all_posts_are_asked_for_and_answered() -> None:
    async def ran() -> Running:
        running = dispatcher(posts=95)
        await run_for(running, 5)
        return running

    running = run_virtual(ran())
    assert not running.posts.waiting
    assert not running.posts.in_flight
    assert sum(len(accounted(outcome)) for outcome in running.posts.outcomes) == 95
    assert len(running.bench.api.sent) == 10


def test_no_more_requests_are_under_way_than_allowed() -> None:
    async def ran() -> Running:
        running = dispatcher(posts=400, in_flight=3, latency=1)
        await run_for(running, 60)
        return running

    running = run_virtual(ran())
    assert running.bench.api.most_under_way == 3
    assert not running.posts.waiting


def test_a_plan_is_made_when_there_is_a_permit_and_not_before() -> None:
    async def ran() -> Running:
        running = dispatcher(posts=30, limit=6, latency=0)
        await run_for(running, 25)
        return running

    running = run_virtual(ran())
    sent_at = [sent.at for sent in running.bench.api.sent]
    assert sent_at == pytest.approx([0, 10, 20])
    assert running.planner.planned_at[:3] == pytest.approx(sent_at)


@pytest.mark.parametrize("slots", [False, True])
@pytest.mark.parametrize("fails", [False, True])
def test_with_a_quarter_of_a_request_a_minute_one_leaves_in_four_minutes_and_no_more(
    slots: bool, fails: bool
) -> None:
    def judge(sent: Sent) -> Reply:
        headers = {"x_per_minute_limit": "1", "x_per_minute_remaining": "0"}
        reset = {"x_per_minute_reset": str(int(NOON + sent.at) + 241)}
        return reply(500 if fails else 200, {"by_post": counts_of(sent.post_ids)}, **headers, **reset)

    async def ran() -> Running:
        running = dispatcher(otherwise=judge, posts=400, limit=0.25, slots=slots)
        await run_for(running, 3600)
        return running

    running = run_virtual(ran())
    sent_at = [sent.at for sent in running.bench.api.sent]
    assert len(sent_at) == pytest.approx(3600 / (242 if slots else 240), abs=1)
    assert min(after - before for before, after in pairwise(sent_at)) >= 240
    assert running.bench.value("toptweets_quota_used_requests") == 0.25
    assert running.bench.value("toptweets_quota_requests_per_minute") == 0.25
    # However long it waits for a permit, it is seen to be alive.
    assert max(after - before for before, after in pairwise(running.loops)) <= 1.01


def test_a_new_post_is_asked_for_at_once_when_nudged() -> None:
    async def ran() -> float:
        running = dispatcher()
        loop = asyncio.create_task(running.dispatcher.run())
        await asyncio.sleep(10.25)
        running.posts.waiting.append(PostId(5))
        running.dispatcher.nudge()
        await asyncio.sleep(0.2)
        loop.cancel()
        return running.bench.api.sent[0].at

    assert run_virtual(ran()) == pytest.approx(10.25)


def test_it_wakes_when_the_plan_says_so() -> None:
    async def ran() -> list[float]:
        running = dispatcher()
        running.planner.wake_in = 0.3
        await run_for(running, 0.7)
        return running.planner.planned_at

    assert run_virtual(ran()) == pytest.approx([0, 0.3, 0.6])


def test_a_plan_s_wake_is_of_the_clock_and_not_of_the_machine() -> None:
    async def ran() -> list[float]:
        running = dispatcher(pace=Pace(60.0, Timestamp(NOON)))
        running.planner.wake_in = 18.0
        await run_for(running, 0.7)
        return running.planner.planned_at

    assert run_virtual(ran()) == pytest.approx([0, 0.3, 0.6])


@pytest.mark.parametrize("state", ["idle", "paced", "held", "full", "circuit"])
def test_it_shows_progress_every_second_however_long_it_waits(state: str) -> None:
    async def ran() -> list[float]:
        posts = 0 if state == "idle" else 50
        running = dispatcher(posts=posts, limit=1 if state == "paced" else 60_000, in_flight=2, latency=0)
        if state == "held":
            running.bench.quota.hold(Seconds(800.0))
        if state == "full":
            running.bench.api.latency = 1000
        if state == "circuit":
            running.bench.circuit.open("a reason")
        await run_for(running, 30)
        return running.loops

    loops = run_virtual(ran())
    assert all(after - before <= 1.01 for before, after in pairwise(loops))
    assert loops[-1] > 28


def test_an_idle_loop_does_not_spin() -> None:
    async def ran() -> int:
        running = dispatcher()
        await run_for(running, 100)
        return len(running.loops)

    assert run_virtual(ran()) <= 110


def test_an_open_circuit_is_tried_by_one_request_at_a_time() -> None:
    async def ran() -> Running:
        running = dispatcher(
            otherwise=errors(401, "Your account could not be authenticated."),
            posts=400,
            in_flight=8,
            latency=2,
        )
        await run_for(running, 1000)
        return running

    running = run_virtual(ran())
    times = [sent.at for sent in running.bench.api.sent]
    at_first = [at for at in times if at < 10]
    assert len(at_first) == 8
    later = [at for at in times if at >= 10]
    assert later == pytest.approx([302, 602, 902], abs=8)
    assert len(running.posts.waiting) == 400


def test_a_circuit_that_closes_lets_all_requests_pass_again() -> None:
    async def ran() -> Running:
        running = dispatcher(errors(401, "no"), posts=100, in_flight=1)
        await run_for(running, 310)
        return running

    running = run_virtual(ran())
    assert not running.posts.waiting
    assert running.bench.circuit.reason is None


def test_a_fault_in_a_request_ends_the_loop_and_its_posts_go_back() -> None:
    async def ran() -> Running:
        running = dispatcher(RuntimeError("a bug"), posts=10)
        loop = asyncio.create_task(running.dispatcher.run())
        with pytest.raises(RuntimeError, match="a bug"):
            await asyncio.wait_for(loop, 5)
        return running

    running = run_virtual(ran())
    assert len(running.posts.waiting) == 10
    assert not running.posts.in_flight
    running.bench.check_counters()


def test_draining_waits_for_requests_under_way_and_uses_their_answers() -> None:
    async def ran() -> tuple[int, Running]:
        running = dispatcher(posts=40, latency=3)
        await run_for(running, 1)
        return await running.dispatcher.drain(Seconds(5.0)), running

    cut_off, running = run_virtual(ran())
    assert cut_off == 0
    assert len(running.posts.outcomes) == 4
    assert not running.posts.in_flight


def test_draining_cuts_off_what_takes_too_long_and_its_posts_go_back() -> None:
    async def ran() -> tuple[int, float, Running]:
        running = dispatcher(posts=40, latency=3000)
        await run_for(running, 1)
        started = asyncio.get_running_loop().time()
        cut_off = await running.dispatcher.drain(Seconds(5.0))
        assert not running.posts.in_flight
        assert running.bench.api.under_way == 0
        return cut_off, asyncio.get_running_loop().time() - started, running

    cut_off, took, running = run_virtual(ran())
    assert cut_off == 4
    assert took <= 6
    assert len(running.posts.waiting) == 40
    running.bench.check_counters()
    assert running.bench.value("toptweets_ids_in_flight") == 0


@pytest.mark.parametrize("within", [0.0, -1.5])
def test_draining_without_time_cuts_off_at_once(within: float) -> None:
    async def ran() -> tuple[int, Running]:
        running = dispatcher(posts=10, latency=3000)
        await run_for(running, 0.001)
        return await running.dispatcher.drain(Seconds(within)), running

    cut_off, running = run_virtual(ran())
    assert cut_off == 1
    assert not running.posts.in_flight


def test_draining_when_nothing_is_under_way_is_over_at_once() -> None:
    async def ran() -> tuple[int, float]:
        running = dispatcher()
        return await running.dispatcher.drain(Seconds(5.0)), asyncio.get_running_loop().time()

    assert run_virtual(ran()) == (0, 0)


def test_a_fault_while_draining_is_told_and_does_not_stop_the_stopping() -> None:
    async def ran() -> Running:
        running = dispatcher(RuntimeError("a bug"), posts=10, latency=3)
        await run_for(running, 1)
        await running.dispatcher.drain(Seconds(5.0))
        return running

    with capture_logs() as logs:
        running = run_virtual(ran())
    assert [entry["event"] for entry in logs] == ["request_failed"]
    assert not running.posts.in_flight


def test_requests_that_failed_go_back_and_are_asked_again() -> None:
    turns = 0

    def judge(sent: Sent) -> Reply:
        nonlocal turns
        turns += 1
        return reply(500, b"") if turns <= 40 else counted(sent)

    async def ran() -> Running:
        running = dispatcher(otherwise=judge, posts=40)
        await run_for(running, 30)
        return running

    running = run_virtual(ran())
    assert any(outcome.again for outcome in running.posts.outcomes)
    assert not running.posts.waiting
    assert not running.posts.in_flight
