"""Sending letters back: as they were, each once, and only what can be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from kafka.errors import KafkaTimeoutError, MessageSizeTooLargeError, TopicAuthorizationFailedError

from tests.unit.dead_letters.making import letter
from worker.dead_letters import replay as replay_module
from worker.dead_letters.replay import Replay
from worker.dead_letters.replayed import Replayed
from worker.intake.ledger import Parcel
from worker.model import Source
from worker.topic_reading import TopicError

MARKS = "g.replayed"


@dataclass
class Sent:
    parcel: Parcel
    error: BaseException | None = None

    def get(self, timeout: float) -> None:
        assert timeout >= 0
        if self.error is not None:
            raise self.error


@dataclass
class Producer:
    """Keeps what it is given; ``errors``: what waiting for a record with this value raises."""

    errors: dict[bytes, BaseException] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)

    def send(self, topic: str, value: bytes | None, **others: Any) -> Sent:
        key = others["key"]
        assert key is not None or value is not None, "kafka-python refuses such a record"
        parcel = Parcel(topic, key, value, others.get("partition"), others.get("headers"))
        self.sent.append(Sent(parcel, self.errors.get(value or b"")))
        return self.sent[-1]

    def to(self, topic: str) -> list[Parcel]:
        return [one.parcel for one in self.sent if one.parcel.topic == topic]


class Consumer:
    def topics(self) -> set[str]:
        return {"posts", "other"}

    def partitions_for_topic(self, _topic: str) -> set[int]:
        return {0, 3}


@dataclass
class Bench:
    """A replay on a producer, and what it complained of."""

    producer: Producer = field(default_factory=Producer)
    replayed: Replayed = field(default_factory=lambda: Replayed(MARKS, 1.0))
    told: list[str] = field(default_factory=list)

    def replay(self, **options: Any) -> Replay:
        return Replay(
            Consumer(),
            self.producer,
            self.replayed,
            forbidden=lambda topic: "it is ours" if topic.startswith("g.") else None,
            complain=self.told.append,
            within=1.0,
            **options,
        )


def test_a_letter_goes_back_as_it_was_to_where_it_came_from_and_is_marked() -> None:
    bench = Bench()
    replay = bench.replay()
    assert replay.offer(letter(b"{}", headers=[("campaign", b"spring")], offset=7))
    replay.settle()
    assert bench.producer.to("posts") == [Parcel("posts", b"k", b"{}", 3, [("campaign", b"spring")])]
    (mark,) = bench.producer.to(MARKS)
    assert mark.key == b"0:7"
    assert orjson.loads(mark.value or b"")["to"] == "posts"
    assert replay.sent == {"posts": 1}


def test_a_null_value_under_a_key_goes_back_as_null_and_a_value_without_key_without() -> None:
    bench = Bench()
    replay = bench.replay()
    assert replay.offer(letter(None, key=b"x"))
    assert replay.offer(letter(b"x", key=None, offset=1))
    assert [(one.key, one.value) for one in bench.producer.to("posts")] == [(b"x", None), (None, b"x")]


def test_another_topic_gets_it_by_its_key() -> None:
    bench = Bench()
    bench.replay(to="other").offer(letter())
    assert [(one.topic, one.partition) for one in bench.producer.to("other")] == [("other", None)]


def test_a_letter_is_sent_once_unless_it_is_asked_for_again() -> None:
    bench = Bench()
    first, second = bench.replay(), bench.replay()
    for replay in (first, second):
        replay.offer(letter(offset=5000))
        replay.settle()
    assert (first.already, first.sent.total()) == (0, 1)
    assert (second.already, second.sent.total(), len(bench.producer.to("posts"))) == (1, 0, 1)
    assert bench.replay(again=True).offer(letter(offset=5000))


def test_a_letter_of_another_time_at_the_same_offset_is_another_letter() -> None:
    bench = Bench()
    replay = bench.replay()
    replay.offer(letter(offset=5))
    replay.settle()
    assert bench.replay().offer(letter(offset=5, timestamp=1))


def test_what_the_brokers_refuse_is_told_and_not_marked_and_the_rest_goes_on() -> None:
    bench = Bench(Producer({b"no": TopicAuthorizationFailedError("no"), b"big": MessageSizeTooLargeError()}))
    replay = bench.replay()
    for offset, value in enumerate((b"no", b"yes", b"big")):
        replay.offer(letter(value, offset=offset))
    replay.settle()
    assert (replay.sent.total(), replay.refused) == (1, 2)
    assert [mark.key for mark in bench.producer.to(MARKS)] == [b"0:1"]
    assert bench.told[0].startswith("0: not replayed: topic posts does not take it: ")


def test_silence_of_the_brokers_ends_it_and_what_they_took_is_marked() -> None:
    bench = Bench(Producer({b"lost": KafkaTimeoutError("?")}))
    replay = bench.replay()
    replay.offer(letter(b"there", offset=0))
    replay.offer(letter(b"lost", offset=1))
    with pytest.raises(TopicError, match="1 of the records sent"):
        replay.settle()
    assert [mark.key for mark in bench.producer.to(MARKS)] == [b"0:0"]
    assert replay.sent.total() == 1


def test_an_interrupt_while_it_waits_loses_no_mark() -> None:
    bench = Bench(Producer({b"here": KeyboardInterrupt()}))
    replay = bench.replay()
    replay.offer(letter(b"a", offset=0))
    replay.offer(letter(b"here", offset=1))
    with pytest.raises(KeyboardInterrupt):
        replay.settle()
    bench.producer.sent[1].error = None
    replay.settle(1.0)
    assert [mark.key for mark in bench.producer.to(MARKS)] == [b"0:0", b"0:1"]
    assert replay.sent.total() == 2


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (letter(b"x" * 2_000_000), "its value was too long to keep"),
        (letter(None, key=None), "it has neither key nor value"),
        (letter(source=Source("gone", 0, 1)), "topic gone is not there; --to names another"),
        (letter(source=Source("posts", 9, 1)), "topic posts has no partition 9 any more"),
        (letter(source=Source("g.sightings", 0, 1)), "topic 'g.sightings': it is ours"),
    ],
)
def test_what_cannot_be_replayed_is_told_and_counted(given: Any, why: str) -> None:
    bench = Bench()
    replay = bench.replay()
    assert not replay.offer(given)
    assert replay.refused == 1
    assert bench.told == [f"0: not replayed: {bench.told[0].removeprefix('0: not replayed: ')}"]
    assert why in bench.told[0]
    assert bench.producer.sent == []


def test_no_more_than_a_batch_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_module, "_BATCH_LETTERS", 10)
    bench = Bench()
    replay = bench.replay()
    for offset in range(25):
        replay.offer(letter(offset=offset))
    assert len(bench.producer.to(MARKS)) == 20
    assert replay.sent.total() == 20
