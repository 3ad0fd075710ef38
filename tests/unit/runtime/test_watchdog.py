"""A loop that stands still is told once, with where everything is and without what it holds."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Final

import pytest
import structlog
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from tests.unit.intake.fakes import PATIENCE, FakeClock
from worker.clock import SystemClock
from worker.model import Seconds
from worker.progress import Progress
from worker.telemetry import Telemetry
from worker.watchdog import Watchdog, task_stacks, thread_stacks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CANARY: Final = "canary-90fe"


class Bench:
    """Two loops under a watchdog, and a clock that is moved."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.progress = Progress(Seconds(60), self.clock, Telemetry(CollectorRegistry()))
        for loop in ("planner", "publisher"):
            self.progress.of(loop)
        self.loop = asyncio.new_event_loop()
        self.watchdog = Watchdog(self.progress, self.loop)

    def look_after(self, seconds: float, *moving: str) -> list[tuple[str, str]]:
        """The events of a look so many seconds later, when these loops moved until then."""
        self.clock.time += seconds
        for loop in moving:
            self.progress.made(loop)
        with capture_logs() as logs:
            self.watchdog.look()
        return [(log["event"], log["loop"]) for log in logs]


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.loop.close()


def test_a_stall_is_told_once_and_its_end_once_and_the_next_stall_again(bench: Bench) -> None:
    assert bench.look_after(59, "planner") == []
    assert bench.look_after(2, "planner") == [("stalled", "publisher")]
    assert bench.look_after(300, "planner") == []
    assert bench.look_after(1, "planner", "publisher") == [("moves_again", "publisher")]
    assert bench.look_after(1) == []
    assert bench.look_after(60) == [("stalled", "planner"), ("stalled", "publisher")]
    assert bench.look_after(60, "publisher") == [("moves_again", "publisher")]


def test_it_says_for_how_long_and_where_everything_is(bench: Bench) -> None:
    bench.clock.time += 61.2
    with capture_logs() as logs:
        bench.watchdog.look()
    told = logs[0]
    assert (told["log_level"], told["without_progress_s"]) == ("error", 61.2)
    (main,) = (stack for name, stack in told["threads"].items() if name.startswith("MainThread "))
    assert any("test_it_says_for_how_long" in place for place in main)
    assert told["tasks"] == {}


def test_a_stack_has_places_and_code_and_no_value() -> None:
    secret, release = CANARY, threading.Event()

    def wait(_held: str) -> None:
        release.wait(PATIENCE)

    thread = threading.Thread(target=wait, args=(secret,), name="holder")
    thread.start()
    try:
        stacks = thread_stacks()
    finally:
        release.set()
        thread.join()
    (stack,) = (stack for name, stack in stacks.items() if name.startswith("holder "))
    assert any("wait: release.wait(PATIENCE)" in place for place in stack)
    assert CANARY not in str(stacks)


def test_of_a_task_the_whole_chain_of_awaits_is_told() -> None:
    async def inner(_held: str) -> None:
        await asyncio.Event().wait()

    async def outer() -> None:
        await inner(CANARY)

    async def look() -> dict[str, list[str]]:
        task = asyncio.create_task(outer(), name="planner")
        await asyncio.sleep(0)
        found = task_stacks(asyncio.get_running_loop())
        task.cancel()
        return found

    stacks = asyncio.run(look())
    (stack,) = (stack for name, stack in stacks.items() if name.startswith("planner "))
    said = "\n".join(stack)
    assert said.index("await inner(CANARY)") < said.index("await asyncio.Event().wait()")
    assert CANARY not in str(stacks)


@pytest.fixture
def on_event() -> Iterator[Callable[[str, Callable[[dict[str, Any]], None]], None]]:
    """Calls a function with the event of a name when it is logged, in the thread that logs it."""

    def listen(name: str, call: Callable[[dict[str, Any]], None]) -> None:
        def processor(_logger: object, _method: str, event: Any) -> Any:
            if event["event"] == name:
                call(event)
            raise structlog.DropEvent

        structlog.configure(processors=[processor])

    yield listen
    structlog.reset_defaults()


def test_an_event_loop_that_hangs_is_told_while_it_hangs(
    on_event: Callable[[str, Callable[[dict[str, Any]], None]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.watchdog._LOOK_EVERY", 0.02)
    told: list[dict[str, Any]] = []
    release = threading.Event()

    def stalled(event: dict[str, Any]) -> None:
        told.append(event)
        release.set()

    on_event("stalled", stalled)

    async def hang() -> None:
        # What a call that blocks does to every task.
        assert release.wait(PATIENCE), "nobody told"

    async def main() -> bool:
        progress = Progress(Seconds(0.1), SystemClock(), Telemetry(CollectorRegistry()))
        progress.of("planner")
        watchdog = Watchdog(progress, asyncio.get_running_loop())
        watchdog.start()
        await asyncio.create_task(hang(), name="hanging")
        watchdog.ask_to_stop()
        return watchdog.join(Seconds(PATIENCE))

    assert asyncio.run(main())
    assert [event["loop"] for event in told] == ["planner"]
    assert "release.wait(PATIENCE)" in str(told[0]["threads"])
    assert "hanging" in str(told[0]["tasks"].keys())
