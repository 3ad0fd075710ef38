"""One worker or several: what an ID costs, whether boards are the same, and what a rebalance shows.

Distinct IDs on 8 partitions of real Apache Kafka, in two topics that are two campaigns, through groups of 1,
2 and 4 workers, each with a broker and a sandbox of its own; 12 partitions of Sightings, five metrics, the
quota no limit. The CPU is that of all workers, from just before the first record to when every Post was
measured and every worker's merged leaderboards tell of all of them; what they take when idle is in it. Every
leaderboard of every worker is compared with the plain sort of all Posts by the sandbox's truth at the second
each was measured.

First a load that grows with the group, as a group does with its load: a steady stream, ``--rate-each`` IDs a
second for each worker. Then the same load for all, all Posts at once, which fills the machine: a worker costs
more where more of them run than the machine has cores, whether they are a group or not. So as many workers
run apart too, each with its share of the Posts, at the same time: ``group_ratio`` is what the group costs
against those. ``--rate`` feeds a steady stream instead of all at once, as fast for all groups.

Then two workers measure 2,000 Posts every second, while a reader follows ``<group>.leaderboards``: a third
one joins, one that does not publish is killed, the publisher is killed. Of each, the longest gap between two
records, and the leaderboards shown that had Posts missing. Exit code 1 if boards differ or had any missing.

    python -m benchmarks.scale [--quick] [--posts 100000] [--workers 1,2,4] [--rate-each 1250] [--rate N]
        [--parts grown,same,rebalance] [--fetch-wait 250ms] [--json FILE]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.chaos.report import Report
from benchmarks.chaos.run import sigterm_as_ctrl_c
from benchmarks.scale.load import load
from benchmarks.scale.rebalance import rebalance
from worker.model import PostId, Timestamp, first_post_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.scale.load import Loaded
    from benchmarks.scale.rebalance import Seen

AIM_RATIO: Final = 1.15
_PARTS: Final = ["grown", "same", "rebalance"]
INTERRUPTED: Final = 130
_REBALANCED: Final = 2400
"""Posts, before those are left out whose counts may fall."""
_QUICK: Final = 10_000
_BETWEEN_IDS: Final = 1_000_003
_AGE: Final = 3600.0
_TOLD: Final = 20
_LEAST_EACH: Final = 100


def main() -> int:
    """Run it; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--posts", type=int, default=100_000)
    parser.add_argument("--workers", type=_numbers, default=[1, 2, 4], help="of each group")
    parser.add_argument("--parts", type=_parts, default=_PARTS, help="only these of grown, same, rebalance")
    parser.add_argument(
        "--rate-each", type=_rate, default=1250.0, help="Posts a second for each worker, where the load grows"
    )
    parser.add_argument(
        "--rate", type=_rate, help="Posts a second instead of all at once, where it is the same"
    )
    parser.add_argument("--fetch-wait", default="250ms", help="the setting kafka.fetch_wait")
    parser.add_argument("--json", type=Path, help="write figures and failures to this file too")
    parser.add_argument("--quick", action="store_true", help=f"{_QUICK} Posts: to see that it runs")
    given = parser.parse_args()
    posts = _post_ids(_QUICK if given.quick else given.posts)
    if len(posts) < _LEAST_EACH * max(given.workers):
        parser.error(f"--posts: {len(posts)} are too few, at least {_LEAST_EACH} for each worker")
    directory = Path(tempfile.mkdtemp(prefix="top-tweets-scale-"))
    report = Report()
    try:
        with sigterm_as_ctrl_c():
            if "grown" in given.parts:
                _grown(given, directory, posts, report)
            if "same" in given.parts:
                _same(given, directory, posts, report)
            if "rebalance" in given.parts:
                for seen in rebalance(directory / "rebalance", posts[:_REBALANCED], given.fetch_wait):
                    _tell_rebalance(seen, report)
    except BaseException as error:
        sys.stderr.write(f"logs: {directory}\n")
        if isinstance(error, KeyboardInterrupt):
            return INTERRUPTED
        raise
    return report.close(directory, given.json)


def _grown(given: argparse.Namespace, directory: Path, posts: Sequence[PostId], report: Report) -> None:
    """The load grows with the group."""
    first, each = None, len(posts) // max(given.workers)
    for workers in given.workers:
        feed = {"rate": workers * given.rate_each, "fetch_wait": given.fetch_wait}
        loaded = load(directory / f"grown-{workers}", workers, posts[: workers * each], **feed)
        first = _tell_load(loaded, "grown_", workers * each, first, report, **feed)


def _same(given: argparse.Namespace, directory: Path, posts: Sequence[PostId], report: Report) -> None:
    """The load is the same for all groups."""
    first, feed = None, {"rate": given.rate, "fetch_wait": given.fetch_wait}
    for workers in given.workers:
        loaded = load(directory / f"group-{workers}", workers, posts, **feed)
        first = _tell_load(loaded, "", len(posts), first, report, **feed)
        if workers > 1:
            apart = load(directory / f"apart-{workers}", workers, posts, **feed, apart=True)
            _tell_apart(loaded, apart, len(posts), report, **feed)


def _tell_load(
    loaded: Loaded, kind: str, posts: int, first: float | None, report: Report, **feed: object
) -> float:
    """Tell of a group whose figures' names begin with ``kind``; what an ID costs the first of its kind."""
    same: dict[str, Any] = {"workers": loaded.workers, "posts": posts, **feed}
    cost = loaded.cpu / posts * 1e6
    first = first or cost
    report.tell(f"{kind}worker_cpu_per_id", cost, "µs/ID", **same)
    report.tell(f"{kind}cpu_ratio", cost / first, "times the first group's", aim=AIM_RATIO, **same)
    report.tell(f"{kind}wall", loaded.wall, "s", **same)
    report.tell(f"{kind}idle_cpu", loaded.idle * 1e3, "ms/s of all workers", **same)
    report.tell(f"{kind}requests", loaded.requests, "requests", **same)
    faults = len(loaded.wrong) + len(loaded.wrong_values)
    right = not faults and loaded.boards > 0
    report.tell(f"{kind}boards_identical", right, "1: all", boards=loaded.boards, **same)
    if not loaded.boards:
        report.failures.append(f"{kind}{loaded.workers} workers: there was no leaderboard to compare")
    for one in loaded.wrong[:_TOLD]:
        report.failures.append(
            f"{kind}{loaded.workers} workers: the leaderboard {one.key[0]}/{one.key[1]} of {one.where}"
            f" is wrong at place {one.place}: expected {one.expected}, got {one.got}"
        )
    report.failures += [f"{kind}{loaded.workers} workers: {text}" for text in loaded.wrong_values[:_TOLD]]
    return first


def _tell_apart(together: Loaded, apart: Loaded, posts: int, report: Report, **feed: object) -> None:
    same: dict[str, Any] = {"workers": apart.workers, "posts": posts, **feed}
    report.tell("worker_cpu_per_id_apart", apart.cpu / posts * 1e6, "µs/ID", **same)
    report.tell("group_ratio", together.cpu / apart.cpu, "times as many apart", aim=AIM_RATIO, **same)


def _tell_rebalance(seen: Seen, report: Report) -> None:
    more = {"settled": round(seen.settled, 3), "records": seen.records, "incomplete_boards": seen.incomplete}
    report.tell(f"rebalance_gap_{seen.what}", seen.gap, "s", **more)
    if seen.incomplete:
        report.failures.append(f"{seen.what}: {seen.incomplete} leaderboards were shown with Posts missing")


def _post_ids(count: int) -> list[PostId]:
    first = first_post_id(Timestamp(time.time() - _AGE))
    return [PostId(first + number * _BETWEEN_IDS) for number in range(count)]


def _rate(text: str) -> float:
    rate = float(text)
    if not rate > 0:
        raise argparse.ArgumentTypeError(f"{text} is no number of Posts a second above 0")
    return rate


def _parts(text: str) -> list[str]:
    parts = [one.strip() for one in text.split(",") if one.strip()]
    if unknown := [one for one in parts if one not in _PARTS]:
        raise argparse.ArgumentTypeError(f"there is no {unknown[0]!r}, only {', '.join(_PARTS)}")
    if not parts:
        raise argparse.ArgumentTypeError(f"none is named of {', '.join(_PARTS)}")
    return parts


def _numbers(text: str) -> list[int]:
    numbers = [int(one) for one in text.split(",") if one]
    if not numbers or min(numbers) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} are no numbers of workers, such as 1,2,4")
    return numbers


if __name__ == "__main__":
    sys.exit(main())
