"""When an outlook is made, what is kept of it, and what is said while there is none."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from tests.unit.editions.test_editions import FakeClock
from tests.unit.outlook.making import all_done, census, done
from worker.model import Seconds
from worker.outlook.census import Census, NoWorldError
from worker.outlook.child import ChildError
from worker.outlook.outlook import ELSEWHERE, OFF, SOON, UNDER_WAY, Outlook
from worker.publish.http import OutlookView
from worker.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.outlook.runs import Done

EVERY = 0.01


class Bench:
    """An Outlook whose process is played: it finds these runs, and then ends with this error."""

    def __init__(
        self,
        found: Sequence[Done] = (),
        *,
        error: Exception | None = None,
        no_world: str | None = None,
        every: float = EVERY,
    ) -> None:
        self.found, self.error, self.no_world = found, error, no_world
        self.publishes = True
        self.made = asyncio.Event()
        self.within: list[float] = []
        self.kept = OutlookView(None, None)
        self.telemetry = Telemetry(CollectorRegistry())
        self.outlook = Outlook(
            self.census,
            lambda: self.publishes,
            contract=60,
            every=Seconds(every),
            within=Seconds(600.0),
            clock=FakeClock(),
            telemetry=self.telemetry,
            run_all=self.run_all,
        )

    def census(self) -> Census:
        if self.no_world is not None:
            self.made.set()
            raise NoWorldError(self.no_world)
        if self.within:
            self.kept = self.outlook.view()
        return census()

    async def run_all(self, _: Census, within: Seconds, found: list[Done]) -> bool:
        if self.within:
            self.made.set()
            await asyncio.Event().wait()
        self.within.append(within)
        found += self.found
        if self.error is not None:
            raise self.error
        return True

    async def make(self) -> None:
        """Until one was made, or could not be."""
        running = asyncio.create_task(self.outlook.run())
        async with asyncio.timeout(10):
            await self.made.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    def gauge(self, name: str, budget: str) -> float | None:
        return self.telemetry.registry.get_sample_value(name, {"budget": budget})

    def made_at(self) -> float | None:
        return self.telemetry.registry.get_sample_value("toptweets_outlook_timestamp_seconds")


def made(found: Sequence[Done] = (), **other: object) -> Bench:
    async def go() -> Bench:
        bench = Bench(found, **other)  # type: ignore[arg-type]
        await bench.make()
        return bench

    return asyncio.run(go())


def test_the_budgets_come_with_what_they_would_give() -> None:
    bench = made(all_done())
    view = bench.outlook.view()
    assert view.reason is None
    assert view.result is not None
    assert [one.budget for one in view.result.budgets] == [0.25, 0.5, 1.0, 2.0, 4.0]
    assert [one.requests_per_minute for one in view.result.budgets] == [15, 30, 60, 120, 240]
    here = view.result.budgets[2]
    assert here.worlds == 3
    assert here.recall.mean == pytest.approx(0.98)
    assert here.recall.within == pytest.approx(4.303 * 0.01 / 3**0.5)
    assert here.exact_boards.mean == pytest.approx(0.49)
    assert here.shown_error.mean == pytest.approx(0.04)
    assert view.result.left_out == []
    assert (view.result.world.posts, view.result.world.scale) == (10_000, 1.0)
    assert bench.within == [600.0]


def test_they_are_told_to_prometheus_by_times_the_contract() -> None:
    bench = made(all_done())
    assert bench.gauge("toptweets_outlook_recall", "0.5") == pytest.approx(0.96)
    assert bench.gauge("toptweets_outlook_shown_error", "4") == pytest.approx(0.01)
    names = {one.name for one in bench.telemetry.outlook_recall.collect() for _ in one.samples}
    assert names == {"toptweets_outlook_recall"}
    assert len(next(iter(bench.telemetry.outlook_recall.collect())).samples) == 5


def test_what_the_time_did_not_suffice_for_is_left_out() -> None:
    result = made([done(1.0), done(0.5)]).outlook.view().result
    assert result is not None
    assert [one.budget for one in result.budgets] == [0.5, 1.0]
    assert result.left_out == [0.25, 2.0, 4.0]
    assert result.budgets[0].recall.within is None


def test_where_no_run_was_done_it_is_said_what_to_do() -> None:
    kept = made().kept
    assert kept.result is None
    assert "raise planner.outlook_timeout" in str(kept.reason)


@pytest.mark.parametrize("error", [ChildError("it ended with -9: "), OSError("no memory"), ValueError("odd")])
def test_a_crash_is_a_warning_and_no_more(error: Exception) -> None:
    with capture_logs() as logs:
        bench = made(error=error)  # the next one was begun, so the loop goes on
    assert [(log["event"], log["log_level"]) for log in logs] == [("outlook_failed", "warning")]
    assert str(error.args[0]) in logs[0]["error"]
    assert bench.outlook.view() == OutlookView(None, UNDER_WAY)


def test_what_was_done_before_a_crash_is_kept() -> None:
    result = made(all_done(seeds=1), error=ChildError("it ended with -9: ")).outlook.view().result
    assert result is not None
    assert len(result.budgets) == 5


def test_while_there_is_no_world_it_says_why() -> None:
    assert made(no_world="there are 3 Posts").outlook.view().reason == "there are 3 Posts"


def test_before_the_first_it_says_when_that_will_be() -> None:
    async def reasons() -> list[str | None]:
        return [Bench(every=every).outlook.view().reason for every in (21_600.0, 900.0)]

    told = "the first is made after the worker has run for "
    assert asyncio.run(reasons()) == [told + "1h", told + "15m"]


def test_switched_off_nothing_is_made_and_the_loop_does_not_end() -> None:
    async def go() -> Bench:
        bench = Bench(all_done(), every=0.0)
        running = asyncio.create_task(bench.outlook.run())
        done, _ = await asyncio.wait({running}, timeout=0.05)
        assert not done
        running.cancel()
        return bench

    bench = asyncio.run(go())
    assert bench.within == []
    assert bench.outlook.view().reason == OFF


def test_another_worker_that_publishes_tells_it_in_the_place_of_this_one() -> None:
    bench = made(all_done())
    assert bench.made_at() == FakeClock().now()
    bench.publishes = False
    assert bench.outlook.view().result is None
    assert bench.outlook.view().reason == ELSEWHERE
    bench.outlook.look()
    assert bench.gauge("toptweets_outlook_recall", "1") is None
    assert bench.gauge("toptweets_outlook_shown_error", "1") is None
    assert bench.made_at() == 0
    bench.publishes = True
    bench.outlook.look()
    assert bench.outlook.view().result is not None
    assert bench.gauge("toptweets_outlook_recall", "1") == pytest.approx(0.98)
    assert bench.made_at() == FakeClock().now()


def test_who_does_not_publish_makes_none() -> None:
    async def go() -> Bench:
        bench = Bench(all_done())
        bench.publishes = False
        running = asyncio.create_task(bench.outlook.run())
        await asyncio.wait({running}, timeout=0.1)
        running.cancel()
        return bench

    bench = asyncio.run(go())
    assert bench.within == []
    assert bench.outlook.view().reason == ELSEWHERE
    bench.publishes = True
    assert bench.outlook.view().reason == SOON
