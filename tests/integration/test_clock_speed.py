"""Worker and sandbox at 60 times real time, over a broker that lives in real time: right is still right."""

from __future__ import annotations

import time
import uuid
from collections import defaultdict
from contextlib import ExitStack, closing
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest

from tests.tools.kafka_records import Writer
from tests.tools.live_worker import await_that, quick_settings, running_sandbox, running_worker
from worker.model import Pace, PostId, Seconds, Timestamp, created_at, first_post_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.tools.brokers import Broker

SPEED: Final = 60
LIMIT: Final = 3
"""Requests in a minute of the sandbox's, one of our seconds: fewer than a slow machine could send."""
HEADROOM: Final = 20
TOP: Final = 10
INTERVAL: Final = 120
LONGEST: Final = 2 * 3600
"""More seconds by the fast clock than a test takes."""
ASKED_AT_ONCE: Final = 250
METRICS: Final = ("favorites", "retweets")


class FastLine:
    """A worker and a sandbox that live faster together, and the Posts written for them."""

    def __init__(self, broker: Broker, directory: Path, stack: ExitStack) -> None:
        since = round(time.time(), 3)
        self.pace = Pace(SPEED, Timestamp(since))
        self._broker = broker
        self._topic = broker.create_topic()
        options = (
            f"--requests-per-minute={LIMIT}",
            f"--clock-speed={SPEED}",
            f"--clock-since={since}",
            "--kept-requests=10000",
        )
        self.sandbox = stack.enter_context(running_sandbox(directory, *options))
        settings = quick_settings(
            broker,
            f"group-{uuid.uuid4().hex[:8]}",
            clock__speed=str(SPEED),
            clock__since=str(since),
            engagement__requests_per_minute=str(LIMIT),
            engagement__headroom=f"{HEADROOM}s",
            planner__min_interval=f"{INTERVAL}s",
            planner__interval_growth="0",
            boards__metrics=",".join(METRICS),
            boards__top=str(TOP),
        )
        self.worker = stack.enter_context(
            running_worker(directory, broker.bootstrap, self._topic, self.sandbox.address, settings)
        )

    def now(self) -> Timestamp:
        return self.pace.moment(Timestamp(time.time()))

    def write(self, count: int, age: float = 3600.0) -> list[PostId]:
        """Posts that are so old by the fast clock, none of which gets deleted while the test runs."""
        first = first_post_id(Timestamp(self.now() - age))
        new = self._lasting([PostId(first + one * 4099) for one in range(count + count // 5 + 10)])[:count]
        assert len(new) == count
        with closing(Writer(self._broker.bootstrap)) as writer:
            writer.send(self._topic, [b"%d" % one for one in new])
        return new

    def _lasting(self, post_ids: list[PostId]) -> list[PostId]:
        """Those of them that the sandbox tells of for as long as a test takes."""
        lasting = post_ids
        now = int(self.now())
        for at in range(now, now + LONGEST, LONGEST // 12):
            available = set[int]()
            for start in range(0, len(lasting), ASKED_AT_ONCE):
                ids = ",".join(map(str, lasting[start : start + ASKED_AT_ONCE]))
                told = self.sandbox.json(f"/sandbox/truth?ids={ids}&at={at}")["posts"]
                available |= {int(one) for one, facts in told.items() if facts["available"]}
            lasting = [one for one in lasting if one in available]
        return lasting

    def post(self, post_id: PostId) -> dict[str, Any]:
        answer = self.worker.get(f"/api/posts/{post_id}")
        return dict(answer.json()) if answer.is_success else {}

    def requests(self) -> list[dict[str, Any]]:
        """All that the sandbox received, the oldest first."""
        told: list[dict[str, Any]] = []
        while len(told) < (page := self.sandbox.json(f"/sandbox/requests?after={len(told)}"))["received"]:
            told += page["requests"]
        return told

    def asked_at(self) -> dict[str, list[float]]:
        """When each Post was asked for, by the sandbox's clock."""
        times = defaultdict(list)
        for request in self.requests():
            for post_id in request["ids"]:
                times[post_id].append(request["at"])
        return times

    def board(self, metric: str) -> list[tuple[str, int]]:
        answer = self.worker.get(f"/api/leaderboards/all/{metric}")
        return (
            [(one["post_id"], one["value"]) for one in answer.json()["entries"]] if answer.is_success else []
        )

    def truth(self, post_ids: list[PostId], metric: str) -> list[tuple[str, int]]:
        """The plain sort of what the sandbox says of each Post at the worker's last measurement of it."""
        at: dict[int, list[str]] = defaultdict(list)
        # One connection: the Posts are to be read between two rounds of measurements.
        with httpx.Client(base_url=f"http://{self.worker.address}", trust_env=False) as client:
            for post_id in post_ids:
                post = client.get(f"/api/posts/{post_id}").json()
                at[int(datetime.fromisoformat(post["measured_at"]).timestamp())].append(str(post_id))
        values = []
        for moment, measured in at.items():
            told = self.sandbox.json(f"/sandbox/truth?ids={','.join(measured)}&at={moment}")["posts"]
            values += [(one, facts["counts"][metric]) for one, facts in told.items() if facts["available"]]
        return sorted(values, key=lambda pair: (-pair[1], int(pair[0])))[:TOP]

    def check_quota(self) -> None:
        """The sandbox refused nothing, and received no more than the contract's in any minute of its own."""
        figures = self.sandbox.json("/sandbox/stats")
        assert set(figures["answers_by_status"]) == {"200"}
        assert figures["most_requests_in_a_minute"] <= LIMIT


@pytest.fixture
def line(broker: Broker, tmp_path: Path) -> Iterator[FastLine]:
    with ExitStack() as stack:
        yield FastLine(broker, tmp_path, stack)


def test_posts_are_measured_again_by_the_fast_clock_and_boards_are_the_truth(line: FastLine) -> None:
    post_ids = line.write(25)
    rounds = 4

    def all_asked() -> bool:
        asked = line.asked_at()
        return all(len(asked[str(post_id)]) >= rounds for post_id in post_ids)

    # In real time each round would take two minutes: more than all the patience there is.
    await_that(all_asked, f"each Post was asked for {rounds} times")
    asked = line.asked_at()
    for post_id in post_ids:
        gaps = [after - before for before, after in pairwise(asked[str(post_id)])]
        # One that is not due yet may now and then take a free seat beside one that is.
        assert median(gaps) > INTERVAL / 2, gaps
    for metric in METRICS:
        await_that(
            lambda metric=metric: line.board(metric) == line.truth(post_ids, metric),  # type: ignore[misc]  # bound at once
            f"the board of {metric} is the truth",
        )
    line.check_quota()


def test_a_post_produced_now_is_seen_now(line: FastLine) -> None:
    started = time.monotonic()
    (post_id,) = line.write(1, age=0.0)
    await_that(lambda: line.post(post_id).get("measured_at"), "it was measured")
    took = line.pace.passed(Seconds(time.monotonic() - started))
    born = created_at(post_id)
    assert born is not None
    post = line.post(post_id)
    for name in ("created_at", "seen_at", "measured_at"):
        assert -1 <= datetime.fromisoformat(post[name]).timestamp() - born <= took, name


def test_the_quota_is_used_and_never_exceeded_by_the_fast_clock(line: FastLine) -> None:
    line.write(2500)
    slot = (60 + HEADROOM) / LIMIT
    wanted = 5 * LIMIT
    # Five minutes of the contract and more: in real time, longer than all the patience there is.
    await_that(lambda: len(line.requests()) >= wanted, f"{wanted} requests")
    times = [request["at"] for request in line.requests()]
    # Each leaves within half of the headroom after its slot's start; a loaded machine takes the other half.
    assert times[-1] - times[0] >= (len(times) - 1) * slot - HEADROOM
    line.check_quota()


def test_it_says_loudly_that_its_clock_is_no_real_one_and_lives_with_brokers_in_real_time(
    line: FastLine,
) -> None:
    (told,) = line.worker.events("clock_is_fast")
    assert (told["level"], told["speed"]) == ("warning", SPEED)
    line.worker.await_that("/readyz", "owns 4 of 4 partitions")
    line.worker.await_that("/readyz", "for development: 60 times as fast as real time since")
    began = line.now()
    # Many sessions of the group, by the fast clock.
    await_that(lambda: line.now() - began > 5 * 60, "time passes")
    assert not line.worker.events("sightings_lost")
    assert line.worker.get("/healthz").is_success
    assert line.worker.stop(15) == 0, line.worker.log.read_text()
