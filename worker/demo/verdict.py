"""Whether what the demo showed was right: against the sandbox's truth, which anybody can compute."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
from rich.table import Table

from worker.board_metrics import board_metric
from worker.model import PUBLIC_METRICS
from worker.watchlist import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox.world import World
    from worker.model import PostId
    from worker.tracker import Tracker
    from worker.watchlist import Tracked

_MEASURE_TIMEOUT: Final = 20.0
_STEP: Final = 0.1


@dataclass(slots=True)
class Verdict:
    """What was compared, and every fault found."""

    posts: int
    measured: int = 0
    unavailable: int = 0
    values: int = 0
    boards: int = 0
    faults: list[str] = field(default_factory=list)

    def table(self) -> Table:
        """For the terminal."""
        table = Table(show_header=False)
        table.add_row("Posts produced", f"{self.posts:,}")
        table.add_row("Posts measured", f"{self.measured:,}")
        table.add_row("Posts unavailable, as the API says", f"{self.unavailable:,}")
        table.add_row("values that are the API's truth at their measured_at", f"{self.values:,}")
        table.add_row("boards that are the plain sort of the last measurements", f"{self.boards:,}")
        table.add_row("faults", f"{len(self.faults):,}")
        return table


async def judge(tracker: Tracker, world: World, post_ids: Sequence[PostId]) -> Verdict:
    """Wait, for a bounded time, until every Post was asked for; then compare."""
    await _wait_until_asked(tracker, post_ids)
    verdict = Verdict(len(post_ids))
    if not post_ids:
        verdict.faults.append("no Post was published, so nothing was checked: give the demo more time")
    for post_id in post_ids:
        known = tracker.watchlist.tracked(post_id)
        if known is None or known.measured_at is None:
            verdict.faults.append(f"Post {post_id} was not measured")
        else:
            _compare(known, int(known.measured_at), world, verdict)
    try:
        tracker.check()
    except AssertionError as error:
        verdict.faults.append(str(error))
    else:
        verdict.boards = len(tracker.boards.metrics) * len(list(tracker.boards.campaigns()))
    return verdict


async def _wait_until_asked(tracker: Tracker, post_ids: Sequence[PostId]) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _MEASURE_TIMEOUT
    while loop.time() < deadline:
        known = [tracker.watchlist.tracked(post_id) for post_id in post_ids]
        if all(post is not None and post.state is not State.NEW for post in known):
            return
        await asyncio.sleep(_STEP)


def _compare(known: Tracked, at: int, world: World, verdict: Verdict) -> None:
    ids = np.array([known.post_id], dtype=np.int64)
    gone = bool(world.unavailable(ids, at)[0])
    if known.state is State.UNAVAILABLE:
        verdict.unavailable += 1
        if not gone:
            verdict.faults.append(f"Post {known.post_id} was not unavailable at {at}")
        return
    verdict.measured += 1
    if gone:
        verdict.faults.append(f"Post {known.post_id} was unavailable at {at}, and is shown")
    truth = dict(zip(PUBLIC_METRICS, world.counts(ids, at)[0].tolist(), strict=True))
    for metric, value in known.values.items():
        if board_metric(metric).kind != "count":
            continue
        if truth[metric] == value:
            verdict.values += 1
        else:
            verdict.faults.append(
                f"Post {known.post_id}: {metric} is {value} at {at}, the truth {truth[metric]}"
            )
