"""Own partitions are read once they are released, committed as the journal has them, and handed over."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

import pytest
from kafka.errors import KafkaTimeoutError, RebalanceInProgressError
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from tests.unit.intake.fakes import PATIENCE, FakeClock, FakeConsumer, FakeRecord
from worker.formats.wire import encode_sighting, encode_tombstone
from worker.intake import Assigned, Batch, Event, Inbox, Joining, Restored, Revoked, SightingsReader
from worker.intake.clients import Partition
from worker.intake.commits import Commits, Turn
from worker.intake.forwarder import partition_of
from worker.model import REAL_TIME, Pace, PostId, Seconds, Sighting, Timestamp, Tombstone
from worker.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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

    def __init__(self, queue_posts: int = 1000, *, handed_over: bool = True, pace: Pace = REAL_TIME) -> None:
        self.consumer = FakeConsumer()
        self.inbox = Inbox()
        self.telemetry = Telemetry(CollectorRegistry())
        self.failures: list[BaseException] = []
        self.clock = FakeClock()
        self.commits = Commits()
        self.proofs: list[float] = []
        self.slots: set[int] = set()
        self.turn = 0
        self.consumer.on_wait = self.hand_over
        self.reader = SightingsReader(
            self.consumer,
            self.inbox,
            self.commits,
            Joining("sightings", Seconds(10.0), self.clock, self.telemetry),
            membership=self,
            session=Seconds(10.0),
            prove_every=Seconds(1.0),
            partitions=PARTITIONS,
            queue_posts=queue_posts,
            failed=self.failures.append,
            progressed=lambda: None,
            clock=self.clock,
            telemetry=self.telemetry,
            pace=pace,
        )
        if handed_over:
            self.reader.handed_over()

    # As its membership

    def assigned(self, partitions: Iterable[int]) -> None:
        self.slots |= set(partitions)

    def revoked(self, partitions: Iterable[int]) -> None:
        self.slots -= set(partitions)

    def proved(self, at: float) -> None:
        self.proofs.append(at)

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
        self.turn += 1
        self.consumer.assign(*(PLACES[one] for one in partitions))

    def own(self, *partitions: int) -> None:
        """As when they are restored at once, from where they were committed: the beginning."""
        self.assign(*partitions)
        for one in partitions:
            self.consumer.positions.setdefault(PLACES[one], 0)
            self.reader.release(one, self.turn)

    def hand_over(self) -> None:
        """What goes on while the listener waits: time passes, and in the end it gives up."""
        self.clock.time += 0.5

    def acknowledge(self, partition: int, offset: int, turn: int = 1) -> None:
        """The journal has what was read up to here."""
        self.commits.note_in_turns({Turn(PLACES[partition], turn): offset})

    def revoke(self, *partitions: int) -> None:
        self.consumer.revoke(*(PLACES[one] for one in partitions))


def _of(kind: type[E], events: list[Event]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]


def test_an_assigned_partition_is_held_until_it_is_released() -> None:
    async def check() -> None:
        bench = Bench()
        paused: list[set[Partition]] = []

        def look() -> None:
            paused.append(bench.consumer.paused())

        def release() -> None:
            bench.at(0, 7, 9)
            bench.reader.release(0, 1)

        events = await bench.run(lambda: bench.assign(0, 2), look, release, look, look)
        assert events[0] == Assigned((0, 2), 1, 1)
        assert paused == [{PLACES[0], PLACES[2]}, {PLACES[2]}, {PLACES[2]}]
        assert bench.consumer.from_beginning == [], "it goes on where it was committed"

    asyncio.run(check())


def test_what_was_restored_for_an_earlier_turn_releases_nothing() -> None:
    async def check() -> None:
        bench = Bench()
        paused: list[set[Partition]] = []

        def again() -> None:
            bench.consumer.revoke(PLACES[0], lost=True)
            bench.assign(0)
            bench.at(0, 0, 9)
            bench.reader.release(0, 1)

        await bench.run(lambda: bench.own(0), {}, again, lambda: paused.append(bench.consumer.paused()))
        assert paused == [{PLACES[0]}]

    asyncio.run(check())


def test_what_was_polled_before_the_partition_went_and_came_back_is_not_handed_over() -> None:
    async def check() -> None:
        bench = Bench()
        batch = {PLACES[0]: [_sighting(_posts(0, 1)[0])], PLACES[1]: [_sighting(_posts(1, 1)[0])]}

        def late() -> None:
            """The client's thread rebalances after the poll has returned."""
            bench.consumer.revoke(PLACES[0], lost=True)
            bench.assign(0)
            bench.reader.take(batch)

        events = await bench.run(lambda: bench.own(0, 1), {}, late)
        assert [one.partition for one in _of(Batch, events)] == [1], "it would be taken before it is restored"

    asyncio.run(check())


def test_offsets_are_committed_when_the_journal_has_them_and_prove_that_we_are_in_the_group() -> None:
    async def check() -> None:
        bench = Bench()

        def later() -> None:
            bench.clock.time += 1.5

        await bench.run(
            lambda: bench.own(0, 1),
            later,
            lambda: bench.acknowledge(0, 5),
            later,
            later,
        )
        whole = {PLACES[0]: 5, PLACES[1]: 0}
        assert bench.consumer.commits_made == [{PLACES[0]: 0, PLACES[1]: 0}, whole, whole]
        started = bench.clock.time - 4.5
        assert bench.proofs == [started + 1.5, started + 3, started + 4.5]
        assert bench.slots == {0, 1}

    asyncio.run(check())


def test_a_commit_that_is_refused_proves_nothing_and_is_made_again() -> None:
    async def check() -> None:
        bench = Bench()

        def refuse() -> None:
            bench.consumer.commit_error = KafkaTimeoutError("no")
            bench.acknowledge(0, 5)
            bench.clock.time += 1.5

        def work() -> None:
            bench.consumer.commit_error = None
            bench.clock.time += 1.5

        with capture_logs() as logs:
            await bench.run(lambda: bench.own(0), refuse, work)
        assert bench.consumer.commits_made[-1] == {PLACES[0]: 5}
        assert len(bench.proofs) == 1, "one of the second commit"
        told = [log["event"] for log in logs if "commit" in log["event"]]
        assert told == ["sightings_commit_failing", "sightings_commit_works_again"]

    asyncio.run(check())


def test_a_commit_that_a_rebalance_refuses_proves_nothing_and_is_told_when_that_lasts() -> None:
    async def check() -> None:
        bench = Bench()
        told: list[list[str]] = []

        def refuse_for(seconds: float) -> None:
            bench.consumer.commit_error = RebalanceInProgressError()
            bench.acknowledge(0, 5)
            bench.clock.time += seconds

        def work() -> None:
            bench.consumer.commit_error = None
            bench.clock.time += 1.5

        with capture_logs() as logs:

            def look() -> None:
                told.append([log["event"] for log in logs if "commit" in log["event"]])

            await bench.run(
                lambda: bench.own(0),
                lambda: refuse_for(1.5),
                lambda: refuse_for(9.0),
                look,
                lambda: refuse_for(3.0),
                look,
                work,
                look,
            )
        failing, mended = "sightings_commit_failing", "sightings_commit_works_again"
        assert told == [[], [failing], [failing, mended]]
        assert len(bench.proofs) == 1, "one of the last commit"

    asyncio.run(check())


def test_a_revocation_waits_until_the_journal_has_all_and_commits_that() -> None:
    async def check() -> None:
        bench = Bench(handed_over=False)
        waits = 0

        def hand_over() -> None:
            nonlocal waits
            waits += 1
            if waits == 3:
                revoked = bench.inbox.take_revoked()
                assert revoked is not None
                assert revoked.handed_over is not None
                assert bench.slots == set(), "before the next owner can have them"
                bench.acknowledge(0, 8)
                revoked.handed_over.set()

        bench.consumer.on_wait = hand_over

        def end() -> None:
            bench.reader.handed_over()

        await bench.run(lambda: bench.own(0), {}, lambda: bench.revoke(0), end)
        assert waits == 3
        assert bench.consumer.commits_made[-1] == {PLACES[0]: 8}
        bench.acknowledge(0, 9)
        assert bench.commits.take().offsets == {}, "it is another's now"

    asyncio.run(check())


def test_what_was_committed_while_it_was_handed_over_is_never_committed_again() -> None:
    async def check() -> None:
        bench = Bench(handed_over=False)
        after: list[int] = []

        def later() -> None:
            bench.clock.time += 1.5

        def hand_over() -> None:
            revoked = bench.inbox.take_revoked()
            assert revoked is not None
            assert revoked.handed_over is not None
            bench.acknowledge(0, 8)
            later()
            bench.reader.turn()
            revoked.handed_over.set()

        def revoke() -> None:
            bench.revoke(0)
            after.append(len(bench.consumer.commits_made))

        bench.consumer.on_wait = hand_over
        await bench.run(lambda: bench.own(0, 1), {}, revoke, later, bench.reader.handed_over)
        assert {PLACES[0]: 8, PLACES[1]: 0} in bench.consumer.commits_made[: after[0]]
        assert bench.consumer.commits_made[after[0] :] == [{PLACES[1]: 0}], "the next owner may be further"

    asyncio.run(check())


def test_a_journal_that_hangs_holds_no_rebalance_up() -> None:
    async def check() -> None:
        bench = Bench(handed_over=False)
        before = bench.clock.time
        await bench.run(lambda: bench.own(0), {}, lambda: bench.revoke(0), bench.reader.handed_over)
        assert 2 <= bench.clock.time - before <= 3

    asyncio.run(check())


def test_of_lost_partitions_nothing_is_waited_for_or_committed() -> None:
    async def check() -> None:
        bench = Bench()

        def lose() -> None:
            bench.acknowledge(0, 5)
            bench.consumer.revoke(PLACES[0], lost=True)

        events = await bench.run(lambda: bench.own(0), {}, lose)
        assert _of(Revoked, events) == [Revoked((0,), kept=True)]
        assert bench.consumer.commits_made == []
        assert bench.slots == set()

    asyncio.run(check())


def test_what_is_acknowledged_of_an_earlier_turn_is_not_committed() -> None:
    async def check() -> None:
        bench = Bench()

        def again() -> None:
            bench.consumer.revoke(PLACES[0], lost=True)
            bench.own(0)

        await bench.run(lambda: bench.own(0), {}, again, {}, lambda: bench.acknowledge(0, 9, turn=1))
        assert bench.consumer.commits_made == [{PLACES[0]: 0}]

    asyncio.run(check())


def test_sightings_and_tombstones_are_handed_over_in_order() -> None:
    async def check() -> None:
        bench = Bench()
        first, second = _posts(1, 2)
        batch = [_sighting(first), _tombstone(first), _sighting(second)]
        (handed,) = _of(Batch, await bench.run(lambda: bench.own(1), {PLACES[1]: batch}))
        assert handed.partition == 1
        assert handed.offset == 1, "of the record after the last one"
        assert [(type(one), one.post_id) for one in handed.items] == [
            (Sighting, first),
            (Tombstone, first),
            (Sighting, second),
        ]

    asyncio.run(check())


def test_what_the_brokers_clock_says_is_told_by_the_clock_that_posts_live_by() -> None:
    async def check() -> None:
        (post_id,) = _posts(1, 1)
        record = _tombstone(post_id)
        said_at = record.timestamp / 1000
        pace = Pace(60.0, Timestamp(said_at - 10))
        bench = Bench(pace=pace)

        def later() -> None:
            bench.clock.time += 1.5

        (handed,) = _of(Batch, await bench.run(lambda: bench.own(1), {PLACES[1]: [record]}, later))
        assert handed.items == [Tombstone(post_id, Timestamp(said_at + 590))]
        assert bench.proofs == [pace.passed(bench.clock.monotonic())]

    asyncio.run(check())


def test_a_partition_is_restored_when_it_is_read_to_where_it_ended_at_first() -> None:
    async def check() -> None:
        bench = Bench()

        def begin() -> None:
            bench.own(0)
            bench.at(0, 0, 5)

        post_id = _posts(0, 1)[0]
        events = await bench.run(
            begin,
            {},
            lambda: bench.at(0, 4, 90),
            {PLACES[0]: [_sighting(post_id)]},
            lambda: bench.at(0, 5, 99),
        )
        assert [type(event) for event in events] == [Assigned, Batch, Restored]
        assert bench.consumer.timeouts[2:5] == [100, 100, 100], "it should look again soon"

    asyncio.run(check())


@pytest.mark.parametrize("end", [0, 700])
def test_an_empty_partition_is_restored_also_when_all_of_it_has_expired(end: int) -> None:
    async def check() -> None:
        bench = Bench()
        events = await bench.run(lambda: bench.own(0), {}, lambda: bench.at(0, end, end), {})
        assert events == [Assigned((0,), 1, 1), Restored(0)]

    asyncio.run(check())


def test_a_partition_that_is_revoked_while_it_is_read_is_not_restored() -> None:
    async def check() -> None:
        bench = Bench()

        def begin() -> None:
            bench.own(0, 1)
            bench.at(0, 0, 5)
            bench.at(1, 0, 0)

        def revoke() -> None:
            bench.revoke(0)
            bench.at(0, 5, 5)

        events = await bench.run(begin, {}, revoke, {}, {})
        assert isinstance(events[0], Revoked)
        assert events[1:] == [Assigned((1,), 1, 1), Restored(1)]
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
            (handed,) = _of(Batch, await bench.run(lambda: bench.own(0), {PLACES[0]: batch}))
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
            lambda: bench.own(0),
            {PLACES[0]: [_sighting(post_id) for post_id in posts]},
            take_one,
            look,
            lambda: bench.inbox.done(held[0]),
            look,
        )
        assert paused == [True, True, False]

    asyncio.run(check())


def test_what_is_kept_over_a_rebalance_without_us_is_lost_and_restored_anew() -> None:
    """We were expelled, and joined again, and nobody told the listener; others had it meanwhile."""

    async def check() -> None:
        bench = Bench()
        place = PLACES[0]

        def join(generation: int) -> Callable[[], None]:
            def call() -> None:
                assert bench.consumer.joined is not None
                bench.consumer.generation = generation
                bench.consumer.joined(generation)

            return call

        def come_back() -> None:
            bench.acknowledge(0, 9)
            bench.consumer.committed_before[place] = 5
            join(5)()
            bench.reader.release(0, bench.turn + 1)

        events = await bench.run(join(1), lambda: bench.own(0), {}, join(2), {}, come_back, {}, {})
        assert [type(event) for event in events if not isinstance(event, Restored)] == [Revoked, Assigned]
        assert _of(Revoked, events) == [Revoked((0,), None, kept=True)], "and not handed over"
        assert _of(Assigned, events) == [Assigned((0,), 2, 5)]
        assert bench.consumer.positions[place] == 5, "where the last owner committed, not where we were"
        assert bench.slots == {0}

    asyncio.run(check())


def test_of_what_we_were_expelled_from_that_is_let_go_of_which_the_next_join_gives_to_others() -> None:
    async def check() -> None:
        bench = Bench()

        def expelled() -> None:
            for place in PLACES[:2]:
                bench.consumer.revoke(place, lost=True)

        def come_back() -> None:
            assert bench.consumer.joined is not None
            bench.consumer.assigned[PLACES[1]] = False
            bench.consumer.joined(5)
            bench.own(1)
            bench.consumer.joined(6)

        events = await bench.run(lambda: bench.own(0, 1), {}, expelled, come_back, {})
        assert _of(Revoked, events) == [Revoked((0,), kept=True), Revoked((1,), kept=True), Revoked((0,))]
        assert _of(Assigned, events)[-1].partitions == (1,)

    asyncio.run(check())


def test_what_is_taken_away_in_a_rebalance_after_one_without_us_is_not_handed_over() -> None:
    async def check() -> None:
        bench = Bench(handed_over=False)

        def come_back() -> None:
            assert bench.consumer.joined is not None
            bench.consumer.joined(1)
            bench.own(0)
            del bench.consumer.assigned[PLACES[0]]
            bench.consumer.joined(4)
            bench.consumer.assigned[PLACES[0]] = False
            bench.consumer.on_wait = _fail
            bench.consumer.revoke(PLACES[0])

        events = await bench.run(come_back, bench.reader.handed_over)
        assert _of(Revoked, events) == [Revoked((0,), None)]

    asyncio.run(check())


def _fail() -> None:
    raise AssertionError("it waits for a hand-over")
