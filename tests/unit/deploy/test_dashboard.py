"""The Grafana dashboard is what its script writes, and asks only for what the worker exports."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.tools import promql
from worker.limits import LIMITS

if TYPE_CHECKING:
    from pathlib import Path

_SERIES = promql.declared()
_PANELS = [panel for panel in promql.dashboard()["panels"] if panel["type"] != "row"]


def test_the_file_is_what_the_script_writes(tmp_path: Path) -> None:
    script = promql.DEPLOY / "grafana" / "dashboard.py"
    written = tmp_path / "dashboard.json"
    subprocess.run([sys.executable, "-B", str(script), str(written)], check=True)
    assert written.read_text() == promql.DASHBOARD.read_text(), f"run: python {script.name}"


@pytest.mark.parametrize("expression", promql.dashboard_expressions(), ids=lambda one: one.title)
def test_every_expression_is_sound_and_of_declared_metrics(expression: promql.Expression) -> None:
    assert promql.faults(expression.filled(campaign="all", metric="favorites"), _SERIES) == []


@pytest.mark.parametrize("panel", _PANELS, ids=lambda one: one["title"])
def test_every_panel_says_what_it_shows_and_in_which_unit(panel: dict[str, object]) -> None:
    description = str(panel["description"])
    assert description[0].isupper()
    assert description.endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]  # type: ignore[index]


def test_no_two_panels_lie_on_one_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in promql.dashboard()["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not taken & cells, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in promql.dashboard()["panels"]}) == len(promql.dashboard()["panels"])


def test_what_is_provisioned_fits_together() -> None:
    provisioning = promql.DEPLOY / "grafana" / "provisioning"
    provider = yaml.safe_load((provisioning / "dashboards" / "top-tweets.yaml").read_text())["providers"][0]
    source = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())["datasources"][0]
    compose = yaml.safe_load((promql.DEPLOY / "compose.yaml").read_text())["services"]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in compose["grafana"]["volumes"]
    assert source["url"] == "http://prometheus:9090"
    scrapes = yaml.safe_load((promql.DEPLOY / "prometheus" / "prometheus.yml").read_text())
    assert source["jsonData"]["timeInterval"] == scrapes["global"]["scrape_interval"]


def test_a_metric_that_nobody_declares_is_found_out() -> None:
    assert promql.faults("toptweets_nonsense", _SERIES) == [
        "toptweets_nonsense is not declared in worker/telemetry.py"
    ]
    assert promql.faults('sum(toptweets_lag_records{post_id="1"})', _SERIES) == [
        "toptweets_lag_records has no label post_id"
    ]
    assert promql.faults("rate(toptweets_lag_records)", _SERIES) != []


def test_every_limit_is_shown_that_has_a_gauge_which_it_bounds() -> None:
    shares = next(one for one in _PANELS if one["title"] == "Share of each limit")
    shown = {target["legendFormat"]: target["expr"] for target in shares["targets"]}
    # That gauge counts what is beyond its limit.
    bounded = {setting: gauge for setting, gauge in LIMITS.items() if setting != "publish.prometheus_series"}
    assert shown.keys() == bounded.keys()
    assert all(gauge in shown[setting] for setting, gauge in bounded.items())
