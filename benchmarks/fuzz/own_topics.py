"""Two workers whose own topics a stranger writes into: they live, refuse it, and show what is true."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Final

from benchmarks.chaos.looking import Finder, GoneError, Window
from benchmarks.chaos.oracle import compare, right_boards, truth
from benchmarks.chaos.trace import Topics
from benchmarks.fuzz.stranger import NAME, Stranger
from benchmarks.fuzz.watching import FuzzError, Watch
from sandbox.world import World
from tests.tools.kafka_records import Writer, latest, read_all
from tests.tools.live_worker import await_that, quick_settings, running_sandbox, running_worker
from worker.formats.journal import CLAIM_KEY
from worker.formats.wire import decode
from worker.intake.forwarder import partition_of
from worker.intake.topics import TopicNames
from worker.model import Sighting, Timestamp, first_post_id

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.tools.brokers import Broker
    from tests.tools.live_worker import Running

GROUP: Final = "fuzz-own"
PARTITIONS: Final = 4
METRICS: Final = ("favorites", "retweets")
TOP: Final = 20
POSTS: Final = 400
WORKERS: Final = 2
_SEED: Final = 1
_GROWTH_MINUTES: Final = 5.0
_PATIENCE: Final = 90.0


class OwnTopicsFuzz:
    """One run. ``tell`` is given each figure."""

    def __init__(self, broker: Broker, directory: Path, seed: int, tell: Callable[..., None]) -> None:
        self._broker = broker
        self._directory = directory
        self._tell = tell
        self._names = TopicNames(GROUP)
        self._topic = broker.create_topic("fuzz-own-posts")
        self._stranger = Stranger(broker.bootstrap, self._names, PARTITIONS, seed)
        self._ids: set[int] = set()
        self._suspects: set[int] = set()
        self._world = World(_SEED, growth_minutes=_GROWTH_MINUTES)

    def run(self, records: int) -> list[str]:
        """Let a stranger write so many to each topic; what is wrong."""
        options = (f"--seed={_SEED}", f"--growth-minutes={_GROWTH_MINUTES}")
        troubles: list[str] = []
        with running_sandbox(self._directory, *options) as api:
            with ExitStack() as stack:
                workers = self._start(stack, api)
                self._write_posts()
                self._await_true(workers, "before")
                self._stranger.write(records)
                self._ids |= self._valid()
                self._await_true(workers, "after the stranger")
                troubles += self._counted(workers)
                for worker in workers:
                    if code := worker.stop(30):
                        troubles.append(f"a worker ended with code {code} after SIGTERM")
            with ExitStack() as stack:
                workers = self._start(stack, api)
                self._await_true(workers, "after a restart")
                self._await_published(workers)
                troubles += self._newer(workers)
        return troubles

    def _start(self, stack: ExitStack, api: Running) -> list[Running]:
        settings = quick_settings(
            self._broker,
            GROUP,
            boards__metrics=",".join(METRICS),
            boards__top=str(TOP),
            intake__campaigns_from="hashtags",
            watchlist__max_campaigns="100000",
            planner__min_interval="12h",
            planner__interval_growth="0",
            journal__interval="1s",
            kafka__session_timeout="15s",
        )
        where = self._directory, self._broker.bootstrap, self._topic, api.address, settings
        workers = [stack.enter_context(running_worker(*where)) for _ in range(WORKERS)]
        for worker in workers:
            worker.await_that("/readyz", f"owns {PARTITIONS // WORKERS} of {PARTITIONS}")
        return workers

    def _write_posts(self) -> None:
        first = first_post_id(Timestamp(time.time() - 3600))
        tags: list[list[dict[str, str]]] = [[], [{"text": "spring"}]]
        with closing(Writer(self._broker.bootstrap)) as writer:
            for number in range(POSTS):
                post_id = first + number * 4099
                self._ids.add(post_id)
                post = {"id_str": str(post_id), "text": "a text", "entities": {"hashtags": tags[number % 2]}}
                writer.send(self._topic, [json.dumps(post).encode()])

    def _valid(self) -> set[int]:
        """The Posts of what the stranger wrote as Sightings that are right, and in the right place."""
        found = set[int]()
        for key, value, partition in self._stranger.written:
            item = decode(key, value)
            if isinstance(item, Sighting) and partition_of(item.post_id, PARTITIONS) == partition:
                found.add(item.post_id)
        return found

    def _await_true(self, workers: Sequence[Running], when: str) -> None:
        """Wait until every worker shows what is true, of all Posts.

        Raises:
            FuzzError: none of it within ``_PATIENCE``, or a worker is not well.
        """
        began = time.monotonic()
        while wrong := self._wrong(workers):
            if time.monotonic() - began > _PATIENCE:
                self._keep_evidence(workers)
                raise FuzzError(f"{when}: {wrong[:5]}")
            time.sleep(0.5)
        self._tell("fuzz_own_settled", time.monotonic() - began, "s", when=when, posts=len(self._ids))

    def _wrong(self, workers: Sequence[Running]) -> list[str]:
        with ExitStack() as stack:
            windows = []
            for number, worker in enumerate(workers):
                stack.enter_context(closing(watch := Watch(worker)))
                watch.look()
                window = Window(f"worker {number}", f"http://{worker.address}")
                windows.append(stack.enter_context(closing(window)))
            try:
                return self._compare(windows)
            except GoneError as error:
                return [str(error)]

    def _compare(self, windows: Sequence[Window]) -> list[str]:
        if waiting := sum(window.metric("toptweets_tracked_posts", "new") for window in windows):
            return [f"{waiting:g} Posts are not measured"]
        finder = Finder(windows, PARTITIONS)
        found = {post_id: one for post_id in self._ids if (one := finder.first(post_id)) is not None}
        tracked = sum(window.metric("toptweets_tracked_posts") for window in windows)
        if not found or tracked != len(found):
            return [f"{tracked:g} Posts are tracked, and {len(found)} were found"]
        known = {post_id: one.known for post_id, one in found.items()}
        campaigns = {post_id: one.campaigns for post_id, one in found.items()}
        right = right_boards(campaigns, known, truth(self._world, known), METRICS, TOP)
        wrong = [one for window in windows for one in compare(window.name, right, window.boards())]
        rows = [row for one in wrong for row in (one.expected, one.got) if row is not None]
        self._suspects = {row.post_id for row in rows}
        return [str(one) for one in wrong]

    def _keep_evidence(self, workers: Sequence[Running]) -> None:
        """What the topics hold, and the workers know, of the Posts that are on wrong boards."""
        topics = Topics(self._broker.bootstrap, GROUP, self._topic, PARTITIONS)
        topics.write_trace(self._directory / "astray.jsonl", self._suspects)
        topics.write_partials(self._directory / "partials.jsonl")
        with (self._directory / "posts.jsonl").open("a") as out:
            for worker in workers:
                out.writelines(worker.get(f"/api/posts/{one}").text + "\n" for one in self._suspects)

    def _counted(self, workers: Sequence[Running]) -> list[str]:
        """Every Sighting is counted as taken or refused, and of the rest something was refused."""
        outcomes: dict[str, float] = {}
        partials = 0.0
        for worker in workers:
            for outcome in ("owned", "refused"):
                count = worker.metric("toptweets_records_total", topic=self._names.sightings, outcome=outcome)
                outcomes[outcome] = outcomes.get(outcome, 0) + count
            partials += worker.metric("toptweets_partials_refused_total")
        journal = sum(worker.metric("toptweets_journal_records_refused_total") for worker in workers)
        there = len(read_all(self._broker.bootstrap, self._names.sightings))
        self._tell("fuzz_own_sightings", there, "records", **outcomes)
        self._tell("fuzz_own_refused", partials + journal, "records", partials=partials, journal=journal)
        troubles = []
        if sum(outcomes.values()) != there:
            troubles.append(f"{there} records in {self._names.sightings}, and {outcomes} were counted")
        if not (partials and journal):
            troubles.append(f"refused: {partials:g} partials, {journal:g} of the journal")
        return troubles

    def _await_published(self, workers: Sequence[Running]) -> None:
        """What stands on Kafka in the end is what is served: also over whatever the stranger wrote."""

        def same() -> bool:
            with closing(Window("worker", f"http://{workers[0].address}")) as window:
                served = {
                    f"{campaign}/{metric}": rows for (campaign, metric), rows in window.boards().items()
                }
            found = latest(self._broker.bootstrap, self._names.leaderboards)
            shown: dict[str, list[tuple[str, int]]] = {}
            for key, record in found.items():
                board = json.loads(record.value)
                shown[key.decode()] = [(one["post_id"], one["value"]) for one in board["entries"]]
            return shown == {
                name: [(str(row.post_id), row.value) for row in rows] for name, rows in served.items()
            }

        await_that(same, "the leaderboards on Kafka are those that are served", _PATIENCE)

    def _newer(self, workers: Sequence[Running]) -> list[str]:
        """A claim of a newer version ends the owner of its partition, with what to do."""
        with closing(Writer(self._broker.bootstrap)) as writer:
            value = b'{"v":2,"by":"%b"}' % NAME
            writer.send(self._names.journal, [value], key=CLAIM_KEY, partition=0)
        await_that(lambda: any(one.process.poll() is not None for one in workers), "one ends", _PATIENCE)
        (ended,) = (one for one in workers if one.process.poll() is not None)
        told = [event["error"] for event in ended.events("cannot_run")]
        if ended.process.poll() != 1 or not any("bring this one up to date" in error for error in told):
            return [f"a newer journal ended a worker with {ended.process.poll()}, and it said {told}"]
        return []
