"""Slots: who may use which, when, and how often."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.unit.engagement.fakes import NOON
from worker.engagement import Limit, Slots
from worker.model import Seconds, Timestamp

FAR = Seconds(1e9)


@dataclass
class TwoClocks:
    """The wall clock can be set; the monotonic one goes on."""

    at: float = 0.0
    wall: float = NOON

    def now(self) -> Timestamp:
        return Timestamp(self.wall + self.at)

    def monotonic(self) -> Seconds:
        return Seconds(self.at)


def slots_of(
    limit: float = 62, partitions: int = 4, headroom: float = 2.0, own: tuple[int, ...] = (0, 1, 2, 3)
) -> tuple[Slots, TwoClocks]:
    """Owned since long, and the lease lasts. With 62 of 62 s, slot n is second n of Unix time."""
    clock = TwoClocks()
    slots = Slots(Limit.of(limit), partitions, Seconds(headroom), clock)
    slots.renew(FAR)
    slots.own(own)
    clock.at = 100.0
    return slots, clock


def numbers(slots: Slots, clock: TwoClocks, seconds: float, step: float = 0.25) -> list[int]:
    """The slots that are taken by who looks so often."""
    taken: list[int] = []
    end = clock.at + seconds
    while clock.at < end:
        while (slot := slots.try_take()) is not None:
            taken.append(slot.number - int(NOON))
        clock.at += step
    return taken


def test_each_slot_is_used_once_from_its_start_on() -> None:
    slots, clock = slots_of()
    numbers(slots, clock, 3)
    assert numbers(slots, clock, 4) == [103, 104, 105, 106]
    clock.at = 120.5
    slots.skip(Seconds(0.0))
    assert slots.wait() == pytest.approx(0.5)
    assert slots.ready_at() == pytest.approx(121.0)
    assert slots.try_take() is None


def test_only_slots_of_owned_partitions_are_used() -> None:
    slots, clock = slots_of(own=(1,))
    taken = numbers(slots, clock, 20)
    assert len(taken) == 5
    assert {(number + int(NOON)) % 4 for number in taken} == {1}
    assert slots.share == 62 / 4


def test_what_was_missed_is_caught_up_for_half_the_headroom_and_no_longer() -> None:
    slots, clock = slots_of(limit=620)
    numbers(slots, clock, 3, step=0.05)
    clock.at = 130.0
    burst = list(iter(slots.try_take, None))
    assert len(burst) == 11
    assert burst[0].start / 1e9 == pytest.approx(NOON + 129)
    assert slots.try_take() is None


def test_slots_from_before_a_partition_came_are_another_workers() -> None:
    slots, clock = slots_of(own=())
    assert slots.wait() == float("inf")
    clock.at = 200.5
    slots.own([0, 1, 2, 3])
    clock.at = 202.0
    # Half a headroom later than the assignment: the clock of who had it may be ahead.
    assert numbers(slots, clock, 0.1) == [202]


def test_owning_again_what_is_owned_loses_no_slot() -> None:
    slots, _ = slots_of()
    slots.own([0, 1, 2, 3])
    assert slots.try_take() is not None


def test_a_partition_that_is_gone_takes_its_begun_slots_along() -> None:
    slots, _ = slots_of()
    slots.disown([0, 1, 2, 3])
    assert slots.try_take() is None
    assert slots.wait() == float("inf")
    assert slots.share == 0


def test_without_a_lease_there_are_no_slots_and_a_late_renewal_brings_none_back() -> None:
    clock = TwoClocks()
    slots = Slots(Limit.of(62), 1, Seconds(2.0), clock)
    slots.own([0])
    assert slots.wait() == float("inf")
    slots.renew(Seconds(50.0))
    clock.at = 50.0
    assert slots.try_take() is None
    assert slots.share == 0
    slots.renew(FAR)
    assert slots.try_take() is None
    clock.at = 51.0
    assert numbers(slots, clock, 1) == [51]


def test_a_lease_that_is_renewed_in_time_goes_on() -> None:
    slots, clock = slots_of()
    slots.renew(Seconds(50.0))  # what is proven already lasts longer
    numbers(slots, clock, 3)
    slots.renew(Seconds(2e9))
    assert numbers(slots, clock, 2) == [103, 104]


def test_a_wall_clock_set_back_uses_no_slot_again() -> None:
    slots, clock = slots_of()
    assert numbers(slots, clock, 10)[-1] == 109
    clock.wall -= 30
    assert numbers(slots, clock, 60)[0] == 110


def test_a_wall_clock_that_was_hours_ahead_is_not_waited_for() -> None:
    slots, clock = slots_of()
    clock.wall += 7200
    numbers(slots, clock, 10)
    clock.wall -= 7200
    first = numbers(slots, clock, 100)[0]
    assert first == 110 + 62


def test_a_wall_clock_set_forward_brings_no_burst() -> None:
    slots, clock = slots_of(limit=6200)
    numbers(slots, clock, 3, step=0.005)
    clock.wall += 5
    assert slots.try_take() is None
    assert slots.wait() == pytest.approx(1.0, abs=0.02)


def test_a_machine_that_slept_has_slept_through_its_lease() -> None:
    clock = TwoClocks()
    slots = Slots(Limit.of(62), 1, Seconds(2.0), clock)
    slots.own([0])
    slots.renew(Seconds(50.0))
    clock.at = 10.0
    clock.wall += 20
    slots.try_take()
    clock.at = 12.0
    assert slots.try_take() is not None
    clock.wall += 20
    assert slots.wait() == float("inf")
    assert slots.share == 0


def test_a_pause_is_not_caught_up() -> None:
    slots, clock = slots_of(limit=6200)
    slots.skip(Seconds(10.0))
    clock.at += 9.99
    assert slots.try_take() is None
    clock.at += 0.02
    assert len([*iter(slots.try_take, None)]) <= 2


def test_another_limit_is_another_grid_from_now_on() -> None:
    slots, clock = slots_of(limit=6200)
    slots.regrid(Limit.of(62))
    assert slots.limit.rate == 62
    assert len(numbers(slots, clock, 10)) == 10


@pytest.mark.parametrize("limit", [1, 2, 7, 59, 60, 6000, 999_983, 10_000_000])
def test_slots_neither_repeat_nor_are_left_out_nor_drift(limit: int) -> None:
    headroom = 2.0
    slots, clock = slots_of(limit, headroom=headroom)
    length = 62 / limit
    list(iter(slots.try_take, None))
    taken = []
    for _ in range(300):
        clock.at += slots.wait() + min(length / 7, 0.3)
        slot = slots.try_take()
        assert slot is not None
        assert 0 <= clock.now() - slot.start / 1e9 <= headroom / 2 + 1e-6
        taken.append(slot)
    assert [slot.number for slot in taken] == list(range(taken[0].number, taken[0].number + 300))
    for slot in taken:
        assert slot.start == -(-slot.number * 62_000_000_000 // limit)


@pytest.mark.parametrize(
    ("rate", "span", "requests"), [(0.25, 242, 1), (0.05, 1202, 1), (1.5, 42, 1), (2.5, 50, 2)]
)
def test_slots_of_a_fraction_are_those_of_its_span(rate: float, span: int, requests: int) -> None:
    slots, clock = slots_of(rate)
    for _ in range(20):
        clock.at += slots.wait() + 0.001
        slot = slots.try_take()
        assert slot is not None
        assert slot.start == -(-slot.number * span * 1_000_000_000 // requests)
        assert slots.try_take() is None
        assert slots.wait() <= span / requests
    assert slots.share == rate


def test_a_span_of_no_whole_nanoseconds_is_never_cut_short() -> None:
    slots, clock = slots_of(0.07)
    clock.at += slots.wait() + 0.001
    first = slots.try_take()
    clock.at += slots.wait() + 0.001
    second = slots.try_take()
    assert first is not None
    assert second is not None
    assert second.start - first.start == 859_142_857_143


def test_a_clock_that_was_ahead_by_less_than_a_long_span_uses_no_slot_again() -> None:
    slots, clock = slots_of(0.25)
    clock.at += slots.wait() + 0.001
    used = slots.try_take()
    assert used is not None
    clock.wall -= 200
    assert slots.wait() > 200
    clock.at += slots.wait() + 0.001
    again = slots.try_take()
    assert again is not None
    assert again.number == used.number + 1


def test_a_slot_is_fresh_to_its_end_by_both_clocks() -> None:
    slots, clock = slots_of(limit=1)
    clock.at += slots.wait()
    slot = slots.try_take()
    assert slot is not None
    assert slots.fresh(slot)
    clock.at += 0.99
    assert slots.fresh(slot)
    clock.wall += 0.1
    assert not slots.fresh(slot)
    clock.wall -= 3600
    assert slots.fresh(slot)
    clock.at += 0.1
    assert not slots.fresh(slot)


def test_the_room_is_what_was_owned_of_the_newest_slots() -> None:
    slots, clock = slots_of(own=(0, 1))
    assert slots.offer().room == 31
    slots.disown([1])
    # What partition 1 had still counts, until a minute and the headroom later.
    assert slots.offer().room > 25
    numbers(slots, clock, 64)
    assert slots.offer().room in {15, 16}
    slots.own([0, 1, 2, 3])
    numbers(slots, clock, 64)
    assert slots.offer().room == 62
    assert slots.offer().pace == 1.0


def test_a_process_held_up_between_its_two_clocks_looks_again() -> None:
    slots, clock = slots_of()
    numbers(slots, clock, 3)
    told = clock.now

    def held_up() -> Timestamp:
        wall = told()
        clock.at += 50.0
        clock.now = told  # type: ignore[method-assign]
        return wall

    clock.now = held_up  # type: ignore[method-assign]
    slot = slots.try_take()
    assert slot is not None
    assert slot.start / 1e9 >= clock.now() - 1


@pytest.mark.parametrize(("limit", "partitions", "headroom"), [(1, 0, 2.0), (1, 1, 0.0)])
def test_a_grid_of_nothing_is_a_fault(limit: int, partitions: int, headroom: float) -> None:
    with pytest.raises(ValueError, match="grid"):
        Slots(Limit.of(limit), partitions, Seconds(headroom), TwoClocks())


def test_a_partition_that_cannot_be_is_a_fault() -> None:
    slots, _ = slots_of()
    with pytest.raises(ValueError, match="partition 4"):
        slots.own([4])
