"""What an ID costs from the input topic to the boards, against a bare ``poll()`` loop over the same topic.

200,000 distinct IDs, each in two campaigns, on 8 partitions of a real broker; the sandbox answers, the quota is no
limit; five metrics. The clock starts at the first record and stops when every Post was measured and is on the boards
or was kept off them. Then the same records again: they add nothing new. The worker runs in a process of its own, so
its CPU is the process's, all threads and both hops together.

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

from benchmarks.common import figure, sandbox, worker_values
from tests.tools.brokers import running_broker
from worker.logs import set_up_logs
from worker.model import PUBLIC_METRICS, Timestamp, first_post_id
from worker.runtime import Worker
from worker.settings import load
from worker.telemetry import Telemetry
from worker.watchlist import State

PARTITIONS = 8
STEP = 0.02
AIM_NEW, AIM_REPEATED, AIM_RATIO = 45.0, 8.0, 12.0


def main() -> None:
    """Run it all, or one of its processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=200_000)
    parser.add_argument("--broker", choices=("apache", "tansu"), default="apache")
    parser.add_argument("--quick", action="store_true", help="10,000 Posts: to see that it runs")
    parser.add_argument("--process", choices=("bare", "worker"), help=argparse.SUPPRESS)
    parser.add_argument("--values", help=argparse.SUPPRESS)
    parser.add_argument("--first", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    posts = 10_000 if options.quick else options.posts
    if options.process == "bare":
        print(json.dumps(bare(json.loads(options.values), posts)))
    elif options.process == "worker":
        print(json.dumps(asyncio.run(through_worker(json.loads(options.values), posts, options.first))))
    else:
        measure(posts, options.broker)


def measure(posts: int, kind: Any) -> None:  # noqa: ANN401 -- argparse
    """Start broker and sandbox, produce, run both processes, print the figures."""
    with running_broker(kind) as broker, sandbox() as api:
        topic = broker.create_topic("pipeline", PARTITIONS)
        first = first_post_id(Timestamp(time.time() - 3600))
        produce(broker.bootstrap, topic, posts, first)
        values = worker_values(
            broker,
            api,
            topic,
            kafka={"sightings_partitions": PARTITIONS},
            boards={"metrics": list(PUBLIC_METRICS)},
            planner={"min_interval": "1h", "interval_growth": 0},
            engagement={"in_flight": 8},
        )
        poll = own_process("bare", values, posts, first)
        new = own_process("worker", values, posts, first)
    same = {"posts": posts, "broker": kind}
    figure("bare_poll_cpu", poll["cpu"] / posts * 1e6, "µs/record", **same)
    figure("bare_poll_wall", poll["wall"], "s", **same)
    figure("worker_cpu_new", new["cpu"] / posts * 1e6, "µs/ID", aim=AIM_NEW, **same)
    figure("worker_wall_new", new["wall"], "s", **same)
    figure("worker_cpu_repeated", new["repeated_cpu"] / posts * 1e6, "µs/record", aim=AIM_REPEATED, **same)
    figure("wall_ratio", new["wall"] / poll["wall"], "times a bare poll", aim=AIM_RATIO, **same)
    figure("requests", new["requests"], "requests", **same)


def produce(bootstrap: str, topic: str, posts: int, first: int) -> None:
    """Distinct IDs from ``first`` on, each in two campaigns."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, linger_ms=20, batch_size=131_072)
    for number in range(posts):
        value = b'{"id":"%d","campaigns":["autumn","spring"]}' % (first + number * 1_000_003)
        producer.send(topic, value, partition=number % PARTITIONS)
    producer.flush()
    producer.close()


def own_process(name: str, values: dict[str, Any], posts: int, first: int) -> dict[str, float]:
    """Run a part in a process of its own and read its one line."""
    command = [sys.executable, "-m", "benchmarks.pipeline", "--process", name, "--posts", str(posts)]
    command += ["--first", str(first)]
    done = subprocess.run([*command, "--values", json.dumps(values)], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def bare(values: dict[str, Any], posts: int) -> dict[str, float]:
    """What a user would write: poll, and nothing else."""
    kafka = values["kafka"]
    consumer = KafkaConsumer(
        kafka["topic"],
        bootstrap_servers=kafka["bootstrap_servers"],
        group_id="bare",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=round(kafka["session_timeout"] * 1000),
        heartbeat_interval_ms=round(kafka["heartbeat_interval"] * 1000),
    )
    read = 0
    while not (records := consumer.poll(1000)):
        pass
    started, cpu = time.perf_counter(), time.process_time()
    while True:
        read += sum(len(batch) for batch in records.values())
        if read >= posts:
            break
        records = consumer.poll(1000)
    took = {"wall": time.perf_counter() - started, "cpu": time.process_time() - cpu}
    consumer.close()
    return took


async def through_worker(values: dict[str, Any], posts: int, first: int) -> dict[str, float]:
    """The same topic through a worker; then the same records once more."""
    set_up_logs("console", "warning")
    telemetry = Telemetry()
    worker = Worker(load(None, values), telemetry)
    async with worker.running():
        while not records_read(telemetry):
            await asyncio.sleep(STEP / 4)
        started, cpu = time.perf_counter(), time.process_time()
        while len(worker.tracker.watchlist) < posts or worker.tracker.watchlist.states()[State.NEW]:
            await asyncio.sleep(STEP)
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
        await asyncio.to_thread(again, values, posts, first)
        while records_read(telemetry) < 2 * posts:
            await asyncio.sleep(STEP)
        repeated = time.process_time() - cpu - idle * (time.perf_counter() - before)
    return {"wall": wall, "cpu": cpu_new, "repeated_cpu": repeated, "requests": requests}


def again(values: dict[str, Any], posts: int, first: int) -> None:
    """Produce the same records, in another process, whose CPU is not the worker's."""
    kafka = values["kafka"]
    code = (
        "import sys; from benchmarks.pipeline import produce; "
        "produce(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))"
    )
    arguments = [kafka["bootstrap_servers"], kafka["topic"], str(posts), str(first)]
    subprocess.run([sys.executable, "-c", code, *arguments], check=True)


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
