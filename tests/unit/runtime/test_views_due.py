"""When a Post is due, as the HTTP room is told."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from tests.unit.tracker.test_tracker import ONE, tracking
from tests.unit.watchlist.making import NOW
from worker.model import Seconds
from worker.planner import BoardGain, BoardGainSettings, TimingSettings
from worker.publish.http.views import PostView
from worker.views import Views


def test_nobody_knows_when_a_post_is_due_while_it_is_asked_for() -> None:
    tracker = tracking({ONE: 5})
    planner = BoardGain(
        tracker.watchlist.metrics,
        BoardGainSettings(10, Seconds(3600.0), Seconds(4800.0), unasked_share=0.0),
        TimingSettings(Seconds(2.0), Seconds(15.0), 0.0, Seconds(3600.0)),
    )
    rest: Any = SimpleNamespace()
    views = Views(
        tracker,
        planner=planner,
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
    waiting = views.post(ONE)
    assert isinstance(waiting, PostView)
    assert waiting.due_at == NOW + 15
    tracker.watchlist.app.mark_asked([ONE], NOW)
    asked = views.post(ONE)
    assert isinstance(asked, PostView)
    assert asked.due_at is None
