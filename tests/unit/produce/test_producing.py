"""Files of Post IDs become records that intake reads back as the same Sightings."""

from __future__ import annotations

import io
from dataclasses import dataclass, field

import orjson
import pytest
from kafka.errors import KafkaTimeoutError

from worker.formats.record import RecordReader
from worker.formats.rules import ReadingRules
from worker.model import Sighting, Timestamp, Tombstone
from worker.produce import ProduceError, Producing

POST = 2124092155387235535


@dataclass
class Sent:
    is_done: bool = True
    exception: BaseException | None = None


@dataclass
class FakeProducer:
    failing: bool = False
    refusing: bool = False
    records: list[tuple[bytes | None, bytes, list[tuple[str, bytes]]]] = field(default_factory=list)

    def send(self, topic: str, value: bytes | None, key: bytes, headers: list[tuple[str, bytes]]) -> Sent:
        assert topic == "posts"
        if self.failing:
            raise KafkaTimeoutError
        self.records.append((value, key, headers))
        return Sent(exception=KafkaTimeoutError() if self.refusing else None)

    def flush(self, timeout: float) -> None:
        assert timeout > 0


def produced(
    content: bytes, campaigns: tuple[str, ...] = (), producer: FakeProducer | None = None
) -> Producing:
    producing = Producing(producer or FakeProducer(), "posts", campaigns, ReadingRules(), complaints.append)
    for _ in producing.send_file(io.BytesIO(content), "a file"):
        pass
    producing.finish()
    return producing


complaints: list[str] = []


@pytest.fixture(autouse=True)
def _no_complaints() -> None:
    complaints.clear()


def read_back(producer: FakeProducer) -> list[object]:
    reader = RecordReader(ReadingRules())
    return [
        reader.read(value, key, headers, "posts", Timestamp(5.0)) for value, key, headers in producer.records
    ]


def test_a_plain_id_stays_plain_and_its_campaigns_go_as_headers() -> None:
    producer = FakeProducer()
    produced(b"%d\n" % POST, ("spring", "all Posts"), producer)
    assert producer.records == [
        (b"%d" % POST, b"%d" % POST, [("campaign", b"spring"), ("campaign", b"all Posts")])
    ]


def test_author_text_and_the_files_own_campaigns_come_through() -> None:
    producer = FakeProducer()
    post = {
        "id_str": str(POST),
        "text": "héllo",
        "user": {"screen_name": "ann"},
        "matching_rules": [{"tag": "t"}],
    }
    produced(orjson.dumps(post), ("spring",), producer)
    (sighting,) = read_back(producer)
    assert sighting == Sighting(POST, ("spring", "t"), Timestamp(5.0), "ann", "héllo")  # type: ignore[arg-type]


def test_a_delete_notice_becomes_a_tombstone() -> None:
    producer = FakeProducer()
    done = produced(b'{"delete":{"status":{"id_str":"%d"}}}\n' % POST, producer=producer)
    assert read_back(producer) == [Tombstone(POST)]  # type: ignore[arg-type]
    assert done.outcomes["tombstone"] == 1


def test_what_cannot_be_read_is_counted_and_told_with_its_line() -> None:
    done = produced(b"%d\nno id\n%d\n" % (POST, POST + 1))
    assert (done.outcomes["sighting"], done.outcomes["unreadable"]) == (2, 1)
    assert len(complaints) == 1
    assert complaints[0].startswith("a file line 2:")


def test_records_that_the_brokers_do_not_take_are_counted() -> None:
    done = produced(b"%d\n%d\n" % (POST, POST + 1), producer=FakeProducer(refusing=True))
    assert done.failed == 2


def test_brokers_that_do_not_answer_end_it_with_a_sentence() -> None:
    with pytest.raises(ProduceError, match="posts cannot be written to"):
        produced(b"%d\n" % POST, producer=FakeProducer(failing=True))
