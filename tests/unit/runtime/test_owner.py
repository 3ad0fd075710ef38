"""What is read goes into the Watchlist in order, and never after a revocation."""

from __future__ import annotations

import asyncio
import itertools
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.intake.fakes import PATIENCE, FakeClock
from worker import owner
from worker.formats.journal import Epoch
from worker.intake import (
    Assigned,
    Batch,
    Event,
    Foreign,
    Inbox,
    Journaled,
    JournalEnd,
    Overtaken,
    Restored,
    Revoked,
)
from worker.model import PostId, SavedPost, Sighting, Timestamp, Tombstone
from worker.owner import Owner
from worker.ownership import Ownership

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence


class FakeTracker:
    """Takes as many as there is room for."""

    def __init__(self, room: int = 1000) -> None:
        self.room = room
        self.posts: dict[int, list[int]] = {}
        self.complete: list[int] = []
        self.tried = asyncio.Event()

    def take(self, partition: int, items: Sequence[Sighting | Tombstone], _: Timestamp) -> int:
        taken = items[: max(0, self.room - sum(map(len, self.posts.values())))]
        self.posts.setdefault(partition, []).extend(one.post_id for one in taken)
        self.tried.set()
        return len(taken)

    def drop_partition(self, partition: int) -> None:
        self.posts.pop(partition, None)

    def restore(self, partition: int, items: Sequence[SavedPost], now: Timestamp) -> list[SavedPost]:
        # It looks at their IDs only.
        return list(items[self.take(partition, items, now) :])  # type: ignore[arg-type]

    def restored(self, partition: int) -> None:
        self.complete.append(partition)


class FakeKeeper:
    def __init__(self) -> None:
        self.turns: dict[int, int] = {}
        self.told: list[tuple[object, ...]] = []
        self.full = False
        self.worth_keeping: set[int] = set()

    def is_turn(self, partition: int, turn: int) -> bool:
        return self.turns.get(partition) == turn

    def kept_since(self, partition: int, turn: int) -> bool:
        return partition in self.worth_keeping and turn < self.turns[partition]

    def keep(self, partitions: Sequence[int]) -> list[int]:
        return [one for one in partitions if one in self.worth_keeping]

    def overtaken(self, partition: int) -> None:
        self.told.append(("overtaken", partition))

    def took(self, partition: int, items: Sequence[object], offset: int) -> None:
        self.told.append(("took", partition, len(items), offset))

    def restored(self, partition: int, stale: Sequence[PostId]) -> None:
        self.told.append(("restored", partition, tuple(stale)))

    def foreign(self, partition: int, post_ids: Sequence[PostId], claim: Epoch | None) -> None:
        self.told.append(("foreign", partition, tuple(post_ids), claim))


class FakeJournal:
    """Hands over at once."""

    def __init__(self) -> None:
        self.keeper = FakeKeeper()

    def assigned(self, partitions: Sequence[int], turn: int, _generation: int) -> None:
        self.keeper.turns |= dict.fromkeys(partitions, turn)

    def revoked(self, partitions: Sequence[int], handed_over: Callable[[], None] | None) -> None:
        for partition in partitions:
            self.keeper.turns.pop(partition, None)
        if handed_over is not None:
            handed_over()


class Bench:
    def __init__(self, room: int = 1000) -> None:
        self.inbox = Inbox()
        self.ownership = Ownership(4)
        self.tracker = FakeTracker(room)
        self.journal = FakeJournal()
        self.released: list[tuple[int, int]] = []
        self.news = 0
        self.rounds = 0
        self.owner = Owner(
            self.inbox,
            self.ownership,
            self.tracker,  # type: ignore[arg-type]  # a fake
            self.journal,  # type: ignore[arg-type]  # a fake
            released=lambda *which: self.released.append(which),
            news=self._hear,
            progressed=self._progress,
            clock=FakeClock(),
        )

    def _hear(self) -> None:
        self.news += 1

    def _progress(self) -> None:
        self.rounds += 1

    async def until(self, condition: Callable[[], bool], *events: Event) -> None:
        """Run it over these events until something holds."""
        for event in events:
            self.inbox.put(event)
        running = asyncio.create_task(self.owner.run())
        try:
            async with asyncio.timeout(PATIENCE):
                while not condition():
                    assert not running.done(), running.exception()
                    await asyncio.sleep(0)
        finally:
            running.cancel()
            async with asyncio.timeout(0.1):
                await asyncio.gather(running, return_exceptions=True)


_ids = itertools.count(1)


def _batch(partition: int, count: int) -> Batch:
    return Batch(partition, [Sighting(PostId(next(_ids)), (), Timestamp(0)) for _ in range(count)], count)


def _saved(partition: int, count: int, turn: int = 0) -> Journaled:
    posts = [SavedPost(PostId(next(_ids)), (), Timestamp(0)) for _ in range(count)]
    return Journaled(partition, turn, posts)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner, "_WAIT_FOR_ROOM", 0.001)


def _run(check: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(check())


def test_batches_of_own_partitions_are_taken_and_the_planner_hears_of_them() -> None:
    async def check() -> None:
        bench = Bench()
        await bench.until(lambda: bench.ownership.restored, Assigned((1,)), _batch(1, 3), Restored(1))
        assert len(bench.tracker.posts[1]) == 3
        assert bench.news == 1
        assert bench.inbox.posts == 0

    _run(check)


def test_after_a_revocation_nothing_of_its_partition_is_taken() -> None:
    async def check() -> None:
        bench = Bench()
        await bench.until(lambda: bench.inbox.posts == 0, Assigned((1, 2)), _batch(1, 3))
        assert set(bench.tracker.posts) == {1}
        await bench.until(lambda: bench.inbox.posts == 0, Revoked((1,)), _batch(1, 2), _batch(2, 1))
        assert set(bench.tracker.posts) == {2}

    _run(check)


def test_a_batch_waits_for_room_and_counts_as_waiting() -> None:
    async def check() -> None:
        bench = Bench(room=2)
        await bench.until(bench.tracker.tried.is_set, Assigned((1,)), _batch(1, 3))
        assert len(bench.tracker.posts[1]) == 2
        assert bench.inbox.posts == 3

    _run(check)


def test_what_waited_is_taken_when_an_answer_made_room() -> None:
    async def check() -> None:
        bench = Bench(room=2)
        bench.inbox.put(Assigned((1,)))
        bench.inbox.put(_batch(1, 5))
        running = asyncio.create_task(bench.owner.run())
        await bench.tracker.tried.wait()
        rounds = bench.rounds
        bench.tracker.room = 10
        async with asyncio.timeout(PATIENCE):
            while bench.inbox.posts:  # noqa: ASYNC110 -- the loop is another's
                await asyncio.sleep(0)
        assert len(bench.tracker.posts[1]) == 5
        assert bench.rounds > rounds, "a loop that waits for good reason is alive"
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    _run(check)


@pytest.mark.parametrize("waiting", [_batch(1, 3), _saved(1, 3)], ids=["read", "restored"])
def test_it_is_told_that_the_watchlist_is_full_for_as_long_as_something_waits_for_room(
    waiting: Event,
) -> None:
    async def check() -> None:
        bench = Bench(room=2)
        bench.inbox.put(Assigned((1,)))
        bench.inbox.put(waiting)
        running = asyncio.create_task(bench.owner.run())
        await bench.tracker.tried.wait()
        told = [bench.ownership.describe()]
        bench.tracker.room = 10
        async with asyncio.timeout(PATIENCE):
            while bench.inbox.posts:  # noqa: ASYNC110 -- the loop is another's
                await asyncio.sleep(0)
        told.append(bench.ownership.describe())
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        reads = "reading 1 of 1 partitions"
        assert told == [f"{reads}; the Watchlist is full of Posts never measured", reads]

    _run(check)


def test_while_there_is_no_room_a_revocation_is_heard_and_makes_some() -> None:
    async def check() -> None:
        bench = Bench(room=2)
        await bench.until(lambda: 1 in bench.tracker.posts, Assigned((1, 2)), _batch(1, 2))
        await bench.until(
            lambda: len(bench.tracker.posts.get(2, [])) == 2, _batch(2, 2), _batch(1, 2), Revoked((1,))
        )
        assert 1 not in bench.tracker.posts

    _run(check)


def test_a_batch_that_waits_for_room_is_let_go_of_with_its_partition() -> None:
    async def check() -> None:
        bench = Bench(room=0)
        await bench.until(
            lambda: bench.inbox.posts == 0 and not bench.ownership.owns(1),
            Assigned((1,)),
            _batch(1, 2),
            Revoked((1,)),
        )

    _run(check)


def test_it_is_seen_to_be_alive_when_nothing_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check() -> None:
        monkeypatch.setattr(owner, "_LONGEST_WAIT", 0.001)
        bench = Bench()
        await bench.until(lambda: bench.rounds > 3)

    _run(check)


def test_it_ends_at_once_also_while_it_waits_for_room(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check() -> None:
        monkeypatch.setattr(owner, "_WAIT_FOR_ROOM", 3600.0)
        bench = Bench(room=0)
        await bench.until(bench.tracker.tried.is_set, Assigned((1,)), _batch(1, 2))

    _run(check)


def test_what_the_journal_tells_is_taken_back_and_then_reading_begins() -> None:
    async def check() -> None:
        bench = Bench()
        stale = (PostId(5),)
        await bench.until(
            lambda: bool(bench.released), Assigned((1,), 4), _saved(1, 3, turn=4), JournalEnd(1, 4, stale)
        )
        assert len(bench.tracker.posts[1]) == 3
        assert bench.tracker.complete == [1]
        assert bench.released == [(1, 4)]
        assert bench.journal.keeper.told == [("restored", 1, stale)]
        assert bench.inbox.posts == 0

    _run(check)


def test_what_was_read_for_an_earlier_turn_is_not_taken() -> None:
    async def check() -> None:
        bench = Bench()
        await bench.until(
            lambda: 2 in bench.tracker.posts,
            Assigned((1, 2), 4),
            _saved(1, 3, turn=3),
            JournalEnd(1, 3, ()),
            Foreign(1, 3, ()),
            _batch(2, 1),
        )
        assert 1 not in bench.tracker.posts
        assert bench.released == []
        assert bench.journal.keeper.told == [("took", 2, 1, 1)]

    _run(check)


def test_posts_of_the_journal_wait_for_room_too() -> None:
    async def check() -> None:
        bench = Bench(room=2)
        await bench.until(bench.tracker.tried.is_set, Assigned((1,), 1), _saved(1, 3, turn=1))
        assert bench.inbox.posts == 3
        bench.tracker.room = 3
        await bench.until(lambda: bench.released == [(1, 1)], _saved(1, 1, turn=1), JournalEnd(1, 1, ()))

    _run(check)


def test_a_batch_is_told_to_the_journal_when_all_of_it_is_taken() -> None:
    async def check() -> None:
        bench = Bench(room=2)
        await bench.until(bench.tracker.tried.is_set, Assigned((1,)), _batch(1, 3))
        assert bench.journal.keeper.told == []

    _run(check)


def test_a_batch_waits_while_too_much_waits_for_the_journal() -> None:
    async def check() -> None:
        bench = Bench()
        bench.journal.keeper.full = True
        await bench.until(lambda: bench.rounds > 5, Assigned((1,)), _batch(1, 3))
        assert bench.tracker.posts == {}
        assert bench.inbox.posts == 3
        bench.journal.keeper.full = False
        await bench.until(lambda: 1 in bench.tracker.posts, _batch(1, 1))

    _run(check)


def test_a_batch_that_waits_for_the_journal_is_let_go_of_with_its_partition() -> None:
    async def check() -> None:
        bench = Bench()
        bench.journal.keeper.full = True

        def revoked() -> bool:
            if bench.rounds == 5:
                bench.rounds += 1
                bench.inbox.put(Revoked((1,)))
            return bench.inbox.posts == 0 and not bench.ownership.owns(1)

        await bench.until(lambda: bench.rounds > 3, Assigned((1,)))
        bench.rounds = 0
        await bench.until(revoked, _batch(1, 3))
        assert bench.tracker.posts == {}

    _run(check)


def test_a_revocation_hands_over_before_the_partition_is_dropped() -> None:
    async def check() -> None:
        bench = Bench()
        handed_over = threading.Event()
        await bench.until(lambda: 1 in bench.tracker.posts, Assigned((1,)), _batch(1, 3))
        await bench.until(handed_over.is_set, Revoked((1,), handed_over))

    _run(check)


def test_a_partition_that_may_be_ours_again_is_kept_and_nothing_is_taken_meanwhile() -> None:
    async def check() -> None:
        bench = Bench()
        bench.journal.keeper.worth_keeping = {1}
        await bench.until(
            lambda: set(bench.tracker.posts) == {1, 2}, Assigned((1, 2), 3), _batch(1, 3), _batch(2, 3)
        )
        await bench.until(lambda: not bench.ownership.owns(1), _batch(1, 2), Revoked((1, 2), kept=True))
        assert {one: len(posts) for one, posts in bench.tracker.posts.items()} == {1: 3}
        await bench.until(lambda: bool(bench.released), Assigned((1,), 4), JournalEnd(1, 4, (), kept=True))
        assert len(bench.tracker.posts[1]) == 3
        assert bench.tracker.complete == [], "its boards stand as they are"
        assert bench.journal.keeper.told[-1] == ("restored", 1, ())
        await bench.until(lambda: not bench.ownership.owns(1), Revoked((1,)))
        assert bench.tracker.posts == {}

    _run(check)


def test_what_another_claimed_meanwhile_is_dropped_and_restored() -> None:
    async def check() -> None:
        bench = Bench()
        bench.journal.keeper.worth_keeping = {1}
        await bench.until(lambda: 1 in bench.tracker.posts, Assigned((1,), 3), _batch(1, 3))
        again = Revoked((1,), kept=True), Assigned((1,), 4), Overtaken(1, 4)
        await bench.until(lambda: bool(bench.released), *again, _saved(1, 1, turn=4), JournalEnd(1, 4, ()))
        assert len(bench.tracker.posts[1]) == 1
        assert bench.tracker.complete == [1]
        assert bench.journal.keeper.told[1:] == [("overtaken", 1), ("restored", 1, ())]

    _run(check)


def test_what_others_wrote_before_a_partition_was_kept_is_still_told_anew_but_not_what_they_claimed() -> None:
    async def check() -> None:
        bench = Bench()
        bench.journal.keeper.worth_keeping = {1}
        late = Foreign(1, 3, (PostId(5),), Epoch(0, 9))
        await bench.until(lambda: bench.ownership.owns(1), Assigned((1,), 3))
        await bench.until(
            lambda: bool(bench.journal.keeper.told), Revoked((1,), kept=True), Assigned((1,), 4), late
        )
        assert bench.journal.keeper.told == [("foreign", 1, (PostId(5),), None)]

    _run(check)
