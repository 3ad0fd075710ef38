"""What an ID costs from the input topic to the boards, against a bare ``poll()`` loop over the same topic.

200,000 distinct IDs on 8 partitions of a real broker, in two topics that are two campaigns; the sandbox
answers, the quota is no limit; five metrics. The records are Post IDs as text, or JSON with ``--shape
json``. The clock starts at the first record and stops when every Post was measured and is on the boards or
was kept off them. Then the same records again: they add nothing new. The worker runs in a process of its
own, so its CPU is the process's, all threads and both hops together.

    python -m benchmarks.pipeline [--quick] [--posts 200000] [--broker apache|tansu]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from typing import Any

from kafka import KafkaConsumer, KafkaProducer

from benchmarks.common import bare_poll, figure, sandbox, worker_values
from tests.tools.brokers import running_broker
from worker.interpreter import lengthen_turns
from worker.logs import set_up_logs
from worker.model import PUBLIC_METRICS, Timestamp, first_post_id
from worker.runtime import Worker
from worker.settings import load
from worker.telemetry import Telemetry
from worker.watchlist import State

PARTITIONS = 8
TOPICS = ("autumn", "spring")
STEP = 0.1
AIM_NEW, AIM_REPEATED, AIM_RATIO = 80.0, 8.0, 12.0


def main() -> None:
    """Run it all, or one of its processes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--posts", type=int, default=200_000)
    parser.add_argument("--broker", choices=("apache", "tansu"), default="apache")
    parser.add_argument("--shape", choices=("text", "json"), default="text", help="of the records")
    parser.add_argument("--turns", type=float, help="seconds of a thread's turn, instead of the worker's own")
    parser.add_argument("--quick", action="store_true", help="10,000 Posts: to see that it runs")
    parser.add_argument("--process", choices=("bare", "worker", "produce"), help=argparse.SUPPRESS)
    parser.add_argument("--values", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--load", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.process == "bare":
        print(json.dumps(bare(options.values, options.load)))
    elif options.process == "worker":
        print(json.dumps(asyncio.run(through_worker(options.values, options.load))))
    elif options.process == "produce":
        produce(options.values["kafka"]["bootstrap_servers"], options.load)
        print("{}")
    else:
        measure(10_000 if options.quick else options.posts, options.broker, options.shape, options.turns)


def measure(posts: int, kind: Any, shape: str, turns: float | None) -> None:  # noqa: ANN401 -- argparse
    """Start broker and sandbox, produce, run both processes, print the figures."""
    with running_broker(kind) as broker, sandbox() as api:
        for topic in TOPICS:
            broker.create_topic(topic, PARTITIONS // len(TOPICS))
        load_of = {"posts": posts, "first": first_post_id(Timestamp(time.time() - 3600)), "shape": shape}
        load_of["turns"] = turns
        produce(broker.bootstrap, load_of)
        values = worker_values(
            broker,
            api,
            ",".join(TOPICS),
            kafka={"sightings_partitions": PARTITIONS, "group": "pipeline"},
            intake={"campaigns_from": ["topic"]},
            boards={"metrics": list(PUBLIC_METRICS)},
            planner={"min_interval": "1h", "interval_growth": 0},
        )
        poll = own_process("bare", values, load_of)
        new = own_process("worker", values, load_of)
    same = {"posts": posts, "broker": kind, "shape": shape}
    figure("bare_poll_cpu", poll["cpu"] / posts * 1e6, "µs/record", **same)
    figure("bare_poll_wall", poll["wall"], "s", **same)
    figure("worker_cpu_new", new["cpu"] / posts * 1e6, "µs/ID", aim=AIM_NEW, **same)
    figure("worker_wall_new", new["wall"], "s", **same)
    figure("worker_cpu_repeated", new["repeated_cpu"] / posts * 1e6, "µs/record", aim=AIM_REPEATED, **same)
    figure("wall_ratio", new["wall"] / poll["wall"], "times a bare poll", aim=AIM_RATIO, **same)
    figure("requests", new["requests"], "requests", **same)


def produce(bootstrap: str, load_of: dict[str, Any]) -> None:
    """Distinct IDs, spread evenly over the partitions of the topics."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, linger_ms=20, batch_size=131_072)
    record = b'{"id":"%d"}' if load_of["shape"] == "json" else b"%d"
    places = [(topic, number) for topic in TOPICS for number in range(PARTITIONS // len(TOPICS))]
    for number in range(load_of["posts"]):
        topic, partition = places[number % PARTITIONS]
        producer.send(topic, record % (load_of["first"] + number * 1_000_003), partition=partition)
    producer.flush()
    producer.close()


def own_process(name: str, values: dict[str, Any], load_of: dict[str, Any]) -> dict[str, float]:
    """Run a part in a process of its own and read its one line."""
    command = [sys.executable, "-m", "benchmarks.pipeline", "--process", name]
    command += ["--values", json.dumps(values), "--load", json.dumps(load_of)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def bare(values: dict[str, Any], load_of: dict[str, Any]) -> dict[str, float]:
    """What a user would write: poll, and nothing else."""
    kafka = values["kafka"]
    consumer = KafkaConsumer(
        *TOPICS,
        bootstrap_servers=kafka["bootstrap_servers"],
        group_id="bare",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=round(kafka["session_timeout"] * 1000),
        heartbeat_interval_ms=round(kafka["heartbeat_interval"] * 1000),
    )
    return bare_poll(consumer, load_of["posts"])


async def through_worker(values: dict[str, Any], load_of: dict[str, Any]) -> dict[str, float]:
    """The same topic through a worker; then the same records once more."""
    set_up_logs("console", "warning")
    telemetry, posts = Telemetry(), load_of["posts"]
    worker = Worker(load(None, values), telemetry)
    async with worker.running():
        if load_of["turns"]:
            lengthen_turns(load_of["turns"])
        while not records_read(telemetry):
            await look_again(worker)
        started, cpu = time.perf_counter(), time.process_time()
        while len(worker.tracker.watchlist) < posts or worker.tracker.watchlist.states()[State.NEW]:
            await look_again(worker)
        worker.tracker.boards.mend()
        wall, cpu_new = time.perf_counter() - started, time.process_time() - cpu
        requests = telemetry.requests.labels("totals", "200")._value.get()  # noqa: SLF001 -- no other way to read it
        worker.tracker.check()

        # What the worker takes when nothing comes in is taken off: it is no cost of a record.
        await asyncio.sleep(1)
        cpu, before = time.process_time(), time.perf_counter()
        await asyncio.sleep(1)
        idle = (time.process_time() - cpu) / (time.perf_counter() - before)
        cpu, before = time.process_time(), time.perf_counter()
        await asyncio.to_thread(again, values, load_of)
        while records_read(telemetry) < 2 * posts:
            await look_again(worker)
        repeated = time.process_time() - cpu - idle * (time.perf_counter() - before)
    return {"wall": wall, "cpu": cpu_new, "repeated_cpu": repeated, "requests": requests}


async def look_again(worker: Worker) -> None:
    """A moment later; raises what the worker failed of."""
    await asyncio.sleep(STEP)
    if worker.failure.done():
        raise worker.failure.result()


def again(values: dict[str, Any], load_of: dict[str, Any]) -> None:
    """Produce the same records, in another process, whose CPU is not the worker's."""
    own_process("produce", values, load_of)


def records_read(telemetry: Telemetry) -> float:
    """Records of the input that were read."""
    names = {"sighting", "repeated"}
    return sum(
        sample.value
        for metric in telemetry.records.collect()
        for sample in metric.samples
        if sample.name.endswith("_total") and sample.labels["outcome"] in names
    )


if __name__ == "__main__":
    main()
