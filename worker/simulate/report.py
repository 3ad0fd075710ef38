"""What came of an experiment: as a table for readers, as JSON for programs, as a plot."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import orjson

from worker.settings.types import write_duration
from worker.simulate.budget import to_sign_for
from worker.simulate.policies import POLICIES

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
_WIDTHS: Final = (max(map(len, POLICIES)), 8, 16, 14, 16, 10, 9)

_AUDITED: Final = 0.05
"""Requests a minute below which a worker's audit says nothing: docs/planner.md, where it fails."""
_NO_AUDIT: Final = (
    "With so few requests a running worker cannot say how right its boards are: not enough data for an audit."
)
_MOST_TICKS: Final = 10
_NEARLY: Final = 0.99
_WANTED: Final[dict[str, Any]] = {"color": "0.4", "linestyle": "--", "linewidth": 1.0}
_NOTHING: Final = "-"
"""Where no board was ever looked at."""


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
            _number(row.requests_per_minute),
            _with_interval(row.recall, "{:.4f}"),
            _with_interval(row.exact_boards, "{:.3f}"),
            _with_interval(row.shown_error_mean, "{:.2%}"),
            _NOTHING if math.isnan(row.shown_age_median.mean) else f"{row.shown_age_median.mean:.0f} s",
            f"{row.requests.mean:.0f}",
        )
    )


def answer_text(answer: Answer, headroom: float) -> str:
    """What contract to sign for, in some sentences. ``headroom``: of the settings, in seconds."""
    seeds = answer.rows[0].seeds
    least = answer.rows[0].requests_per_minute
    if answer.needed.mean <= least:
        found = f"the least that was tried, and all {seeds} simulated worlds reach it"
    elif math.isnan(answer.needed.within):
        found = "by one simulated world: try more seeds"
    else:
        low = max(answer.needed.mean - answer.needed.within, 0.0)
        found = (
            f"needed are {_number(answer.needed.mean)} at the mean over {seeds} simulated worlds, "
            f"and between {low:.3g} and {_number(answer.enough)} 19 times of 20"
        )
    wide = answer.needed.within > answer.needed.mean
    more = "\nThat is wide: more seeds, or more hours, make it narrower." if wide else ""
    enough, contract = _number(answer.enough), _rounded_up(to_sign_for(answer.enough, headroom))
    silent = f"\n{_NO_AUDIT}" if answer.enough < _AUDITED else ""
    return (
        f"\n{enough} requests a minute suffice for a recall of {answer.recall:g}: {found}.{more}\n"
        f"A worker sends less than its contract, by an engagement.headroom of {write_duration(headroom)}: "
        f"sign for {contract}.{silent}"
    )


def answer_json(answer: Answer, headroom: float, own: Own | None, scale: float) -> bytes:
    """The same for programs: one object, with what was measured where something was.

    ``scale``: Posts of a simulated world for each of the world that it stands for.
    """
    measured = {} if own is None else {"measured": own.measured_json(), "contract": own.verdict_json(answer)}
    return orjson.dumps(
        measured
        | {
            "recall": answer.recall,
            "requests_per_minute": answer.enough,
            "sign_for": to_sign_for(answer.enough, headroom),
            "needed": answer.needed.mean,
            "needed_within": _known(answer.needed.within),
            "scale": scale,
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


def plot(rows: Sequence[Row], path: Path, title: str, answer: Answer | None = None) -> None:
    """Recall, and the mean error of shown counts, against requests a minute; PNG, SVG or PDF by its end.

    ``answer``: lines for the recall that was wanted, and for the budget that suffices.

    Raises:
        ImportError: matplotlib is not installed.
        OSError: the path cannot be written.
        ValueError: the path's end names no format of matplotlib.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 -- of the extra "plot", and slow: only to draw

    figure = Figure(figsize=(8.0, 7.0), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    for policy in dict.fromkeys(row.policy for row in rows):
        own = sorted((row for row in rows if row.policy == policy), key=lambda row: row.requests_per_minute)
        budgets = [row.requests_per_minute for row in own]
        _draw(above, budgets, [row.recall for row in own], policy)
        _draw(below, budgets, [row.shown_error_mean for row in own], policy)
    above.set_title(title)
    above.set_ylabel("recall: right Posts among those shown")
    below.set_ylabel("mean error of shown counts")
    below.set_ylim(bottom=0.0)
    below.yaxis.set_major_formatter(lambda value, _: f"{value:.1%}")
    below.set_xlabel("requests a minute")
    below.set_xscale("log")
    _tick(below, sorted({row.requests_per_minute for row in rows}))
    for axes in (above, below):
        axes.grid(visible=True, alpha=0.3)
        if answer is not None:
            axes.axvline(answer.enough, **_WANTED, label=f"{_number(answer.enough)} suffice")
    if answer is not None:
        above.axhline(answer.recall, **_WANTED)
    above.legend()
    figure.savefig(path)


def _tick(axes: Axes, budgets: Sequence[float]) -> None:
    """At budgets that were tried: the usual marks of a logarithmic axis collide, and nobody tried them."""
    apart = (budgets[-1] / budgets[0]) ** (1 / _MOST_TICKS)
    shown = list[float]()
    for budget in budgets:
        if not shown or budget >= shown[-1] * apart * _NEARLY:
            shown.append(budget)
    axes.set_xticks(shown, [_number(budget) for budget in shown])
    axes.set_xticks([], minor=True)


def _draw(axes: Axes, budgets: Sequence[float], estimates: Sequence[Estimate], label: str) -> None:
    means = [estimate.mean for estimate in estimates]
    within = [0.0 if math.isnan(estimate.within) else estimate.within for estimate in estimates]
    # A share is between 0 and 1, also where two worlds make a wide interval.
    below = [min(reach, max(mean, 0.0)) for mean, reach in zip(means, within, strict=True)]
    above = [min(reach, max(1.0 - mean, 0.0)) for mean, reach in zip(means, within, strict=True)]
    axes.errorbar(budgets, means, (below, above), label=label, marker="o", capsize=3)


def _known(within: float) -> float | None:
    return None if math.isnan(within) else within


def _number(value: float) -> str:
    """To three digits, without an exponent."""
    digits = max(2 - math.floor(math.log10(value)), 0)
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if digits else text


def _rounded_up(value: float) -> str:
    """To three digits: a contract that is a little too small does not suffice."""
    step = 10.0 ** (math.floor(math.log10(value)) - 2)
    return _number(math.ceil(round(value / step, 6)) * step)


def _with_interval(estimate: Estimate, shape: str) -> str:
    """Of a share: an interval of two worlds may be wider than there are shares."""
    if math.isnan(estimate.mean):
        return _NOTHING
    mean = shape.format(estimate.mean)
    within = min(estimate.within, max(estimate.mean, 1.0 - estimate.mean))
    return mean if math.isnan(estimate.within) else f"{mean} ± {shape.format(within)}"
