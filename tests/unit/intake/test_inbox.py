"""The hand-over from the reading thread keeps the order, but for what must not wait."""

from __future__ import annotations

import asyncio
import threading

from worker.intake import Assigned, Batch, Event, Foreign, Inbox, Restored, Revoked
from worker.model import PostId, Sighting, Timestamp


def _batch(partition: int, count: int = 1) -> Batch:
    return Batch(partition, [Sighting(PostId(one + 1), (), Timestamp(0)) for one in range(count)])


async def _all(inbox: Inbox) -> list[Event]:
    events = []
    while True:
        try:
            async with asyncio.timeout(0.01):
                events.append(await inbox.get())
        except TimeoutError:
            return events


async def _put(*events: Event) -> Inbox:
    inbox = Inbox()
    for event in events:
        inbox.put(event)
    return inbox


def test_events_come_in_the_order_they_were_put() -> None:
    async def check() -> None:
        events: list[Event] = [Assigned((1,)), _batch(1), Restored(1), _batch(1)]
        assert await _all(await _put(*events)) == events

    asyncio.run(check())


def test_posts_wait_until_their_batch_is_done() -> None:
    async def check() -> None:
        inbox = await _put(_batch(1, 3), _batch(2, 4))
        assert inbox.posts == 7
        event = await inbox.get()
        assert inbox.posts == 7
        inbox.done(event)
        assert inbox.posts == 4

    asyncio.run(check())


def test_a_revocation_goes_first_and_what_waits_of_its_partitions_is_let_go_of() -> None:
    async def check() -> None:
        inbox = await _put(
            Assigned((1, 2)), _batch(1, 3), Restored(1), _batch(2, 4), Assigned((1,)), Revoked((1,))
        )
        assert inbox.posts == 4
        assert await _all(inbox) == [Revoked((1,)), Assigned((2,)), _batch(2, 4)]

    asyncio.run(check())


def test_a_partition_that_comes_back_is_assigned_after_its_revocation() -> None:
    async def check() -> None:
        inbox = await _put(_batch(1), Revoked((1,)), Assigned((1,)), _batch(1, 2))
        assert await _all(inbox) == [Revoked((1,)), Assigned((1,)), _batch(1, 2)]

    asyncio.run(check())


def test_what_others_wrote_of_a_partition_that_is_kept_is_not_let_go_of() -> None:
    """Its journal is not read again as a rule: nobody would hear of it once more."""

    async def check() -> None:
        foreign, kept = Foreign(1, 1, (PostId(5),)), Revoked((1,), kept=True)
        assert await _all(await _put(foreign, _batch(1), kept, Assigned((1,), 2))) == [
            kept,
            foreign,
            Assigned((1,), 2),
        ]
        assert await _all(await _put(foreign, Revoked((1,)))) == [Revoked((1,))]

    asyncio.run(check())


def test_revocations_can_be_taken_while_a_batch_waits_for_room() -> None:
    async def check() -> None:
        inbox = await _put(_batch(1), Revoked((2,)))
        assert inbox.take_revoked() == Revoked((2,))
        assert inbox.take_revoked() is None
        assert await _all(inbox) == [_batch(1)]

    asyncio.run(check())


def test_nothing_put_from_threads_is_missed() -> None:
    async def check() -> None:
        inbox = Inbox()

        def put_many() -> None:
            for _ in range(500):
                inbox.put(_batch(1))

        threads = [threading.Thread(target=put_many) for _ in range(4)]
        for thread in threads:
            thread.start()
        async with asyncio.timeout(10):
            for _ in range(2000):
                inbox.done(await inbox.get())
        for thread in threads:
            thread.join()
        assert inbox.posts == 0

    asyncio.run(check())


def test_putting_after_the_loop_has_closed_does_nothing() -> None:
    async def make() -> Inbox:
        return Inbox()

    asyncio.run(make()).put(_batch(1))
