"""What a worker says of a Post that it does not track, and of being ready."""

from __future__ import annotations

from typing import Any

from tests.unit.intake.fakes import FakeClock
from tests.unit.merging.working import Member, Topic
from tests.unit.watchlist.making import post
from worker.clock import FastClock
from worker.intake.forwarder import partition_of
from worker.model import REAL_TIME, Pace, Timestamp
from worker.publish.http import Elsewhere
from worker.views import Views

PARTITIONS = 4


class Quiet:
    """Stands for parts that have nothing to say."""

    down = reason = None

    def describe(self) -> str:
        return "answers"

    def under_way(self) -> str | None:
        return self.reason


class Place:
    """Stands for a place in a group."""

    def __init__(self, said: str, under_way: str | None = None) -> None:
        self.said, self.joins = said, under_way

    def describe(self) -> str:
        return self.said

    def under_way(self) -> str | None:
        return self.joins


def views(
    member: Member, reads: Any = None, owns: Any = None, clock: Any = None, pace: Pace = REAL_TIME
) -> Views:
    quiet: Any = Quiet()
    return Views(
        member.tracker,
        planners={},
        clock=clock or quiet,
        ownership=member.ownership,
        joining_input=reads or quiet,
        joining_owners=owns or quiet,
        merger=member.merger,
        journal=quiet,
        circuit=quiet,
        progress=quiet,
        watch=quiet,
        api=quiet,
        pace=pace,
    )


def test_a_post_of_a_partition_of_another_worker_is_told_with_the_partition() -> None:
    member = Member(Topic(), partitions=PARTITIONS)
    member.own(1, {})
    posts = [post(number) for number in range(200)]
    told = {one: views(member).post(one) for one in posts}
    assert {partition_of(one, PARTITIONS) for one in posts} == set(range(PARTITIONS))
    assert told == {
        one: None if partition_of(one, PARTITIONS) == 1 else Elsewhere(partition_of(one, PARTITIONS))
        for one in posts
    }


def test_it_is_ready_when_its_partitions_and_the_others_boards_were_read() -> None:
    member = Member(Topic(), partitions=PARTITIONS)
    looked = views(member)
    seen = [(looked.ready().ok, looked.ready().checks["partials"])]
    member.own(1, {})
    seen.append((looked.ready().ok, looked.ready().checks["partials"]))
    member.merger.complete = True
    seen.append((looked.ready().ok, looked.ready().checks["partials"]))
    reading = "reading what the other workers tell"
    assert seen == [(False, reading), (False, reading), (True, "read")]


def test_a_worker_without_partitions_of_the_input_is_ready_and_says_why_it_reads_nothing() -> None:
    member = Member(Topic(), partitions=PARTITIONS)
    member.own(1, {})
    member.merger.complete = True
    for said in ("member without partitions", "joining the group for 400 s"):
        looked = views(member, reads=Place(said)).ready()
        assert (looked.ok, looked.checks["input"]) == (True, said)


def test_a_worker_outside_of_its_owners_group_says_so_whatever_it_owned() -> None:
    member = Member(Topic(), partitions=PARTITIONS)
    joins = "joining the group for 9 s"
    out = views(member, owns=Place(f"{joins}, and more", joins))
    said = [out.ready().checks["sightings"]]
    member.own(1, {})
    said.append(out.ready().checks["sightings"])
    said.append(views(member, owns=Place("reads 1 partition")).ready().checks["sightings"])
    assert said == [
        f"{joins}, and more",
        f"{joins}; owns 1 of {PARTITIONS} partitions",
        f"owns 1 of {PARTITIONS} partitions",
    ]


def test_a_clock_that_is_not_of_real_time_is_told() -> None:
    member, machine = Member(Topic(), partitions=PARTITIONS), FakeClock()
    assert views(member).ready().checks["clock"] == "real time"
    pace = Pace(60.0, Timestamp(machine.time - 60))
    told = views(member, clock=FastClock(pace, machine), pace=pace).ready().checks["clock"]
    fast = "for development: 60 times as fast as real time since"
    assert told == f"{fast} 2025-11-21T10:08:00Z; it is 2025-11-21T11:08:00Z"
