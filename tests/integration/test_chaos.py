"""A short chaos on real Apache Kafka, by a fixed seed: what it is for stands in ``benchmarks/chaos``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.chaos.report import judge
from benchmarks.chaos.run import Options, Story, run
from tests.tools.brokers import why_not
from tests.tools.require import missing

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.kafka
def test_nothing_is_lost_wrong_backward_or_over_the_limit(tmp_path: Path) -> None:
    if reason := why_not("apache"):
        missing("apache", reason)
    story = Story(Options(minutes=1.2, seed=7, workers=1, rate=25.0), tmp_path)
    run(story)
    report = judge(story)
    assert story.faults.total() >= 5, "hardly anything was hurt"
    assert not report.failures
