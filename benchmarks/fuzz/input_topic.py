"""The input topic, fuzzed: what a live worker makes of each record, against what the formats say of it."""

from __future__ import annotations

import random
import time
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

from kafka import KafkaConsumer

from benchmarks.fuzz.mutations import Made, Mutator
from benchmarks.fuzz.sending import CODECS, Sender
from benchmarks.fuzz.shapes import right_records
from benchmarks.fuzz.watching import FuzzError, Watch
from tests.tools.kafka_records import committed
from tests.tools.live_worker import quick_settings, running_worker
from worker.formats.record import RecordReader
from worker.formats.rules import ReadingRules
from worker.intake.topics import TopicNames
from worker.model import Sighting, Skip, Timestamp, Tombstone
from worker.topic_reading import read

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.tools.brokers import Broker

GROUP: Final = "fuzz"
PARTITIONS: Final = 4
LARGEST: Final = 10_000_000
ID_PATH: Final = "payload.tweet.id"
TRACKED: Final = 100_000
MEMORY: Final = 700 * 2**20
"""Bytes that the worker may take: what ``TRACKED`` Posts, its buffers and the largest records need."""

_CHUNK: Final = 5_000
_HUGE_EVERY: Final = 20_000
_WITHIN: Final = 60.0


class InputFuzz:
    """One run. ``tell`` is given each figure."""

    def __init__(
        self, broker: Broker, api: str, directory: Path, seed: int, tell: Callable[..., None]
    ) -> None:
        self._broker = broker
        self._tell = tell
        self._topic = broker.create_topic("fuzzed", PARTITIONS, settings={"max.message.bytes": "24000000"})
        settings = quick_settings(
            broker,
            GROUP,
            intake__id_path=ID_PATH,
            intake__campaigns_from="rule_tags,fields,header,hashtags",
            intake__recent_posts=str(TRACKED),
            watchlist__max_posts=str(TRACKED),
            planner__min_interval="1h",
        )
        self._running = running_worker(directory, broker.bootstrap, self._topic, api, settings)
        chance = random.Random(seed)  # noqa: S311 -- not a secret
        self._chance = chance
        self._mutator = Mutator(right_records(chance, 40), chance, LARGEST)
        self._reader = RecordReader(ReadingRules(id_path=ID_PATH, max_bytes=LARGEST))
        self._right: Counter[str] = Counter()
        self._reasons: list[dict[int, str]] = [{} for _ in range(PARTITIONS)]
        """Of each partition: what must be a dead letter, by offset, and why."""

    def run(self, records: int) -> list[str]:
        """Send so many, wait, and compare; what is wrong."""
        with self._running as worker, closing(Watch(worker)) as watch:
            began = time.monotonic()
            sender = Sender(self._broker.bootstrap, self._topic, PARTITIONS)
            while (sent := sum(sender.ends)) < records:
                self._send(sender, min(_CHUNK, records - sent))
                watch.look()
            produced = sum(sender.ends)
            watch.await_moving(lambda: sum(self._outcomes(watch).values()), produced, "records read")
            watch.await_moving(self._committed, produced, "offsets committed")
            took = time.monotonic() - began
            outcomes = self._outcomes(watch)
            troubles = self._compare(outcomes)
            troubles += self._dead_letters(outcomes.get("dead_letter", 0))
            if watch.most > MEMORY:
                troubles.append(f"the worker took {watch.most / 2**20:.0f} MiB")
            watch.look()
            code = worker.stop(30)
            if code:
                troubles.append(f"the worker ended with code {code} after SIGTERM")
        self._tell(
            "fuzz_records", produced, "records", **{name: int(of) for name, of in sorted(outcomes.items())}
        )
        self._tell(
            "fuzz_dead_letter_reasons",
            len(set(self._all_reasons())),
            "reasons",
            **Counter(self._all_reasons()),
        )
        self._tell("fuzz_memory_most", watch.most / 2**20, "MiB", aim=MEMORY / 2**20)
        self._tell("fuzz_rate", produced / took, "records/s")
        return troubles

    def _send(self, sender: Sender, count: int) -> None:
        made = [self._mutator.record() for _ in range(count)]
        if self._chance.random() < _CHUNK / _HUGE_EVERY:
            made[self._chance.randrange(count)] = self._mutator.huge()
        places = sender.send(made, self._chance.choice(CODECS))
        for one, (partition, offset) in zip(made, places, strict=True):
            self._expect(one, partition, offset)

    def _expect(self, made: Made, partition: int, offset: int) -> None:
        reading = self._reader.read(made.value, made.key, made.headers, self._topic, Timestamp(1.0))
        if isinstance(reading, Sighting):
            self._right["sighting"] += 1
        elif isinstance(reading, Tombstone):
            self._right["tombstone"] += 1
        elif isinstance(reading, Skip):
            self._right["skipped"] += 1
        else:
            self._right["dead_letter"] += 1
            self._reasons[partition][offset] = reading.reason

    def _all_reasons(self) -> list[str]:
        return [reason for of in self._reasons for reason in of.values()]

    def _outcomes(self, watch: Watch) -> dict[str, float]:
        return watch.counts("toptweets_records_total", "outcome", topic=self._topic)

    def _committed(self) -> int:
        return sum(committed(self._broker.bootstrap, GROUP, self._topic, PARTITIONS).values())

    def _compare(self, outcomes: dict[str, float]) -> list[str]:
        """The counters against what the formats say. A Sighting may be a repeated one."""
        counted = Counter({name: int(count) for name, count in outcomes.items() if count})
        counted["sighting"] += counted.pop("repeated", 0)
        if counted == +self._right:
            return []
        return [f"the worker counted {dict(counted)}, and right is {dict(self._right)}"]

    def _dead_letters(self, counted: float) -> list[str]:
        """Each is in the topic once, with where it was and why."""
        troubles: list[str] = []
        missing = [dict(of) for of in self._reasons]
        found = 0
        consumer = KafkaConsumer(
            bootstrap_servers=self._broker.bootstrap, enable_auto_commit=False, auto_offset_reset="earliest"
        )
        with closing(consumer):
            for letter in read(consumer, TopicNames(GROUP).dead_letters, _WITHIN):
                found += 1
                said = self._said(letter)
                right = missing[said[1]].pop(said[2], None) if said[0] == self._topic else None
                if right != said[3]:
                    troubles.append(f"a dead letter says {said}, and right is {right}")
        if found != counted or (lost := sum(map(len, missing))):
            lost = sum(map(len, missing))
            troubles.append(f"{found} dead letters, {counted:g} counted, {lost} missing")
        return troubles[:20]

    @staticmethod
    def _said(letter: Any) -> tuple[str, int, int, str]:  # noqa: ANN401 -- kafka-python's
        # The record's own headers come first, and may have the same names: the last ones are the worker's.
        headers = dict(letter.headers)
        try:
            place = headers["topic"].decode(), int(headers["partition"]), int(headers["offset"])
            return *place, headers["reason"].decode()
        except (KeyError, ValueError) as error:
            raise FuzzError(
                f"the dead letter at {letter.offset} does not say where from: {headers}"
            ) from error
