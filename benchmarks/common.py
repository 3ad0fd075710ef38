"""What the benchmarks share: figures as JSON lines, a sandbox beside them, settings for a worker."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.tools.brokers import Broker

TOKEN = "sandbox-token"  # noqa: S105 -- the sandbox's documented default


def figure(name: str, value: float, unit: str, **more: object) -> None:
    """Print one figure."""
    print(json.dumps({"figure": name, "value": round(value, 3), "unit": unit, **more}), flush=True)


@contextlib.contextmanager
def sandbox(requests_per_minute: int = 0) -> Iterator[str]:
    """The URL of a sandbox in a process of its own; 0 is without limit."""
    command = [sys.executable, "-m", "sandbox", "--requests-per-minute", str(requests_per_minute)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        try:
            if server.stdout is None:
                raise RuntimeError("no output to read the address from")
            yield json.loads(server.stdout.readline())["url"]
        finally:
            server.terminate()


def worker_values(broker: Broker, api: str, topic: str, **more: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a worker on this broker and API, as ``load`` takes them; ``more`` by section."""
    values: dict[str, dict[str, Any]] = {
        "kafka": {
            "bootstrap_servers": broker.bootstrap,
            "topic": topic,
            "group": f"bench-{topic}",
            "replication_factor": 1,
            "session_timeout": broker.session_timeout,
            "heartbeat_interval": broker.heartbeat_interval,
        },
        "engagement": {"url": api, "bearer_token": TOKEN, "requests_per_minute": 10_000_000},
        "publish": {"http": {"port": 0}},
    }
    for section, settings in more.items():
        values.setdefault(section, {}).update(settings)
    return values


def bare_poll(consumer: Any, records: int) -> dict[str, float]:  # noqa: ANN401 -- kafka-python is untyped
    """Seconds of wall time and CPU to poll so many records, and nothing else; closes the consumer."""
    read = 0
    while not (polled := consumer.poll(1000)):
        pass
    started, cpu = time.perf_counter(), time.process_time()
    while True:
        read += sum(len(batch) for batch in polled.values())
        if read >= records:
            break
        polled = consumer.poll(1000)
    took = {"wall": time.perf_counter() - started, "cpu": time.process_time() - cpu}
    consumer.close()
    return took
