"""An offset is given out when all before it is acknowledged, whatever fails meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafka.errors import MessageSizeTooLargeError

from tests.unit.intake.fakes import FIRST, SECOND, FakeProducer, FakeSent, acknowledge, parcels
from worker.intake.ledger import Ledger, Parcel

if TYPE_CHECKING:
    from worker.intake.clients import Partition


class _Sender:
    """A ledger's ``send``: through a producer that may refuse."""

    def __init__(self) -> None:
        self.producer = FakeProducer()

    def __call__(self, parcel: Parcel) -> FakeSent | None:
        self.producer.tries += 1
        if self.producer.refuse:
            return None
        self.producer.sent.append(FakeSent(parcel))
        return self.producer.sent[-1]

    @property
    def sent(self) -> list[FakeSent]:
        return self.producer.sent

    @property
    def keys(self) -> list[str]:
        return [(one.parcel.key or b"").decode() for one in self.sent]


def test_an_offset_is_given_out_when_all_of_its_poll_is_acknowledged() -> None:
    send = _Sender()
    ledger: Ledger[Partition] = Ledger(send)
    ledger.enter({FIRST: 2}, parcels("a", "b"))
    send.sent[1].acknowledge()
    ledger.settle()
    assert ledger.take_acknowledged() == {}
    send.sent[0].acknowledge()
    ledger.settle()
    assert ledger.take_acknowledged() == {FIRST: 2}
    assert ledger.take_acknowledged() == {}
    assert ledger.in_flight == ledger.size == 0


def test_a_later_poll_waits_for_an_earlier_one() -> None:
    send = _Sender()
    ledger: Ledger[Partition] = Ledger(send)
    ledger.enter({FIRST: 1}, parcels("a"))
    ledger.enter({SECOND: 9}, parcels("b"))
    send.sent[1].acknowledge()
    ledger.settle()
    assert ledger.take_acknowledged() == {}
    send.sent[0].acknowledge()
    ledger.settle()
    assert ledger.take_acknowledged() == {FIRST: 1, SECOND: 9}


def test_a_poll_that_sends_nothing_is_acknowledged_with_those_before_it() -> None:
    send = _Sender()
    ledger: Ledger[Partition] = Ledger(send)
    ledger.enter({FIRST: 1}, parcels("a"))
    ledger.enter({FIRST: 5}, [])
    ledger.settle()
    assert ledger.take_acknowledged() == {}
    acknowledge(send.sent)
    ledger.settle()
    assert ledger.take_acknowledged() == {FIRST: 5}


def test_all_that_failed_is_sent_again_at_once() -> None:
    send = _Sender()
    ledger: Ledger[Partition] = Ledger(send)
    ledger.enter({FIRST: 3}, parcels("a", "b", "c"))
    ledger.enter({FIRST: 5}, parcels("d", "e"))
    for one in send.sent:
        one.fail()
    ledger.settle()
    assert send.keys == ["a", "b", "c", "d", "e"] * 2
    assert ledger.failures == 5
    assert "expired" in (ledger.trouble or "")
    acknowledge(send.sent[5:])
    ledger.settle()
    assert ledger.take_acknowledged() == {FIRST: 5}
    assert ledger.trouble is None


def test_what_follows_a_failed_record_under_the_same_key_is_sent_again_after_it() -> None:
    send = _Sender()
    ledger: Ledger[Partition] = Ledger(send)
    tombstone = Parcel("g.sightings", b"a", None, 0, None)
    ledger.enter({FIRST: 3}, [*parcels("a", "b"), tombstone])
    send.sent[0].fail()
    acknowledge(send.sent[1:])
    ledger.settle()
    assert [(one.parcel.key, one.parcel.value) for one in send.sent[3:]] == [(b"a", b"{}"), (b"a", None)]


def test_after_one_refusal_nothing_more_is_tried_until_the_next_settling() -> None:
    send = _Sender()
    send.producer.refuse = True
    ledger: Ledger[Partition] = Ledger(send)
    ledger.enter({FIRST: 3}, parcels("a", "b", "c"))
    ledger.enter({FIRST: 4}, parcels("d"))
    assert send.producer.tries == 1
    assert ledger.stuck
    ledger.settle()
    assert send.producer.tries == 2
    send.producer.refuse = False
    ledger.settle()
    assert send.keys == ["a", "b", "c", "d"]
    assert not ledger.stuck


def test_dropped_partitions_give_out_no_offsets_and_their_records_are_still_sent() -> None:
    send = _Sender()
    ledger: Ledger[Partition] = Ledger(send)
    ledger.enter({FIRST: 1, SECOND: 1}, parcels("a"))
    ledger.drop({FIRST})
    send.sent[0].fail()
    ledger.settle()
    acknowledge(send.sent[1:])
    ledger.settle()
    assert ledger.take_acknowledged() == {SECOND: 1}


def test_what_is_acknowledged_of_a_dropped_partition_is_not_given_out() -> None:
    send = _Sender()
    ledger: Ledger[Partition] = Ledger(send)
    ledger.enter({FIRST: 1}, parcels("a"))
    acknowledge(send.sent)
    ledger.settle()
    ledger.drop({FIRST})
    assert ledger.take_acknowledged() == {}


def test_a_failed_record_may_be_refitted() -> None:
    send = _Sender()
    ledger: Ledger[Partition] = Ledger(send, lambda parcel, _: parcel._replace(value=b"small"))
    ledger.enter({FIRST: 1}, parcels("a"))
    send.sent[0].fail(MessageSizeTooLargeError())
    ledger.settle()
    assert send.sent[1].parcel.value == b"small"
