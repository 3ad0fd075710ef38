"""Telling the others: at a pace, again when it failed, and never of a partition that is not ours any more."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from tests.unit.editions.test_editions import FakeClock
from tests.unit.merging.working import KEY, Member, Topic
from tests.unit.watchlist.making import LIKES, A, post
from worker import partials_writer
from worker.destination import Destination
from worker.formats.partial import decode_partial
from worker.model import ALL, Campaign, Partial, PartialKey, Seconds
from worker.partials_writer import PartialsWriter
from worker.publish.protocol import PublishError
from worker.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    import pytest

ONE, TWO = post(1), post(2)
PATIENCE = 5.0


class FakeSending:
    """Takes records when its gate is open; may fail."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.entered = asyncio.Event()
        self.failures = 0
        self.records: list[tuple[bytes, bytes | None]] = []

    async def send(self, records: Iterable[tuple[bytes, bytes | None]]) -> None:
        self.entered.set()
        await self.open.wait()
        if self.failures:
            self.failures -= 1
            raise PublishError("not now")
        self.records += records

    def told(self) -> list[Partial | PartialKey]:
        found = [decode_partial(*record) for record in self.records]
        return [one for one in found if isinstance(one, Partial | PartialKey)]


class Bench:
    def __init__(self) -> None:
        self.member = Member(Topic())
        self.member.merger.complete = True
        self.sending = FakeSending()
        self.telemetry = Telemetry(CollectorRegistry())
        clock = FakeClock()
        self.writer = PartialsWriter(
            self.member.merger,
            self.member.ownership,
            self.sending,  # type: ignore[arg-type]  # a fake
            destination=Destination("partials", clock, self.telemetry),
            interval=Seconds(0.001),
            clock=clock,
            telemetry=self.telemetry,
        )


def run(check: Callable[[Bench], Coroutine[None, None, None]]) -> Bench:
    async def bounded() -> Bench:
        bench = Bench()
        async with asyncio.timeout(PATIENCE):
            await check(bench)
        return bench

    return asyncio.run(bounded())


def test_what_is_due_is_written_with_its_key() -> None:
    async def check(bench: Bench) -> None:
        bench.member.own(1, {ONE: 5})
        await bench.writer.write()
        await bench.writer.write()
        (told,) = bench.sending.told()
        assert isinstance(told, Partial)
        assert told.key == PartialKey(*KEY, 1)

    bench = run(check)
    assert (
        bench.telemetry.registry.get_sample_value(
            "toptweets_leaderboards_published_total", {"destination": "partials"}
        )
        == 1
    )
    assert bench.telemetry.registry.get_sample_value("toptweets_partials_due") == 0


def test_nothing_is_written_before_the_topic_was_read() -> None:
    async def check(bench: Bench) -> None:
        bench.member.merger.complete = False
        bench.member.own(1, {ONE: 5})
        await bench.writer.write()
        assert bench.sending.records == []

    run(check)


def test_what_failed_is_written_again_as_it_is_then() -> None:
    async def check(bench: Bench) -> None:
        bench.member.own(1, {ONE: 5})
        bench.sending.failures = 2
        await bench.writer.write()
        bench.member.measure(1, {ONE: 8})
        await bench.writer.write()
        await bench.writer.write()
        (told,) = bench.sending.told()
        assert isinstance(told, Partial)
        assert told.entries[0].value == 8.0

    bench = run(check)
    assert (
        bench.telemetry.registry.get_sample_value(
            "toptweets_publish_errors_total", {"destination": "partials"}
        )
        == 2
    )


def test_a_partition_revoked_while_its_partials_wait_to_be_sent_is_left_out() -> None:
    async def check(bench: Bench) -> None:
        bench.member.own(1, {ONE: 5})
        bench.member.own(2, {TWO: 6})
        bench.sending.open.clear()
        writing = asyncio.create_task(bench.writer.write())
        await bench.sending.entered.wait()
        bench.member.lose(1)
        bench.sending.open.set()
        await writing
        assert [one.key.partition for one in bench.sending.told() if isinstance(one, Partial)] == [2]

    run(check)


def test_what_was_cut_off_is_due_again_and_written_at_the_end() -> None:
    async def check(bench: Bench) -> None:
        bench.member.own(1, {ONE: 5})
        bench.sending.open.clear()
        running = asyncio.create_task(bench.writer.run())
        await bench.sending.entered.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        bench.sending.open.set()
        await bench.writer.finish(Seconds(PATIENCE))
        assert len(bench.sending.told()) == 1

    run(check)


def test_an_end_with_brokers_that_hang_is_bounded() -> None:
    async def check(bench: Bench) -> None:
        bench.member.own(1, {ONE: 5})
        bench.sending.open.clear()
        await bench.writer.finish(Seconds(0.01))

    run(check)


def test_more_than_fits_an_interval_waits_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partials_writer, "_STEP", 2)
    monkeypatch.setattr(partials_writer, "_STEPS", 2)

    async def check(bench: Bench) -> None:
        names = [Campaign(f"c{number}") for number in range(5)]
        bench.member.own(0, {ONE: 5}, *names)
        await bench.writer.write()
        assert len(bench.sending.told()) == 4
        await bench.writer.write()
        assert {
            (one.key.campaign, one.key.metric) for one in bench.sending.told() if isinstance(one, Partial)
        } == {(campaign, LIKES) for campaign in (ALL, *names)}

    run(check)


def test_boards_that_are_no_more_are_tombstones() -> None:
    async def check(bench: Bench) -> None:
        bench.member.own(0, {ONE: 5}, A)
        await bench.writer.write()
        bench.member.tracker.remove(ONE, "tombstone")
        bench.member.merger.take_changed()
        bench.sending.records.clear()
        await bench.writer.write()
        assert dict(bench.sending.records) == {b"all/favorites/0": None, b"a/favorites/0": None}

    run(check)
