"""How the panels of the dashboard are made: plain dictionaries in Grafana's own schema (12 and 13)."""
# ruff: noqa: INP001 -- a script's part, beside it, not a package

from __future__ import annotations

from typing import Any, Final, TypeAlias

Json: TypeAlias = "dict[str, Any]"
Steps: TypeAlias = "tuple[tuple[float | None, str], ...]"

GREEN, ORANGE, RED = "green", "orange", "red"
_SOURCE: Final = {"type": "prometheus", "uid": "${source}"}
_WIDTH: Final = 24
_LEGEND: Final = {
    "showLegend": True,
    "displayMode": "table",
    "placement": "bottom",
    "calcs": ["lastNotNull"],
}


def query(expression: str, legend: str = "", *, instant: bool = False) -> Json:
    """One PromQL expression of a panel."""
    how = {"instant": True, "format": "table"} if instant else {"range": True}
    return {"datasource": _SOURCE, "expr": expression, "legendFormat": legend, **how}


def panel(
    kind: str,
    title: str,
    description: str,
    *queries: Json,
    unit: str,
    size: tuple[int, int],
    defaults: Json | None = None,
    more: Json | None = None,
) -> Json:
    """One panel; ``size`` is its width of 24 and its height. Its place follows from the order.

    ``defaults`` go into its field settings, ``more`` into the panel itself.
    """
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": _SOURCE,
        "targets": [{"refId": chr(ord("A") + number), **one} for number, one in enumerate(queries)],
        "fieldConfig": {"defaults": {"unit": unit, "min": 0, **(defaults or {})}, "overrides": []},
        "gridPos": {"w": size[0], "h": size[1]},
        **(more or {}),
    }


def over_time(
    title: str,
    description: str,
    *queries: Json,
    unit: str,
    size: tuple[int, int] = (8, 8),
    stacked: bool = False,
) -> Json:
    """Lines over time, with a legend that shows the last value."""
    custom: Json = {"lineWidth": 2, "fillOpacity": 25 if stacked else 0, "showPoints": "never"}
    if stacked:
        custom["stacking"] = {"mode": "normal"}
    return panel(
        "timeseries",
        title,
        description,
        *queries,
        unit=unit,
        size=size,
        defaults={"custom": custom},
        more={"options": {"legend": _LEGEND, "tooltip": {"mode": "multi", "sort": "desc"}}},
    )


def now(
    title: str,
    description: str,
    expression: str,
    *,
    unit: str,
    steps: Steps = ((None, "text"),),
    mappings: tuple[tuple[str, str, str], ...] = (),
) -> Json:
    """One number as of now; ``steps`` are (from this value, colour), ``mappings`` (value, text, colour)."""
    options = {value: {"text": text, "color": colour} for value, text, colour in mappings}
    return panel(
        "stat",
        title,
        description,
        query(expression),
        unit=unit,
        size=(4, 4),
        defaults={
            "thresholds": {
                "mode": "absolute",
                "steps": [{"value": value, "color": colour} for value, colour in steps],
            },
            "mappings": [{"type": "value", "options": options}] if options else [],
        },
        more={
            "options": {
                "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
                "colorMode": "value",
                "graphMode": "none",
                "textMode": "auto",
            }
        },
    )


def laid_out(rows: list[tuple[str, list[Json]]]) -> list[Json]:
    """All panels with their places: left to right, then below; a heading over each row."""
    panels: list[Json] = []
    top = 0
    for title, members in rows:
        panels.append(
            {"type": "row", "title": title, "collapsed": False, "gridPos": _place(0, top, _WIDTH, 1)}
        )
        top += 1
        left = tallest = 0
        for one in members:
            width, height = one["gridPos"]["w"], one["gridPos"]["h"]
            if left + width > _WIDTH:
                left, top, tallest = 0, top + tallest, 0
            panels.append({**one, "gridPos": _place(left, top, width, height)})
            left, tallest = left + width, max(tallest, height)
        top += tallest
    return [{"id": number, **one} for number, one in enumerate(panels, start=1)]


def _place(left: int, top: int, width: int, height: int) -> Json:
    return {"x": left, "y": top, "w": width, "h": height}


def variable(name: str, label: str, expression: str) -> Json:
    """A choice filled from the labels that there are; one value at a time."""
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": _SOURCE,
        "query": {"qryType": 1, "query": expression, "refId": name},
        "definition": expression,
        "refresh": 2,
        "sort": 1,
        "multi": False,
        "includeAll": False,
    }


def source_variable() -> Json:
    """Which Prometheus is asked."""
    return {
        "type": "datasource",
        "name": "source",
        "label": "Data source",
        "query": "prometheus",
        "current": {},
    }
