"""Pages are written in order, again where it fails, and say when they are there."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from kafka.errors import MessageSizeTooLargeError
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from tests.unit.intake.fakes import FIRST, PATIENCE, SECOND, FakeProducer, parcels
from worker.formats.journal import decode, encode_saved
from worker.intake.commits import Commits, Turn
from worker.intake.ledger import Parcel
from worker.journal.writer import JournalWriter, Page
from worker.model import PostId, SavedPost, Seconds, Timestamp
from worker.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from worker.intake.clients import Partition


class Bench:
    """A writer in its thread, and what its producer was given."""

    def __init__(self) -> None:
        self.commits = Commits()
        self.turn = self.commits.own([FIRST, SECOND])
        self.failures: list[BaseException] = []
        self.telemetry = Telemetry(CollectorRegistry())
        self.writer = JournalWriter(
            self.commits, in_flight=3, failed=self.failures.append, telemetry=self.telemetry
        )
        self.producer = FakeProducer()

    def put(
        self,
        *keys: str,
        offsets: Mapping[Partition, int] | None = None,
        then: Callable[[], None] | None = None,
    ) -> None:
        turns = {Turn(partition, self.turn): offset for partition, offset in (offsets or {}).items()}
        self.writer.put(Page(parcels(*keys), turns, then))

    def until(self, condition: Callable[[], object]) -> None:
        """Wait until something holds; the writer looks every few milliseconds."""
        moment = threading.Event()
        for _ in range(round(PATIENCE / 0.005)):
            if condition():
                return
            assert not self.failures, self.failures
            moment.wait(0.005)
        raise AssertionError("not in time")

    @property
    def keys(self) -> list[str]:
        return [(one.parcel.key or b"").decode() for one in self.producer.sent]


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    bench.writer.start(bench.producer)
    yield bench
    bench.writer.ask_to_stop()
    assert bench.writer.join(Seconds(PATIENCE))


def test_pages_are_written_in_order_and_cover_offsets_in_order(bench: Bench) -> None:
    bench.put("a", "b", offsets={FIRST: 7})
    bench.put("c", offsets={FIRST: 9, SECOND: 2})
    bench.until(lambda: bench.keys == ["a", "b", "c"])
    bench.producer.sent[2].acknowledge()
    bench.producer.sent[1].acknowledge()
    said: list[str] = []
    bench.put(then=lambda: said.append("all"))
    bench.put("d")
    bench.until(lambda: bench.keys[-1] == "d")
    assert bench.commits.take().offsets == {}
    assert said == []
    bench.producer.sent[0].acknowledge()
    bench.until(lambda: said)
    assert bench.commits.take().offsets == {FIRST: 9, SECOND: 2}


def test_what_is_called_then_can_commit_what_was_covered(bench: Bench) -> None:
    bench.producer.at_once = True
    taken: list[object] = []
    bench.put("a", offsets={FIRST: 7}, then=lambda: taken.append(bench.commits.take().offsets))
    bench.until(lambda: taken)
    assert taken == [{FIRST: 7}]


def test_offsets_of_an_earlier_turn_are_not_covered(bench: Bench) -> None:
    bench.put("a", offsets={FIRST: 7, SECOND: 2})
    bench.until(lambda: bench.keys)
    bench.commits.own([FIRST])
    bench.producer.sent[0].acknowledge()
    bench.put(then=(done := threading.Event()).set)
    assert done.wait(PATIENCE)
    assert bench.commits.take().offsets == {SECOND: 2}


def test_what_failed_is_sent_again_before_what_follows_it_counts(bench: Bench) -> None:
    with capture_logs() as logs:
        bench.put("a", "b", offsets={FIRST: 7})
        bench.until(lambda: bench.keys == ["a", "b"])
        bench.producer.sent[1].acknowledge()
        bench.producer.sent[0].fail()
        bench.until(lambda: bench.keys == ["a", "b", "a"])
        bench.until(lambda: bench.writer.trouble is not None)
        assert bench.commits.take().offsets == {}
        bench.producer.sent[2].acknowledge()
        bench.until(lambda: bench.writer.trouble is None)
    assert bench.commits.take().offsets == {FIRST: 7}
    assert [log["event"] for log in logs] == ["journal_failing", "journal_works_again"]
    assert bench.telemetry.registry.get_sample_value("toptweets_journal_errors_total") == 1


def test_what_cannot_be_sent_at_all_waits_and_is_sent_later(bench: Bench) -> None:
    bench.producer.refuse = True
    bench.put("a", offsets={FIRST: 7})
    bench.until(lambda: bench.writer.trouble)
    bench.put("b")
    bench.producer.at_once, bench.producer.refuse = True, False
    bench.until(lambda: bench.keys == ["a", "b"])
    bench.until(lambda: bench.writer.trouble is None)


def test_what_an_earlier_turn_could_not_write_is_not_written_after_the_claim_of_the_next(
    bench: Bench,
) -> None:
    """Another owner may have been between: it would bring back what that one has changed or erased."""
    bench.put("failed", "under way")
    bench.until(lambda: len(bench.keys) == 2)
    bench.producer.refuse = True
    bench.producer.sent[0].fail()
    bench.put("never sent")
    bench.until(lambda: bench.writer.trouble)
    bench.writer.put(Page((), {}, anew=0))
    bench.producer.refuse = False
    bench.put("claim", offsets={FIRST: 7})
    bench.until(lambda: bench.keys[2:] == ["claim"])
    bench.producer.sent[1].fail()
    bench.producer.sent[2].acknowledge()
    bench.until(lambda: bench.commits.take().offsets == {FIRST: 7})
    assert bench.keys[2:] == ["claim"]


def test_other_partitions_are_written_as_before(bench: Bench) -> None:
    bench.put("failed")
    bench.until(lambda: bench.keys)
    bench.writer.put(Page((), {}, anew=1))
    bench.producer.sent[0].fail()
    bench.until(lambda: bench.keys == ["failed"] * 2)


def test_it_is_full_of_what_is_not_acknowledged(bench: Bench) -> None:
    full = []
    for key in "abc":
        bench.put(key)
        full.append(bench.writer.full)
    bench.until(lambda: len(bench.keys) == 3)
    full.append(bench.writer.full)
    assert full == [False, False, True, True]
    bench.producer.sent[0].acknowledge()
    bench.until(lambda: not bench.writer.full)


def test_what_was_given_before_the_end_is_sent(bench: Bench) -> None:
    for key in "abcdef":
        bench.put(key)
    bench.writer.ask_to_stop()
    assert bench.writer.join(Seconds(PATIENCE))
    assert bench.keys == list("abcdef")


def test_it_ends_also_while_nothing_can_be_sent(bench: Bench) -> None:
    bench.producer.refuse = True
    bench.put("a", then=lambda: None)
    bench.writer.ask_to_stop()
    assert bench.writer.join(Seconds(PATIENCE))


def test_a_fault_in_its_thread_is_told() -> None:
    bench = Bench()

    def fault() -> None:
        raise RuntimeError("a fault of ours")

    bench.writer.start(bench.producer)
    bench.put(then=fault)
    assert bench.writer.join(Seconds(PATIENCE))
    assert isinstance(bench.failures[0], RuntimeError)


def test_one_that_never_began_ends_at_once() -> None:
    assert Bench().writer.join(Seconds(0))


def test_a_record_that_brokers_find_too_large_goes_without_its_words(bench: Bench) -> None:
    """Else it would be sent for ever, and hold up everything behind it."""
    key, value = encode_saved(SavedPost(PostId(7), (), Timestamp(1.0), "anna", "a long text"), "0a1b2c3d")
    turns = {Turn(FIRST, bench.turn): 5}
    bench.writer.put(Page([Parcel("g.journal", key, value, 0, None)], turns))
    bench.until(lambda: bench.producer.sent)
    bench.producer.sent[0].fail(MessageSizeTooLargeError())
    bench.until(lambda: len(bench.producer.sent) == 2)
    again = bench.producer.sent[1].parcel
    assert decode(again.key, again.value) == SavedPost(PostId(7), (), Timestamp(1.0))
    bench.producer.sent[1].acknowledge()
    bench.until(lambda: bench.commits.take().offsets == {FIRST: 5})
