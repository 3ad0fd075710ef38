"""Time from producing a Post to a leaderboard that shows it, when the quota is no limit.

A Post is produced every 100 ms or so, at random moments; a consumer of ``<group>.leaderboards`` notes when
the first leaderboard with the Post arrives. The worker runs in a process of its own, with its default
settings but for a board that has room for every Post. The aim is the linger, 2 s, and 1.5 s more, for 99 of
100 Posts.

    python -m benchmarks.latency [--quick] [--posts 600] [--broker apache|tansu]
"""

from __future__ import annotations

import argparse
import random
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import orjson
from kafka import KafkaConsumer, KafkaProducer

from benchmarks.common import figure, sandbox
from sandbox.settings import SandboxSettings
from sandbox.world import World
from tests.tools.brokers import running_broker
from tests.tools.live_worker import running_worker
from worker.model import Timestamp, first_post_id

if TYPE_CHECKING:
    from collections.abc import Iterable

LINGER = 2.0
AIM = LINGER + 1.5
TOPIC = "latency"
GROUP = "bench"
BETWEEN = 0.1
AT_MOST = 30.0


def main() -> None:
    """Start everything, produce, print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--posts", type=int, default=600)
    parser.add_argument("--broker", choices=("apache", "tansu"), default="apache")
    parser.add_argument("--quick", action="store_true", help="100 Posts: to see that it runs")
    options = parser.parse_args()
    posts = 100 if options.quick else options.posts
    with (
        tempfile.TemporaryDirectory() as folder,
        running_broker(options.broker) as broker,
        sandbox() as api,
    ):
        broker.create_topic(TOPIC, 3)
        settings = {
            "KAFKA__GROUP": GROUP,
            "KAFKA__REPLICATION_FACTOR": "1",
            "KAFKA__SESSION_TIMEOUT": f"{broker.session_timeout}s",
            "KAFKA__HEARTBEAT_INTERVAL": f"{broker.heartbeat_interval}s",
            "BOARDS__METRICS": "favorites",
            "BOARDS__TOP": "1000",
        }
        address = api.removeprefix("http://")
        with running_worker(Path(folder), broker.bootstrap, TOPIC, address, settings) as worker:
            worker.await_that("/readyz", "owns")
            seen = follow(broker.bootstrap, f"{GROUP}.leaderboards")
            produced = produce(broker.bootstrap, posts)
            deadline = time.monotonic() + AT_MOST
            while len(seen) < posts and time.monotonic() < deadline:
                time.sleep(BETWEEN)
    took = sorted(seen[post_id] - at for post_id, at in produced.items() if post_id in seen)
    same = {"posts": posts, "broker": options.broker, "linger": LINGER}
    figure("produce_to_leaderboard_median", took[len(took) // 2], "s", **same)
    figure(
        "produce_to_leaderboard_p99", took[min(len(took) - 1, round(len(took) * 0.99))], "s", aim=AIM, **same
    )
    figure("never_shown", len(available(produced) - seen.keys()), "Posts", **same)


def produce(bootstrap: str, posts: int) -> dict[str, float]:
    """Post IDs of now at random moments; returns when each was produced."""
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    chance = random.Random(1)  # noqa: S311 -- no secret depends on it
    produced = {}
    for _ in range(posts):
        post_id = str(first_post_id(Timestamp(time.time())) + chance.randrange(1 << 22))
        produced[post_id] = time.time()
        producer.send(TOPIC, post_id.encode())
        time.sleep(chance.uniform(0, 2 * BETWEEN))
    producer.close()
    return produced


def available(produced: Iterable[str]) -> set[str]:
    """Those that the sandbox does not say are protected or deleted: they are on no board, and rightly."""
    post_ids = np.array([int(post_id) for post_id in produced], dtype=np.int64)
    gone = World(SandboxSettings().seed).unavailable(post_ids, int(time.time()))
    return {str(post_id) for post_id in post_ids[~gone].tolist()}


def follow(bootstrap: str, topic: str) -> dict[str, float]:
    """When each Post was first on a leaderboard; filled in by a thread."""
    seen: dict[str, float] = {}

    def read() -> None:
        consumer = KafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
        for record in consumer:
            at = time.time()
            for entry in orjson.loads(record.value)["entries"] if record.value else ():
                seen.setdefault(entry["post_id"], at)

    threading.Thread(target=read, daemon=True).start()
    return seen


if __name__ == "__main__":
    main()
