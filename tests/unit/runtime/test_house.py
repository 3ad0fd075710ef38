"""Posts grow old by the clock they live by, however often the house is looked after."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from tests.unit.intake.fakes import FakeClock
from worker.clock import FastClock
from worker.house import House
from worker.model import Pace, Timestamp


def looks(speed: float, seconds: int) -> list[float]:
    """The moments of its clock at which Posts are retired, of a house that is looked after each second."""
    machine = FakeClock()
    began = Timestamp(machine.time)
    retired: list[float] = []
    quiet: Any = SimpleNamespace(
        tell=lambda: None, look=lambda *_: None, take=lambda: False, count=lambda: None, retire=retired.append
    )
    clock = FastClock(Pace(speed, began), machine)
    house = House(quiet, quiet, quiet, quiet, quiet, kafka_errors=quiet, memory_warning=None, clock=clock)
    for _ in range(seconds):
        house.look()
        machine.time += 1
    return [at - began for at in retired]


def test_posts_are_retired_every_five_seconds_of_their_clock() -> None:
    assert looks(1, 11) == [0, 5, 10]
    assert looks(2, 7) == [0, 6, 12], "at the first look after them"
    assert looks(60, 3) == [0, 60, 120]
