"""Faults come by the seed alone, and never two at once of what can bear only one."""

from __future__ import annotations

import pytest

from benchmarks.chaos.faults import SESSION, schedule


def test_the_same_seed_gives_the_same_faults_and_another_gives_others() -> None:
    assert schedule(3, 300, 3, 3) == schedule(3, 300, 3, 3)
    assert schedule(3, 300, 3, 3) != schedule(4, 300, 3, 3)


@pytest.mark.parametrize("seed", range(20))
def test_no_two_faults_hurt_the_same_at_once_and_all_end_in_time(seed: int) -> None:
    faults = schedule(seed, 300, 3, 3)
    assert all(fault.ends <= 300 for fault in faults)
    for place, fault in enumerate(faults):
        for later in faults[place + 1 :]:
            assert later.hurts != fault.hurts or later.at >= fault.ends


def test_every_kind_comes_and_links_are_cut_for_shorter_and_longer_than_a_session() -> None:
    faults = [fault for seed in range(10) for fault in schedule(seed, 300, 3, 3)]
    assert len({fault.kind for fault in faults}) == 10
    cuts = [fault.seconds for fault in faults if fault.kind == "cut_worker"]
    assert min(cuts) < SESSION < max(cuts)
    assert all(fault.seconds > SESSION for fault in faults if fault.kind == "freeze_worker")
    assert {fault.number for fault in faults if fault.kind == "add_worker"} == {4}


def test_the_only_broker_is_never_killed() -> None:
    assert "kill_broker" not in {fault.kind for seed in range(10) for fault in schedule(seed, 300, 1, 1)}
