"""One destination, at its own pace: the newest of each leaderboard, however slow or broken it is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry

from tests.unit.editions.test_editions import FakeClock
from worker.editions import Outlet
from worker.model import Campaign, Leaderboard, MetricName, Seconds, Timestamp
from worker.publish.protocol import PublishError
from worker.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence

    from worker.editions import Key

PATIENCE = 5.0


def board(campaign: str, as_of: float) -> Leaderboard:
    return Leaderboard(Campaign(campaign), MetricName("favorites"), Timestamp(as_of), 1, ())


def key(campaign: str) -> Key:
    return Campaign(campaign), MetricName("favorites")


class Destination:
    """Takes what it is given when its gate is open, fails as often as it is told."""

    name = "fake"

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.failures = 0
        self.calls: list[dict[str, float | None]] = []
        self.closed = False
        self.entered = asyncio.Event()
        self.office: list[str] = []
        self.is_active = False
        self.settled: list[set[str]] = []

    @property
    def active(self) -> bool:
        return self.is_active

    def take_over(self) -> None:
        self.is_active = True
        self.office.append("take_over")

    async def settle(self, alive: Iterable[Key]) -> None:
        if self.failures:
            self.failures -= 1
            raise PublishError("it is full")
        self.settled.append({campaign for campaign, _ in alive})

    def step_down(self) -> None:
        self.office.append("step_down")

    async def publish(self, leaderboards: Sequence[Leaderboard]) -> None:
        await self._take({each.campaign: each.as_of for each in leaderboards})

    async def withdraw(self, keys: Sequence[Key]) -> None:
        await self._take({campaign: None for campaign, _ in keys})

    async def close(self) -> None:
        self.closed = True

    async def _take(self, what: Mapping[Campaign, float | None]) -> None:
        self.entered.set()
        await self.open.wait()
        if self.failures:
            self.failures -= 1
            raise PublishError("not now")
        self.calls.append({str(campaign): value for campaign, value in what.items()})


def running(
    scenario: Callable[[Outlet, Destination], Coroutine[None, None, None]], *, shared: bool = False
) -> Telemetry:
    """Run a scenario beside an outlet's loop."""
    telemetry = Telemetry(CollectorRegistry())

    async def run() -> None:
        destination = Destination()
        outlet = Outlet(destination, FakeClock(), telemetry, shared=shared)
        loop = asyncio.create_task(outlet.run())
        try:
            async with asyncio.timeout(PATIENCE):
                await scenario(outlet, destination)
        finally:
            loop.cancel()
            await asyncio.gather(loop, return_exceptions=True)

    asyncio.run(run())
    return telemetry


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.editions._RETRY_WAIT", 0.0)


async def settled() -> None:
    """Give the outlet's loop more turns than it needs: nothing here waits for time to pass."""
    for _ in range(100):
        await asyncio.sleep(0)


def test_what_is_offered_is_published() -> None:
    async def scenario(outlet: Outlet, destination: Destination) -> None:
        outlet.offer([board("a", 1), board("b", 1)], [])
        await settled()
        assert destination.calls == [{"a": 1, "b": 1}]

    telemetry = running(scenario)
    assert telemetry.publications.labels("fake")._value.get() == 2  # noqa: SLF001 -- no other way to read it


def test_an_offer_of_nothing_publishes_nothing() -> None:
    async def scenario(outlet: Outlet, destination: Destination) -> None:
        outlet.offer([], [])
        await settled()
        assert destination.calls == []

    running(scenario)


def test_a_slow_destination_is_given_the_newest_alone() -> None:
    async def scenario(outlet: Outlet, destination: Destination) -> None:
        destination.open.clear()
        outlet.offer([board("a", 1)], [])
        await destination.entered.wait()
        for as_of in range(2, 9):
            outlet.offer([board("a", as_of)], [])
        outlet.offer([board("b", 3)], [])
        destination.open.set()
        await settled()
        assert destination.calls == [{"a": 1}, {"a": 8, "b": 3}]

    running(scenario)


def test_what_failed_is_published_later_and_the_newest_of_it() -> None:
    async def scenario(outlet: Outlet, destination: Destination) -> None:
        destination.failures = 3
        destination.open.clear()
        outlet.offer([board("a", 1), board("b", 1)], [])
        await destination.entered.wait()
        outlet.offer([board("a", 2)], [])
        destination.open.set()
        await settled()
        assert destination.calls == [{"a": 2, "b": 1}]

    telemetry = running(scenario)
    assert telemetry.publish_errors.labels("fake")._value.get() == 3  # noqa: SLF001 -- no other way to read it


def test_a_withdrawn_leaderboard_is_not_published_any_more() -> None:
    async def scenario(outlet: Outlet, destination: Destination) -> None:
        destination.open.clear()
        outlet.offer([board("x", 1)], [])
        await destination.entered.wait()
        outlet.offer([board("a", 1)], [])
        outlet.offer([board("b", 1)], [key("a")])
        destination.open.set()
        await settled()
        assert destination.calls == [{"x": 1}, {"a": None}, {"b": 1}]

    running(scenario)


def test_a_leaderboard_that_comes_back_is_published_and_not_withdrawn() -> None:
    async def scenario(outlet: Outlet, destination: Destination) -> None:
        destination.open.clear()
        outlet.offer([board("x", 1)], [])
        await destination.entered.wait()
        outlet.offer([], [key("a")])
        outlet.offer([board("a", 2)], [])
        destination.open.set()
        await settled()
        assert destination.calls == [{"x": 1}, {"a": 2}]

    running(scenario)


def test_a_withdrawal_that_failed_is_tried_again() -> None:
    async def scenario(outlet: Outlet, destination: Destination) -> None:
        destination.failures = 1
        outlet.offer([board("b", 1)], [key("a")])
        await settled()
        assert destination.calls == [{"a": None}, {"b": 1}]

    running(scenario)


def test_a_shared_destination_is_given_nothing_before_this_worker_takes_over() -> None:
    async def scenario(outlet: Outlet, destination: Destination) -> None:
        outlet.offer([board("a", 1)], [key("b")])
        await settled()
        assert destination.calls == []
        outlet.take_over([board("a", 2), board("c", 2)])
        outlet.offer([board("c", 3)], [])
        await settled()
        assert destination.calls == [{"a": 2, "c": 3}]
        assert destination.office == ["take_over"]

    running(scenario, shared=True)


def test_a_worker_that_steps_down_lets_go_of_what_waits_and_offers_no_more() -> None:
    async def scenario(outlet: Outlet, destination: Destination) -> None:
        outlet.take_over([])
        destination.open.clear()
        outlet.offer([board("a", 1)], [])
        await destination.entered.wait()
        outlet.offer([board("a", 2), board("b", 2)], [])
        outlet.step_down()
        outlet.offer([board("c", 3)], [])
        destination.open.set()
        await settled()
        assert destination.calls == [{"a": 1}]
        assert destination.office == ["take_over", "step_down"]

    running(scenario, shared=True)


def test_nothing_is_published_after_a_withdrawal_during_which_this_worker_stepped_down() -> None:
    async def scenario(outlet: Outlet, destination: Destination) -> None:
        outlet.take_over([])
        destination.open.clear()
        outlet.offer([board("a", 1)], [key("b")])
        await destination.entered.wait()
        outlet.step_down()
        destination.open.set()
        await settled()
        assert destination.calls == [{"b": None}]

    running(scenario, shared=True)


def test_what_failed_is_not_tried_again_after_this_worker_stepped_down() -> None:
    async def scenario(outlet: Outlet, destination: Destination) -> None:
        outlet.take_over([])
        destination.failures = 1
        destination.open.clear()
        outlet.offer([board("a", 1)], [])
        await destination.entered.wait()
        outlet.step_down()
        destination.open.set()
        await settled()
        assert destination.calls == []

    running(scenario, shared=True)


def test_after_the_first_edition_what_is_not_of_it_is_removed_once() -> None:
    async def scenario(outlet: Outlet, destination: Destination) -> None:
        outlet.take_over([board("a", 2), board("c", 2)])
        outlet.offer([board("d", 3)], [key("c")])
        await settled()
        assert destination.settled == [{"a", "d"}]
        outlet.offer([board("d", 4)], [])
        await settled()
        assert destination.settled == [{"a", "d"}]

    running(scenario, shared=True)


def test_without_any_leaderboard_what_another_left_is_removed_too() -> None:
    async def scenario(outlet: Outlet, destination: Destination) -> None:
        outlet.take_over([])
        await settled()
        assert destination.settled == [set()]

    running(scenario, shared=True)


def test_what_could_not_be_removed_is_tried_again() -> None:
    async def scenario(outlet: Outlet, destination: Destination) -> None:
        destination.failures = 1
        outlet.take_over([])
        await settled()
        assert destination.settled == [set()]

    running(scenario, shared=True)


def test_a_destination_that_heard_of_another_publisher_says_so_until_taken_over_again() -> None:
    async def scenario(outlet: Outlet, destination: Destination) -> None:
        heard = [outlet.superseded]
        outlet.take_over([])
        heard.append(outlet.superseded)
        destination.is_active = False
        heard.append(outlet.superseded)
        outlet.take_over([board("a", 1)])
        heard.append(outlet.superseded)
        destination.is_active = False
        outlet.step_down()
        heard.append(outlet.superseded)
        assert heard == [False, False, True, False, False]

    running(scenario, shared=True)


def finishing(scenario: Callable[[Outlet, Destination], Coroutine[None, None, None]]) -> None:
    """Run a scenario without the outlet's loop."""

    async def run() -> None:
        destination = Destination()
        async with asyncio.timeout(PATIENCE):
            await scenario(Outlet(destination, FakeClock(), Telemetry(CollectorRegistry())), destination)

    asyncio.run(run())


def test_at_the_end_what_waits_is_published_and_the_destination_closed() -> None:
    async def scenario(outlet: Outlet, destination: Destination) -> None:
        outlet.offer([board("a", 1)], [])
        await outlet.finish(Seconds(PATIENCE))
        assert destination.calls == [{"a": 1}]
        assert destination.closed

    finishing(scenario)


def test_what_was_being_published_when_the_loop_was_stopped_is_published_at_the_end() -> None:
    async def scenario(outlet: Outlet, destination: Destination) -> None:
        loop = asyncio.create_task(outlet.run())
        destination.open.clear()
        outlet.offer([board("a", 1), board("b", 1)], [key("c")])
        await destination.entered.wait()
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)
        outlet.offer([board("a", 2)], [])
        destination.open.set()
        await outlet.finish(Seconds(PATIENCE))
        assert destination.calls == [{"c": None}, {"a": 2, "b": 1}]

    finishing(scenario)


def test_a_destination_that_hangs_is_left_after_a_bounded_time_and_still_closed() -> None:
    async def scenario(outlet: Outlet, destination: Destination) -> None:
        destination.open.clear()
        outlet.offer([board("a", 1)], [])
        await outlet.finish(Seconds(0.01))
        assert destination.calls == []
        assert destination.closed

    finishing(scenario)


def test_a_destination_that_fails_at_the_end_is_still_closed() -> None:
    async def scenario(outlet: Outlet, destination: Destination) -> None:
        destination.failures = 1
        outlet.offer([board("a", 1)], [])
        await outlet.finish(Seconds(PATIENCE))
        assert destination.closed

    finishing(scenario)
