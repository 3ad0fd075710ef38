"""How right boards are: the planner against simple policies, in worlds it was tuned on and worlds it was not.

Each line of JSON is a policy under a budget in one world: means over seeds, and half of their 95 % interval.
The same world, seed by seed, is given to all policies, so that any two lines of a world make a fair pair.

    python -m benchmarks.planner [--cascades FILE] [--worlds W,…] [--policies P,…] [--budgets B,…] [--quick]

``real`` and those named after it need ``--cascades``: JSON lines with ``retweet_s``, seconds from a Post to
each of its retweets. Judged from 24 hours after the first Post on, every ten minutes; ``--hours`` of it.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from worker.simulate.experiment import run
from worker.simulate.policies import POLICIES, SIMPLE
from worker.simulate.report import json_line
from worker.simulate.wanted import Wanted

_FEW: Final = ("planner", "round-robin")
_ALL: Final = ("planner", *SIMPLE)
_FIXED: Final = ("planner", "planner-fixed", "round-robin")
_FIVE: Final = ["favorites", "retweets", "replies", "quote_tweets", "video_views"]
_BUDGETS: Final = [0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0]
_SMALL: Final = [0.1, 0.25, 1.0]


@dataclass(frozen=True, slots=True)
class _World:
    """A world by the options of ``top-tweets simulate``; ``real`` where cascades are drawn from."""

    options: dict[str, Any] = field(default_factory=dict)
    budgets: list[float] = field(default_factory=lambda: _SMALL)
    policies: tuple[str, ...] = _FEW
    real: bool = False


WORLDS: Final = {
    "real": _World(budgets=_BUDGETS, policies=_ALL, real=True),
    "real-5-metrics": _World({"metrics": _FIVE}, real=True),
    "real-large-campaign": _World({"largest": 0.9}, real=True),
    "real-attack": _World({"attack": 50_000}, real=True),
    "real-429": _World({"refused": 1800.0}, real=True),
    "synthetic": _World(budgets=_BUDGETS, policies=_ALL),
    "synthetic-fast": _World({"half_growth": 1200.0}, policies=_FIXED),
    "synthetic-slow": _World({"half_growth": 19_200.0}, policies=_FIXED),
    "synthetic-waves": _World({"waves": 0.2}),
    "synthetic-falls": _World({"falls": 0.05}),
}
"""Faster and slower: four times. Waves are on 20 % of the Posts, and 5 % fall. The large campaign has 90 % of
them, the attack 50,000 dead Posts in ten minutes, and 429 is answered for half an hour.

Also ``big``: 1,000,000 live Posts in 500 campaigns, 5 metrics; only if it is named: it takes hours."""

BIG: Final = _World(
    {"live_posts": 1_000_000, "campaigns": 500, "metrics": _FIVE}, [5.0, 20.0, 60.0], policies=_ALL
)


def main() -> None:
    """Run the worlds that are wanted."""
    arguments = _arguments()
    known = WORLDS | {"big": BIG}
    names, policies = _listed(arguments.worlds) or [*WORLDS], _listed(arguments.policies)
    wanted_budgets = _listed(arguments.budgets)
    for name in names:
        world = known[name]
        policy = [one for one in world.policies if one in (policies or world.policies)]
        budgets = [one for one in world.budgets if not wanted_budgets or f"{one:g}" in wanted_budgets]
        if not (policy and budgets):
            continue
        if world.real and arguments.cascades is None:
            print(orjson.dumps({"world": name, "skipped": "needs --cascades"}).decode(), flush=True)
            continue
        wanted = Wanted(
            **({"live_posts": 2000 if arguments.quick else 20_000} | world.options),
            hours=1.0 if arguments.quick else arguments.hours,
            warm_up=6.0 if arguments.quick else 24.0,
            requests_per_minute=budgets[:2] if arguments.quick else budgets,
            policy=policy,
            seeds=1 if arguments.quick else arguments.seeds,
            cascades=arguments.cascades if world.real else None,
        )
        for row in run(wanted.plan(), arguments.jobs or os.cpu_count() or 1):
            print(orjson.dumps({"world": name, **orjson.loads(json_line(row))}).decode(), flush=True)


def _listed(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cascades", type=Path, help="real cascades, JSON lines, gzip or not")
    parser.add_argument("--worlds", default="", help=f"only these of: {', '.join([*WORLDS, 'big'])}")
    parser.add_argument("--policies", default="", help=f"only these of: {', '.join(POLICIES)}")
    parser.add_argument("--budgets", default="", help="only these of each world, in requests a minute")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--jobs", type=int, default=0, help="runs at the same time; 0: one a CPU")
    parser.add_argument("--quick", action="store_true", help="a minute: to see that it runs; proves nothing")
    given = parser.parse_args()
    budgets = [f"{one:g}" for one in (*_BUDGETS, *BIG.budgets)]
    for option, known in (("worlds", [*WORLDS, "big"]), ("policies", POLICIES), ("budgets", budgets)):
        for name in _listed(getattr(given, option)):
            if name not in known:
                parser.error(f"--{option}: there is no {name!r}, only {', '.join(known)}")
    return given


if __name__ == "__main__":
    main()
