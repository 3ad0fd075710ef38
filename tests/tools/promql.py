"""The PromQL of the dashboard and of the alerts, and the metrics that it may speak of."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import promql_parser
import yaml
from prometheus_client import CollectorRegistry

from worker import telemetry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
DASHBOARD: Final = DEPLOY / "grafana" / "dashboards" / "top-tweets.json"
ALERTS: Final = DEPLOY / "prometheus" / "alerts.yml"

_ADDED_BY_PROMETHEUS: Final = {"job", "instance", "le"}
_BOARD_LABELS: Final = {"campaign", "metric"}
_SUFFIXES: Final = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_bucket", "_sum", "_count"),
    "info": ("_info",),
}


@dataclass(frozen=True, slots=True)
class Expression:
    """One PromQL expression, and what it is called where it stands."""

    title: str
    text: str

    def filled(self, **variables: str) -> str:
        """With Grafana's variables replaced, as Grafana replaces them before it asks."""
        text = self.text.replace("$__rate_interval", "1m")
        for name, value in variables.items():
            text = text.replace(f"${name}", value)
        return text


def dashboard() -> dict[str, Any]:
    """The dashboard that Grafana loads."""
    loaded: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return loaded


def dashboard_expressions() -> list[Expression]:
    """Every expression of every panel."""
    return [
        Expression(panel["title"], target["expr"])
        for panel in dashboard()["panels"]
        for target in panel.get("targets", [])
    ]


def alert_expressions() -> list[Expression]:
    """Every expression of every alert."""
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return [Expression(rule["alert"], rule["expr"]) for group in groups for rule in group["rules"]]


def declared() -> dict[str, set[str]]:
    """The labels of every series that the worker declares, by the series' name."""
    boards = {
        telemetry.BOARD_SCORE: set(telemetry.BOARD_SCORE_LABELS),
        telemetry.BOARD_OLDEST: _BOARD_LABELS,
        telemetry.BOARD_TRACKED: _BOARD_LABELS,
        telemetry.BOARD_RECALL: {"campaign", "bound"},
        telemetry.BOARDS_RECALL: {"bound"},
        telemetry.BOARD_LEFT_OUT: set[str](),
    }
    worker = telemetry.Telemetry(CollectorRegistry())
    # The second is of prometheus_client's own collector.
    found = {"up": set[str](), "process_resident_memory_bytes": set[str](), **boards}
    for metric in vars(worker).values():
        if not isinstance(metric, CollectorRegistry):
            for suffix in _SUFFIXES[metric._type]:  # noqa: SLF001 -- the client shows its type nowhere else
                found[metric._name + suffix] = set(metric._labelnames)  # noqa: SLF001 -- the library tells them nowhere else
    found["toptweets_build_info"] |= {"version"}
    return found


def faults(text: str, series: Mapping[str, set[str]]) -> list[str]:
    """What is wrong with an expression: its types, or a name or label that is not declared."""
    try:
        parsed = promql_parser.parse(text)
    except ValueError as wrong:
        return [str(wrong)]
    found = []
    for selector in _selectors(parsed):
        if selector.name not in series:
            found.append(f"{selector.name} is not declared in worker/telemetry.py")
            continue
        for matcher in selector.matchers.matchers:
            if matcher.name not in series[selector.name] | _ADDED_BY_PROMETHEUS:
                found.append(f"{selector.name} has no label {matcher.name}")
    return found


def _selectors(node: Any) -> Iterator[Any]:
    """The vector selectors in a parsed expression."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
        return
    for part in ("lhs", "rhs", "expr", "args", "vector_selector", "param"):
        inner = getattr(node, part, None)
        if inner is not None:
            for one in inner if isinstance(inner, list) else [inner]:
                yield from _selectors(one)
