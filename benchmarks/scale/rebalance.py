"""A worker joins, another is killed, then the publisher: what a reader of the leaderboards sees of it."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import orjson

from benchmarks.chaos.faults import SESSION
from benchmarks.chaos.reader import Reader
from benchmarks.scale.group import TOP, Group
from benchmarks.scale.load import SEED, produce
from benchmarks.scale.missing import Judge, Shown, steady
from sandbox.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from benchmarks.chaos.fleet import Member
    from worker.model import PostId

WORKERS: Final = 2
"""That run when one more joins."""

_METRICS: Final = "favorites,retweets,video_views"
_QUIET_FOR: Final = 6.0
_AFTERWARDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What a reader saw from before something happened until the workers shared all partitions again.

    ``gap``: the longest time between two records, in seconds. ``settled``: from the event until the
    partitions were shared. ``incomplete``: leaderboards with Posts missing, or with Posts not counted.
    """

    what: str
    gap: float
    settled: float
    records: int
    incomplete: int


def rebalance(directory: Path, candidates: Sequence[PostId], fetch_wait: str) -> list[Seen]:
    """Let it happen, with Posts that are measured every second."""
    world = World(SEED)
    posts = steady(world, candidates, int(time.time()))
    shown: list[Shown] = []
    with ExitStack() as stack:
        group = Group(
            stack,
            directory,
            WORKERS + 1,
            posts,
            kafka__fetch_wait=fetch_wait,
            kafka__session_timeout=f"{SESSION:g}s",
            planner__min_interval="1s",
            planner__linger="200ms",
            boards__metrics=_METRICS,
        )
        reader = Reader(group.bootstrap, f"{group.name}.leaderboards", lambda *of: _take(shown, *of))
        stack.callback(reader.close)
        group.start(WORKERS)
        produce(group)
        reader.start()
        judge = Judge(world, {one: group.campaign_of(n) for n, one in enumerate(posts)}, TOP)
        group.await_that(lambda: _all_shown(shown, judge, 9), "all leaderboards are whole")
        time.sleep(_QUIET_FOR)
        return [
            _let(group, shown, judge, "quiet", lambda: time.sleep(_QUIET_FOR)),
            _let(group, shown, judge, "join", group.members[WORKERS].want),
            _let(group, shown, judge, "kill", lambda: _publishing(group, is_so=False).kill()),
            _let(group, shown, judge, "kill_publisher", lambda: _publishing(group, is_so=True).kill()),
        ]


def longest_gap(times: Sequence[float]) -> float:
    """The longest time between two neighbours."""
    return max((after - before for before, after in pairwise(times)), default=0.0)


def _let(group: Group, shown: list[Shown], judge: Judge, what: str, happen: Callable[[], object]) -> Seen:
    begins = time.time()
    happen()
    group.await_that(group.is_shared, f"the partitions are shared after {what}")
    settled = time.time() - begins
    time.sleep(_AFTERWARDS)
    ends = time.time()
    during = [one for one in shown if begins <= one.at <= ends]
    incomplete = sum(bool(judge.missing(one)) or judge.uncounted(one) != 0 for one in during)
    return Seen(
        what, longest_gap([begins, *(one.at for one in during), ends]), settled, len(during), incomplete
    )


def _publishing(group: Group, *, is_so: bool) -> Member:
    """The worker that publishes, or one that does not."""
    for member in group.running:
        if member.url:
            window = group.windows()[group.running.index(member)]
            with closing(window):
                if bool(window.metric("toptweets_publisher")) == is_so:
                    return member
    raise RuntimeError("no worker publishes" if is_so else "every worker publishes")


def _take(shown: list[Shown], record: Any, at: float) -> None:  # noqa: ANN401 -- kafka-python's
    if record.value is not None:
        board = orjson.loads(record.value)
        shown.append(Shown(at, board["campaign"], board["metric"], board))


def _all_shown(shown: Sequence[Shown], judge: Judge, boards: int) -> bool:
    """Whether the newest of each leaderboard is there, and whole."""
    newest = {(one.campaign, one.metric): one for one in list(shown)}
    return len(newest) == boards and all(
        not judge.missing(one) and not judge.uncounted(one) for one in newest.values()
    )
