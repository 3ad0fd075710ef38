"""Runs an experiment, and prints each row as soon as it is known."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

import typer

from worker.settings.sections import Engagement
from worker.settings.types import write_duration
from worker.simulate.budget import find_budget
from worker.simulate.experiment import run
from worker.simulate.report import (
    HEADER,
    answer_json,
    answer_text,
    json_line,
    plot,
    table_line,
    table_row,
)
from worker.simulate.scaling import scaled
from worker.simulate.waiting import waiting
from worker.simulate.wanted import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from worker.simulate.budget import Answer
    from worker.simulate.experiment import Plan, Row
    from worker.simulate.own_report import Own

_PLOTS: Final = (".png", ".svg", ".pdf")


class PlotError(Exception):
    """The plot could not be written after all. What was found was told before."""


def can_plot(path: Path) -> None:
    """Whether a plot can be drawn there.

    Raises:
        UsageError: it cannot; says why.
    """
    if path.suffix not in _PLOTS:
        raise UsageError(f"--plot: {path} must end in one of {', '.join(_PLOTS)}")
    if not path.parent.is_dir():
        raise UsageError(f"--plot: there is no folder {path.parent}")
    if path.is_dir():
        raise UsageError(f"--plot: {path} is a folder")
    if not _can_write(path):
        raise UsageError(f"--plot: {path} cannot be written")
    if find_spec("matplotlib") is None:
        raise UsageError("--plot needs matplotlib: pip install 'top-tweets[plot]'")


def _can_write(path: Path) -> bool:
    """By trying, as rights do not tell of every file system. What was not there is not there after it."""
    target = path.resolve()
    try:
        if target.exists():
            with target.open("ab"):
                return True
        with target.open("xb"):
            pass
        target.unlink()
    except OSError:
        return False
    return True


def _plot(rows: Sequence[Row], path: Path, plan: Plan, answer: Answer | None = None) -> None:
    try:
        plot(rows, path, _title(plan), answer)
    except OSError as error:
        raise PlotError(f"the plot cannot be written to {path}: {error.strerror or error}") from error
    typer.echo(f"plotted: {path}", err=True)


def show(plan: Plan, *, as_json: bool, plot_to: Path | None, jobs: int) -> None:
    """Print a table or JSON lines on standard output, and draw the plot when all is known.

    Raises:
        UsageError: the plot cannot be drawn; found out before anything is run.
        PlotError: it cannot be written after all.
    """
    if plot_to is not None:
        can_plot(plot_to)
    if not as_json:
        typer.echo(table_line(HEADER))
    rows = []
    with waiting(plan) as told:
        for row in run(plan, jobs, told.tell):
            rows.append(row)
            told.stop()
            typer.echo(json_line(row) if as_json else table_row(row))
    if plot_to is not None:
        _plot(rows, plot_to, plan)


def show_budget(
    plan: Plan,
    recall: float,
    own: Own | None,
    *,
    most_posts: int,
    as_json: bool,
    plot_to: Path | None,
    jobs: int,
) -> None:
    """Find the contract that suffices, and tell what was measured and tried on the way.

    Whether the plot can be drawn must be known: ``can_plot``.

    Raises:
        PlotError: it cannot be written after all.
        NotReachedError: no contract suffices.
    """
    made = scaled(plan, most_posts)
    if not as_json:
        if own is not None:
            typer.echo(f"{own.measured_text()}\nsimulated: {_title(plan)}, {_boards(plan)}\n")
        if made.scale < 1.0:
            whole, fewer = (one.world.arrivals.live_posts for one in (plan, made.plan))
            typer.echo(
                f"{whole:,} Posts in the window are many: worlds of {fewer:,} stand for them, "
                "asked for as often (--most-posts).\n"
            )
        typer.echo(table_line(HEADER))
    with waiting(plan) as told:

        def tried(row: Row) -> None:
            told.stop()
            if not as_json:
                typer.echo(table_row(row))

        answer = find_budget(made, recall, jobs, tried, told.tell)
    headroom = (
        Engagement.model_fields["headroom"].default if own is None else own.settings.engagement.headroom
    )
    typer.echo(answer_json(answer, headroom, own, made.scale) if as_json else answer_text(answer, headroom))
    if own is not None and not as_json:
        typer.echo(own.verdict_text(answer))
    if plot_to is not None:
        _plot(answer.rows, plot_to, plan, answer)


def _boards(plan: Plan) -> str:
    window = write_duration(plan.world.arrivals.window)
    return f"by {', '.join(plan.world.metrics)}, in a window of {window}"


def _title(plan: Plan) -> str:
    arrivals = plan.world.arrivals
    return f"{arrivals.live_posts:,} live Posts, {arrivals.campaigns} campaigns, top {plan.top}"
