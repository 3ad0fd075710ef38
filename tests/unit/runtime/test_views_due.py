"""When a Post is due, as the HTTP room is told."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from tests.unit.tracker.test_tracker import ONE, tracking
from tests.unit.watchlist.making import NOW, later
from worker.model import Seconds
from worker.planner import BoardGain, BoardGainSettings, TimingSettings
from worker.publish.http.views import PostView
from worker.views import Views

if TYPE_CHECKING:
    from worker.tracker import Tracker


def board_gain(tracker: Tracker) -> BoardGain:
    return BoardGain(
        tracker.watchlist.metrics,
        BoardGainSettings(
            top=10,
            growth_window=Seconds(3600.0),
            half_growth=Seconds(4800.0),
            tracking_window=Seconds(86_400.0),
            unasked_share=0.0,
            max_unasked=Seconds(86_400.0),
            retire_chance=0.0,
        ),
        TimingSettings(Seconds(2.0), Seconds(15.0), 0.0, Seconds(3600.0)),
    )


def views(tracker: Tracker, planner: BoardGain) -> Views:
    rest: Any = SimpleNamespace()
    clock: Any = SimpleNamespace(now=lambda: NOW)
    return Views(
        tracker,
        planners={tracker.watchlist.app: planner},
        clock=clock,
        ownership=rest,
        joining_input=rest,
        joining_owners=rest,
        merger=rest,
        journal=rest,
        circuit=rest,
        progress=rest,
        watch=rest,
        api=rest,
    )


def test_nobody_knows_when_a_post_is_due_while_it_is_asked_for() -> None:
    tracker = tracking({ONE: 5})
    looked = views(tracker, board_gain(tracker))
    waiting = looked.post(ONE)
    assert isinstance(waiting, PostView)
    assert waiting.due_at == NOW + 15
    tracker.watchlist.app.mark_asked([ONE], NOW)
    asked = looked.post(ONE)
    assert isinstance(asked, PostView)
    assert asked.due_at is None


def test_why_a_post_was_asked_for_is_told_once_the_planner_has_looked_at_it() -> None:
    tracker = tracking({ONE: 5})
    planner = board_gain(tracker)
    looked = views(tracker, planner)
    before = looked.post(ONE)
    assert isinstance(before, PostView)
    assert before.planning is not None
    assert (before.planning.reason, before.planning.boards) == ("not_asked", [])
    chosen = planner.plan(later(60), tracker.watchlist.app, tracker.standings, 10).post_ids
    assert ONE in chosen
    tracker.watchlist.app.mark_asked(chosen, later(60))
    after = looked.post(ONE)
    assert isinstance(after, PostView)
    assert after.planning is not None
    assert (after.planning.reason, after.planning.asked_at) == ("due", NOW + 60)
    first = after.planning.boards[0]
    assert (first.campaign, first.value) == ("all", 5)
