"""One worker, killed again and again at random moments: nothing is lost, and little is asked for twice.

``kill -9`` at any moment from its start to a few seconds later: while it starts, joins, restores, works, and
while it stops after SIGTERM. Then it is started again. Every Post is due once in the run, so each that is
asked for twice is seen: that may be only what was in flight at a kill, or was answered and not yet in the
journal. At the end every ID and every leaderboard is checked from outside, as ``benchmarks.chaos`` does.

    python -m benchmarks.kills --kills 50 --seed 1 [--json FILE] [--quick]
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
import orjson

from benchmarks.chaos.asked import read_requests
from benchmarks.chaos.checks import Checker
from benchmarks.chaos.cluster import running_cluster
from benchmarks.chaos.feed import Feed
from benchmarks.chaos.fleet import Member
from benchmarks.chaos.looking import topics_of
from benchmarks.chaos.reader import Reader
from benchmarks.chaos.report import Report, tell_findings
from benchmarks.chaos.run import (
    GROUP,
    GROWTH_MINUTES,
    INPUT_PARTITIONS,
    METRICS,
    SIGHTINGS_PARTITIONS,
    TOP,
    TOPIC,
    Options,
    sandbox,
    settings,
    sigterm_as_ctrl_c,
)
from benchmarks.repeats import Journalled, judge_repeats
from sandbox.world import World
from tests.tools.tcp_proxy import tcp_links

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

LIMIT: Final = 6000
INTERRUPTED: Final = 130
LONGEST_LIFE: Final = 8.0
STOPPED_FIRST: Final = 0.2
"""Share of the kills that come while it stops."""

_WHILE_STOPPING: Final = 0.6
_TICK: Final = 0.02


class Kills:
    """One run; the stack ends all of it."""

    def __init__(self, stack: ExitStack, directory: Path, seed: int, rate: float) -> None:
        self._chance = random.Random(seed)  # noqa: S311 -- not a secret
        options = Options(0, seed, workers=1, brokers=1, limit=LIMIT)
        links = stack.enter_context(tcp_links())
        api = stack.enter_context(sandbox(directory, options))
        self._url = f"http://{api.address}"
        host, port = api.address.split(":")
        link = links.open((host, int(port)))
        self.cluster = cluster = stack.enter_context(running_cluster(links, brokers=1, workers=1))
        self.bootstrap = cluster.kafka.bootstrap
        cluster.create_topic(TOPIC, INPUT_PARTITIONS)
        environment = settings(
            cluster.bootstrap_of(1),
            link.address,
            copies=1,
            limit=LIMIT,
            # Else a member that was killed holds its group up until its session is over.
            kafka__instance_id="killed-again",
            planner__min_interval="12h",
            watchlist__recheck_unavailable="12h",
        )
        self.member = Member(1, environment, directory)
        stack.callback(self.member.close)
        self.feed = Feed(self.bootstrap, TOPIC, INPUT_PARTITIONS, rate, seed)
        stack.callback(self.feed.close)
        self.journal: list[Journalled] = []
        self._reader = Reader(self.bootstrap, f"{GROUP}.journal", self._take)
        stack.callback(self._reader.close)
        self._http = stack.enter_context(httpx.Client(trust_env=False, timeout=10))
        self.killed_at: list[float] = []
        self.checker = Checker(
            bootstrap=self.bootstrap,
            group=GROUP,
            topic=TOPIC,
            partitions=SIGHTINGS_PARTITIONS,
            metrics=METRICS,
            top=TOP,
            world=World(seed, growth_minutes=GROWTH_MINUTES),
            api=link,
            feed=self.feed,
            members=[self.member],
            tick=self.member.tick,
            directory=directory,
        )

    def run(self, kills: int, report: Report) -> None:
        """Kill it so often; then check."""
        self.feed.start()
        self._reader.start()
        phases = dict.fromkeys(("starting", "working", "stopping"), 0)
        for _ in range(kills):
            phases[self._live_and_die()] += 1
        self.member.want()
        findings = self.checker.quiet_moment()
        produced = self.feed.produced()
        ids = len(produced.kept) + len(produced.leaving) + len(produced.deleted)
        report.tell("kills", kills, "kills", **phases)
        report.tell("ids", ids, "Posts", records=dict(self.feed.records))
        tell_findings([findings], report)
        self._tell_repeats(report)
        report.failures += self.member.troubles

    def _live_and_die(self) -> str:
        """One life of the worker; in which phase it ended."""
        self.member.want()
        self._wait(self._chance.uniform(0, LONGEST_LIFE))
        started = self.member.url is not None
        if started and self._chance.random() < STOPPED_FIRST:
            self.member.stop()
            self._wait(self._chance.uniform(0, _WHILE_STOPPING), still=True)
            self._kill()
            return "stopping"
        self._kill()
        return "working" if started else "starting"

    def _kill(self) -> None:
        self.killed_at.append(time.time())
        self.member.kill()

    def _wait(self, seconds: float, *, still: bool = False) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if not still:
                self.member.tick()
            time.sleep(min(left, _TICK))

    def _tell_repeats(self, report: Report) -> None:
        requests = read_requests(self._http, self._url)
        asked = [post_id for request in requests for post_id in request.post_ids]
        report.tell("ids_asked", len(asked), "IDs", requests=len(requests))
        report.tell("ids_repeated", len(asked) - len(set(asked)), "IDs")
        if f"{GROUP}.journal" not in topics_of(self.bootstrap):
            return  # without one, all of them are asked for again
        repeats = judge_repeats(requests, self.killed_at, self.journal)
        report.tell("ids_repeated_needlessly", len(repeats.needless), "IDs", excused=repeats.excused)
        if repeats.needless:
            of = {one for one, _, _ in repeats.needless}
            told = [(one.at, one.answered, of & {*one.post_ids}) for one in requests if of & {*one.post_ids}]
            report.failures.append(f"the requests with those: {told[:40]}")
            report.failures.append(
                f"{len(repeats.needless)} IDs were asked for again although the journal held what was"
                f" answered: {list(repeats.needless)[:20]}; kills: {self.killed_at}; of these the journal has"
                f" {self._journalled({one for one, _, _ in repeats.needless[:20]})}"
            )

    def _journalled(self, post_ids: Collection[int]) -> list[Journalled]:
        return [one for one in self.journal if one.post_id in post_ids]

    def _take(self, record: Any, _: float) -> None:  # noqa: ANN401 -- kafka-python's
        if record.value is None or not record.key.isdigit():
            return  # a tombstone, or a claim
        measured_at = orjson.loads(record.value).get("measured_at")
        if measured_at is not None:
            self.journal.append(Journalled(int(record.key), float(measured_at), record.timestamp / 1000))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.kills",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=40.0, help="records a second")
    parser.add_argument("--json", type=Path, help="write figures and failures to this file too")
    parser.add_argument("--quick", action="store_true", help="5 kills: to see that it runs")
    given = parser.parse_args(arguments)
    directory = Path(tempfile.mkdtemp(prefix="top-tweets-kills-"))
    report = Report()
    try:
        with sigterm_as_ctrl_c(), ExitStack() as stack:
            Kills(stack, directory, given.seed, given.rate).run(5 if given.quick else given.kills, report)
    except BaseException as error:
        sys.stderr.write(f"logs: {directory}\n")
        if isinstance(error, KeyboardInterrupt):
            return INTERRUPTED
        raise
    return report.close(directory, given.json)


if __name__ == "__main__":
    sys.exit(main())
