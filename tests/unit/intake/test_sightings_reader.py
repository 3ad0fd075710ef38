"""Own partitions are read from their beginning, and it is known when they were read."""

from __future__ import annotations

import asyncio
from typing import TypeVar

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from tests.unit.intake.fakes import PATIENCE, FakeClock, FakeConsumer, FakeRecord
from worker.formats.wire import encode_sighting, encode_tombstone
from worker.intake import Assigned, Batch, Event, Inbox, Restored, Revoked, SightingsReader
from worker.intake.clients import Partition
from worker.intake.forwarder import partition_of
from worker.model import PostId, Seconds, Sighting, Timestamp, Tombstone
from worker.telemetry import Telemetry

TOPIC = "g.sightings"
PARTITIONS = 4
E = TypeVar("E", bound=Event)


def _posts(partition: int, count: int) -> list[PostId]:
    """The first Posts that belong to a partition."""
    found = [PostId(one) for one in range(1, 1000) if partition_of(PostId(one), PARTITIONS) == partition]
    return found[:count]


def _sighting(post_id: PostId) -> FakeRecord:
    key, value = encode_sighting(Sighting(post_id, (), Timestamp(0.5)))
    return FakeRecord(value, key=key)


def _tombstone(post_id: PostId) -> FakeRecord:
    key, value = encode_tombstone(post_id)
    return FakeRecord(value, key=key)


PLACES = [Partition(TOPIC, number) for number in range(PARTITIONS)]


class Bench:
    """A reader over a consumer with a script, and the inbox that it fills."""

    def __init__(self, queue_posts: int = 1000) -> None:
        self.consumer = FakeConsumer()
        self.inbox = Inbox()
        self.telemetry = Telemetry(CollectorRegistry())
        self.failures: list[BaseException] = []
        self.reader = SightingsReader(
            self.consumer,
            self.inbox,
            partitions=PARTITIONS,
            queue_posts=queue_posts,
            failed=self.failures.append,
            progressed=lambda: None,
            clock=FakeClock(),
            telemetry=self.telemetry,
        )

    async def run(self, *script: object) -> list[Event]:
        """Play it to its end; returns what is in the inbox."""
        self.consumer.script.extend(script)
        self.reader.start(TOPIC)
        assert await asyncio.to_thread(self.consumer.over.wait, PATIENCE)
        self.reader.ask_to_stop()
        assert await asyncio.to_thread(self.reader.join, Seconds(PATIENCE))
        assert self.failures == []
        return await self.events()

    async def events(self) -> list[Event]:
        events = []
        try:
            async with asyncio.timeout(0.05):
                while True:
                    events.append(await self.inbox.get())
        except TimeoutError:
            return events

    def at(self, partition: int, position: int, end: int) -> None:
        self.consumer.positions[PLACES[partition]] = position
        self.consumer.ends[PLACES[partition]] = end

    def assign(self, *partitions: int) -> None:
        self.consumer.assign(*(PLACES[one] for one in partitions))

    def revoke(self, *partitions: int) -> None:
        self.consumer.revoke(*(PLACES[one] for one in partitions))


def _of(kind: type[E], events: list[Event]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]


def test_every_assignment_is_read_from_its_beginning() -> None:
    async def check() -> None:
        bench = Bench()
        events = await bench.run(lambda: bench.assign(0, 2))
        assert events == [Assigned((0, 2))]
        assert bench.consumer.from_beginning == [PLACES[0], PLACES[2]]

    asyncio.run(check())


def test_sightings_and_tombstones_are_handed_over_in_order() -> None:
    async def check() -> None:
        bench = Bench()
        first, second = _posts(1, 2)
        batch = [_sighting(first), _tombstone(first), _sighting(second)]
        (handed,) = _of(Batch, await bench.run(lambda: bench.assign(1), {PLACES[1]: batch}))
        assert handed.partition == 1
        assert [(type(one), one.post_id) for one in handed.items] == [
            (Sighting, first),
            (Tombstone, first),
            (Sighting, second),
        ]

    asyncio.run(check())


def test_a_partition_is_restored_when_it_is_read_to_where_it_ended_at_first() -> None:
    async def check() -> None:
        bench = Bench()

        def begin() -> None:
            bench.assign(0)
            bench.at(0, 0, 5)

        post_id = _posts(0, 1)[0]
        events = await bench.run(
            begin,
            lambda: bench.at(0, 4, 90),
            {PLACES[0]: [_sighting(post_id)]},
            lambda: bench.at(0, 5, 99),
        )
        assert [type(event) for event in events] == [Assigned, Batch, Restored]
        assert bench.consumer.timeouts[1:4] == [100, 100, 100], "it should look again soon"

    asyncio.run(check())


@pytest.mark.parametrize("end", [0, 700])
def test_an_empty_partition_is_restored_also_when_all_of_it_has_expired(end: int) -> None:
    async def check() -> None:
        bench = Bench()
        events = await bench.run(lambda: bench.assign(0), {}, lambda: bench.at(0, end, end), {})
        assert events == [Assigned((0,)), Restored(0)]

    asyncio.run(check())


def test_a_partition_that_is_revoked_while_it_is_read_is_not_restored() -> None:
    async def check() -> None:
        bench = Bench()

        def begin() -> None:
            bench.assign(0, 1)
            bench.at(0, 0, 5)
            bench.at(1, 0, 0)

        def revoke() -> None:
            bench.revoke(0)
            bench.at(0, 5, 5)

        events = await bench.run(begin, {}, revoke, {}, {})
        assert events == [Revoked((0,)), Assigned((1,)), Restored(1)]
        assert bench.consumer.timeouts[-1] == 1000, "nothing is waited for any more"

    asyncio.run(check())


def test_what_strangers_wrote_is_ignored_counted_and_told_once_a_reason() -> None:
    async def check() -> None:
        bench = Bench()
        own, other = _posts(0, 1)[0], _posts(1, 1)[0]
        batch = [
            FakeRecord(b"{}", key=b"nonsense"),
            FakeRecord(b"nonsense", key=b"%d" % own),
            FakeRecord(None, key=None),
            _sighting(other),
            _tombstone(other),
            _sighting(own),
        ]
        with capture_logs() as logs:
            (handed,) = _of(Batch, await bench.run(lambda: bench.assign(0), {PLACES[0]: batch}))
        assert [one.post_id for one in handed.items] == [own]
        refused = bench.telemetry.registry.get_sample_value(
            "toptweets_records_total", {"topic": TOPIC, "outcome": "refused"}
        )
        assert refused == 5
        told = [log["reason"] for log in logs if log["event"] == "sighting_refused"]
        assert told == ["wire_malformed", "misplaced"]

    asyncio.run(check())


def test_reading_pauses_when_the_queue_is_full_and_resumes_when_half_of_it_is_empty() -> None:
    async def check() -> None:
        bench = Bench(queue_posts=4)
        posts = _posts(0, 4)
        paused: list[bool] = []
        held: list[Event] = []

        def look() -> None:
            paused.append(bool(bench.consumer.paused()))

        def take_one() -> None:
            look()
            event = Batch(0, [Sighting(post_id, (), Timestamp(0)) for post_id in posts[:2]])
            held.append(event)
            bench.inbox.done(event)

        await bench.run(
            lambda: bench.assign(0),
            {PLACES[0]: [_sighting(post_id) for post_id in posts]},
            take_one,
            look,
            lambda: bench.inbox.done(held[0]),
            look,
        )
        assert paused == [True, True, False]

    asyncio.run(check())
