"""Memory of a tracked Post, at a million Posts that were all measured, with what the planner knows of each.

Each figure is taken in a fresh process: what the process has grown by once all Posts are tracked, were
measured and are on their boards, divided by the Posts. Five metrics, two campaigns, no text; once more with
two boards of growth per hour. Sightings and answers are made in chunks and thrown away, as in a worker, so
they do not count.

    python -m benchmarks.memory [--quick] [--posts 1000000]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from prometheus_client import CollectorRegistry

from benchmarks.common import figure
from worker.boards import BoardsLimits
from worker.engagement import Outcome
from worker.model import (
    PUBLIC_METRICS,
    Campaign,
    Counts,
    MetricName,
    PostId,
    Seconds,
    Sighting,
    Standings,
    Timestamp,
    first_post_id,
)
from worker.planner import BoardGain, BoardGainSettings, TimingSettings
from worker.telemetry import Telemetry
from worker.tracker import Tracker
from worker.watchlist import State, WatchlistLimits

if TYPE_CHECKING:
    from collections.abc import Sequence

AIM: Final = 400.0
NOW: Final = Timestamp(1_800_000_000.0)
DAY: Final = 86_400.0
PER_HOUR: Final = (MetricName("favorites_per_hour"), MetricName("retweets_per_hour"))
CAMPAIGNS: Final = (Campaign("autumn"), Campaign("spring"))
PARTITIONS, CHUNK, SEATS = 8, 500, 250
PLANS: Final = 60
"""Enough that all Posts are looked at: a plan looks at some 20,000 at most."""


def main() -> None:
    """Run it all, or one of its processes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--posts", type=int, default=1_000_000)
    parser.add_argument("--quick", action="store_true", help="20,000 Posts: to see that it runs")
    parser.add_argument("--process", choices=("counts", "per-hour"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    posts = 20_000 if options.quick else options.posts
    if options.process:
        print(json.dumps(measured(posts, per_hour=options.process == "per-hour")))
    else:
        measure(posts)


def measure(posts: int) -> None:
    """Run the processes, print the figures."""
    counts, per_hour = own_process("counts", posts), own_process("per-hour", posts)
    same = {"posts": posts, "metrics": len(PUBLIC_METRICS), "campaigns": len(CAMPAIGNS)}
    figure("memory_per_post", counts["bytes"] / posts, "bytes", per_hour=0, aim=AIM, **same)
    figure("memory_peak_per_post", counts["peak"] / posts, "bytes", per_hour=0, **same)
    figure("memory_per_post", per_hour["bytes"] / posts, "bytes", per_hour=len(PER_HOUR), **same)
    figure("memory_peak_per_post", per_hour["peak"] / posts, "bytes", per_hour=len(PER_HOUR), **same)


def own_process(name: str, posts: int) -> dict[str, float]:
    """Run a part in a process of its own and read its one line."""
    command = [sys.executable, "-m", "benchmarks.memory", "--process", name, "--posts", str(posts)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def measured(posts: int, *, per_hour: bool) -> dict[str, float]:
    """Track and measure so many Posts; what that took in memory, and what planning takes then."""
    metrics = (*PUBLIC_METRICS, *PER_HOUR) if per_hour else PUBLIC_METRICS
    tracker = Tracker(
        metrics,
        WatchlistLimits(Seconds(2 * DAY), posts, max_campaigns=200, growth_window=Seconds(3600.0)),
        BoardsLimits(top=50, reserve=50),
        half_growth=Seconds(4800.0),
        telemetry=Telemetry(CollectorRegistry()),
    )
    # What is loaded and set up by the first Post of all is no cost of a Post.
    warm_up = min(CHUNK, posts)
    see(tracker, 0, warm_up, posts)
    ask(tracker, np.random.default_rng(1))
    before, peak_before = resident(), peak()
    for start in range(warm_up, posts, CHUNK):
        see(tracker, start, min(start + CHUNK, posts), posts)
    ask(tracker, np.random.default_rng(2))
    tracker.boards.mend()
    planner = plan(tracker, metrics)
    grown = {"bytes": float(resident() - before), "peak": float(peak() - peak_before)}
    if tracker.watchlist.states()[State.MEASURED] != posts:
        raise RuntimeError("not all Posts were measured")
    if planner.empty:
        raise RuntimeError("the planner has looked at nothing")
    return grown


def see(tracker: Tracker, start: int, end: int, posts: int) -> None:
    """Sightings of Posts of one day, numbers ``start`` to ``end`` of ``posts``."""
    first, step = (
        first_post_id(Timestamp(NOW - DAY)),
        (first_post_id(NOW) - first_post_id(Timestamp(NOW - DAY))),
    )
    sightings = [
        Sighting(PostId(first + step * number // posts), CAMPAIGNS[number % 2 : number % 2 + 1], NOW)
        for number in range(start, end)
    ]
    tracker.take(start // CHUNK % PARTITIONS, sightings, NOW)


def ask(tracker: Tracker, random: np.random.Generator) -> None:
    """Measure every Post that was not yet, by requests of 250; heavy-tailed counts."""
    while post_ids := tracker.watchlist.app.first_unmeasured(SEATS):
        tracker.watchlist.app.mark_asked(post_ids, NOW)
        values = (random.pareto(1.0, (len(post_ids), len(PUBLIC_METRICS))) * 5).astype(np.int64)
        counts = Counts(NOW, np.array(post_ids, dtype=np.int64), values)
        tracker.answered(Outcome(NOW, counts=[counts]))


def plan(tracker: Tracker, metrics: Sequence[MetricName]) -> BoardGain:
    """A planner that has looked at all Posts."""
    settings = BoardGainSettings(
        top=50,
        growth_window=Seconds(3600.0),
        half_growth=Seconds(4800.0),
        tracking_window=Seconds(2 * DAY),
        unasked_share=0.03,
        max_unasked=Seconds(DAY),
        retire_chance=1e-4,
    )
    planner = BoardGain(
        metrics, settings, TimingSettings(Seconds(2.0), Seconds(15.0), 0.02, Seconds(21_600.0))
    )
    for number in range(1, PLANS + 1):
        planner.plan(Timestamp(NOW + 3600 + number), tracker.watchlist.app, Standings({}), SEATS)
    return planner


def resident() -> int:
    """Bytes of memory that this process has now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def peak() -> int:
    """The most bytes of memory that this process had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
