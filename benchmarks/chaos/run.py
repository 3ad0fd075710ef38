"""One run of the chaos: everything is started, faults come, quiet moments check, all is ended."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx

from benchmarks.chaos.asked import read_requests
from benchmarks.chaos.checks import Checker, Findings
from benchmarks.chaos.cluster import running_cluster
from benchmarks.chaos.faults import SESSION, schedule
from benchmarks.chaos.feed import Feed
from benchmarks.chaos.fleet import Member
from benchmarks.chaos.reader import Boards, Reader
from benchmarks.chaos.samples import sample
from sandbox.world import World
from tests.tools.live_worker import running_sandbox
from tests.tools.tcp_proxy import tcp_links

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from benchmarks.chaos.asked import Asked
    from benchmarks.chaos.cluster import Cluster
    from benchmarks.chaos.faults import Fault
    from benchmarks.chaos.fleet import Run
    from benchmarks.chaos.ownership import Span
    from benchmarks.chaos.samples import Sample
    from tests.tools.live_worker import Running
    from tests.tools.tcp_proxy import TcpLink, TcpLinks

GROUP: Final = "chaos"
TOPIC: Final = "posts"
INPUT_PARTITIONS: Final = 6
SIGHTINGS_PARTITIONS: Final = 12
METRICS: Final = ("favorites", "retweets", "video_views")
TOP: Final = 10
MIN_INTERVAL: Final = 3.0
GROWTH_MINUTES: Final = 5.0
_READY_WITHIN: Final = 120.0
_TICK: Final = 0.05
_SAMPLE_EVERY: Final = 2.0
_SLOW_SECONDS: Final = 0.15
_BROKER_EXCUSE: Final = 15.0
_KEPT_REQUESTS: Final = 500_000

_SHARES: Final = {
    "500": 0.01,
    "503": 0.01,
    "html": 0.005,
    "cut_off": 0.01,
    "hang_up": 0.01,
    "bad_json": 0.005,
    "slow": 0.005,
}
"""Faults of the API that are always in force; slow is longer than the workers wait."""


@dataclass(frozen=True, slots=True)
class Options:
    """What to run. ``rate``: records a second; ``limit``: requests a minute of the contract."""

    minutes: float
    seed: int
    workers: int = 3
    brokers: int = 3
    rate: float = 40.0
    limit: int = 600
    quiet_every: float = 180.0


@dataclass(slots=True)
class Story:
    """All that was seen of a run; ``report`` judges it."""

    options: Options
    directory: Path
    faults: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    in_force: list[tuple[str, float, float]] = field(default_factory=list)
    quiet: list[Findings] = field(default_factory=list)
    active: list[Span] = field(default_factory=list)
    whole: Span = (0.0, 0.0)
    excused: list[Span] = field(default_factory=list)
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    requests: list[Asked] = field(default_factory=list)
    let_in: int = 0
    records: Counter[str] = field(default_factory=Counter)
    ids: int = 0
    boards: Boards = field(default_factory=Boards)
    troubles: list[str] = field(default_factory=list)
    failed_starts: int = 0
    left: list[str] = field(default_factory=list)


def run(story: Story) -> None:
    """Run it; the story is filled with what was seen. Ctrl-C ends everything that was started.

    Raises:
        NotToBeHadError: this machine cannot run Apache Kafka.
    """
    pids: list[int] = []
    try:
        with sigterm_as_ctrl_c(), ExitStack() as stack:
            _Chaos(story, stack, pids).run()
    finally:
        story.left = [f"process {pid}" for pid in pids if Path(f"/proc/{pid}").exists()]


class _Chaos:
    """Everything that runs, and the loop that hurts it. The stack ends it all."""

    def __init__(self, story: Story, stack: ExitStack, pids: list[int]) -> None:
        self._story = story
        self._options = options = story.options
        self._pids = pids
        self._stack = stack
        links: TcpLinks = stack.enter_context(tcp_links())
        self._sandbox = stack.enter_context(sandbox(story.directory, options))
        self._cluster: Cluster = stack.enter_context(
            running_cluster(links, options.brokers, options.workers + 1)
        )
        self._pids += [self._sandbox.process.pid]
        host, port = self._sandbox.address.split(":")
        self._api: TcpLink = links.open((host, int(port)))
        self._http = stack.enter_context(httpx.Client(trust_env=False, timeout=10))
        self._cluster.create_topic(TOPIC, INPUT_PARTITIONS)
        self._members = {number: self._member(number) for number in range(1, options.workers + 2)}
        bootstrap = self._cluster.kafka.bootstrap
        self._feed = Feed(bootstrap, TOPIC, INPUT_PARTITIONS, options.rate, options.seed)
        stack.callback(self._feed.close)
        self._reader = Reader(bootstrap, f"{GROUP}.leaderboards", story.boards.take_record)
        stack.callback(self._reader.close)
        self._faults_log = stack.enter_context((story.directory / "faults.jsonl").open("a"))
        self._sampled_at = 0.0

    def run(self) -> None:
        """From the first worker to the last check."""
        story, options = self._story, self._options
        self._set_faults({})
        for number in range(1, options.workers + 1):
            self._members[number].want()
        self._await_ready()
        self._feed.start()
        self._reader.start()
        begins = time.time()
        left, period = options.minutes * 60, 0
        while left > 1:
            seconds = min(left, options.quiet_every)
            faults = schedule(options.seed + period * 7919, seconds, options.workers, options.brokers)
            active = time.time()
            self._hurt(faults, seconds)
            story.active.append((active, time.time()))
            story.quiet.append(self._checker().quiet_moment())
            self._log("quiet_moment", good=story.quiet[-1].are_good, tracked=story.quiet[-1].tracked)
            left, period = left - seconds, period + 1
        story.whole = (begins, time.time())
        self._finish()

    def _finish(self) -> None:
        """Stop the workers as an operator would, and take what the parts have seen."""
        story = self._story
        for member in self._members.values():
            member.stop()
        deadline = time.monotonic() + 30
        while any(member.current for member in self._members.values()) and time.monotonic() < deadline:
            self._tick()
            time.sleep(_TICK)  # the pace at which faults and time are looked after
        story.requests = read_requests(self._http, self._sandbox_url)
        story.let_in = self._http.get(f"{self._sandbox_url}/sandbox/stats").json()["most_let_in_a_minute"]
        story.records = self._feed.records
        produced = self._feed.produced()
        story.ids = len(produced.kept) + len(produced.leaving) + len(produced.deleted)
        for member in self._members.values():
            story.troubles += member.troubles
            story.failed_starts += member.failed_starts
            story.runs += member.runs
        with (story.directory / "samples.jsonl").open("w") as out:
            for name, samples in story.samples.items():
                out.writelines(json.dumps({"worker": name, **asdict(one)}) + "\n" for one in samples)

    # Faults

    def _hurt(self, faults: list[Fault], seconds: float) -> None:
        """Let these faults come and go; returns when all are over."""
        began = time.monotonic()
        to_do = sorted(
            [(fault.at, 0, fault) for fault in faults] + [(fault.ends, 1, fault) for fault in faults],
            key=lambda one: one[:2],
        )
        began_at: dict[Fault, float] = {}
        while to_do or time.monotonic() - began < seconds:
            self._tick()
            while to_do and to_do[0][0] <= time.monotonic() - began:
                _, is_end, fault = to_do.pop(0)
                if not is_end:
                    if self._begin(fault):
                        began_at[fault] = time.time()
                elif fault in began_at:
                    self._end(fault, began_at[fault])
            time.sleep(_TICK)  # the pace at which faults and time are looked after

    def _begin(self, fault: Fault) -> bool:
        """Put it in force; false when it cannot be now."""
        kind = fault.kind
        if kind == "kill_broker" and not self._cluster.in_sync():
            self._story.skipped[kind] += 1
            self._log("skipped", fault=asdict(fault), why="the brokers are not in sync yet")
            return False
        self._log("begins", fault=asdict(fault))
        self._story.faults[kind] += 1
        self._acts(fault)[0]()
        return True

    def _end(self, fault: Fault, began_at: float) -> None:
        """Take it back."""
        self._acts(fault)[1]()
        now = time.time()
        self._log("ends", fault=asdict(fault), lasted=round(now - began_at, 3))
        self._story.in_force.append((f"{fault.kind} {fault.number or ''}".strip(), began_at, now))
        if fault.kind == "kill_broker":
            self._story.excused.append((began_at, now + _BROKER_EXCUSE))

    def _acts(self, fault: Fault) -> tuple[Callable[[], object], Callable[[], object]]:
        """How it begins and how it ends."""
        number, kind = fault.number, fault.kind
        if kind == "kill_broker":
            node = self._cluster.node(number)
            return node.kill, node.start
        if kind == "cut_api":
            return self._api.cut, self._api.restore
        if kind == "too_many":
            too_many = {"rules": [{"fault": "429"}]}
            return lambda: self._set_faults(too_many), lambda: self._set_faults({})
        member, restore = self._members[number], partial(self._cluster.restore, number)
        acts: Mapping[str, tuple[Callable[[], object], Callable[[], object]]] = {
            "kill_worker": (member.kill, member.want),
            "restart_worker": (member.stop, member.want),
            "add_worker": (member.want, member.stop),
            "freeze_worker": (member.freeze, member.thaw),
            "cut_worker": (partial(self._cluster.cut, number), restore),
            "hang_worker": (partial(self._cluster.hang, number), restore),
            "slow_worker": (partial(self._cluster.slow, number, _SLOW_SECONDS), restore),
        }
        return acts[kind]

    def _set_faults(self, more: Mapping[str, object]) -> None:
        faults = {"shares": _SHARES, "slow_seconds": 4, "seed": self._options.seed, **more}
        self._http.post(f"{self._sandbox_url}/sandbox/faults", json=faults).raise_for_status()

    # Looking after what runs

    def _tick(self) -> None:
        for member in self._members.values():
            member.tick()
            if member.current and member.current.process.pid not in self._pids:
                self._pids.append(member.current.process.pid)
        for node in self._cluster.kafka.nodes:
            if node.process and node.process.pid not in self._pids:
                self._pids.append(node.process.pid)
        now = time.time()
        if now - self._sampled_at >= _SAMPLE_EVERY:
            self._sampled_at = now
            for member in self._members.values():
                if (one := member.current) and (taken := sample(one.process.pid, now)):
                    self._story.samples.setdefault(one.name, []).append(taken)

    def _await_ready(self) -> None:
        deadline = time.monotonic() + _READY_WITHIN
        checker = self._checker()
        while trouble := checker.not_ready():
            troubles = [text for member in self._members.values() for text in member.troubles]
            if troubles or time.monotonic() > deadline:
                trouble += troubles
                raise RuntimeError(f"the workers do not start: {trouble}; see {self._story.directory}")
            self._tick()
            time.sleep(_TICK)  # the pace at which faults and time are looked after

    def _checker(self) -> Checker:
        return Checker(
            bootstrap=self._cluster.kafka.bootstrap,
            group=GROUP,
            topic=TOPIC,
            partitions=SIGHTINGS_PARTITIONS,
            metrics=METRICS,
            top=TOP,
            world=World(self._options.seed, growth_minutes=GROWTH_MINUTES),
            api=self._api,
            feed=self._feed,
            members=list(self._members.values()),
            tick=self._tick,
            directory=self._story.directory,
        )

    @property
    def _sandbox_url(self) -> str:
        return f"http://{self._sandbox.address}"

    def _member(self, number: int) -> Member:
        environment = settings(
            self._cluster.bootstrap_of(number),
            self._api.address,
            copies=min(3, self._options.brokers),
            limit=self._options.limit,
        )
        member = Member(number, environment, self._story.directory)
        self._stack.callback(member.close)
        return member

    def _log(self, event: str, **more: Any) -> None:  # noqa: ANN401 -- JSON
        line = json.dumps({"at": round(time.time(), 3), "event": event, **more})
        for out in (self._faults_log, sys.stderr):
            out.write(line + "\n")
            out.flush()


@contextmanager
def sandbox(directory: Path, options: Options) -> Iterator[Running]:
    """The API, with a contract, and all of its requests kept."""
    with running_sandbox(
        directory,
        f"--requests-per-minute={options.limit}",
        f"--seed={options.seed}",
        f"--growth-minutes={GROWTH_MINUTES}",
        f"--kept-requests={_KEPT_REQUESTS}",
    ) as running:
        yield running


def settings(bootstrap: str, api: str, *, copies: int, limit: int, **more: str) -> dict[str, str]:
    """The environment of a worker; ``more`` by names in small letters, without the prefix."""
    given = {
        "kafka__bootstrap_servers": bootstrap,
        "kafka__topic": TOPIC,
        "kafka__group": GROUP,
        "kafka__sightings_partitions": str(SIGHTINGS_PARTITIONS),
        "kafka__replication_factor": str(copies),
        "kafka__session_timeout": f"{SESSION:g}s",
        "kafka__heartbeat_interval": "1s",
        "kafka__request_timeout": "5s",
        "watchlist__recheck_unavailable": "1m",
        "planner__linger": "200ms",
        "planner__min_interval": f"{MIN_INTERVAL:g}s",
        "planner__interval_growth": "0",
        # No request is filled up with Posts that are not due: whatever is asked early is seen to be.
        "planner__free_seats": "false",
        # Every Post is accounted for: none is to be let go because it cannot reach a board.
        "planner__retire_chance": "0",
        "engagement__url": f"http://{api}",
        "engagement__token_url": f"http://{api}/oauth2/token",
        "engagement__bearer_token": "sandbox-token",
        "engagement__requests_per_minute": str(limit),
        "engagement__timeout": "3s",
        "engagement__attempts": "3",
        "engagement__retry_wait": "100ms",
        "engagement__retry_wait_max": "1s",
        "engagement__circuit_retry": "2s",
        "boards__metrics": ",".join(METRICS),
        "boards__top": str(TOP),
        "boards__reserve": str(TOP),
        "publish__interval": "500ms",
        "publish__http__port": "0",
        "run__log_format": "json",
        **more,
    }
    return {f"TOPTWEETS_{name.upper()}": value for name, value in given.items()}


@contextmanager
def sigterm_as_ctrl_c() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C would: everything that was started is ended."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
