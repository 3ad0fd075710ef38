"""Runs an experiment, and prints each row as soon as it is known."""

from __future__ import annotations

import os
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
from worker.simulate.waiting import waiting
from worker.simulate.wanted import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from worker.simulate.experiment import Plan, Row
    from worker.simulate.own_report import Own

_PLOTS: Final = (".png", ".svg", ".pdf")


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
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise UsageError(f"--plot: {path} cannot be written")
    if find_spec("matplotlib") is None:
        raise UsageError("--plot needs matplotlib: pip install 'top-tweets[plot]'")


def show(plan: Plan, *, as_json: bool, plot_to: Path | None, jobs: int) -> None:
    """Print a table or JSON lines on standard output, and draw the plot when all is known.

    Raises:
        UsageError: the plot cannot be drawn; found out before anything is run.
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
        plot(rows, plot_to, _title(plan))
        typer.echo(f"plotted: {plot_to}", err=True)


def show_budget(
    plan: Plan, recall: float, own: Own | None, *, as_json: bool, plot_to: Path | None, jobs: int
) -> None:
    """Find the contract that suffices, and tell what was measured and tried on the way.

    Raises:
        UsageError: the plot cannot be drawn; found out before anything is run.
        NotReachedError: no contract suffices.
    """
    if plot_to is not None:
        can_plot(plot_to)
    if not as_json:
        if own is not None:
            typer.echo(f"{own.measured_text()}\nsimulated: {_title(plan)}, {_boards(plan)}\n")
        typer.echo(table_line(HEADER))
    with waiting(plan) as told:

        def tried(row: Row) -> None:
            told.stop()
            if not as_json:
                typer.echo(table_row(row))

        answer = find_budget(plan, recall, jobs, tried, told.tell)
    headroom = (
        Engagement.model_fields["headroom"].default if own is None else own.settings.engagement.headroom
    )
    typer.echo(answer_json(answer, headroom, own) if as_json else answer_text(answer, headroom))
    if own is not None and not as_json:
        typer.echo(own.verdict_text(answer))
    if plot_to is not None:
        plot(answer.rows, plot_to, _title(plan))
        typer.echo(f"plotted: {plot_to}", err=True)


def _boards(plan: Plan) -> str:
    window = write_duration(plan.world.arrivals.window)
    return f"by {', '.join(plan.world.metrics)}, in a window of {window}"


def _title(plan: Plan) -> str:
    arrivals = plan.world.arrivals
    return f"{arrivals.live_posts:,} live Posts, {arrivals.campaigns} campaigns, top {plan.top}"
