"""What a report costs: 100,000 IDs, five metrics, top 10, against the sandbox in a process of its own.

Prints one JSON object a figure. Wall and CPU time are of the whole command, the start of Python included.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.common import TOKEN, figure, sandbox

if TYPE_CHECKING:
    import resource

DAY_MS = 86_400_000
SNOWFLAKE_EPOCH_MS = 1_288_834_974_657
AIMS = {0.0: 1.5, 0.05: 2.5}
"""Seconds of wall time at a latency of so many seconds."""


def main() -> None:
    """Report on the same IDs without latency and with it; the best of the runs, and all of them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ids", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--in-flight", type=int, default=32)
    parser.add_argument("--quick", action="store_true", help="5,000 IDs, one run: to see that it runs")
    options = parser.parse_args()
    count, runs = (5_000, 1) if options.quick else (options.ids, options.runs)
    with tempfile.TemporaryDirectory() as folder, sandbox() as url:
        ids = Path(folder, "ids.txt")
        ids.write_text("".join(f"{post_id}\n" for post_id in some_posts(count)))
        for latency, aim in AIMS.items():
            set_latency(url, latency)
            measured = [run(url, ids, options.in_flight) for _ in range(runs)]
            shape: dict[str, object] = {"ids": count, "metrics": 5, "latency": latency}
            for name, unit in (("wall", "s"), ("cpu", "s"), ("peak_memory", "MiB"), ("requests", "")):
                values = [one[name] for one in measured]
                more = {"aim": aim} if name == "wall" else {"aim": 1.5} if name == "cpu" else {}
                runs_told = {"runs": [round(value, 3) for value in values]}
                figure(f"report_{name}", min(values), unit, **shape, **more, **runs_told)


def some_posts(count: int) -> list[int]:
    """IDs of Posts of the last 60 days."""
    chance = random.Random(1)  # noqa: S311 -- no secret
    now = int(time.time() * 1000) - SNOWFLAKE_EPOCH_MS
    return [(now - chance.randrange(60 * DAY_MS)) << 22 | chance.randrange(1 << 22) for _ in range(count)]


def run(url: str, ids: Path, in_flight: int) -> dict[str, float]:
    """One report: its wall and CPU time, peak memory, and the requests that the sandbox saw."""
    out = ids.with_name("out")
    others = {name: value for name, value in os.environ.items() if not name.startswith("TOPTWEETS_")}
    environment = {
        **others,
        "TOPTWEETS_ENGAGEMENT__URL": url,
        "TOPTWEETS_ENGAGEMENT__BEARER_TOKEN": TOKEN,
        "TOPTWEETS_ENGAGEMENT__REQUESTS_PER_MINUTE": "10000000",
        "TOPTWEETS_ENGAGEMENT__IN_FLIGHT": str(in_flight),
    }
    before = asked(url)
    started = time.perf_counter()
    command = [sys.executable, "-m", "worker", "report", str(ids), "--out", str(out), "--top", "10"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    posts = json.loads((out / "report.json").read_text())["posts"]
    if process.returncode or posts["measured"] + posts["unavailable"] != posts["distinct"]:
        raise SystemExit(f"exit code {process.returncode}: {posts}")
    return {
        "wall": wall,
        "cpu": used.ru_utime + used.ru_stime,
        "peak_memory": _mebibytes(used),
        "requests": asked(url) - before,
    }


def _mebibytes(used: resource.struct_rusage) -> float:
    return used.ru_maxrss / (1024 if sys.platform != "darwin" else 1024 * 1024)


def asked(url: str) -> int:
    """Requests that the sandbox has seen."""
    with urllib.request.urlopen(f"{url}/sandbox/stats") as answer:  # noqa: S310 - our own server
        stats: dict[str, Any] = json.load(answer)
    return int(stats["requests"])


def set_latency(url: str, seconds: float) -> None:
    """Each answer comes so much later."""
    body = json.dumps({"latency_seconds": seconds}).encode()
    urllib.request.urlopen(urllib.request.Request(f"{url}/sandbox/faults", body)).close()  # noqa: S310 - our own


if __name__ == "__main__":
    main()
