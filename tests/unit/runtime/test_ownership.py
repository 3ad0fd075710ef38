"""Which partitions are owned, and whether they were read."""

from __future__ import annotations

from structlog.testing import capture_logs

from worker.ownership import Ownership


def test_it_is_restored_once_it_joined_and_read_all_that_it_owns() -> None:
    ownership = Ownership(3)
    seen = [(ownership.restored, ownership.describe())]
    ownership.assigned([0, 1])
    seen.append((ownership.restored, ownership.describe()))
    for partition in (0, 1):
        ownership.was_restored(partition)
        seen.append((ownership.restored, ownership.describe()))
    assert seen == [
        (False, "joining the group"),
        (False, "reading 2 of 2 partitions"),
        (False, "reading 1 of 2 partitions"),
        (True, "owns 2 of 3 partitions"),
    ]


def test_a_full_watchlist_is_told_of_also_by_a_worker_that_had_read_all() -> None:
    ownership = Ownership(3)
    ownership.assigned([0])
    ownership.waits_for_room = True
    full = "the Watchlist is full of Posts never measured"
    told = [ownership.describe()]
    ownership.was_restored(0)
    told.append(ownership.describe())
    assert told == [f"reading 1 of 1 partitions; {full}", f"owns 1 of 3 partitions; {full}"]
    assert ownership.restored


def test_a_revoked_partition_is_not_owned_and_not_waited_for() -> None:
    ownership = Ownership(2)
    ownership.assigned([0, 1])
    ownership.was_restored(0)
    ownership.revoked([1])
    assert ownership.owns(0)
    assert not ownership.owns(1)
    assert ownership.restored


def test_a_partition_that_is_not_waited_for_cannot_be_restored() -> None:
    ownership = Ownership(2)
    with capture_logs() as logs:
        ownership.was_restored(1)
    assert logs == []
    assert not ownership.restored


def test_the_log_tells_which_partitions_were_restored_and_how_many_are_owned() -> None:
    ownership = Ownership(6)
    with capture_logs() as logs:
        ownership.assigned([5, 0, 1])
        for partition in (5, 1, 0):
            ownership.was_restored(partition)
        ownership.assigned([2, 3, 4])
        ownership.was_restored(4)
        ownership.was_restored(3)
        ownership.revoked([4])
        ownership.was_restored(2)
    assert [{name: log[name] for name in ("event", "partitions", "owned")} for log in logs] == [
        {"event": "restored", "partitions": (0, 1, 5), "owned": 3},
        {"event": "restored", "partitions": (2, 3), "owned": 5},
    ]


def test_a_partition_is_live_while_it_is_owned_and_restored() -> None:
    ownership = Ownership(3)
    ownership.assigned([0, 1])
    assert ownership.live == frozenset()
    ownership.was_restored(1)
    assert ownership.live == {1}
    assert [ownership.has_restored(one) for one in range(3)] == [False, True, False]
    ownership.revoked([1])
    assert ownership.live == frozenset()
    assert not ownership.has_restored(1)


def test_listeners_hear_of_every_change_after_it() -> None:
    ownership = Ownership(2)
    heard: list[tuple[bool, bool]] = []
    ownership.listeners.append(lambda: heard.append((ownership.owns(1), ownership.has_restored(1))))
    ownership.assigned([1])
    ownership.was_restored(1)
    ownership.was_restored(1)
    ownership.revoked([1])
    assert heard == [(True, False), (True, True), (False, False)]
