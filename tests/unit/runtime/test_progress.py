"""A loop that does not move on is seen."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from tests.unit.intake.fakes import FakeClock
from worker.model import Seconds
from worker.progress import Progress
from worker.telemetry import Telemetry


def test_a_loop_without_progress_for_too_long_is_stalled_until_it_moves_on() -> None:
    clock, telemetry = FakeClock(), Telemetry(CollectorRegistry())
    progress = Progress(Seconds(60), clock, telemetry)
    made = progress.of("planner")
    progress.of("editions")
    clock.time += 50
    made()
    clock.time += 20
    assert progress.stalled() == {"editions": Seconds(70)}
    assert progress.loops() == ["editions", "planner"]
    progress.made("editions")
    assert progress.stalled() == {}
    at = telemetry.registry.get_sample_value(
        "toptweets_loop_progress_timestamp_seconds", {"loop": "editions"}
    )
    assert at == clock.now()
