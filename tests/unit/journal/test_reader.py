"""Partitions are restored up to our own claim, from what holds; and what others write later is told."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, TypeVar

from kafka.errors import TopicAuthorizationFailedError
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from tests.unit.intake.fakes import PATIENCE, TROUBLE, FakeClock, FakeConsumer, FakeRecord
from worker.formats.journal import Claim, Epoch, encode_claim, encode_retired, encode_saved
from worker.intake import Event, Foreign, Inbox, Journaled, JournalEnd, Overtaken
from worker.intake.clients import Partition
from worker.journal import JournalError, reader
from worker.journal.reader import JournalReader
from worker.model import PostId, SavedPost, Seconds, Timestamp
from worker.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    import pytest

TOPIC = "g.journal"
OURS, OTHER, THIRD = "0a1b2c3d", "ffffffff", "eeeeeeee"
TURN = 3
ASTRAY = 666
"""A Post that is of no partition here."""
EPOCH = Epoch(0, 5)
LOWER, HIGHER, NEXT_ERA = Epoch(0, 4), Epoch(0, 6), Epoch(1, 1)
PLACE, NEXT = Partition(TOPIC, 0), Partition(TOPIC, 1)
E = TypeVar("E", bound=Event)


def post(number: int, by: str = OTHER, seen_at: float = 1.0) -> FakeRecord:
    key, value = encode_saved(SavedPost(PostId(number), (), Timestamp(seen_at)), by)
    return FakeRecord(value, key=key)


def tombstone(number: int, by: str = OTHER) -> FakeRecord:
    key, value, headers = encode_retired(PostId(number), by)
    return FakeRecord(value, key=key, headers=headers)


def claim(by: str = OURS, turn: int = TURN, epoch: Epoch | None = None) -> FakeRecord:
    key, value = encode_claim(Claim(by, turn, epoch or EPOCH), Timestamp(1.0))
    return FakeRecord(value, key=key)


class Bench:
    """A reader over a consumer with a script, and the inbox that it fills."""

    def __init__(self, queue_posts: int = 1000) -> None:
        self.consumer = FakeConsumer()
        self.inbox = Inbox()
        self.failures: list[BaseException] = []
        self.clock = FakeClock()
        self.telemetry = Telemetry(CollectorRegistry())
        self.reader = JournalReader(
            TOPIC,
            OURS,
            self.inbox,
            belongs=lambda post_id, _: post_id != ASTRAY,
            queue_posts=queue_posts,
            failed=self.failures.append,
            clock=self.clock,
            telemetry=self.telemetry,
        )

    async def run(self, *script: object, turns: Sequence[tuple[int, int]] = ((0, TURN),)) -> list[Event]:
        """Restore some partitions by this script; returns what is in the inbox."""
        self.consumer.script.extend(script)
        for partition, turn in turns:
            self.reader.restore([partition], turn)
        self.reader.start(self.consumer)
        assert await asyncio.to_thread(self.consumer.over.wait, PATIENCE)
        await self.stop()
        assert self.failures == []
        return await self.events()

    async def stop(self) -> None:
        self.reader.ask_to_stop()
        assert await asyncio.to_thread(self.reader.join, Seconds(PATIENCE))

    async def events(self) -> list[Event]:
        events = []
        try:
            async with asyncio.timeout(0.05):
                while True:
                    events.append(await self.inbox.get())
        except TimeoutError:
            return events

    def at(self, position: int | None, end: int | None, place: Partition = PLACE) -> None:
        self.consumer.positions[place], self.consumer.ends[place] = position, end

    def value(self, name: str) -> float | None:
        return self.telemetry.registry.get_sample_value(f"toptweets_{name}")


def _run(check: Callable[[], Coroutine[object, object, None]]) -> None:
    asyncio.run(check())


def _restored(events: Sequence[Event]) -> dict[int, float | None]:
    """When each Post that was told of was seen; ``None`` of those that are retired."""
    found: dict[int, float | None] = {}
    for event in events:
        if isinstance(event, Journaled):
            for item in event.items:
                found[item.post_id] = item.seen_at if isinstance(item, SavedPost) else None
    return found


def _of(kind: type[E], events: Sequence[Event]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]


def test_a_partition_is_read_from_its_beginning_to_our_claim() -> None:
    async def check() -> None:
        bench = Bench()
        events = await bench.run(
            {PLACE: [post(1), post(2)]}, {}, {PLACE: [tombstone(2), post(1, seen_at=2.0), claim()]}
        )
        assert [type(event) for event in events] == [Journaled, Journaled, JournalEnd]
        assert _restored(events) == {1: 2.0, 2: None}
        assert events[-1] == JournalEnd(0, TURN, ())
        assert bench.consumer.from_beginning == [PLACE]
        assert bench.consumer.assigned == {PLACE: False}
        assert bench.value("journal_records_read_total") == 5

    _run(check)


def test_nothing_ends_before_our_claim_of_this_turn() -> None:
    async def check() -> None:
        bench = Bench()
        events = await bench.run({PLACE: [claim(turn=TURN - 1), claim(OTHER), claim(OTHER, TURN)]}, {})
        assert events == []

    _run(check)


def test_what_was_written_late_by_who_had_lost_the_partition_does_not_hold() -> None:
    async def check() -> None:
        bench = Bench()
        late = [post(1, THIRD, 9.0), tombstone(2, THIRD), post(3, THIRD), post(4, THIRD)]
        mine = [post(1, OTHER, 2.0), post(2), claim(OTHER), *late, post(4, OTHER, 3.0), claim()]
        events = await bench.run({PLACE: mine})
        assert _restored(events) == {1: 2.0, 2: 1.0, 4: 3.0}
        (end,) = _of(JournalEnd, events)
        assert sorted(end.stale) == [1, 2, 3], "the last record of each is void, and must be overwritten"

    _run(check)


def test_a_zombie_that_claims_holds_until_the_next_claim_only() -> None:
    async def check() -> None:
        bench = Bench()
        records = [claim(OTHER), post(1, THIRD), claim(THIRD), post(1, THIRD, 5.0), post(2, OTHER), claim()]
        events = await bench.run({PLACE: records})
        assert _restored(events) == {1: 5.0}
        assert _of(JournalEnd, events)[0].stale == (2,)

    _run(check)


def test_what_nobody_claimed_holds_whoever_wrote_it() -> None:
    async def check() -> None:
        bench = Bench()
        events = await bench.run({PLACE: [post(1, OTHER), post(2, THIRD), claim()]})
        assert _restored(events) == {1: 1.0, 2: 1.0}

    _run(check)


def test_what_others_write_into_a_partition_of_ours_is_told() -> None:
    async def check() -> None:
        bench = Bench()
        events = await bench.run(
            {PLACE: [claim(), post(1, OURS), post(2, OTHER)]},
            {PLACE: [post(3, OURS), tombstone(4, OURS), tombstone(5, OTHER), FakeRecord(b"{}", key=b"6")]},
            {PLACE: [post(7, OURS)]},
        )
        assert events[0] == JournalEnd(0, TURN, ())
        assert events[1:] == [
            Foreign(0, TURN, (PostId(2),)),
            Foreign(0, TURN, (PostId(5), PostId(6))),
        ]

    _run(check)


def test_what_we_write_after_another_s_claim_is_void_until_we_claim_again() -> None:
    async def check() -> None:
        bench = Bench()
        events = await bench.run(
            {PLACE: [claim(), post(1, OURS), claim(OTHER), post(2, OURS)]},
            {PLACE: [tombstone(3, OURS), claim(), post(4, OURS)]},
        )
        assert events[1:] == [
            Foreign(0, TURN, (PostId(2),), EPOCH),
            Foreign(0, TURN, (PostId(3),)),
        ]

    _run(check)


def test_a_claim_that_never_comes_is_asked_for_again() -> None:
    async def check() -> None:
        bench = Bench()

        def wait(seconds: float) -> None:
            bench.clock.time += seconds

        def all_is_read() -> None:
            bench.at(5, 5)
            wait(9)

        events = await bench.run(
            lambda: bench.at(2, 5), lambda: wait(20), all_is_read, lambda: wait(0.9), lambda: wait(0.2), {}
        )
        assert events == [Foreign(0, TURN, (), Epoch(-1, -1))], "below every claim, so ours is written again"

    _run(check)


def test_a_record_of_a_newer_worker_ends_the_worker_and_says_what_to_do() -> None:
    async def check() -> None:
        bench = Bench()
        newer = FakeRecord(b'{"v":2,"by":"ffffffff"}', key=b"7", offset=44)
        bench.consumer.script.append({PLACE: [newer]})
        bench.reader.restore([0], TURN)
        bench.reader.start(bench.consumer)
        assert await asyncio.to_thread(bench.reader.join, Seconds(PATIENCE))
        (failure,) = bench.failures
        assert isinstance(failure, JournalError)
        assert str(failure).startswith("g.journal:0:44: v: 2, and this worker reads up to 1")
        assert "bring this one up to date" in str(failure)

    _run(check)


def test_a_claim_of_a_newer_worker_ends_it_too() -> None:
    async def check() -> None:
        bench = Bench()
        bench.consumer.script.append({PLACE: [FakeRecord(b'{"v":2,"by":"ffffffff"}', key=b"claim")]})
        bench.reader.restore([0], TURN)
        bench.reader.start(bench.consumer)
        assert await asyncio.to_thread(bench.reader.join, Seconds(PATIENCE))
        assert isinstance(bench.failures[0], JournalError)

    _run(check)


def test_what_nobody_can_have_written_is_counted_and_told() -> None:
    async def check() -> None:
        bench = Bench()
        odd = [
            FakeRecord(b"nonsense", key=b"7"),
            FakeRecord(None, key=None),
            FakeRecord(b"{}", key=b"x"),
            FakeRecord(b"[]", key=b"claim"),
        ]
        with capture_logs() as logs:
            events = await bench.run({PLACE: [*odd, post(1), claim()]})
        assert _restored(events) == {1: 1.0}
        assert bench.value("journal_records_refused_total") == 4
        # Once a minute at most: a stranger may write very many.
        (told,) = (log["record"] for log in logs if log["event"] == "journal_record_refused")
        assert told == "g.journal:0:0"

    _run(check)


def test_it_reads_no_further_while_too_many_posts_wait() -> None:
    async def check() -> None:
        bench = Bench(queue_posts=2)
        bench.consumer.script.extend([{PLACE: [post(1), post(2)]}, {PLACE: [post(3), claim()]}])
        bench.reader.restore([0], TURN)
        bench.reader.start(bench.consumer)
        first = await asyncio.wait_for(bench.inbox.get(), PATIENCE)
        assert not await asyncio.to_thread(bench.consumer.over.wait, 0.05)
        assert len(bench.consumer.script) == 1
        bench.inbox.done(first)
        second = await asyncio.wait_for(bench.inbox.get(), PATIENCE)
        assert _restored([second]) == {3: 1.0}
        await bench.stop()
        assert bench.failures == []

    _run(check)


def test_how_much_is_left_is_known_while_it_is_read() -> None:
    async def check() -> None:
        bench = Bench()
        left: list[int] = []

        def look() -> None:
            left.append(bench.reader.records_left())

        def both() -> None:
            bench.at(10, 100)
            bench.at(None, None, NEXT)

        await bench.run(
            both, look, lambda: bench.at(0, 5, NEXT), look, {PLACE: [claim()]}, look, turns=[(0, 3), (1, 3)]
        )
        assert left == [90, 95, 5]
        assert bench.value("restoring_partitions") == 1

    _run(check)


def test_a_partition_that_is_taken_away_is_read_no_more() -> None:
    async def check() -> None:
        bench = Bench()
        events = await bench.run(
            {PLACE: [post(1)]},
            lambda: bench.reader.forget([0]),
            {PLACE: [post(2), claim()], NEXT: [claim()]},
            turns=[(0, TURN), (1, TURN)],
        )
        assert _restored(events) == {1: 1.0}
        assert _of(JournalEnd, events) == [JournalEnd(1, TURN, ())]
        assert bench.consumer.assigned == {NEXT: False}

    _run(check)


def test_what_is_taken_away_is_not_shown_as_being_restored() -> None:
    async def check() -> None:
        bench = Bench()
        shown: list[float | None] = []

        def look() -> None:
            shown.append(bench.value("restoring_partitions"))

        def restored() -> None:
            look()
            bench.reader.forget([0])

        await bench.run({NEXT: [claim()]}, restored, look, turns=[(0, TURN), (1, TURN)])
        assert shown == [1, 0], "the other one was restored before"

    _run(check)


def test_one_that_comes_back_at_once_is_read_anew() -> None:
    async def check() -> None:
        bench = Bench()

        def again() -> None:
            bench.reader.forget([0])
            bench.reader.restore([0], TURN + 2)

        events = await bench.run(
            {PLACE: [post(1), claim(OTHER), post(2, THIRD)]},
            again,
            {PLACE: [post(1), claim(OTHER), claim(), post(1, OURS, 4.0), claim(turn=TURN + 2)]},
        )
        assert bench.consumer.from_beginning == [PLACE, PLACE]
        assert _restored(events) == {1: 4.0}
        assert _of(JournalEnd, events) == [JournalEnd(0, TURN + 2, ())]

    _run(check)


def test_trouble_of_the_brokers_is_told_once_and_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check() -> None:
        monkeypatch.setattr("worker.journal.reader._ERROR_WAIT", 0.001)
        bench = Bench()
        with capture_logs() as logs:
            events = await bench.run(TROUBLE, TROUBLE, {PLACE: [claim()]})
        assert events == [JournalEnd(0, TURN, ())]
        assert [log["event"] for log in logs].count("journal_not_read") == 1

    _run(check)


def test_a_refusal_of_the_brokers_ends_the_worker() -> None:
    """Nothing is ever restored: to wait in silence helps nobody."""

    async def check() -> None:
        bench = Bench()
        bench.consumer.script.append(TopicAuthorizationFailedError("not for you"))
        bench.reader.restore([0], TURN)
        bench.reader.start(bench.consumer)
        assert await asyncio.to_thread(bench.reader.join, Seconds(PATIENCE))
        assert isinstance(bench.failures[0], TopicAuthorizationFailedError)

    _run(check)


def test_what_is_told_in_the_log_while_it_takes_long() -> None:
    async def check() -> None:
        bench = Bench()

        def later() -> None:
            bench.at(40, 100)
            bench.clock.time += 6

        with capture_logs() as logs:
            await bench.run(later, {}, {PLACE: [post(1), claim()]})
        told = [log for log in logs if log["event"] == "restoring"]
        assert [(one["partitions"], one["records_left"]) for one in told] == [(1, 60)]
        (read,) = [log for log in logs if log["event"] == "journal_read"]
        assert (read["partition"], read["records"], read["seconds"]) == (0, 2, 6.0)

    _run(check)


def test_a_claim_of_an_epoch_below_does_not_count() -> None:
    """A worker that was frozen when it was given the partition claims it after the next owner did."""

    async def check() -> None:
        bench = Bench()
        late = [claim(OTHER, epoch=LOWER), post(1, OTHER, 9.0), tombstone(2)]
        events = await bench.run(
            {PLACE: [claim(THIRD), post(1, THIRD), post(2, THIRD), *late, claim(epoch=HIGHER)]}
        )
        assert _restored(events) == {1: 1.0, 2: 1.0}
        assert events[-1] == JournalEnd(0, TURN, (PostId(1), PostId(2)))

    _run(check)


def test_our_claim_that_does_not_count_is_told_with_what_it_is_below_and_ends_nothing() -> None:
    async def check() -> None:
        bench = Bench()
        events = await bench.run(
            {PLACE: [claim(OTHER, epoch=HIGHER), post(1, OTHER), claim(), post(2, OTHER)]},
            {PLACE: [claim(epoch=NEXT_ERA), post(3, OURS)]},
        )
        assert Foreign(0, TURN, (), HIGHER) in events
        assert _restored(events) == {1: 1.0, 2: 1.0}
        assert events[-1] == JournalEnd(0, TURN, ())

    _run(check)


def test_of_a_restored_partition_claims_below_and_above_ours_are_told() -> None:
    async def check() -> None:
        bench = Bench()
        events = await bench.run(
            {PLACE: [claim()]},
            {PLACE: [claim(OTHER, epoch=LOWER), post(1, OURS)]},
            {PLACE: [claim(OTHER, epoch=HIGHER), claim(), post(2, OURS)]},
            {PLACE: [claim(OTHER, epoch=HIGHER), claim(epoch=NEXT_ERA), post(3, OURS)]},
        )
        assert events[1:] == [
            Foreign(0, TURN, (), LOWER),
            Foreign(0, TURN, (PostId(2),), HIGHER),
        ]

    _run(check)


def test_what_a_journal_tells_of_a_post_of_another_partition_is_refused() -> None:
    async def check() -> None:
        bench = Bench()
        script = {PLACE: [post(1), post(ASTRAY), tombstone(ASTRAY), claim()]}
        with capture_logs() as logs:
            events = await bench.run(script)
        assert _restored(events) == {1: 1.0}
        assert bench.value("journal_records_refused_total") == 2
        (log,) = [log for log in logs if log["event"] == "journal_record_refused"]
        assert str(ASTRAY) in log["detail"]

    _run(check)


def _kept(bench: Bench, turn: int = TURN + 1) -> Callable[[], None]:
    return lambda: bench.reader.resume([0], turn)


def test_of_a_partition_that_is_kept_nothing_is_read_again_up_to_our_claim() -> None:
    async def check() -> None:
        bench = Bench()
        events = await bench.run(
            {PLACE: [post(1), claim()]},
            _kept(bench),
            {PLACE: [post(1, OURS), post(2, OTHER), claim(OTHER, epoch=LOWER)]},
            {PLACE: [post(3, OTHER), claim(turn=TURN + 1, epoch=HIGHER), post(4, OTHER), post(5, OURS)]},
        )
        assert bench.consumer.from_beginning == [PLACE]
        assert events[1:] == [
            JournalEnd(0, TURN, ()),
            Foreign(0, TURN + 1, (PostId(2),)),
            Foreign(0, TURN + 1, (PostId(3),)),
            JournalEnd(0, TURN + 1, (), kept=True),
            Foreign(0, TURN + 1, (PostId(4),)),
        ]

    _run(check)


def test_a_partition_that_is_kept_and_was_claimed_by_another_is_read_from_its_beginning() -> None:
    async def check() -> None:
        bench = Bench()
        others = [claim(OTHER, epoch=HIGHER), post(2, OTHER), claim(turn=TURN + 1, epoch=NEXT_ERA)]
        events = await bench.run(
            {PLACE: [claim()]}, _kept(bench), {PLACE: others}, {PLACE: [claim(), *others]}
        )
        assert bench.consumer.from_beginning == [PLACE, PLACE]
        assert events[1:] == [
            Overtaken(0, TURN + 1),
            Journaled(0, TURN + 1, [SavedPost(PostId(2), (), Timestamp(1.0))]),
            JournalEnd(0, TURN + 1, ()),
        ]

    _run(check)


def test_what_another_claimed_before_we_heard_of_a_gap_is_not_forgotten() -> None:
    """Also where we claimed it above that, not knowing better."""

    async def check() -> None:
        bench = Bench()
        script = {PLACE: [claim(), claim(OTHER, epoch=HIGHER), claim(epoch=NEXT_ERA)]}
        events = await bench.run(script, _kept(bench), {PLACE: [claim(turn=TURN + 1, epoch=NEXT_ERA)]})
        assert bench.consumer.from_beginning == [PLACE, PLACE]
        assert _of(Overtaken, events) == [Overtaken(0, TURN + 1)]
        assert events[-1] == JournalEnd(0, TURN + 1, ())

    _run(check)


def test_a_partition_that_is_kept_twice_is_gone_on_with_in_the_last_turn() -> None:
    async def check() -> None:
        bench = Bench()
        events = await bench.run(
            {PLACE: [claim()]},
            _kept(bench),
            {PLACE: [post(1, OURS)]},
            _kept(bench, TURN + 2),
            {PLACE: [claim(turn=TURN + 1), claim(turn=TURN + 2)]},
        )
        assert events == [JournalEnd(0, TURN, ()), JournalEnd(0, TURN + 2, (), kept=True)]

    _run(check)


def test_a_partition_that_was_never_restored_cannot_be_kept() -> None:
    async def check() -> None:
        bench = Bench()
        events = await bench.run({PLACE: [post(1)]}, _kept(bench), {PLACE: [claim(turn=TURN + 1)]})
        assert events[-2:] == [Overtaken(0, TURN + 1), JournalEnd(0, TURN + 1, ())]

    _run(check)


def test_a_claim_that_is_read_before_it_is_waited_for_is_not_missed() -> None:
    async def check() -> None:
        bench = Bench()
        late = {PLACE: [claim(turn=TURN + 1, epoch=HIGHER), post(1, OTHER)]}
        events = await bench.run({PLACE: [claim()]}, late, _kept(bench), {})
        assert events[-1] == JournalEnd(0, TURN + 1, (), kept=True)

    _run(check)


def test_it_waits_in_a_poll_while_anything_is_restored_and_not_when_all_is_read() -> None:
    async def check() -> None:
        bench = Bench()
        await bench.run(
            {PLACE: [claim()]},
            {NEXT: [post(1)]},
            {NEXT: [claim(turn=TURN + 1)]},
            {PLACE: [post(1, OURS)]},
            {},
            turns=((0, TURN), (1, TURN + 1)),
        )
        assert [timeout > 0 for timeout in bench.consumer.timeouts[:5]] == [True, True, True, False, False]

    _run(check)


def test_it_waits_in_a_poll_while_it_is_behind() -> None:
    async def check() -> None:
        bench = Bench()
        await bench.run(
            lambda: bench.at(3, 9),
            {PLACE: [claim()]},
            {PLACE: [post(1, OURS)]},
            lambda: bench.at(9, 9),
            {},
        )
        assert [timeout > 0 for timeout in bench.consumer.timeouts[:5]] == [True, True, True, True, False]

    _run(check)


def test_it_rests_when_all_is_read_until_a_wish_or_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_FOLLOW_EVERY", 3600.0)

    async def check() -> None:
        bench = Bench()
        polls = bench.consumer.timeouts

        def rests(after: int) -> bool:
            """Whether it makes so many polls and then, for a while, no other."""
            deadline = time.monotonic() + PATIENCE
            while len(polls) < after and time.monotonic() < deadline:
                time.sleep(0.001)
            time.sleep(0.05)  # in which a thread that spins makes a thousand
            return len(polls) == after

        bench.reader.start(bench.consumer)
        assert await asyncio.to_thread(rests, 0), "there is nothing to read"
        # Restored, some records in a row, and then none.
        bench.consumer.script.extend([{PLACE: [claim()]}, {PLACE: [post(1, OURS)]}, {PLACE: [post(2, OURS)]}])
        bench.reader.restore([0], TURN)
        assert await asyncio.to_thread(rests, 4)
        bench.consumer.script.extend([{NEXT: [claim(turn=TURN + 1)]}])
        bench.reader.restore([1], TURN + 1)
        assert await asyncio.to_thread(rests, 6)
        await bench.stop()
        assert bench.failures == []
        assert await bench.events() == [JournalEnd(0, TURN, ()), JournalEnd(1, TURN + 1, ())]

    _run(check)
