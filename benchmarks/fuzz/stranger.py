"""A stranger who writes into the workers' own topics: what it finds there, broken, under its own name."""

from __future__ import annotations

import random
import re
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

from kafka import KafkaProducer

from benchmarks.fuzz.mutations import Made, Mutator
from tests.tools.kafka_records import read_all
from worker.formats.ids import read_id_bytes
from worker.formats.journal import CLAIM_KEY, decode
from worker.formats.reasons import Reason
from worker.intake.forwarder import partition_of
from worker.model import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.intake.topics import TopicNames

NAME: Final = b"deadbeef"
"""How it signs: whoever signs as the owner of a partition does cannot be told from the owner."""

_SIGNED: Final = re.compile(rb'\{"v":1,"(?:by|writer)":"(\w+)"')
_PATIENCE: Final = 60.0
_LARGEST: Final = 900_000
_STAMPS: Final = (
    *(b"", b"-1", b"0", b"7", b" 8 ", b"1_0", b"1e9", b"\xff", "٣".encode()),
    *(b"%d" % 2**31, b"%d" % 2**53, b"%d" % 2**63, b"%d" % 2**64, b"9" * 400, b"9" * 5000),
)


class Stranger:
    """Writes so many records to each topic. ``written``: key, value and partition of those of sightings."""

    def __init__(self, bootstrap: str, names: TopicNames, partitions: int, seed: int) -> None:
        self._bootstrap = bootstrap
        self._names = names
        self._partitions = partitions
        self._chance = random.Random(seed)  # noqa: S311 -- not a secret
        self.written: list[tuple[bytes | None, bytes | None, int]] = []

    def write(self, count: int) -> None:
        """Write, and wait until the brokers have it."""
        names = self._names
        for topic in (names.sightings, names.journal, names.partials, names.handles, names.leaderboards):
            several = topic in {names.sightings, names.journal}
            found = read_all(self._bootstrap, topic)
            self._send(
                topic, self._records(topic, found, count, several=several), self._partitions if several else 1
            )

    def _records(self, topic: str, found: list[Any], count: int, *, several: bool) -> Iterable[Made]:
        own = {name[1] for record in found if (name := _SIGNED.match(record.value or b""))}
        seeds: list[tuple[bytes | None, bytes | None]] = [
            (record.key, _renamed(record.value, own)) for record in found if topic != self._names.handles
        ] or [(b"2026-11/acme", b'{"first_used": 1763719740.1}')]
        headers = [record.headers for record in found] or [[]]
        claims = [seed for seed in seeds if seed[0] == CLAIM_KEY]
        mutator = Mutator(seeds, self._chance, _LARGEST)
        made = 0
        while made < count:
            key, value, _ = mutator.record()
            if key != CLAIM_KEY and self._chance.random() < 0.1:
                key = b"%d" % (self._chance.getrandbits(62) + 1) if several else mutator.flip(key or b"")
            if claims and self._chance.random() < 0.05:
                key, value = CLAIM_KEY, Mutator(claims, self._chance, _LARGEST).record().value
            if topic == self._names.journal:
                item = decode(key, value)
                if isinstance(item, Unreadable) and item.reason == Reason.JOURNAL_VERSION:
                    continue  # that ends a worker, as it should: see ``OwnTopicsFuzz``
            if len(value or b"") > _LARGEST:
                continue  # brokers take none of these
            made += 1
            if topic != self._names.sightings:
                key = key or b""  # brokers take none without a key where they compact
            yield Made(key, value, self._headers(self._chance.choice(headers), own))

    def _headers(self, headers: Iterable[tuple[str, bytes]], own: set[bytes]) -> list[tuple[str, bytes]]:
        chance = self._chance
        return [
            (name, chance.choice(_STAMPS) if chance.random() < 0.4 else NAME if content in own else content)
            for name, content in headers
        ]

    def _send(self, topic: str, records: Iterable[Made], partitions: int) -> None:
        with closing(KafkaProducer(bootstrap_servers=self._bootstrap, enable_idempotence=False)) as producer:
            sent = []
            for key, value, headers in records:
                post_id = read_id_bytes(key or b"")
                partition = self._chance.randrange(partitions)
                if post_id is not None and partitions > 1 and self._chance.random() < 0.8:
                    partition = partition_of(post_id, partitions)
                sent.append(producer.send(topic, value, key=key, headers=headers, partition=partition))
                if topic == self._names.sightings:
                    self.written.append((key, value, partition))
            for one in sent:
                one.get(timeout=_PATIENCE)


def _renamed(value: bytes | None, own: set[bytes]) -> bytes | None:
    for name in own:
        value = value and value.replace(name, NAME)
    return value
