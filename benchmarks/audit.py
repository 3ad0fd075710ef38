"""Whether the audit is right about how right boards are: worker and sandbox, 60 times as fast as real time.

Posts come in, in 20 campaigns of Zipf sizes; the sandbox knows what each has at any second. Once the worker
runs for two hours of its time, it is asked every ten minutes of it what the audit says, and its leaderboards
are compared with the truth at that second. Told are, for each contract: in how many looks the audit said
something at all; in how many of those its interval held the true recall, of all boards together and of
campaigns; how wide it was; the true recall.

    python -m benchmarks.audit [--budgets 0.25,1] [--hours 12] [--posts-per-day 20000] [--quick]

Twelve hours take twelve minutes for each contract.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import uuid
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final

import httpx
import numpy as np
from kafka import KafkaProducer

from benchmarks.common import figure
from sandbox.settings import SandboxSettings
from sandbox.world import METRICS, World
from tests.tools.brokers import running_broker
from tests.tools.live_worker import quick_settings, running_sandbox, running_worker
from worker.model import Pace, Timestamp, first_post_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.tools.brokers import Broker
    from tests.tools.live_worker import Running

SPEED: Final = 60
TOP: Final = 10
CAMPAIGNS: Final = 20
METRIC: Final = "favorites"
EVERY: Final = 600.0
WARM_UP: Final = 2.0
"""Hours of the worker's time before the first look."""
BEFORE: Final = 6 * 3600.0
"""Posts of this time are there when the worker starts."""
_STEP: Final = 0.2


@dataclass
class Looks:
    """What was found at the looks at one worker."""

    silent: int = 0
    told: list[tuple[float, float, float, float]] = field(default_factory=list)
    """True recall, and what the audit said: recall, low, high."""
    campaigns: list[tuple[float, float, float, float]] = field(default_factory=list)


class Feed:
    """Posts as they are created, at random moments of the fast clock."""

    def __init__(self, bootstrap: str, topic: str, a_day: float, pace: Pace) -> None:
        self._producer = KafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=False)
        self._topic = topic
        self._a_day = a_day
        self._pace = pace
        self._chance = np.random.default_rng(7)
        weights = 1.0 / np.arange(1, CAMPAIGNS + 1)
        self._shares = weights / weights.sum()
        self._upto = self.now() - BEFORE
        self.posts: dict[int, int] = {}
        """The campaign of each."""

    def now(self) -> float:
        """The moment by the fast clock."""
        return self._pace.moment(Timestamp(time.time()))

    def send(self) -> None:
        """All that were created since the last time."""
        now = self.now()
        count = int(self._chance.poisson(self._a_day * (now - self._upto) / 86_400.0))
        for born in np.sort(self._chance.uniform(self._upto, now, count)):
            # The numbers after the time are drawn: two Posts of one millisecond are two.
            post_id = first_post_id(Timestamp(float(born))) + int(self._chance.integers(1 << 22))
            campaign = int(self._chance.choice(CAMPAIGNS, p=self._shares))
            self.posts[post_id] = campaign
            name = f"campaign {campaign}".encode()
            self._producer.send(self._topic, str(post_id).encode(), headers=[("campaign", name)])
        self._upto = now

    def close(self) -> None:
        """Let go of the brokers."""
        self._producer.close(timeout=5)


class Oracle:
    """Which Posts the boards should show."""

    def __init__(self, posts: dict[int, int], at: float) -> None:
        ids = np.array(list(posts), dtype=np.int64)
        world = World(SandboxSettings().seed)
        values = world.counts(ids, int(at))[:, METRICS.index(METRIC)]
        self._values = np.where(world.unavailable(ids, int(at)), -1, values)
        self._value_of = dict(zip(posts, self._values.tolist(), strict=True))
        self._campaigns = np.fromiter(posts.values(), dtype=np.int64)

    def right(self, campaign: str, shown: list[int]) -> tuple[int, int] | None:
        """Right Posts shown, and places, of a board; ``None`` where fewer Posts have a value than places."""
        of = slice(None) if campaign == "all" else self._campaigns == int(campaign.rpartition(" ")[2])
        values = np.sort(self._values[of])[::-1]
        if len(values) < TOP or values[TOP - 1] < 0:
            return None
        return sum(self._value_of[one] >= values[TOP - 1] for one in shown), TOP


def main() -> None:
    """Run each contract, print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--budgets", default="0.25,1", help="requests a minute of the worker's time")
    parser.add_argument("--hours", type=float, default=12.0, help="of the worker's time, each run")
    parser.add_argument("--posts-per-day", type=float, default=20_000.0)
    parser.add_argument("--quick", action="store_true", help="a minute: to see that it runs; proves little")
    options = parser.parse_args()
    budgets = "2" if options.quick else options.budgets
    for budget in budgets.split(","):
        hours, warm_up = (0.8, 0.4) if options.quick else (options.hours, WARM_UP)
        with running_broker("tansu") as broker, tempfile.TemporaryDirectory() as folder:
            world = _World(float(budget), hours * 3600.0, warm_up * 3600.0, options.posts_per_day)
            looks = _run(broker, Path(folder), world)
        _tell(looks, float(budget), hours)


@dataclass(frozen=True)
class _World:
    """Requests a minute; seconds of the worker's time, in all and before the first look; Posts a day."""

    budget: float
    seconds: float
    warm_up: float
    a_day: float


def _run(broker: Broker, folder: Path, world: _World) -> Looks:
    topic = broker.create_topic()
    since = round(time.time(), 3)
    pace = Pace(SPEED, Timestamp(since))
    with ExitStack() as stack:
        feed = stack.enter_context(closing(Feed(broker.bootstrap, topic, world.a_day, pace)))
        clock = (f"--clock-speed={SPEED}", f"--clock-since={since}")
        sandbox = stack.enter_context(running_sandbox(folder, *clock))
        settings = quick_settings(
            broker,
            f"audit-{uuid.uuid4().hex[:8]}",
            clock__speed=str(SPEED),
            clock__since=str(since),
            engagement__requests_per_minute=str(world.budget),
            engagement__headroom="20s",
            planner__min_interval="15s",
            planner__retire_chance="1e-4",
            planner__outlook_interval="0",
            watchlist__tracking_window="48h",
            boards__metrics=METRIC,
            boards__top=str(TOP),
        )
        worker = stack.enter_context(
            running_worker(folder, broker.bootstrap, topic, sandbox.address, settings)
        )
        client = stack.enter_context(httpx.Client(base_url=f"http://{worker.address}", trust_env=False))
        looks, begins = Looks(), feed.now()
        for moment in _moments(feed, begins, world.seconds):
            if moment - begins >= world.warm_up:
                _look(client, feed, looks)
        if worker.events("stalled"):
            raise RuntimeError(f"the worker stood still: {_log(worker)}")
    return looks


def _moments(feed: Feed, begins: float, seconds: float) -> Iterator[float]:
    """Time passes, Posts are sent; gives each moment at which it is time to look."""
    next_look = begins
    while (now := feed.now()) < begins + seconds:
        feed.send()
        if now >= next_look:
            yield now
            next_look += EVERY
        time.sleep(_STEP)  # the pace at which Posts are sent; the loop ends with the time that was given


def _look(client: httpx.Client, feed: Feed, looks: Looks) -> None:
    listed = client.get("/api/leaderboards").json()
    full = [one for one in listed["leaderboards"] if one["entries"] == TOP]
    boards = {one["campaign"]: client.get(one["url"]).json() for one in full}
    oracle = Oracle(feed.posts, feed.now())
    right = places = 0
    for campaign, board in boards.items():
        found = oracle.right(campaign, [int(entry["post_id"]) for entry in board["entries"]])
        if found is None:
            continue
        right, places = right + found[0], places + found[1]
        if (audit := board["audit"]) is not None:
            looks.campaigns.append((found[0] / found[1], *_numbers(audit)))
    if listed["audit"] is None or not places:
        looks.silent += 1
    else:
        looks.told.append((right / places, *_numbers(listed["audit"])))


def _numbers(audit: dict[str, Any]) -> tuple[float, float, float]:
    return audit["recall"], audit["low"], audit["high"]


def _tell(looks: Looks, budget: float, hours: float) -> None:
    same: dict[str, Any] = {"requests_per_minute": budget, "hours": hours}
    figure("audit_looks", len(looks.told) + looks.silent, "looks", not_enough_data=looks.silent, **same)
    for name, told in (("all boards", looks.told), ("campaigns", looks.campaigns)):
        if not told:
            continue
        same["of"] = name
        figure("audit_covers", _covered(told), "share of looks", looks=len(told), aim=0.9, **same)
        widths = [high - low for _, _, low, high in told]
        figure("audit_width", fmean(widths), "recall", widest=round(max(widths), 3), **same)
        said = round(fmean(one[1] for one in told), 4)
        figure("recall", fmean(one[0] for one in told), "recall", said=said, **same)


def _covered(told: list[tuple[float, float, float, float]]) -> float:
    return fmean(low - 1e-9 <= true <= high + 1e-9 for true, _, low, high in told)


def _log(worker: Running) -> str:
    return worker.log.read_text()[-2000:]


if __name__ == "__main__":
    main()
