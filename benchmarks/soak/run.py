"""One soak: everything is started, runs under load, is sampled, and is ended."""

from __future__ import annotations

import json
import re
import time
from collections import Counter, defaultdict
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import httpx

from benchmarks.chaos.checks import READY_WITHIN
from benchmarks.chaos.fleet import Member
from benchmarks.chaos.looking import GoneError, Window
from benchmarks.chaos.run import INPUT_PARTITIONS, TOPIC, settings, sigterm_as_ctrl_c
from benchmarks.chaos.samples import sample
from benchmarks.soak.callers import Callers
from benchmarks.soak.feed import PASSING_AT_ONCE, Feed
from tests.tools.brokers import running_broker
from tests.tools.live_worker import running_sandbox

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from benchmarks.chaos.samples import Sample

HELD: Final = (
    "toptweets_tracked_posts",
    "toptweets_campaigns",
    "toptweets_sightings_queue_posts",
    "toptweets_recent_posts",
    "toptweets_forwards_in_flight",
    "toptweets_journal_in_flight",
    "toptweets_partials_due",
    "toptweets_ids_in_flight",
    "toptweets_http_connections",
    "toptweets_streams",
)
"""Gauges of what a worker holds."""

_SHARES: Final = {
    "500": 0.002,
    "503": 0.002,
    "html": 0.001,
    "cut_off": 0.002,
    "hang_up": 0.002,
    "bad_json": 0.001,
    "slow": 0.001,
}
_SLOW_SECONDS: Final = 4
_SHORTEST_WINDOW: Final = 60.0
_LONGEST_WINDOW: Final = 300.0
_WINDOWS: Final = 10
"""Tracking windows that a run has at least: a quarter of it is then enough to fill what has a limit."""

_OUTLOOKS: Final = 6

BURSTS: Final = (0.05, 0.1, 0.15)
"""Shares of the run after which a burst of records comes: all in its first quarter, the warm-up."""
_TICK: Final = 0.2
_SAMPLE_EVERY: Final = 5.0


@dataclass(frozen=True, slots=True)
class Options:
    """What to run. ``rate``: records a second; ``limit``: requests a minute of the contract."""

    minutes: float
    workers: int = 1
    rate: float = 200.0
    limit: int = 2400

    @property
    def window(self) -> float:
        """The tracking window, in seconds."""
        return min(_LONGEST_WINDOW, max(_SHORTEST_WINDOW, self.minutes * 60 / _WINDOWS))


@dataclass(slots=True)
class Story:
    """All that was seen. ``held``: by worker and gauge, as often as there are samples of the worker."""

    samples: dict[str, list[Sample]] = field(default_factory=lambda: defaultdict(list))
    held: dict[str, dict[str, list[float]]] = field(default_factory=lambda: defaultdict(dict))
    records: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    asked: Mapping[str, int] = field(default_factory=dict)
    warnings: Counter[str] = field(default_factory=Counter)
    """What the workers logged as warnings or errors, by event."""
    troubles: list[str] = field(default_factory=list)


def run(options: Options, directory: Path, story: Story) -> None:
    """Run it; the story is filled with what was seen. Ctrl-C ends everything that was started."""
    with sigterm_as_ctrl_c(), ExitStack() as stack:
        broker = stack.enter_context(running_broker("apache"))
        # Nothing of it is to be kept for longer than the workers track it.
        short = {"retention.ms": "600000", "segment.ms": "60000"}
        broker.create_topic(TOPIC, INPUT_PARTITIONS, settings=short)
        api = stack.enter_context(
            running_sandbox(directory, f"--requests-per-minute={options.limit}", "--growth-minutes=1")
        )
        faults = {"shares": _SHARES, "slow_seconds": _SLOW_SECONDS}
        httpx.post(
            f"http://{api.address}/sandbox/faults", json=faults, trust_env=False, timeout=5
        ).raise_for_status()
        environment = _environment(broker.bootstrap, api.address, options)
        members = [Member(number, environment, directory) for number in range(1, options.workers + 1)]
        for member in members:
            stack.callback(member.close)
            member.want()
        _await_ready(members)
        feed = Feed(
            broker.bootstrap,
            TOPIC,
            INPUT_PARTITIONS,
            options.rate,
            window=options.window,
            # In the warm-up: what is taken once, at full queues, is no growth when it is judged.
            bursts=[options.minutes * 60 * share for share in BURSTS],
        )
        stack.callback(feed.close)
        callers = Callers([member.url or "" for member in members])
        stack.callback(callers.close)
        feed.start()
        callers.start()
        _watch(members, options.minutes * 60, story)
        story.warnings = _warnings(members)
        if not feed.is_writing():
            story.troubles.append("the stream of Posts ended before the soak did")
        story.records, story.calls = feed.records, callers.calls
        story.asked = httpx.get(f"http://{api.address}/sandbox/stats", trust_env=False, timeout=5).json()[
            "answers_by_status"
        ]


def _watch(members: Sequence[Member], seconds: float, story: Story) -> None:
    ends, due = time.monotonic() + seconds, 0.0
    while (now := time.monotonic()) < ends:
        for member in members:
            member.tick()
            story.troubles += member.troubles
            if member.troubles:
                return
            if now >= due:
                _take(member, story)
        if now >= due:
            due = now + _SAMPLE_EVERY
        time.sleep(_TICK)


def _take(member: Member, story: Story) -> None:
    """One sample of a worker, whole or not at all."""
    run = member.current
    if run is None or member.url is None:
        return
    with closing(Window(run.name, member.url)) as window:
        try:
            _, text = window.get("/metrics")
        except GoneError:
            return
    taken = sample(run.process.pid, time.time())
    if taken is not None:
        story.samples[run.name].append(taken)
        for name, value in _gauges(text).items():
            story.held[run.name].setdefault(name, []).append(value)


def _warnings(members: Sequence[Member]) -> Counter[str]:
    """Counted line by line: a worker that says too much has a long log."""
    found = Counter[str]()
    for run in (run for member in members for run in member.runs):
        with run.log.open(errors="replace") as lines:
            for line in lines:
                if '"level": "warning"' in line or '"level": "error"' in line:
                    found[json.loads(line)["event"]] += 1
    return found


def _gauges(text: str) -> dict[str, float]:
    """The gauges of what a worker holds, of all that it exports; the sum of each one's series."""
    found = dict.fromkeys(HELD, 0.0)
    for line in text.splitlines():
        name = re.split(r"[{ ]", line, maxsplit=1)[0]
        if name in found:
            found[name] += float(line.rpartition(" ")[2])
    return found


def _await_ready(members: Sequence[Member]) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while not all(_is_ready(member) for member in members):
        for member in members:
            member.tick()
            if member.troubles or time.monotonic() > deadline:
                raise RuntimeError(f"worker {member.number} does not start: {member.troubles}")
        time.sleep(_TICK)


def _is_ready(member: Member) -> bool:
    if member.url is None:
        return False
    with closing(Window(f"worker {member.number}", member.url)) as window:
        try:
            return window.get("/readyz")[0] == 200
        except GoneError:
            return False


def _environment(bootstrap: str, api: str, options: Options) -> Mapping[str, str]:
    """The settings of a worker: whatever is kept for a time is kept for the tracking window here."""
    window = f"{options.window:g}s"
    # The first outlook takes memory that is not given back: it belongs into the warm-up, and others after it.
    outlook = f"{options.minutes * 60 / _OUTLOOKS:g}s"
    places = 20
    return settings(
        bootstrap,
        api,
        copies=1,
        limit=options.limit,
        kafka__group="soak",
        kafka__session_timeout="30s",
        intake__recent_posts=str(round(options.rate * options.window / 2)),
        intake__recent_window=window,
        watchlist__tracking_window=window,
        watchlist__max_campaigns=str(PASSING_AT_ONCE),
        planner__min_interval="10s",
        planner__half_growth="1m",
        planner__outlook_interval=outlook,
        boards__metrics="favorites,retweets,replies,quote_tweets,video_views,favorites_per_hour",
        boards__top=str(places),
        boards__reserve=str(places),
        boards__growth_window=window,
        publish__change_window=window,
    )
