"""What a worker says of a Post that it does not track, and of being ready."""

from __future__ import annotations

from typing import Any

from tests.unit.merging.working import Member, Topic
from tests.unit.watchlist.making import post
from worker.intake.forwarder import partition_of
from worker.publish.http import Elsewhere
from worker.views import Views

PARTITIONS = 4


class Quiet:
    """Stands for parts that have nothing to say."""

    down = reason = None

    def describe(self) -> str:
        return "answers"


def views(member: Member) -> Views:
    quiet: Any = Quiet()
    return Views(
        member.tracker,
        planner=quiet,
        ownership=member.ownership,
        merger=member.merger,
        journal=quiet,
        circuit=quiet,
        progress=quiet,
        watch=quiet,
        api=quiet,
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
