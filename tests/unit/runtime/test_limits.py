"""Every limit is exported, has a gauge, and stands in the documents."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest
from prometheus_client import CollectorRegistry

from tests.unit.settings.environment import loaded
from worker.limits import LIMITS, tell_limits
from worker.settings.sections import Settings
from worker.settings.walk import fields
from worker.telemetry import BOARD_LEFT_OUT, Telemetry

TABLE: Final = (
    (Path(__file__).parents[3] / "docs/operations.md").read_text().split("\n## Limits\n")[1].split("\n## ")[0]
)
ELSEWHERE: Final = {BOARD_LEFT_OUT, "process_resident_memory_bytes"}
"""Gauges of collectors that are not declared with the others."""


def test_limits_that_are_set_are_exported_by_the_setting_s_name() -> None:
    telemetry = Telemetry(CollectorRegistry())
    tell_limits(loaded(RUN__MEMORY_WARNING="1GiB", WATCHLIST__MAX_POSTS="17"), telemetry)
    exported = {
        sample.labels["setting"]: sample.value for sample in next(iter(telemetry.limits.collect())).samples
    }
    assert exported["watchlist.max_posts"] == 17
    assert exported["run.memory_warning"] == 2**30
    assert LIMITS.keys() - exported.keys() == {"engagement.handles_per_month"}


@pytest.mark.parametrize(("setting", "gauge"), LIMITS.items())
def test_a_limit_is_of_a_setting_and_a_gauge_that_exist_and_is_documented(setting: str, gauge: str) -> None:
    assert tuple(setting.split(".")) in {name for name, _ in fields(Settings)}
    declared = {family.name for family in Telemetry(CollectorRegistry()).registry.collect()}
    assert gauge in declared | ELSEWHERE
    (row,) = (line for line in TABLE.splitlines() if line.startswith(f"| `{setting}` |"))
    assert f"`{gauge}`" in row


def test_the_documented_defaults_are_those_of_the_settings() -> None:
    defaults = {".".join(name): field.default for name, field in fields(Settings)}
    rows = re.findall(r"^\| `([a-z_.]+)` \| ([^|]+) \|", TABLE, re.MULTILINE)
    assert len(rows) >= len(LIMITS)
    for setting, written in rows:
        default = defaults[setting]
        assert written.strip() == ("not set" if default is None else f"{int(default):,}"), setting
