"""Each record has one outcome, and its offset is given out when the brokers have it."""

from __future__ import annotations

import pytest
from kafka.errors import MessageSizeTooLargeError
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from tests.unit.intake.fakes import FIRST, SECOND, FakeClock, FakeProducer, FakeRecord, acknowledge, records
from worker.formats.record import RecordReader
from worker.formats.rules import ReadingRules
from worker.formats.wire import decode
from worker.intake import Forwarder, TopicNames
from worker.intake.forwarder import partition_of
from worker.intake.recent import RecentPosts
from worker.model import PostId, Seconds, Sighting, Tombstone
from worker.telemetry import Telemetry

NAMES = TopicNames("g")
PARTITIONS = 12


class Desk:
    """A forwarder with its producer and counters."""

    def __init__(self, in_flight: int = 100, buffer_bytes: int = 10**9, **rules: object) -> None:
        self.producer = FakeProducer()
        self.telemetry = Telemetry(CollectorRegistry())
        clock = FakeClock()
        self.forwarder = Forwarder(
            self.producer,
            RecordReader(ReadingRules(**rules)),  # type: ignore[arg-type]
            RecentPosts(1000, Seconds(60), clock),
            NAMES,
            partitions=PARTITIONS,
            in_flight=in_flight,
            buffer_bytes=buffer_bytes,
            clock=clock,
            telemetry=self.telemetry,
        )

    def outcomes(self) -> dict[str, float]:
        found = {}
        for sample in next(iter(self.telemetry.records.collect())).samples:
            found[sample.labels["outcome"]] = sample.value
        return found

    def acknowledge(self) -> dict[object, int]:
        acknowledge(one for one in self.producer.sent if not one.is_done)
        self.forwarder.settle()
        return dict(self.forwarder.take_acknowledged())


def test_a_sighting_goes_to_the_partition_of_its_post_keyed_by_it() -> None:
    desk = Desk()
    desk.forwarder.take({FIRST: [FakeRecord(b"123", headers=[("campaign", b"spring")])]})
    (parcel,) = desk.producer.taken("g.sightings")
    assert parcel.partition == partition_of(PostId(123), PARTITIONS)
    sighting = decode(parcel.key, parcel.value)
    assert isinstance(sighting, Sighting)
    assert (sighting.post_id, sighting.campaigns) == (123, ("spring",))


def test_each_record_has_one_outcome() -> None:
    desk = Desk(retweets="skip")
    desk.forwarder.take(
        {
            FIRST: records(b"1", b"1", b"2", b"nonsense", b"", b'{"delete":{"status":{"id_str":"2"}}}'),
            SECOND: [
                FakeRecord(None, key=b"1"),
                FakeRecord(None),
                FakeRecord(b'{"id":5,"retweeted_status":{"id":4}}'),
            ],
        }
    )
    outcomes = desk.outcomes()
    assert outcomes == {"sighting": 2, "repeated": 1, "dead_letter": 2, "skipped": 2, "tombstone": 2}
    assert len(desk.producer.taken("g.dead-letters")) == 2
    assert len(desk.producer.taken("g.sightings")) == 4


def test_a_tombstone_is_forwarded_and_its_post_is_forwarded_again_when_it_is_seen_again() -> None:
    desk = Desk()
    desk.forwarder.take({FIRST: [FakeRecord(b"7"), FakeRecord(None, key=b"7"), FakeRecord(b"7")]})
    read = [decode(parcel.key, parcel.value) for parcel in desk.producer.taken("g.sightings")]
    assert [type(one) for one in read] == [Sighting, Tombstone, Sighting]
    assert {parcel.partition for parcel in desk.producer.taken("g.sightings")} == {
        partition_of(PostId(7), PARTITIONS)
    }


def test_a_post_in_a_further_campaign_is_forwarded_again() -> None:
    desk = Desk()
    for campaign in (b"spring", b"autumn", b"spring"):
        desk.forwarder.take({FIRST: [FakeRecord(b"7", headers=[("campaign", campaign)])]})
    assert desk.outcomes() == {"sighting": 2, "repeated": 1}


def test_offsets_are_given_out_when_the_brokers_have_the_records() -> None:
    desk = Desk()
    desk.forwarder.take({FIRST: records(b"1", b"nonsense", start=40), SECOND: records(b"1", start=7)})
    desk.forwarder.settle()
    assert desk.forwarder.take_acknowledged() == {}
    assert desk.forwarder.in_flight == 2
    assert desk.acknowledge() == {FIRST: 42, SECOND: 8}


def test_it_is_full_at_the_limit_of_records_under_way() -> None:
    desk = Desk(in_flight=3)
    desk.forwarder.take({FIRST: records(b"1", b"2")})
    full = [desk.forwarder.full]
    desk.forwarder.take({FIRST: records(b"3", start=2)})
    full.append(desk.forwarder.full)
    desk.acknowledge()
    full.append(desk.forwarder.full)
    assert full == [False, True, False]


def test_it_is_full_when_large_dead_letters_are_under_way() -> None:
    desk = Desk(in_flight=10_000, buffer_bytes=2_500_000)
    full = []
    for _ in range(3):
        desk.forwarder.take({FIRST: [FakeRecord(b"x" * 2_000_000)]})
        full.append(desk.forwarder.full)
    desk.forwarder.settle()
    assert full == [False, False, True]
    held = desk.telemetry.registry.get_sample_value("toptweets_forwards_in_flight_bytes") or 0
    assert held > 2_500_000
    desk.acknowledge()
    assert not desk.forwarder.full
    assert desk.telemetry.registry.get_sample_value("toptweets_forwards_in_flight_bytes") == 0


def test_it_is_full_while_nothing_can_be_sent_and_loses_nothing() -> None:
    desk = Desk()
    desk.producer.refuse = True
    desk.forwarder.take({FIRST: records(b"1", b"2", b"3")})
    assert desk.producer.tries == 1, "each try may take seconds"
    assert desk.forwarder.full
    desk.producer.refuse = False
    desk.forwarder.settle()
    assert desk.acknowledge() == {FIRST: 3}
    assert len(desk.producer.taken("g.sightings")) == 3


def test_trouble_with_sending_is_told_once_and_counted() -> None:
    desk = Desk()
    with capture_logs() as logs:
        desk.forwarder.take({FIRST: records(b"1", b"2")})
        for _ in range(3):
            for one in desk.producer.sent:
                if not one.is_done:
                    one.fail()
            desk.forwarder.settle()
        assert [log["event"] for log in logs] == ["forward_failing"]
        assert desk.acknowledge() == {FIRST: 2}
    assert [log["event"] for log in logs] == ["forward_failing", "forward_works_again"]
    assert desk.telemetry.registry.get_sample_value("toptweets_forward_errors_total") == 6


def test_a_dead_letter_that_brokers_find_too_large_is_sent_smaller() -> None:
    desk = Desk()
    desk.forwarder.take({FIRST: [FakeRecord(b"x" * 500_000)]})
    desk.producer.sent[0].fail(MessageSizeTooLargeError())
    desk.forwarder.settle()
    assert len(desk.producer.sent[1].parcel.value or b"") == 250_000
    assert desk.acknowledge() == {FIRST: 1}


def test_dropped_partitions_give_out_no_offsets() -> None:
    desk = Desk()
    desk.forwarder.take({FIRST: records(b"1"), SECOND: records(b"2")})
    desk.forwarder.drop({FIRST})
    assert desk.acknowledge() == {SECOND: 1}


@pytest.mark.parametrize("partitions", [1, 3, 12, 1000])
def test_posts_are_spread_over_all_partitions(partitions: int) -> None:
    posts = range(1_900_000_000_000_000_000, 1_900_000_000_000_000_000 + 4096 * partitions * 50, 4096)
    places = [partition_of(PostId(post_id), partitions) for post_id in posts]
    counts = [places.count(place) for place in range(min(partitions, 12))]
    assert min(counts) > 0
    assert max(counts) < 3 * len(places) / partitions + 10
