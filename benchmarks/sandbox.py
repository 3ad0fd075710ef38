"""How much of one core the sandbox takes for a request of 250 IDs and five metrics, HTTP and gzip included.

Prints one JSON object a figure. The client shares the machine, so the server's cost is read from its own
process (``cpu_seconds`` of ``GET /sandbox/stats``) and ``requests_per_core_second`` is its inverse: what the
server could answer if it had a core to itself.

Run it as a module, ``python -m benchmarks.sandbox --requests 5000``: as a script it would stand
in the way of the package of the same name.
"""

from __future__ import annotations

import argparse
import json
import random
import socket
import subprocess
import sys
import threading
import time
import timeit
import urllib.request
import zlib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np

from sandbox.settings import SandboxSettings
from sandbox.world import METRICS, World

if TYPE_CHECKING:
    from collections.abc import Iterator

IDS = 250
DAY_MS = 86_400_000
SNOWFLAKE_EPOCH_MS = 1_288_834_974_657


def main() -> None:
    """Start a sandbox of its own, load it, print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--quick", action="store_true", help="500 requests: to see that it runs")
    options = parser.parse_args()
    world_alone()
    command = [sys.executable, "-m", "sandbox", "--requests-per-minute", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None  # noqa: S101 - asked for just above
            over_http(
                json.loads(server.stdout.readline())["url"],
                500 if options.quick else options.requests,
                options.connections,
            )
        finally:
            server.terminate()


def figure(name: str, value: float, unit: str, **more: object) -> None:
    """One line of the result."""
    print(json.dumps({"figure": name, "value": round(value, 3), "unit": unit, **more}), flush=True)


def some_posts(seed: int) -> list[int]:
    """IDs of Posts of the last day."""
    chance = random.Random(seed)  # noqa: S311 - not a secret
    now = int(time.time() * 1000) - SNOWFLAKE_EPOCH_MS
    return [(now - chance.randrange(DAY_MS)) << 22 | chance.randrange(1 << 22) for _ in range(IDS)]


def world_alone() -> None:
    """The counts without HTTP."""
    world, post_ids, at = World(1), np.array(some_posts(1), dtype=np.int64), int(time.time())
    runs = 500
    for name, call in (
        ("world_counts", lambda: world.counts(post_ids, at)),
        ("world_unavailable", lambda: world.unavailable(post_ids, at)),
    ):
        best = min(timeit.repeat(call, number=runs, repeat=5)) / runs
        figure(name, best * 1e6, "µs", ids=IDS, metrics=len(METRICS))


def over_http(url: str, requests: int, connections: int) -> None:
    """Requests over several connections at once, each waiting for its answer before the next."""
    share = requests // connections
    ask(url, share=50, seed=0)  # warm
    before = stats(url)
    started = time.perf_counter()
    threads = [
        threading.Thread(target=ask, kwargs={"url": url, "share": share, "seed": number})
        for number in range(connections)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall = time.perf_counter() - started
    after = stats(url)
    answered = after["answers_by_status"]["200"] - before["answers_by_status"]["200"]
    if answered != share * connections:
        raise SystemExit(f"{answered} of {share * connections} requests were answered with 200")
    cpu = after["cpu_seconds"] - before["cpu_seconds"]
    shape: dict[str, object] = {"ids": IDS, "metrics": len(METRICS), "requests": answered, "gzip": True}
    figure("server_cpu_per_request", cpu / answered * 1e3, "ms", **shape)
    figure("requests_per_core_second", answered / cpu, "1/s", **shape, aim=1000)
    figure("requests_per_second_of_wall_time", answered / wall, "1/s", **shape, connections=connections)
    compressed, plain = sizes(url)
    figure("answer", compressed, "B", plain=plain)


def ask(url: str, share: int, seed: int) -> None:
    """Send the same request ``share`` times over one connection; costs the client as little as can be."""
    with connected(url) as client:
        request = wire_request(seed)
        for _ in range(share):
            client.sendall(request)
            read_answer(client)


def sizes(url: str) -> tuple[int, int]:
    """Bytes of one answer's body: as sent, and unpacked."""
    with connected(url) as client:
        client.sendall(wire_request(0))
        body = read_answer(client)
    return len(body), len(zlib.decompress(body, 16 + zlib.MAX_WBITS))


def connected(url: str) -> socket.socket:
    """A connection to the sandbox."""
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), timeout=30)


def wire_request(seed: int) -> bytes:
    """A whole request, with the headers that httpx sends."""
    body = json.dumps(
        {
            "tweet_ids": [str(post_id) for post_id in some_posts(seed)],
            "engagement_types": list(METRICS),
            "groupings": {"by_post": {"group_by": ["tweet.id", "engagement.type"]}},
        }
    ).encode()
    head = [
        "POST /insights/engagement/totals HTTP/1.1",
        "Host: 127.0.0.1",
        "Accept: */*",
        "Accept-Encoding: gzip, deflate",
        "Connection: keep-alive",
        "User-Agent: benchmark",
        f"Authorization: Bearer {SandboxSettings().bearer_token}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join((*head, "\r\n")).encode() + body


def read_answer(client: socket.socket) -> bytes:
    """The body of one answer."""
    received = b"".join(until_head_ends(client))
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += client.recv(65_536)
    return body


def until_head_ends(client: socket.socket) -> Iterator[bytes]:
    """Pieces, up to the one in which the head ends."""
    tail = b""
    while b"\r\n\r\n" not in tail:
        piece = client.recv(65_536)
        if not piece:
            raise SystemExit("the sandbox closed the connection")
        tail = tail[-3:] + piece
        yield piece


def stats(url: str) -> dict[str, Any]:
    """What the sandbox says of itself."""
    with urllib.request.urlopen(f"{url}/sandbox/stats") as answer:  # noqa: S310 - our own server
        found: dict[str, Any] = json.load(answer)
    return found


if __name__ == "__main__":
    main()
