"""What it takes to start again: a worker restores its Posts from the journal, against a bare ``poll()`` loop.

The journal of a real broker holds so many Posts, each measured, with five metrics and a campaign, written by
a worker that ended; once more with a text of usual length. A worker, in a process of its own, is started
on it: the clock runs from its first record of the journal to the last Post that is on its boards or was
kept off them. A plain loop in another process reads the same topic. The sandbox counts what it is asked
for: all was known, and is not due.

    python -m benchmarks.restore [--quick] [--posts 1000000] [--broker apache|tansu]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from typing import Any, Final
from urllib.request import urlopen

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from benchmarks.common import bare_poll, figure, sandbox, worker_values
from benchmarks.memory import resident
from tests.tools.brokers import Broker, running_broker
from worker.formats.journal import encode_saved
from worker.intake import TopicNames
from worker.intake.forwarder import partition_of
from worker.logs import set_up_logs
from worker.model import PUBLIC_METRICS, Campaign, PostId, SavedPost, Timestamp, first_post_id
from worker.runtime import Worker
from worker.settings import load
from worker.telemetry import Telemetry

AIM_RATIO, AIM_ASKED = 3.0, 0.0
PARTITIONS: Final = 8
CAMPAIGNS: Final = (Campaign("autumn"), Campaign("spring"))
TEXT: Final = (
    "So many of you came to see the new hall opened today, and the sun was there too. Thank you all!"
)
BY: Final = "0a1b2c3d"
STEP: Final = 0.05


def main() -> None:
    """Run it all, or one of its processes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--posts", type=int, default=1_000_000)
    parser.add_argument("--broker", choices=("apache", "tansu"), default="apache")
    parser.add_argument("--quick", action="store_true", help="20,000 Posts: to see that it runs")
    parser.add_argument("--process", choices=("bare", "worker"), help=argparse.SUPPRESS)
    parser.add_argument("--values", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--load", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.process == "bare":
        print(json.dumps(bare(options.values, options.load)))
    elif options.process == "worker":
        print(json.dumps(asyncio.run(through_worker(options.values, options.load))))
    else:
        for text in (None, TEXT):
            measure(20_000 if options.quick else options.posts, options.broker, text)


def measure(posts: int, kind: Any, text: str | None) -> None:  # noqa: ANN401 -- argparse
    """Start broker and sandbox, fill the journal, run both processes, print the figures."""
    with running_broker(kind) as broker, sandbox() as api:
        values = worker_values(
            broker,
            api,
            broker.create_topic("posts"),
            kafka={"sightings_partitions": PARTITIONS, "group": "restore"},
            boards={"metrics": list(PUBLIC_METRICS)},
            planner={"min_interval": "1d", "interval_growth": 0, "retire_chance": 0},
            watchlist={"max_posts": posts + 1},
        )
        names = TopicNames("restore")
        for topic in (names.journal, names.sightings):
            broker.create_topic(topic, PARTITIONS)
        written = fill(broker, names.journal, posts, text)
        load_of = {"posts": posts, "topic": names.journal}
        poll = own_process("bare", values, load_of)
        worker = own_process("worker", values, load_of)
        with urlopen(f"{api}/sandbox/stats") as answer:  # noqa: S310 -- our own sandbox
            asked = json.load(answer)["ids_served"]
    same = {"posts": posts, "broker": kind, "text": text is not None}
    figure("journal_bytes_per_post", written / posts, "bytes", **same)
    figure("bare_poll_wall", poll["wall"], "s", **same)
    figure("bare_poll_cpu", poll["cpu"] / posts * 1e6, "µs/Post", **same)
    figure("restore_wall", worker["wall"], "s", **same)
    figure("restore_cpu", worker["cpu"] / posts * 1e6, "µs/Post", **same)
    figure("restore_wall_ratio", worker["wall"] / poll["wall"], "times a bare poll", aim=AIM_RATIO, **same)
    figure("restore_memory_per_post", worker["bytes"] / posts, "bytes", **same)
    figure("restore_longest_pause", worker["pause"], "s of the loop", **same)
    figure("restore_asked", asked, "IDs that were known", aim=AIM_ASKED, **same)


def fill(broker: Broker, topic: str, posts: int, text: str | None) -> int:
    """Posts as a worker saves them, each in its partition; returns the bytes of their keys and values."""
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap, linger_ms=20, batch_size=131_072)
    now, written = Timestamp(time.time()), 0
    first = first_post_id(Timestamp(now - 3600))
    for number in range(posts):
        post_id = PostId(first + number * 1_000_003)
        saved = SavedPost(
            post_id,
            CAMPAIGNS[number % 2 : number % 2 + 1],
            now,
            "somebody" if text else None,
            text,
            measured_at=now,
            values={
                metric: float(number * 7919 % (10 * place))
                for place, metric in enumerate(PUBLIC_METRICS, start=1)
            },
        )
        key, value = encode_saved(saved, BY)
        written += len(key) + len(value)
        producer.send(topic, value, key=key, partition=partition_of(post_id, PARTITIONS))
    producer.flush()
    producer.close()
    return written


def own_process(name: str, values: dict[str, Any], load_of: dict[str, Any]) -> dict[str, float]:
    """Run a part in a process of its own and read its one line."""
    command = [sys.executable, "-m", "benchmarks.restore", "--process", name]
    command += ["--values", json.dumps(values), "--load", json.dumps(load_of)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def bare(values: dict[str, Any], load_of: dict[str, Any]) -> dict[str, float]:
    """What a user would write: poll, and nothing else."""
    consumer = KafkaConsumer(
        bootstrap_servers=values["kafka"]["bootstrap_servers"],
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    consumer.assign([TopicPartition(load_of["topic"], number) for number in range(PARTITIONS)])
    return bare_poll(consumer, load_of["posts"])


async def through_worker(values: dict[str, Any], load_of: dict[str, Any]) -> dict[str, float]:
    """The same topic into a worker."""
    set_up_logs("console", "warning")
    telemetry, posts = Telemetry(), load_of["posts"]
    worker = Worker(load(None, values), telemetry)
    before = resident()
    async with worker.running():
        while not telemetry.journal_read._value.get():  # noqa: SLF001 -- no other way to read it
            await look_again(worker)
        started, cpu, pause = time.perf_counter(), time.process_time(), 0.0
        restored = telemetry.restore_seconds
        while len(worker.tracker.watchlist) < posts or worker.tracker.watchlist.columns.restoring.any():
            looked = time.perf_counter()
            await look_again(worker)
            pause = max(pause, time.perf_counter() - looked - STEP)
        worker.tracker.boards.mend()
        took = {"wall": time.perf_counter() - started, "cpu": time.process_time() - cpu, "pause": pause}
        took["bytes"] = resident() - before
        worker.tracker.check()
        if not restored._sum.get():  # noqa: SLF001 -- no other way to read it
            raise RuntimeError("nothing was restored")
        # Whatever it would ask for, it would ask for now.
        await asyncio.sleep(2)
    return took


async def look_again(worker: Worker) -> None:
    """A moment later; raises what the worker failed of."""
    await asyncio.sleep(STEP)
    if worker.failure.done():
        raise worker.failure.result()


if __name__ == "__main__":
    main()
