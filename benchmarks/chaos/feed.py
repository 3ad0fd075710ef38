"""The stream of Posts: written at a steady rate, and remembered with what the brokers acknowledged of it."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from kafka import KafkaProducer
from kafka.errors import KafkaError

from benchmarks.chaos.accounts import Produced
from worker.model import Timestamp, first_post_id

if TYPE_CHECKING:
    from collections.abc import Callable

Fate: TypeAlias = "Literal['kept', 'old', 'doomed']"

CAMPAIGNS: Final = ("autumn", "spring", "summer", "winter / été")
_FATES: Final[tuple[Fate, ...]] = ("kept", "old", "doomed")
_OF_FATES: Final = (90, 4, 6)
_KINDS: Final = ("new", "again", "retweet", "unreadable", "delete")
_OF_KINDS: Final = (60, 22, 12, 3, 3)
_DAY: Final = 86_400.0
_YOUNGEST: Final = 2.0
"""Seconds: measurements are of whole ones, and what was measured before it was born would be due at once."""
_YOUNG: Final = 7200.0
_DELETE_AFTER: Final = 10.0
_LOW_BITS: Final = 22


@dataclass(slots=True)
class Fed:
    """What was written of one Post. Campaigns are sure once acknowledged; the others may have arrived."""

    fate: Fate
    written_at: float
    sure: set[str] = field(default_factory=set)
    maybe: set[str] = field(default_factory=set)
    acknowledged: bool = False
    deleting: bool = False
    deleted: bool = False


class Feed:
    """Writes in a thread of its own. ``rate`` is records a second, of all kinds together."""

    def __init__(self, bootstrap: str, topic: str, partitions: int, rate: float, seed: int) -> None:
        self._topic = topic
        self._partitions = partitions
        self._every = 1 / rate
        self._chance = random.Random(seed)  # noqa: S311 -- not a secret
        self._producer = KafkaProducer(
            bootstrap_servers=bootstrap,
            acks="all",
            linger_ms=5,
            request_timeout_ms=5000,
            delivery_timeout_ms=120_000,
            max_block_ms=60_000,
        )
        self._posts: dict[int, Fed] = {}
        self._kept: list[int] = []
        self._doomed: list[int] = []
        self._unreadable: set[bytes] = set()
        self._lock = threading.Lock()
        self._goes = threading.Event()
        self._rests = threading.Event()
        self._ends = threading.Event()
        self._under_way = 0
        self.records: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._goes.set()
        self._thread.start()

    def pause(self, timeout: float) -> bool:
        """Write no more until ``resume``; whether all that was written is acknowledged or failed in time."""
        self._goes.clear()
        deadline = time.monotonic() + timeout
        self._rests.wait(timeout)
        while self._under_way and time.monotonic() < deadline:
            time.sleep(0.05)  # between two looks at a condition that has a bound
        return self._under_way == 0

    def resume(self) -> None:
        """Write on."""
        self._rests.clear()
        self._goes.set()

    def close(self) -> None:
        """End, and let go of the brokers."""
        self._ends.set()
        self._goes.set()
        if self._thread.ident is not None:
            self._thread.join(10)
        self._producer.close(timeout=2)

    def produced(self) -> Produced:
        """What the brokers acknowledged so far."""
        with self._lock:
            sure = {one: fed for one, fed in self._posts.items() if fed.acknowledged}
            deleted = {one for one, fed in sure.items() if fed.deleted}
            leaving = {one for one, fed in sure.items() if fed.deleting or fed.fate == "old"} - deleted
            unreadable = frozenset(self._unreadable)
            return Produced(sure.keys() - deleted - leaving, leaving, deleted, unreadable, set(self._posts))

    def campaigns(self) -> dict[int, frozenset[str]]:
        """The campaigns of each Post, of acknowledged records."""
        with self._lock:
            return {one: frozenset(fed.sure) for one, fed in self._posts.items()}

    def tried_campaigns(self) -> dict[int, frozenset[str]]:
        """The campaigns of each Post, of all records that were sent."""
        with self._lock:
            return {one: frozenset(fed.maybe) for one, fed in self._posts.items()}

    def unsure(self) -> int:
        """Records that were sent and failed: they may have arrived all the same."""
        return self.records["failed"]

    def _run(self) -> None:
        due = time.monotonic()
        while not self._ends.is_set():
            if not self._goes.is_set():
                self._rests.set()
                self._goes.wait()
                due = time.monotonic()
                continue
            (kind,) = self._chance.choices(_KINDS, _OF_KINDS)
            getattr(self, f"_write_{kind}")()
            due = max(due + self._every, time.monotonic() - 1)
            self._ends.wait(max(0.0, due - time.monotonic()))

    def _write_new(self) -> None:
        (fate,) = self._chance.choices(_FATES, _OF_FATES)
        age = self._chance.uniform(_YOUNGEST, _YOUNG) + (4 * _DAY if fate == "old" else 0)
        post_id = first_post_id(Timestamp(time.time() - age)) | self._chance.getrandbits(_LOW_BITS)
        fed = Fed(fate, time.monotonic())
        with self._lock:
            self._posts[post_id] = fed
        campaigns = self._some_campaigns()
        content = {"id": str(post_id), "campaigns": sorted(campaigns), "text": f"Post {post_id}"}
        if fate == "doomed":
            # Its delete notice must come after it: both stand in one partition, in order.
            self._send(fed, campaigns, content, partition=post_id % self._partitions)
            self._doomed.append(post_id)
            return
        self._send(fed, campaigns, content if self._chance.random() < 0.7 or campaigns else post_id)
        if fate == "kept":
            self._kept.append(post_id)

    def _write_again(self) -> None:
        if not self._kept:
            return
        post_id = self._known()
        campaigns = self._some_campaigns()
        self._send(self._posts[post_id], campaigns, {"post_id": str(post_id), "campaigns": sorted(campaigns)})

    def _write_retweet(self) -> None:
        if not self._kept:
            return
        post_id = self._known()
        campaigns = self._some_campaigns()
        retweet = first_post_id(Timestamp(time.time())) | self._chance.getrandbits(_LOW_BITS)
        tags = [{"tag": name} for name in sorted(campaigns)]
        content = {
            "id_str": str(retweet),
            "retweeted_status": {"id_str": str(post_id), "text": f"Post {post_id}"},
            "matching_rules": tags,
        }
        self._send(self._posts[post_id], campaigns, content)

    def _write_unreadable(self) -> None:
        value = b"unreadable %d" % self.records["unreadable"]

        def sure() -> None:
            self._unreadable.add(value)

        self._hand_over(value, None, None, sure)
        self.records["unreadable"] += 1

    def _write_delete(self) -> None:
        if not self._doomed or self._posts[self._doomed[0]].written_at > time.monotonic() - _DELETE_AFTER:
            return
        post_id = self._doomed.pop(0)
        fed = self._posts[post_id]
        fed.deleting = True

        def sure() -> None:
            fed.deleted = True

        self._hand_over(None, b"%d" % post_id, post_id % self._partitions, sure)
        self.records["delete"] += 1

    def _send(self, fed: Fed, campaigns: set[str], content: object, partition: int | None = None) -> None:
        fed.maybe |= campaigns

        def sure() -> None:
            fed.acknowledged = True
            fed.sure |= campaigns

        value = json.dumps(content, ensure_ascii=False).encode()
        self._hand_over(value, None, partition, sure)
        self.records["post"] += 1

    def _hand_over(
        self, value: bytes | None, key: bytes | None, partition: int | None, sure: Callable[[], None]
    ) -> None:
        if partition is None:
            partition = self._chance.randrange(self._partitions)
        with self._lock:
            self._under_way += 1
        try:
            sent = self._producer.send(self._topic, value, key=key, partition=partition)
        except KafkaError:
            self._done(lambda: None, ok=False)
        else:
            sent.add_callback(partial(self._acknowledged, sure))
            sent.add_errback(lambda _: self._done(lambda: None, ok=False))

    def _acknowledged(self, sure: Callable[[], None], _: Any) -> None:  # noqa: ANN401 -- kafka-python's
        self._done(sure, ok=True)

    def _done(self, what: Callable[[], None], *, ok: bool) -> None:
        with self._lock:
            what()
            self._under_way -= 1
            if not ok:
                self.records["failed"] += 1

    def _known(self) -> int:
        """A Post written before: mostly a recent one."""
        place = int(len(self._kept) * (1 - self._chance.random() ** 2))
        return self._kept[min(place, len(self._kept) - 1)]

    def _some_campaigns(self) -> set[str]:
        return {name for rank, name in enumerate(CAMPAIGNS, start=2) if self._chance.random() < 1 / rank}
