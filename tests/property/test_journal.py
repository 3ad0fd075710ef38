"""What the journal is told comes back as it was: a worker that starts again goes on with it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from tests.unit.intake.fakes import FakeClock
from tests.unit.watchlist.making import HOUR, LIKES, LIKES_PER_HOUR, OLD_ID, RETWEETS, counts, limits, post
from worker.boards import BoardsLimits
from worker.catalogue import Endpoint
from worker.engagement import Account, Accounts, Outcome
from worker.formats.journal import (
    Retired,
    decode,
)
from worker.intake import TopicNames
from worker.journal import KeeperSettings
from worker.journal.keeper import Keeper
from worker.model import (
    ALL,
    Campaign,
    MetricName,
    PostId,
    SavedPost,
    Seconds,
    Sighting,
    Tombstone,
)
from worker.telemetry import Telemetry
from worker.tracker import Tracker
from worker.watchlist import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.journal.writer import Page
    from worker.watchlist import Lane

BY = "0a1b2c3d"

IMPRESSIONS, CLICKS_28H = MetricName("impressions"), MetricName("url_clicks_28h")
METRICS = (LIKES, LIKES_PER_HOUR, IMPRESSIONS, CLICKS_28H)
OTHER_METRICS = (RETWEETS, LIKES, MetricName("retweets_per_hour"), LIKES_PER_HOUR)
ACCOUNTS = Accounts([Account("acme", "1", "t", "s"), Account("beta", "2", "t", "s")])
START = FakeClock().time
POOL = (OLD_ID, *(post(number, START - HOUR * number) for number in range(1, 8)))
PARTITIONS = 2


class FakeWriter:
    """The journal, as records in order."""

    full = False

    def __init__(self) -> None:
        self.records: list[tuple[int, bytes, bytes | None]] = []

    def put(self, page: Page) -> None:
        for parcel in page.parcels:
            assert parcel.key is not None
            assert parcel.partition is not None
            self.records.append((parcel.partition, parcel.key, parcel.value))


class Worker:
    """A tracker and what tells the journal of it."""

    def __init__(self, clock: FakeClock, metrics: Sequence[MetricName], *, accounts: bool) -> None:
        telemetry = Telemetry(CollectorRegistry())
        self.clock = clock
        self.tracker = Tracker(
            metrics,
            limits(max_campaigns=2, growth_window=600.0, tracking_window=3 * HOUR),
            BoardsLimits(2, 1),
            half_growth=Seconds(4800.0),
            telemetry=telemetry,
            accounts=ACCOUNTS if accounts else None,
        )
        self.writer = FakeWriter()
        self.keeper = Keeper(
            self.tracker,
            self.writer,  # type: ignore[arg-type]  # a fake
            TopicNames("g"),
            BY,
            KeeperSettings(Seconds(30.0), Seconds(2.0), 100),
            holds=lambda _, __: False,
            clock=clock,
            telemetry=telemetry,
        )
        self.tracker.on_retired = self.keeper.retired
        self.own()

    def own(self) -> None:
        self.keeper.assigned(range(PARTITIONS), 1, 1)
        for partition in range(PARTITIONS):
            self.keeper.restored(partition)

    def records(self) -> list[tuple[int, bytes, bytes | None]]:
        """The journal, with all that is known in it."""
        self.keeper.hand_over_all(lambda: None)
        told = self.writer.records[:]
        self.own()
        return told

    def restore(self, records: Sequence[tuple[int, bytes, bytes | None]], at_once: int) -> None:
        """Take the records back, so many at once."""
        for partition in range(PARTITIONS):
            mine = [decode(key, value) for place, key, value in records if place == partition]
            items = [item for item in mine if isinstance(item, SavedPost | Retired)]
            for start in range(0, len(items), at_once):
                chunk = {item.post_id: item for item in items[start : start + at_once]}
                assert self.tracker.restore(partition, list(chunk.values()), self.clock.now()) == []
            self.tracker.restored(partition)

    # What happens to it

    def see(self, what: Sighting | Tombstone) -> None:
        partition = what.post_id % PARTITIONS
        assert self.tracker.take(partition, [what], self.clock.now()) == 1
        self.keeper.took(partition, [what], 1)

    def answer(self, lane: Lane, told: dict[PostId, tuple[str, int | None]]) -> None:
        """Each Post of this lane is told of in some way."""
        watchlist = self.tracker.watchlist
        mine = {
            one: what for one, what in told.items() if one in watchlist and lane.holds(watchlist.row(one))
        }

        def of(part: str) -> tuple[PostId, ...]:
            return tuple(post_id for post_id, (said, _) in mine.items() if said == part)

        measured: dict[PostId, Sequence[int | None]] = {
            one: [mine[one][1]] * len(lane.asked) for one in of("counts")
        }
        self.tracker.answered(
            Outcome(
                self.clock.now(),
                counts=[counts(measured, float(int(self.clock.now())))] if measured else [],
                unavailable=of("unavailable"),
                failed=dict.fromkeys(of("failed"), "why"),
                forbidden=of("forbidden") if lane.account else (),
                authors={one: "2" if mine[one][1] else "nobody of ours" for one in of("forbidden")},
            ),
            lane,
        )

    def lane(self, number: int) -> Lane:
        lanes = list(self.tracker.watchlist.owners.lanes())
        return lanes[number % len(lanes)]

    # What is known

    def known(self, metrics: Sequence[MetricName]) -> dict[PostId, Any]:
        """All of each Post that a restart must keep."""
        watchlist, columns = self.tracker.watchlist, self.tracker.watchlist.columns
        grown = [one for one in watchlist.metrics if one.endswith("_per_hour")]
        found: dict[PostId, Any] = {}
        for post_id in watchlist.post_ids():
            row, told = watchlist.row(post_id), watchlist.tracked(post_id)
            assert told is not None
            assert not columns.in_flight[row]
            kept = {
                (name, metric): (at[row], None if np.isnan(value) else value)
                for name, at, table in (
                    ("base", columns.base_at, columns.base),
                    ("kept", columns.kept_at, columns.kept),
                )
                for metric, value in zip(grown, table[row].tolist(), strict=True)
                if metric in metrics and at[row] > 0
            }
            values_of = {metric: value for metric, value in told.values.items() if metric in metrics}
            account = columns.accounts[row] if len(columns.accounts) else None
            recent = columns.measured_28h[row] if len(columns.measured_28h) else None
            found[post_id] = (replace(told, values=values_of), kept, account, recent)
        return found

    def shown(self, metrics: Sequence[MetricName]) -> dict[object, object]:
        """The leaderboards, and who waits on which lane."""
        campaigns = {ALL, *self.tracker.watchlist.groups.campaigns()}
        boards: dict[object, object] = {
            (campaign, metric): list(self.tracker.boards.merged(campaign, metric))
            for campaign in campaigns
            for metric in metrics
        }
        return boards

    def waiting(self) -> list[list[PostId]]:
        lanes = self.tracker.watchlist.owners.lanes()
        return [sorted(lane.first_unmeasured(99)) for lane in lanes]


post_ids = st.sampled_from(POOL)
seen = st.tuples(
    st.just("see"),
    post_ids,
    st.lists(st.sampled_from([Campaign(one) for one in "xyz"]), max_size=2).map(
        lambda one: tuple(sorted(set(one)))
    ),
    st.sampled_from([None, "acme", "beta", "ada"]),
    st.none() | st.just("a text"),
)
answers = st.tuples(
    st.just("answer"),
    st.integers(0, 4),
    st.dictionaries(
        post_ids,
        st.tuples(
            st.sampled_from(["counts"] * 5 + ["unavailable", "failed", "forbidden"]),
            st.none() | st.integers(0, 50),
        ),
        min_size=1,
    ),
)
steps = st.lists(
    seen
    | answers
    | st.tuples(st.just("delete"), post_ids)
    | st.tuples(st.just("time"), st.sampled_from([0.3, 5.0, 40.0, 700.0, 4000.0]))
    | st.tuples(st.just("flush"))
    | st.tuples(st.just("retire")),
    max_size=25,
)


def _do(step: tuple[Any, ...], clock: FakeClock, *workers: Worker) -> None:
    kind, *what = step
    if kind == "time":
        clock.time += what[0]
    for worker in workers:
        if kind == "see":
            post_id, campaigns, author, text = what
            worker.see(Sighting(post_id, campaigns, clock.now(), author, text))
        elif kind == "delete":
            worker.see(Tombstone(what[0]))
        elif kind == "answer":
            worker.answer(worker.lane(what[0]), what[1])
        elif kind == "flush":
            worker.keeper.flush()
        elif kind == "retire":
            worker.tracker.retire(clock.now())


@settings(max_examples=100, deadline=None)
@given(steps, steps, st.booleans(), st.booleans(), st.sampled_from([1, 3, 500]))
def test_a_worker_that_starts_again_goes_on_as_if_nothing_had_happened(
    before: list[tuple[Any, ...]],
    after: list[tuple[Any, ...]],
    accounts: bool,
    compacted: bool,
    at_once: int,
) -> None:
    clock = FakeClock()
    first = Worker(clock, METRICS, accounts=accounts)
    for step in before:
        _do(step, clock, first)
    records = first.records()
    if compacted:
        records = [(place, key, value) for (place, key), value in {(p, k): v for p, k, v in records}.items()]
    second = Worker(clock, METRICS, accounts=accounts)
    second.restore(records, at_once)
    for step in ((), *after):
        if step:
            _do(step, clock, first, second)
        assert second.known(METRICS) == first.known(METRICS)
        assert second.waiting() == first.waiting()
        first.tracker.check()
        second.tracker.check()
        assert second.shown(METRICS) == first.shown(METRICS)


@settings(max_examples=50, deadline=None)
@given(steps, steps)
def test_metrics_that_stay_go_on_where_others_come_and_go(
    before: list[tuple[Any, ...]], after: list[tuple[Any, ...]]
) -> None:
    clock, both = FakeClock(), (LIKES, LIKES_PER_HOUR)
    first = Worker(clock, METRICS, accounts=False)
    for step in before:
        _do(step, clock, first)
    records = first.records()
    second = Worker(clock, OTHER_METRICS, accounts=False)
    second.restore(records, 500)
    for step in ((), *after):
        # Who is retired depends on the boards that there are.
        if step and step[0] != "retire":
            _do(step, clock, first, second)
        assert second.known(both) == first.known(both)
        second.tracker.check()
        assert second.shown(both) == first.shown(both)
    new = second.tracker.watchlist.metrics.index(RETWEETS)
    states = second.tracker.watchlist.columns.states
    if not after:
        assert np.isnan(second.tracker.watchlist.columns.values[states != State.FREE, new]).all()


def test_the_endpoint_of_each_lane_is_drawn() -> None:
    """A guard of the property above: the lanes are there."""
    worker = Worker(FakeClock(), METRICS, accounts=True)
    endpoints = [lane.endpoint for lane in worker.tracker.watchlist.owners.lanes()]
    assert endpoints.count(Endpoint.LAST_28H) == 2
