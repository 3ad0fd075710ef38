"""Slots come and go with partitions, and no longer than we are known to be in the group."""

from __future__ import annotations

import time

import pytest

from tests.unit.intake.fakes import FakeClock
from tests.unit.settings.environment import loaded
from worker.clock import FastClock
from worker.engagement import Limit, Slots
from worker.membership import Membership
from worker.model import Seconds
from worker.parts import make_membership, make_slots

LIMIT, PARTITIONS, SESSION = 60, 4, 30.0


class Watch:
    down: str | None = None


def _begin(*partitions: int, alone_goes_on: bool = True) -> tuple[Membership, Slots, FakeClock]:
    clock = FakeClock()
    slots = Slots(Limit.of(LIMIT), PARTITIONS, Seconds(2.0), clock)
    membership = Membership(slots, Seconds(SESSION), clock, alone_goes_on=alone_goes_on)
    membership.assigned(partitions)
    return membership, slots, clock


def test_the_share_is_that_of_the_partitions() -> None:
    membership, slots, _ = _begin(0, 1, 2)
    assert slots.share == LIMIT * 3 / 4
    membership.revoked([1])
    assert slots.share == LIMIT * 2 / 4


def test_without_proof_the_slots_end_before_the_session_does() -> None:
    membership, slots, clock = _begin(0)
    clock.time += SESSION * 0.6
    assert slots.share > 0
    clock.time += SESSION * 0.1
    assert slots.share == 0
    membership.proved(Seconds(clock.time))
    assert slots.share > 0


@pytest.mark.parametrize(
    ("partitions", "goes_on", "down", "share"),
    [
        ((0, 1, 2, 3), True, "no answer", LIMIT),
        ((0, 1, 2, 3), True, None, 0),
        ((0, 1, 2, 3), False, "no answer", 0),
        ((0, 1, 2), True, "no answer", 0),
    ],
)
def test_only_who_is_alone_goes_on_without_brokers(
    partitions: tuple[int, ...], goes_on: bool, down: str | None, share: float
) -> None:
    membership, slots, clock = _begin(*partitions, alone_goes_on=goes_on)
    watch = Watch()
    watch.down = down
    clock.time += SESSION
    membership.look(watch)  # type: ignore[arg-type]  # a fake
    assert slots.share == share


def test_a_session_lasts_as_long_as_the_brokers_have_it_also_by_a_fast_clock() -> None:
    machine = FakeClock()
    settings = loaded(
        ENGAGEMENT__URL="http://127.0.0.1",
        CLOCK__SPEED="60",
        CLOCK__SINCE=str(time.time() - 1),
        KAFKA__SESSION_TIMEOUT=f"{SESSION}s",
    )
    clock = FastClock(settings.clock.pace, machine)
    slots = make_slots(settings, clock)
    membership = make_membership(settings, slots, clock)
    membership.assigned(range(slots.partitions))
    for _ in range(3):
        machine.time += SESSION * 0.6
        assert slots.share > 0
        # As the reader tells it: what the machine's clock had when the commit was sent.
        membership.proved(settings.clock.pace.passed(machine.monotonic()))
    machine.time += SESSION * 0.7
    assert slots.share == 0
