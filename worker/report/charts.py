"""Charts of time series as inline SVG. Colours come from the page, so that they follow light and dark."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH: Final = 640
HEIGHT: Final = 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 8, 8, 30, 34


def chart(title: str, points: Sequence[tuple[str, int | None]]) -> str:
    """An area and its line. Points are at even distances; where one is ``None``, the line has a gap."""
    counts = [count for _, count in points if count is not None]
    highest, lowest = max(counts, default=0), min([*counts, 0])
    runs = _runs(points, lowest, highest)
    base = _y(0, lowest, highest)
    shapes = "".join(_shape(run, base) for run in runs)
    first, last = (points[0][0], points[-1][0]) if points else ("", "")
    said = f"{title}: {first} to {last}, from {min(counts, default=0):,} to {highest:,}"
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(said)}">'
        f'<line class="axis" x1="{_LEFT}" y1="{base:.1f}" x2="{WIDTH - _RIGHT}" y2="{base:.1f}"/>'
        f"{shapes}"
        f'<text x="{_LEFT}" y="20">{highest:,}</text>'
        f'<text x="{_LEFT}" y="{HEIGHT - 8}">{escape(first)}</text>'
        f'<text x="{WIDTH - _RIGHT}" y="{HEIGHT - 8}" text-anchor="end">{escape(last)}</text>'
        "</svg>"
    )


def _runs(
    points: Sequence[tuple[str, int | None]], lowest: int, highest: int
) -> list[list[tuple[float, float]]]:
    """The places of the points, a list for each stretch without a gap."""
    step = (WIDTH - _LEFT - _RIGHT) / max(1, len(points) - 1)
    runs: list[list[tuple[float, float]]] = [[]]
    for number, (_, count) in enumerate(points):
        if count is not None:
            runs[-1].append((_LEFT + number * step, _y(count, lowest, highest)))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _shape(run: Sequence[tuple[float, float]], base: float) -> str:
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in run)
    (first, _), (last, y) = run[0], run[-1]
    return (
        f'<polygon class="area" points="{first:.1f},{base:.1f} {line} {last:.1f},{base:.1f}"/>'
        f'<polyline class="line" points="{line}"/>'
        f'<circle class="dot" cx="{last:.1f}" cy="{y:.1f}" r="3"/>'
    )


def _y(count: int, lowest: int, highest: int) -> float:
    share = (count - lowest) / ((highest - lowest) or 1)
    return HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM)
