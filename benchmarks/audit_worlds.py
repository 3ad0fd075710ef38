"""Whether the audit is right about how right boards are: in simulated worlds, thousands of times real time.

As ``top-tweets simulate``: 20,000 live Posts in 20 campaigns. The worker begins with nothing; from two hours
on, every ten minutes for twelve hours, what its audit says is compared with how right its boards are. Told
are, of all boards together and of campaigns: in how many looks it said something, and in how many of those
its interval held the true recall; how wide it was; what it said at the mean, and what was true.
``benchmarks.audit`` does the same end to end.

    python -m benchmarks.audit_worlds [--cascades FILE] [--budgets 0.1,0.25,1] [--seeds 2] [--quick]
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from benchmarks.common import figure
from worker.model import ALL
from worker.planner import BoardGain
from worker.recall import Audited, Recall, overall
from worker.simulate.experiment import prepare
from worker.simulate.wanted import Wanted

FIVE: Final = ["favorites", "retweets", "replies", "quote_tweets", "video_views"]
WORLDS: Final[dict[str, dict[str, Any]]] = {
    "as assumed": {},
    "5 metrics": {"metrics": FIVE},
    "second waves on 20 %": {"waves": 0.2},
    "5 % fall": {"falls": 0.05},
    "4 times slower": {"half_growth": 19_200.0},
    "4 times faster": {"half_growth": 1200.0},
}
REAL: Final = ("as assumed", "5 metrics")
"""Worlds that real cascades can be taken for."""
HOURS, WARM_UP = 12.0, 2.0


@dataclass
class Looks:
    """What was found: the true recall, and what was said of it."""

    silent: int = 0
    told: list[tuple[float, Recall]] = field(default_factory=list)

    def add(self, true: float, said: Recall | None) -> None:
        """One look."""
        if said is None:
            self.silent += 1
        else:
            self.told.append((true, said))


def main() -> None:
    """Run all worlds, print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cascades", type=Path, help="real cascades, JSON lines, gzip or not")
    parser.add_argument("--budgets", default="0.1,0.25,1", help="requests a minute, commas between")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="one small world: to see that it runs")
    given = parser.parse_args()
    small = {"live_posts": 2000, "hours": 2.0} if given.quick else {"hours": HOURS}
    for cascades in (None, *([given.cascades] if given.cascades else [])):
        for name, options in WORLDS.items():
            if (cascades and name not in REAL) or (given.quick and options):
                continue
            for budget in map(float, given.budgets.split(",")):
                wanted = Wanted(**options, **small, cascades=cascades, requests_per_minute=[budget])
                everything, campaigns = Looks(), Looks()
                for seed in range(1, (1 if given.quick else given.seeds) + 1):
                    _run(wanted, budget, seed, everything, campaigns)
                same = {"world": name, "cascades": cascades is not None, "requests_per_minute": budget}
                _tell(everything, of="all boards", **same)
                _tell(campaigns, of="campaigns", **same)


def _run(wanted: Wanted, budget: float, seed: int, everything: Looks, campaigns: Looks) -> None:
    plan = replace(wanted.plan(), warm_up=WARM_UP)
    simulation = prepare(plan, "planner", budget, seed, lambda _: look())
    planner = simulation.planner
    if not isinstance(planner, BoardGain):
        raise TypeError("the policy has no audit")

    def look() -> None:
        audits, recalls = list[Audited](), list[float]()
        for campaign in (ALL, *simulation.population.campaigns):
            full = [
                true
                for (of, metric), true in simulation.run.verdict.latest.items()
                if of == campaign and len(simulation.tracker.boards.merged(campaign, metric)) == plan.top
            ]
            if full:
                audits.append(Audited(plan.top * len(full), planner.missing(campaign)))
                recalls += full
                campaigns.add(fmean(full), audits[-1].recall)
        if recalls:
            everything.add(fmean(recalls), overall(audits))

    simulation.go()


def _tell(looks: Looks, **same: object) -> None:
    told = looks.told
    figure("audit_looks", len(told) + looks.silent, "looks", not_enough_data=looks.silent, **same)
    if told:
        held = fmean(said.low - 1e-9 <= true <= said.high + 1e-9 for true, said in told)
        figure("audit_covers", held, "share of looks", looks=len(told), aim=0.9, **same)
        widths = [said.high - said.low for _, said in told]
        figure("audit_width", fmean(widths), "recall", widest=round(max(widths), 3), **same)
        said_recall = round(fmean(said.value for _, said in told), 4)
        figure("recall", fmean(true for true, _ in told), "recall", said=said_recall, **same)


if __name__ == "__main__":
    main()
