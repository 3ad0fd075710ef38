"""The planner's promises, against a model that looks at every Post each time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.unit.watchlist.making import HOUR, LIKES, NOW, OLD_ID, counts, limits, post, sighting
from worker.model import PostId, Seconds, Standings, Timestamp, created_at
from worker.planner import BoardGain, BoardGainSettings, TimingSettings
from worker.watchlist import Watchlist

if TYPE_CHECKING:
    from worker.planner import Plan, Planner

POOL = (OLD_ID, post(1, NOW + 100 * HOUR), *(post(number, NOW - 512.0 * number) for number in range(2, 12)))
SEATS = 3
# All are whole halves and quarters, so that model and planner reckon the same to the last bit.
LINGER, MIN_INTERVAL, INTERVAL_GROWTH, HALF_GROWTH, RECHECK = 2.0, 16.0, 0.25, 4096.0, 500.0

TIMING = TimingSettings(Seconds(LINGER), Seconds(MIN_INTERVAL), INTERVAL_GROWTH, Seconds(RECHECK))

some_posts = st.lists(st.sampled_from(POOL), min_size=1, max_size=6, unique=True)


@dataclass
class Known:
    """What the model knows of a Post."""

    seen: float
    born: float
    measured: float | None = None
    asked: float = 0.0
    gone: bool = False
    in_flight: bool = False

    @property
    def due(self) -> float:
        if self.measured is None:
            return max(self.seen, self.asked)
        interval = RECHECK if self.gone else max(MIN_INTERVAL, INTERVAL_GROWTH * (self.measured - self.born))
        return max(self.measured + interval, self.asked + MIN_INTERVAL)


def make_planner() -> Planner:
    settings_of = BoardGainSettings(
        top=2,
        growth_window=Seconds(HOUR),
        half_growth=Seconds(HALF_GROWTH),
        tracking_window=Seconds(24 * HOUR),
        unasked_share=0.34,
        max_unasked=Seconds(HOUR),
        retire_chance=1e-3,
    )
    return BoardGain([LIKES], settings_of, TIMING)


class Planning(RuleBasedStateMachine):
    """A worker's calls in any order, as time passes.

    Requests leave when the model says so; nobody goes twice, and all that are due go where there is room.
    """

    @initialize()
    def start(self) -> None:
        self.planner = make_planner()
        self.watchlist = Watchlist([LIKES], limits())
        self.posts: dict[PostId, Known] = {}
        self.requests: list[tuple[float, list[PostId]]] = []
        self.forgotten: set[PostId] = set()
        self.now = float(NOW)

    # What happens around the planner

    @rule(seen=some_posts, ago=st.sampled_from([0, 0, 0.5, 1.5, 30, -5]))
    def see(self, seen: list[PostId], ago: float) -> None:
        self.watchlist.add(
            0, [sighting(post_id, seen_at=self.now - ago) for post_id in seen], Timestamp(self.now)
        )
        for post_id in seen:
            if post_id not in self.posts:
                seen_at = min(self.now - ago, self.now)
                born = created_at(post_id)
                self.posts[post_id] = Known(seen_at, seen_at if born is None else min(born, seen_at))

    @rule(gone=some_posts)
    def forget(self, gone: list[PostId]) -> None:
        for post_id in gone:
            self.watchlist.remove(post_id)
            self.forgotten.add(post_id)
            self.posts.pop(post_id, None)

    @precondition(lambda self: self.requests)
    @rule(data=st.data(), quick=st.booleans())
    def answer(self, data: st.DataObject, *, quick: bool) -> None:
        """Counts dated between asking and now; or nobody knows them; or nothing was learned."""
        at, asked = self.requests.pop(data.draw(st.integers(0, len(self.requests) - 1)))
        what = data.draw(st.sampled_from(["counts", "counts", "gone", "nothing"]))
        dated = at if quick else self.now
        if what == "counts":
            self.watchlist.record(counts(dict.fromkeys(asked, (1,)), dated))
        elif what == "gone":
            self.watchlist.mark_unavailable(asked, Timestamp(self.now))
        else:
            self.watchlist.app.ask_again(asked)
        for post_id in asked:
            known = self.posts.get(post_id)
            if known is None:
                continue
            known.in_flight = False
            if what == "gone":
                known.measured, known.gone = self.now, True
            elif what == "counts" and (known.measured is None or known.measured <= dated):
                known.measured, known.gone = dated, False

    @rule(seconds=st.sampled_from([0.25, 0.5, 1.0, 2.0, 14.0, 16.0, 300.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    # The planner

    @rule()
    def plan(self) -> None:
        self.follow(self.planned())

    @rule()
    def plan_and_wait(self) -> None:
        """Nothing else happens: a few looks at most, each when the last one said, and the request leaves."""
        plan = self.planned()
        for _ in range(3):
            if plan.post_ids or plan.wake_at == math.inf:
                break
            assert self.next_leave() >= plan.wake_at
            self.now = plan.wake_at
            plan = self.planned()
        assert plan.post_ids or plan.wake_at == math.inf
        self.follow(plan)

    def planned(self) -> Plan:
        """A plan, held to every promise."""
        plan = self.planner.plan(Timestamp(self.now), self.watchlist.app, Standings({}), SEATS)
        due = [known for known in self.askable().values() if known.due <= self.now]
        if self.leaves(self.now):
            assert plan.post_ids
            self.check_seats(list(plan.post_ids))
        else:
            assert plan.post_ids == ()
            # Who was forgotten since the planner looked at all Posts may still be counted.
            assert len(due) <= plan.due <= len(due) + len(self.forgotten)
            assert self.now < plan.wake_at <= self.next_leave()
        return plan

    def check_seats(self, chosen: list[PostId]) -> None:
        askable = self.askable()
        assert len(chosen) == len(set(chosen)) <= SEATS
        assert set(chosen) <= askable.keys()
        due = {post_id for post_id, known in askable.items() if known.due <= self.now}
        if len(due) < SEATS:
            assert due <= set(chosen)
        else:
            assert len(chosen) == SEATS

    def follow(self, plan: Plan) -> None:
        if not plan.post_ids:
            return
        self.watchlist.app.mark_asked(plan.post_ids, Timestamp(self.now))
        self.requests.append((self.now, list(plan.post_ids)))
        for post_id in plan.post_ids:
            self.posts[post_id].in_flight, self.posts[post_id].asked = True, self.now

    # The model

    def askable(self) -> dict[PostId, Known]:
        return {post_id: known for post_id, known in self.posts.items() if not known.in_flight}

    def leaves(self, at: float) -> bool:
        due = sorted(known.due for known in self.askable().values() if known.due <= at)
        return len(due) >= SEATS or (bool(due) and due[0] + LINGER <= at)

    def next_leave(self) -> float:
        """When a request leaves if nothing happens."""
        due = sorted(known.due for known in self.askable().values())
        full = due[SEATS - 1] if len(due) >= SEATS else math.inf
        return min(full, due[0] + LINGER if due else math.inf)


TestPlanning = Planning.TestCase
TestPlanning.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
