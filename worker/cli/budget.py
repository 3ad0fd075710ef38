"""``top-tweets budget``."""

from __future__ import annotations

import os
from pathlib import Path  # noqa: TC003 -- typer resolves the annotations at run time
from typing import Annotated

import typer

from worker.cli.common import BAD_SETTINGS
from worker.starting import interrupted_at_once

_NOT_REACHED = 3


def budget(  # noqa: PLR0917 -- a command has its options as arguments
    posts_per_day: Annotated[float, typer.Option(metavar="N", help="New Posts in 24 hours.")] = 20_000.0,
    campaigns: Annotated[int, typer.Option(metavar="N", help="Of Zipf sizes.")] = 20,
    top: Annotated[int, typer.Option(metavar="N", help="Places of a leaderboard.")] = 10,
    recall: Annotated[
        float, typer.Option(metavar="0…1", help="Right Posts among those shown.", min=0.01, max=0.9999)
    ] = 0.99,
    metrics: Annotated[
        str, typer.Option(metavar="NAMES", help="Boards of these, commas between.")
    ] = "favorites",
    window: Annotated[str, typer.Option(metavar="TIME", help="The tracking window.")] = "24h",
    cascades: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Growth as of real cascades (JSON lines).")
    ] = None,
    hours: Annotated[float, typer.Option(metavar="H", help="Simulated, after the warm-up.")] = 24.0,
    seeds: Annotated[int, typer.Option(metavar="N", help="Worlds that are tried.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="One object, instead of text.")] = False,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A plot too: .png or .svg (needs the extra plot).")
    ] = None,
    jobs: Annotated[int, typer.Option(metavar="N", help="Runs at the same time; 0: one a CPU.", min=0)] = 0,
) -> None:
    """Which contract suffices: requests a minute for a recall. docs/planner.md. Exit code 3 if none does."""
    with interrupted_at_once():
        from worker.simulate.budget import NotReachedError
        from worker.simulate.cascades import CascadesError
        from worker.simulate.console import show_budget
        from worker.simulate.wanted import UsageError, live_posts, wanted
    try:
        plan = wanted(
            live_posts=live_posts(posts_per_day, window),
            campaigns=campaigns,
            top=top,
            metrics=metrics,
            window=window,
            cascades=cascades,
            hours=hours,
            seeds=seeds,
            policy="planner",
        ).plan()
        show_budget(plan, recall, as_json=as_json, plot_to=plot, jobs=jobs or os.cpu_count() or 1)
    except (UsageError, CascadesError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(BAD_SETTINGS) from None
    except NotReachedError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(_NOT_REACHED) from None
