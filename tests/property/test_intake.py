"""Whatever becomes of what was sent: no offset is committed too early; a record has one outcome."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from prometheus_client import CollectorRegistry

from tests.unit.intake.fakes import FakeClock, FakeProducer, FakeRecord, FakeSent
from worker.formats.record import RecordReader
from worker.formats.rules import ReadingRules
from worker.formats.wire import decode
from worker.intake import Forwarder, TopicNames
from worker.intake.clients import Partition
from worker.intake.ledger import Ledger, Parcel
from worker.intake.recent import RecentPosts
from worker.model import Campaign, PostId, Seconds, Sighting, Timestamp, Tombstone
from worker.telemetry import Telemetry

PARTITIONS = [Partition("posts", number) for number in range(3)]
KEYS = [b"1", b"2", b"3"]


class LedgerMachine(RuleBasedStateMachine):
    """Polls enter; sends are acknowledged, fail or are refused in any order; partitions come and go."""

    def __init__(self) -> None:
        super().__init__()
        self.refuse = False
        self.under_way: list[FakeSent] = []
        self.acknowledged: set[bytes] = set()
        self.written: dict[bytes, bytes] = {}
        self.newest: dict[bytes, bytes] = {}
        self.ledger: Ledger[Partition] = Ledger(self.send)
        self.entered: list[tuple[dict[Partition, int], set[bytes]]] = []
        self.next_offset = dict.fromkeys(PARTITIONS, 0)
        self.given_out: dict[Partition, int] = {}
        self.number = 0

    def send(self, parcel: Parcel) -> FakeSent | None:
        if self.refuse:
            return None
        self.under_way.append(FakeSent(parcel))
        return self.under_way[-1]

    @rule(
        counts=st.dictionaries(st.sampled_from(PARTITIONS), st.integers(1, 3), min_size=1),
        keys=st.lists(st.sampled_from(KEYS), max_size=4),
    )
    def poll(self, counts: dict[Partition, int], keys: list[bytes]) -> None:
        offsets = {}
        for partition, count in counts.items():
            self.next_offset[partition] += count
            offsets[partition] = self.next_offset[partition]
        parcels = []
        for key in keys:
            self.number += 1
            value = b"%d" % self.number
            parcels.append(Parcel("g.sightings", key, value, 0, None))
            self.newest[key] = value
        self.entered.append((dict(offsets), {parcel.value or b"" for parcel in parcels}))
        self.ledger.enter(offsets, parcels)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), fails=st.booleans())
    def answer(self, data: st.DataObject, *, fails: bool) -> None:
        """The brokers answer one of those under way; of one key always the first, as they keep its order."""
        firsts = {one.parcel.key: one for one in reversed(self.under_way)}
        one = data.draw(st.sampled_from(sorted(firsts.values(), key=lambda sent: sent.parcel.key or b"")))
        self.under_way.remove(one)
        if fails:
            one.fail()
        else:
            one.acknowledge()
            self.acknowledged.add(one.parcel.value or b"")
            self.written[one.parcel.key or b""] = one.parcel.value or b""

    @rule(refuse=st.booleans())
    def brokers(self, *, refuse: bool) -> None:
        self.refuse = refuse

    @rule(partitions=st.sets(st.sampled_from(PARTITIONS)))
    def rebalance(self, partitions: set[Partition]) -> None:
        self.ledger.drop(partitions)
        for offsets, _ in self.entered:
            for partition in partitions & offsets.keys():
                del offsets[partition]

    @rule()
    def settle(self) -> None:
        self.ledger.settle()
        for partition, offset in self.ledger.take_acknowledged().items():
            assert offset >= self.given_out.get(partition, 0), "it went back"
            self.given_out[partition] = offset
            before = [one for one in self.entered if one[0].get(partition, offset + 1) <= offset]
            for _, values in before:
                assert values <= self.acknowledged, "a record before it is not acknowledged"

    @invariant()
    def counts_add_up(self) -> None:
        assert self.ledger.in_flight >= 0
        assert self.ledger.size >= 0

    def teardown(self) -> None:
        """When the brokers are well again, all of it gets there, and the last of each key is the last."""
        self.refuse = False
        for _ in range(5):
            for one in self.under_way:
                one.acknowledge()
                self.acknowledged.add(one.parcel.value or b"")
                self.written[one.parcel.key or b""] = one.parcel.value or b""
            self.under_way.clear()
            self.settle()
        assert self.ledger.in_flight == self.ledger.size == 0
        assert not self.ledger.stuck
        assert self.written == self.newest
        for offsets, _ in self.entered:
            for partition, offset in offsets.items():
                assert self.given_out[partition] >= offset


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)


record = st.builds(
    FakeRecord,
    value=st.one_of(
        st.none(),
        st.sampled_from([b"", b"1", b"2", b"0", b"-1", b"1.5", b"nonsense", b"\r\n", b"[1]", b"{}"]),
        st.binary(max_size=20),
        st.builds(
            lambda post_id, name: b'{"id":%d,"campaign":"%s"}' % (post_id, name),
            st.integers(-1, 4),
            st.sampled_from([b"spring", b"autumn"]),
        ),
        st.just(b'{"delete":{"status":{"id_str":"2"}}}'),
        st.just(b'{"id":5,"retweeted_status":{"id":1}}'),
    ),
    key=st.one_of(st.none(), st.sampled_from([b"1", b"2", b"key"])),
)


@given(polls=st.lists(st.lists(record, min_size=1, max_size=6), max_size=6))
@settings(deadline=None)
def test_each_record_has_one_outcome_and_what_is_forwarded_says_the_same_as_all_of_it(
    polls: list[list[FakeRecord]],
) -> None:
    producer, telemetry, clock = FakeProducer(at_once=True), Telemetry(CollectorRegistry()), FakeClock()
    reader = RecordReader(ReadingRules())
    forwarder = Forwarder(
        producer,
        reader,
        RecentPosts(6, Seconds(60), clock),
        TopicNames("g"),
        partitions=4,
        in_flight=1000,
        buffer_bytes=10**9,
        clock=clock,
        telemetry=telemetry,
    )
    whole: dict[PostId, set[Campaign]] = {}
    for poll in polls:
        forwarder.take({PARTITIONS[0]: poll})
        for one in poll:
            _apply(reader.read(one.value, one.key, one.headers, "posts", Timestamp(0)), whole)
    forwarder.settle()

    outcomes = Counter[str]()
    for sample in next(iter(telemetry.records.collect())).samples:
        outcomes[sample.labels["outcome"]] += int(sample.value)
    assert outcomes.total() == sum(map(len, polls))
    assert set(outcomes) <= {"sighting", "repeated", "tombstone", "skipped", "dead_letter"}
    assert len(producer.taken("g.dead-letters")) == outcomes["dead_letter"]
    assert len(producer.taken("g.sightings")) == outcomes["sighting"] + outcomes["tombstone"]
    assert forwarder.in_flight == 0

    forwarded: dict[PostId, set[Campaign]] = {}
    for parcel in producer.taken("g.sightings"):
        _apply(decode(parcel.key, parcel.value), forwarded)
    assert forwarded == whole


def _apply(reading: object, tracked: dict[PostId, set[Campaign]]) -> None:
    """What an owner would track after this."""
    if isinstance(reading, Sighting):
        tracked.setdefault(reading.post_id, set()).update(reading.campaigns)
    elif isinstance(reading, Tombstone):
        tracked.pop(reading.post_id, None)
