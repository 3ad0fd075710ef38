"""The alerts are sound, speak of declared metrics, and fire when they should."""

from __future__ import annotations

import subprocess

import pytest
import yaml

from tests.tools import promql
from tests.tools.prometheus import prometheus_command

_SERIES = promql.declared()


@pytest.mark.parametrize("expression", promql.alert_expressions(), ids=lambda one: one.title)
def test_every_alert_is_sound_and_of_declared_metrics(expression: promql.Expression) -> None:
    assert promql.faults(expression.text, _SERIES) == []


def test_every_alert_says_what_happened_and_what_it_means() -> None:
    for group in yaml.safe_load(promql.ALERTS.read_text())["groups"]:
        for rule in group["rules"]:
            assert rule["labels"]["severity"] in {"warning", "critical"}
            assert rule["annotations"].keys() == {"summary", "description"}


@pytest.mark.prometheus
@pytest.mark.parametrize(
    "check", ["check config prometheus.yml", "check rules alerts.yml", "test rules alerts_test.yml"]
)
def test_promtool_agrees(check: str) -> None:
    result = subprocess.run(
        [prometheus_command("promtool"), *check.split()],
        cwd=promql.DEPLOY / "prometheus",
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
