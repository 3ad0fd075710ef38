"""A stream of Posts that ends as it begins: what comes also goes, and nothing is remembered for long."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Final

from kafka import KafkaProducer
from kafka.errors import KafkaError

from worker.model import Timestamp, first_post_id

if TYPE_CHECKING:
    from collections.abc import Sequence

LASTING: Final = ("autumn", "spring")
PASSING_AT_ONCE: Final = 20
"""Campaigns that pass, as many as have Posts at any time."""

BURST: Final = 60_000
"""Three times what a worker reads ahead (``watchlist.queue_posts``): whatever has a limit reaches it."""

_KINDS: Final = ("new", "again", "retweet", "unreadable")
_OF_KINDS: Final = (60, 27, 12, 1)
_TICK: Final = 0.05
_OLDEST: Final = 20.0
_RECENT: Final = 2000
_OPEN: Final = 3
_LOW_BITS: Final = 22


class Feed:
    """Writes in a thread of its own, ``rate`` records a second, delete notices beside them.

    A new campaign begins every twentieth of ``window`` seconds. The newest few get Posts; when its time is
    over, each of a campaign's Posts is deleted by a notice, and the campaign is gone.

    At each of the moments ``bursts``, in seconds from the start, ``BURST`` records more come at once.
    """

    def __init__(
        self,
        bootstrap: str,
        topic: str,
        partitions: int,
        rate: float,
        *,
        window: float,
        bursts: Sequence[float] = (),
    ) -> None:
        self._bursts = bursts
        self._topic = topic
        self._partitions = partitions
        self._rate = rate
        self._every = window / PASSING_AT_ONCE
        self._chance = random.Random(1)  # noqa: S311 -- not a secret
        self._producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=5)
        self._passing: deque[tuple[str, list[int]]] = deque()
        self._recent: deque[tuple[int, list[str]]] = deque(maxlen=_RECENT)
        self._deletes: deque[int] = deque()
        self._begun = 0
        self._ends = threading.Event()
        self.records: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def close(self) -> None:
        """End, and let go of the brokers."""
        self._ends.set()
        if self._thread.ident is not None:
            self._thread.join(10)
        self._producer.close(timeout=2)

    def is_writing(self) -> bool:
        """Whether it still does: a feed that failed makes a soak of nothing."""
        return self._thread.is_alive()

    def _run(self) -> None:
        began, written, notices = time.monotonic(), 0, 0
        while not self._ends.wait(_TICK):
            gone = time.monotonic() - began
            self._turn(gone)
            due = round(gone * self._rate) + BURST * sum(gone >= moment for moment in self._bursts)
            for _ in range(due - written):
                (kind,) = self._chance.choices(_KINDS, _OF_KINDS)
                getattr(self, f"_write_{kind}")()
            notices = min(due - written, len(self._deletes))
            for _ in range(notices):
                self._write_delete(self._deletes.popleft())
            written = due

    def _turn(self, gone: float) -> None:
        """Begin and end campaigns as their time comes."""
        while self._begun * self._every <= gone:
            self._passing.append((f"campaign {self._begun}", []))
            self._begun += 1
        while len(self._passing) > PASSING_AT_ONCE:
            _, posts = self._passing.popleft()
            self._deletes.extend(posts)

    def _write_new(self) -> None:
        now = Timestamp(time.time())
        created = Timestamp(now - self._chance.uniform(0, _OLDEST))
        post_id = first_post_id(created) | self._chance.getrandbits(_LOW_BITS)
        campaigns = [name for name in LASTING if self._chance.random() < 1 / 3]
        if self._chance.random() < 1 / 2:
            name, posts = self._passing[-self._chance.randint(1, min(_OPEN, len(self._passing)))]
            campaigns.append(name)
            posts.append(post_id)
        else:
            self._recent.append((post_id, campaigns))
        text = f"Post {post_id} of " + ", ".join(campaigns)
        self._send(post_id, {"id": str(post_id), "campaigns": campaigns, "text": text, "author": "somebody"})
        self.records["new"] += 1

    def _write_again(self) -> None:
        if self._recent:
            post_id, campaigns = self._chance.choice(self._recent)
            self._send(post_id, {"post_id": str(post_id), "campaigns": campaigns})
            self.records["again"] += 1

    def _write_retweet(self) -> None:
        if self._recent:
            post_id, campaigns = self._chance.choice(self._recent)
            retweet = first_post_id(Timestamp(time.time())) | self._chance.getrandbits(_LOW_BITS)
            told = {"id_str": str(post_id), "text": f"Post {post_id}"}
            tags = [{"tag": name} for name in campaigns]
            self._send(post_id, {"id_str": str(retweet), "retweeted_status": told, "matching_rules": tags})
            self.records["retweet"] += 1

    def _write_unreadable(self) -> None:
        self._hand_over(b"unreadable %d" % self.records["unreadable"], None, 0)
        self.records["unreadable"] += 1

    def _write_delete(self, post_id: int) -> None:
        self._hand_over(None, b"%d" % post_id, post_id % self._partitions)
        self.records["delete"] += 1

    def _send(self, post_id: int, content: object) -> None:
        # All of a Post is in one partition: its delete notice must come last.
        self._hand_over(json.dumps(content).encode(), None, post_id % self._partitions)

    def _hand_over(self, value: bytes | None, key: bytes | None, partition: int) -> None:
        try:
            self._producer.send(self._topic, value, key=key, partition=partition)
        except KafkaError:
            self.records["failed"] += 1
