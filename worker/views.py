"""What the HTTP room shows of the rest: a Post, and whether the worker is well."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from worker.board_metrics import board_metric
from worker.intake.forwarder import partition_of
from worker.model import REAL_TIME
from worker.moments import as_iso
from worker.publish.http.views import BoardChance, Elsewhere, Health, Planning, PostView
from worker.watchlist import State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.api_watch import ApiWatch
    from worker.engagement import Circuit
    from worker.intake import BrokerWatch, Joining
    from worker.journal import Journal
    from worker.merging import Merger
    from worker.model import Clock, Pace, PostId, Timestamp
    from worker.ownership import Ownership
    from worker.planner import BoardGain, Stake
    from worker.progress import Progress
    from worker.tracker import Tracker
    from worker.watchlist import Lane

_STATES = {State.NEW: "new", State.MEASURED: "measured", State.UNAVAILABLE: "unavailable"}


class Views:
    """Answers what the HTTP routes ask of the worker."""

    def __init__(
        self,
        tracker: Tracker,
        *,
        planners: Mapping[Lane, BoardGain],
        clock: Clock,
        ownership: Ownership,
        joining_input: Joining,
        joining_owners: Joining,
        merger: Merger,
        journal: Journal,
        circuit: Circuit,
        progress: Progress,
        watch: BrokerWatch,
        api: ApiWatch,
        pace: Pace = REAL_TIME,
    ) -> None:
        self._tracker = tracker
        self._planners = planners
        self._clock = clock
        self._ownership = ownership
        self._joining_input = joining_input
        self._joining_owners = joining_owners
        self._merger = merger
        self._journal = journal
        self._circuit = circuit
        self._progress = progress
        self._watch = watch
        self._api = api
        self._pace = pace

    def post(self, post_id: PostId) -> PostView | Elsewhere | None:
        """What is known of a Post; ``None`` when it is not tracked, and ours to track."""
        known = self._tracker.watchlist.tracked(post_id)
        if known is None:
            partition = partition_of(post_id, self._ownership.total)
            return None if self._ownership.owns(partition) else Elsewhere(partition)
        made = [board_metric(metric) for metric in self._tracker.boards.metrics]
        counted = {metric.name for metric in made if metric.kind == "count"}
        rates = {metric.name for metric in made if metric.kind == "rate"}
        grown = {(metric.name, metric.sources[0]) for metric in made if metric.kind == "per_hour"}
        values = known.values
        return PostView(
            post_id=post_id,
            state=_STATES[known.state],  # type: ignore[arg-type]
            campaigns=known.campaigns,
            created_at=known.created_at,
            seen_at=known.seen_at,
            measured_at=known.measured_at,
            counts={metric: int(values[metric]) if metric in values else None for metric in sorted(counted)},
            rates={metric: values.get(metric) for metric in sorted(rates)},
            per_hour={source: values.get(metric) for metric, source in sorted(grown)},
            author=known.author,
            text=known.text,
            due_at=self._due_at(known.state, post_id),
            planning=self._planning(post_id),
        )

    def health(self) -> Health:
        """The loops made progress lately."""
        stalled = self._progress.stalled()
        checks = dict.fromkeys(self._progress.loops(), "moves on")
        checks |= {loop: f"no progress for {age:.0f} s" for loop, age in stalled.items()}
        return Health(not stalled, checks)

    def ready(self) -> Health:
        """The worker has read its partitions and the others' boards, so that its leaderboards are whole.

        The rest is told for whoever looks: while a group is joined anew, the journal cannot be written, or
        brokers or the API are down, the boards are still served.
        """
        checks = {
            "input": self._joining_input.describe(),
            "sightings": self._describe_sightings(),
            "partials": "read" if self._merger.complete else "reading what the other workers tell",
            "journal": self._journal.describe(),
            "kafka": self._watch.down or "answers",
            "api": self._circuit.reason or self._api.describe(),
            "clock": self._describe_clock(),
        }
        return Health(self._ownership.restored and self._merger.complete, checks)

    def _describe_clock(self) -> str:
        if self._pace.is_real:
            return "real time"
        told, since = as_iso(self._clock.now()), as_iso(self._pace.since)
        return f"for development: {self._pace.speed:g} times as fast as real time since {since}; it is {told}"

    def _describe_sightings(self) -> str:
        """What is owned and read; and, as that is not lost at once, whether the group is joined meanwhile."""
        if not self._ownership.joined:
            return self._joining_owners.describe()
        joining, owned = self._joining_owners.under_way(), self._ownership.describe()
        return owned if joining is None else f"{joining}; {owned}"

    def _due_at(self, state: State, post_id: PostId) -> Timestamp | None:
        watchlist = self._tracker.watchlist
        lane = watchlist.lane_of(post_id)
        if state is State.NEW:
            return lane.waiting_since(post_id)
        due_at = self._planners[lane].due_at(lane.columns, watchlist.row(post_id))
        # While it is asked for, nobody knows.
        return due_at if math.isfinite(due_at) else None

    def _planning(self, post_id: PostId) -> Planning | None:
        watchlist = self._tracker.watchlist
        lane = watchlist.lane_of(post_id)
        told = self._planners[lane].explain(self._clock.now(), lane.columns, watchlist.row(post_id))
        return Planning(
            reason=told.reason.name.lower(),  # type: ignore[arg-type]
            asked_at=told.asked_at,
            asked_worth=told.asked_worth,
            worth=told.worth,
            last_seat=told.last_seat,
            half_growth=told.half_growth,
            boards=[_chance(stake) for stake in told.stakes],
        )


def _chance(stake: Stake) -> BoardChance:
    known = stake.known
    return BoardChance(
        stake.campaign,
        stake.metric,
        value=known.value if known else None,
        expected=known.expected if known else None,
        low=known.low if known else None,
        high=known.high if known else None,
        bar=stake.bar,
        shown_bar=stake.shown_bar,
        chance=stake.chance,
    )
