"""What came of an experiment: as a table for readers, as JSON for programs, as a plot."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from worker.simulate.budget import Answer
    from worker.simulate.experiment import Estimate, Row
    from worker.simulate.own_report import Own

HEADER: Final = (
    "policy",
    "req/min",
    "recall",
    "exact boards",
    "shown error",
    "shown age",
    "requests",
)
_WIDTHS: Final = (12, 8, 16, 14, 14, 10, 9)


def table_line(cells: Iterable[str]) -> str:
    """A line of the table."""
    texts = [
        text.ljust(width) if not place else text.rjust(width)
        for place, (text, width) in enumerate(zip(cells, _WIDTHS, strict=True))
    ]
    return "  ".join(texts).rstrip()


def table_row(row: Row) -> str:
    """What a policy reached, on one line: means, with half of the 95 % interval over seeds."""
    return table_line(
        (
            row.policy,
            f"{row.requests_per_minute:.3g}",
            _with_interval(row.recall, "{:.4f}"),
            _with_interval(row.exact_boards, "{:.3f}"),
            _with_interval(row.shown_error_median, "{:.2%}"),
            f"{row.shown_age_median.mean:.0f} s",
            f"{row.requests.mean:.0f}",
        )
    )


def answer_text(answer: Answer) -> str:
    """What contract to sign for, in a sentence or two."""
    needed = _with_interval(answer.needed, "{:.3g}")
    return (
        f"\n{answer.enough:.3g} requests a minute suffice for a recall of {answer.recall:g}: "
        f"{needed} by {answer.rows[0].seeds} simulated worlds."
    )


def answer_json(answer: Answer, own: Own | None) -> bytes:
    """The same for programs: one object, with what was measured where something was."""
    measured = {} if own is None else {"measured": own.measured_json(), "contract": own.verdict_json(answer)}
    return orjson.dumps(
        measured
        | {
            "recall": answer.recall,
            "requests_per_minute": answer.enough,
            "needed": answer.needed.mean,
            "needed_within": _known(answer.needed.within),
            "tried": [_told(row) for row in answer.rows],
        }
    )


def json_line(row: Row) -> bytes:
    """The same for programs, and what the table leaves out. ``…_within``: half of the 95 % interval."""
    return orjson.dumps(_told(row))


def _told(row: Row) -> dict[str, Any]:
    told: dict[str, Any] = {
        "policy": row.policy,
        "requests_per_minute": row.requests_per_minute,
        "seeds": row.seeds,
    }
    for name in (
        "recall",
        "exact_boards",
        "shown_error_median",
        "shown_error_mean",
        "shown_age_median",
        "requests",
        "asked",
    ):
        estimate: Estimate = getattr(row, name)
        told[name] = estimate.mean
        told[f"{name}_within"] = _known(estimate.within)
    return told


def plot(rows: Sequence[Row], path: Path, title: str) -> None:
    """Recall, and the median error of shown counts, against requests a minute: PNG or SVG by the path's end.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: the path's end names no format of matplotlib.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 -- of the extra "plot", and slow: only to draw

    figure = Figure(figsize=(8.0, 7.0), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    for policy in dict.fromkeys(row.policy for row in rows):
        own = sorted((row for row in rows if row.policy == policy), key=lambda row: row.requests_per_minute)
        budgets = [row.requests_per_minute for row in own]
        _draw(above, budgets, [row.recall for row in own], policy)
        _draw(below, budgets, [row.shown_error_median for row in own], policy)
    above.set_title(title)
    above.set_ylabel("recall: right Posts among those shown")
    below.set_ylabel("median error of shown counts")
    below.yaxis.set_major_formatter(lambda value, _: f"{value:.1%}")
    below.set_xlabel("requests a minute")
    below.set_xscale("log")
    for axes in (above, below):
        axes.grid(visible=True, alpha=0.3)
    above.legend()
    figure.savefig(path)


def _draw(axes: Axes, budgets: Sequence[float], estimates: Sequence[Estimate], label: str) -> None:
    within = [0.0 if math.isnan(estimate.within) else estimate.within for estimate in estimates]
    axes.errorbar(
        budgets, [estimate.mean for estimate in estimates], within, label=label, marker="o", capsize=3
    )


def _known(within: float) -> float | None:
    return None if math.isnan(within) else within


def _with_interval(estimate: Estimate, shape: str) -> str:
    mean = shape.format(estimate.mean)
    return mean if math.isnan(estimate.within) else f"{mean} ± {shape.format(estimate.within)}"
