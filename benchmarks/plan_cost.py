"""CPU of a plan of 250 seats, as it comes up in a running worker: 50 campaigns, boards of 7 metrics.

Posts of a day, all but 2 % of them measured some time ago, with sizes of a heavy tail, in campaigns of Zipf
sizes. A plan is made each time the contract has a request, its Posts are answered as they would have grown,
and what the planner takes for it is counted: the mean over plans, once all Posts were looked at. What
recording the answers takes is not its.

    python -m benchmarks.plan_cost [--quick]
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from statistics import fmean
from typing import Final

import numpy as np
from prometheus_client import CollectorRegistry

from benchmarks.common import figure
from worker.boards import BoardsLimits
from worker.catalogue import TOTALS_METRICS
from worker.engagement import Outcome
from worker.model import (
    Campaign,
    Counts,
    PostId,
    Seconds,
    Sighting,
    Standings,
    Timestamp,
    first_post_id,
)
from worker.planner import BoardGain, BoardGainSettings, TimingSettings
from worker.planner.curve import Curve
from worker.telemetry import Telemetry
from worker.tracker import Tracker
from worker.watchlist import WatchlistLimits

NOW: Final = 1_800_000_000.0
DAY: Final = 86_400.0
HALF: Final = Seconds(4800.0)
CAMPAIGNS, SEATS, CHUNK, TOP = 50, 250, 500, 10
METRICS: Final = TOTALS_METRICS


@dataclass(frozen=True)
class Case:
    """So many Posts, under so many requests a minute; at most ``aim`` ms of CPU a plan."""

    posts: int
    requests_per_minute: float
    aim: float
    plans: int


CASES: Final = (Case(100_000, 5.0, 5.0, 300), Case(1_000_000, 60.0, 20.0, 600))
QUICK: Final = (Case(10_000, 5.0, 5.0, 30),)


class World:
    """Posts as a worker tracks them, and what their counts come to."""

    def __init__(self, posts: int, seed: int = 1) -> None:
        chance = np.random.default_rng(seed)
        first = first_post_id(Timestamp(NOW - DAY))
        step = (first_post_id(Timestamp(NOW)) - first) // posts
        self._ids = first + step * np.arange(posts, dtype=np.int64)
        self._born = NOW - DAY + DAY * np.arange(posts) / posts
        sizes = 2.0 * chance.random(posts) ** (-1 / 1.1)
        mixed = np.exp(chance.normal(0.0, 0.5, (posts, len(METRICS))))
        self._sizes = sizes[:, np.newaxis] * mixed
        self._curve = Curve(HALF)
        weights = 1.0 / np.arange(1, CAMPAIGNS + 1)
        self._campaigns = chance.choice(CAMPAIGNS, posts, p=weights / weights.sum())
        self.tracker = Tracker(
            METRICS,
            WatchlistLimits(Seconds(DAY), posts, max_campaigns=200, growth_window=Seconds(3600.0)),
            BoardsLimits(top=TOP, reserve=TOP),
            half_growth=HALF,
            telemetry=Telemetry(CollectorRegistry()),
        )
        for start in range(0, posts, CHUNK):
            self._see(start, min(start + CHUNK, posts))
        # As under a contract: some were measured just now, most hours ago, and a few never.
        ago = np.minimum(chance.exponential(4 * 3600.0, posts), NOW - self._born)
        order = np.argsort(-ago)
        for chunk in np.array_split(order[chance.random(posts) > 0.02], max(1, posts // CHUNK)):
            self.answer(self._ids[chunk], NOW - float(ago[chunk].mean()))

    def answer(self, post_ids: np.ndarray[tuple[int], np.dtype[np.int64]], at: float) -> None:
        """Have these measured at a time."""
        moment, asked = Timestamp(float(np.floor(at))), [PostId(one) for one in post_ids.tolist()]
        self.tracker.watchlist.app.mark_asked(asked, moment)
        rows = np.searchsorted(self._ids, post_ids)
        grown = self._curve.grown(np.maximum(moment - self._born[rows], 0.0))
        values = np.floor(self._sizes[rows] * grown[:, np.newaxis]).astype(np.int64)
        self.tracker.answered(Outcome(moment, (Counts(moment, post_ids, values),)))

    def standings(self) -> Standings:
        """What the leaderboards show."""
        boards = self.tracker.boards
        places = {
            (campaign, metric): boards.merged(campaign, metric)
            for campaign in self.tracker.watchlist.groups.campaigns()
            for metric in METRICS
        }
        return Standings({key: board[-1][1] for key, board in places.items() if len(board) == TOP})

    def _see(self, start: int, end: int) -> None:
        sightings = [
            Sighting(
                PostId(int(self._ids[number])),
                (Campaign(f"campaign {self._campaigns[number]}"),),
                Timestamp(float(self._born[number]) + 1.0),
            )
            for number in range(start, end)
        ]
        self.tracker.take(0, sightings, Timestamp(NOW))


def main() -> None:
    """Run the cases, print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="10,000 Posts: to see that it runs")
    for case in QUICK if parser.parse_args().quick else CASES:
        _measure(case)


def _measure(case: Case) -> None:
    world = World(case.posts)
    planner = BoardGain(
        METRICS,
        BoardGainSettings(
            top=TOP,
            growth_window=Seconds(3600.0),
            half_growth=HALF,
            tracking_window=Seconds(DAY),
            unasked_share=0.03,
            max_unasked=Seconds(DAY),
            retire_chance=1e-4,
        ),
        TimingSettings(Seconds(2.0), Seconds(15.0), 0.02, Seconds(21_600.0)),
    )
    now, standings, took = NOW, world.standings(), list[float]()
    for _ in range(case.plans):
        now += 60.0 / case.requests_per_minute
        started = time.process_time()
        plan = planner.plan(Timestamp(now), world.tracker.watchlist.app, standings, SEATS)
        took.append((time.process_time() - started) * 1000)
        world.tracker.retire_hopeless(plan.hopeless)
        world.answer(np.array(sorted(plan.post_ids), dtype=np.int64), now)
    later = took[case.plans // 3 :]
    figure(
        "plan_cpu",
        fmean(later),
        "ms/plan",
        posts=case.posts,
        tracked_at_the_end=len(world.tracker.watchlist),
        requests_per_minute=case.requests_per_minute,
        most=round(max(later), 1),
        first=round(took[0], 1),
        campaigns=CAMPAIGNS,
        metrics=len(METRICS),
        aim=case.aim,
    )


if __name__ == "__main__":
    main()
