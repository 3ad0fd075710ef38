"""The load: distinct IDs through a group, until every board of every worker tells of all of them."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kafka import KafkaProducer

from benchmarks.chaos.looking import Finder
from benchmarks.chaos.oracle import Wrong, compare, may_compete, right_boards, truth, union, wrong_values
from benchmarks.chaos.trace import Topics
from benchmarks.scale.group import SIGHTINGS_PARTITIONS, TOP, TOPICS, Group
from sandbox.world import World
from worker.model import PUBLIC_METRICS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.chaos.looking import Window
    from worker.model import PostId

SEED: Final = 1
"""Of the sandbox's world, unless told."""

_IDLE_FOR: Final = 3.0
_NEARLY: Final = 0.95
"""Share of the Posts from which on the workers themselves are looked at."""
_BETWEEN_LOOKS: Final = 0.2
_SAME_WITHIN: Final = 90.0
"""Seconds. That a Post was measured again with the same counts is told to other workers in its turn only."""
_LONGEST: Final = 900.0
_SOON: Final = 0.01


@dataclass(frozen=True, slots=True)
class Loaded:
    """What it took. ``cpu`` in seconds of all workers; ``idle``: of a second in which nothing comes in."""

    workers: int
    cpu: float
    wall: float
    idle: float
    requests: int
    boards: int
    wrong: Sequence[Wrong]
    wrong_values: Sequence[str]


def load(
    directory: Path,
    workers: int,
    posts: Sequence[PostId],
    *,
    rate: float | None = None,
    fetch_wait: str = "250ms",
    apart: bool = False,
) -> Loaded:
    """Let so many workers measure all Posts, each once: written at once, or so many a second.

    The workers are a group, whose leaderboards are judged; or each is ``apart``, as if the others were not.
    """
    with ExitStack() as stack:
        group = Group(
            stack,
            directory,
            workers,
            posts,
            apart=apart,
            kafka__fetch_wait=fetch_wait,
            # Nothing is to move while it is measured.
            kafka__session_timeout="30s",
            planner__min_interval="1h",
            planner__linger="2s",
            # The default, as in benchmarks.pipeline, and not the one of the chaos.
            planner__half_growth="80m",
            boards__metrics=",".join(PUBLIC_METRICS),
        )
        group.start(workers)
        windows = [stack.enter_context(closing(window)) for window in group.windows()]
        idle = group.cpu()
        time.sleep(_IDLE_FOR)
        idle = (group.cpu() - idle) / _IDLE_FOR
        cpu, began = group.cpu(), time.perf_counter()
        produce(group, rate)
        group.await_that(
            lambda: group.served() >= _NEARLY * len(posts), "the Posts are asked for", patience=_LONGEST
        )
        shares = group.shares()
        group.await_that(lambda: _all_told(windows, shares), "all is told", tick=_BETWEEN_LOOKS)
        wall, cpu = time.perf_counter() - began, group.cpu() - cpu
        boards, wrong, values = (0, (), ()) if apart else _judge(group, windows)
        if wrong:
            topics = Topics(group.bootstrap, group.name, TOPICS[0], SIGHTINGS_PARTITIONS)
            topics.write_partials(directory / "partials.jsonl")
        return Loaded(workers, cpu, wall, idle, group.requests(), boards, wrong, values)


def produce(group: Group, rate: float | None = None) -> None:
    """Write the Posts, spread evenly over the partitions of the topics; ``rate``: so many a second."""
    producer = KafkaProducer(bootstrap_servers=group.bootstrap, linger_ms=20, batch_size=131_072)
    began = time.monotonic()
    for number, post_id in enumerate(group.posts):
        if rate and (early := began + number / rate - time.monotonic()) > _SOON:
            time.sleep(early)  # the pace at which Posts are sent
        partition = number // len(TOPICS) % group.partitions_a_topic
        producer.send(group.campaign_of(number), b"%d" % post_id, partition=partition)
    producer.flush()
    producer.close()


def _all_told(windows: Sequence[Window], shares: Sequence[int]) -> bool:
    """Whether every Post was measured, and every worker's merged leaderboards count all that they should."""
    if any(window.metric("toptweets_tracked_posts", "new") for window in windows):
        return False
    if any(window.metric("toptweets_partials_due") for window in windows):
        return False
    for window, posts in zip(windows, shares, strict=True):
        listed = window.json("/api/leaderboards")["leaderboards"]
        counted = [one["tracked_posts"] for one in listed if one["campaign"] == "all"]
        if len(counted) != len(PUBLIC_METRICS) or set(counted) != {posts}:
            return False
    return True


def _judge(group: Group, windows: Sequence[Window]) -> tuple[int, Sequence[Wrong], Sequence[str]]:
    """How many boards there are, and those that are not the truth: looked at until none is, or too long."""
    deadline = time.monotonic() + _SAME_WITHIN
    while True:
        boards, wrong, values = _compare(group, windows)
        if not (wrong or values) or time.monotonic() > deadline:
            return boards, wrong, values
        time.sleep(_BETWEEN_LOOKS)


def _compare(group: Group, windows: Sequence[Window]) -> tuple[int, Sequence[Wrong], Sequence[str]]:
    world = World(SEED)
    campaigns = {int(post_id): (group.campaign_of(number),) for number, post_id in enumerate(group.posts)}
    shown = {window.name: window.boards() for window in windows}
    together = union(shown.values(), TOP)
    finder = Finder(windows, SIGHTINGS_PARTITIONS)
    able = {*may_compete(world, campaigns, together, TOP, round(time.time()))}
    able |= {row.post_id for rows in together.values() for row in rows}
    found = {post_id: one for post_id in able if (one := finder.first(post_id)) is not None}
    known = {post_id: one.known for post_id, one in found.items()}
    values = truth(world, known)
    right = right_boards(campaigns, known, values, PUBLIC_METRICS, TOP)
    wrong = [one for where, boards in shown.items() for one in compare(where, right, boards)]
    return len(right), wrong, wrong_values(known, values, PUBLIC_METRICS)
