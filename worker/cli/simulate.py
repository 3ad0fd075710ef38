"""``top-tweets simulate``."""

from __future__ import annotations

import os
from pathlib import Path  # noqa: TC003 -- typer resolves the annotations at run time
from typing import Annotated

import typer

from worker.cli.common import BAD_SETTINGS
from worker.starting import INTERRUPTED, interrupted_at_once, terminated_as_interrupted

_FAILED = 1
_WORLD = "The world"
_RUN = "What is run"


def simulate(  # noqa: PLR0917 -- a command has its options as arguments
    live_posts: Annotated[
        int, typer.Option(metavar="N", help="Posts in the tracking window.", rich_help_panel=_WORLD)
    ] = 20_000,
    campaigns: Annotated[int, typer.Option(metavar="N", help="Of Zipf sizes.", rich_help_panel=_WORLD)] = 20,
    top: Annotated[
        int, typer.Option(metavar="N", help="Places of a leaderboard.", rich_help_panel=_RUN)
    ] = 10,
    metrics: Annotated[
        str, typer.Option(metavar="NAMES", help="Boards of these, commas between.", rich_help_panel=_WORLD)
    ] = "favorites",
    hours: Annotated[
        float, typer.Option(metavar="H", help="Judged every ten minutes of these.", rich_help_panel=_RUN)
    ] = 24.0,
    warm_up: Annotated[float, typer.Option(metavar="H", help="Before that.", rich_help_panel=_RUN)] = 24.0,
    window: Annotated[
        str, typer.Option(metavar="TIME", help="The tracking window.", rich_help_panel=_RUN)
    ] = "24h",
    requests_per_minute: Annotated[
        str, typer.Option(metavar="NUMBERS", help="Budgets, commas between.", rich_help_panel=_RUN)
    ] = "0.5,1,2",
    policy: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="planner, planner-fixed, round-robin, uniform, age-decay, growth-only; commas between.",
            rich_help_panel=_RUN,
        ),
    ] = "planner,round-robin",
    seeds: Annotated[
        int, typer.Option(metavar="N", help="Worlds of the same kind.", rich_help_panel=_RUN)
    ] = 5,
    half_growth: Annotated[
        str, typer.Option(metavar="TIME", help="Age at half of a Post's growth.", rich_help_panel=_WORLD)
    ] = "80m",
    assumed_half_growth: Annotated[
        str, typer.Option(metavar="TIME", help="What policies take it for at first.", rich_help_panel=_RUN)
    ] = "80m",
    size_tail: Annotated[
        float, typer.Option(metavar="X", help="Sizes above s: share s^-X.", rich_help_panel=_WORLD)
    ] = 1.1,
    least_size: Annotated[
        float, typer.Option(metavar="N", help="The size that most are near.", rich_help_panel=_WORLD)
    ] = 2.0,
    zipf: Annotated[
        float, typer.Option(metavar="X", help="Campaign k has k^-X of the first.", rich_help_panel=_WORLD)
    ] = 1.0,
    largest: Annotated[
        float | None,
        typer.Option(metavar="0…1", help="Share of Posts in the first campaign.", rich_help_panel=_WORLD),
    ] = None,
    swing: Annotated[
        float, typer.Option(metavar="0…1", help="More at 19 h, fewer at 7 h.", rich_help_panel=_WORLD)
    ] = 0.5,
    waves: Annotated[
        float, typer.Option(metavar="0…1", help="Share with a second wave.", rich_help_panel=_WORLD)
    ] = 0.0,
    falls: Annotated[
        float, typer.Option(metavar="0…1", help="Share that loses 30 %.", rich_help_panel=_WORLD)
    ] = 0.0,
    attack: Annotated[
        int, typer.Option(metavar="N", help="Dead Posts within ten minutes.", rich_help_panel=_WORLD)
    ] = 0,
    refused: Annotated[
        str, typer.Option(metavar="TIME", help="So long the API answers 429.", rich_help_panel=_WORLD)
    ] = "0s",
    cascades: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Growth as of real cascades (JSON lines).", rich_help_panel=_WORLD),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="An object a line, instead of a table.")] = False,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A plot too: .png, .svg or .pdf (needs the extra plot)."),
    ] = None,
    jobs: Annotated[int, typer.Option(metavar="N", help="Runs at the same time; 0: one a CPU.", min=0)] = 0,
) -> None:
    """How right boards would be: policies against budgets, in a world like yours. docs/planner.md."""
    with interrupted_at_once():
        from worker.simulate.cascades import CascadesError
        from worker.simulate.console import PlotError, show
        from worker.simulate.wanted import UsageError, wanted
    try:
        plan = wanted(
            live_posts=live_posts,
            campaigns=campaigns,
            top=top,
            metrics=metrics,
            hours=hours,
            warm_up=warm_up,
            window=window,
            requests_per_minute=requests_per_minute,
            policy=policy,
            seeds=seeds,
            half_growth=half_growth,
            assumed_half_growth=assumed_half_growth,
            size_tail=size_tail,
            least_size=least_size,
            zipf=zipf,
            largest=largest,
            swing=swing,
            waves=waves,
            falls=falls,
            attack=attack,
            refused=refused,
            cascades=cascades,
        ).plan()
        with terminated_as_interrupted():
            show(plan, as_json=as_json, plot_to=plot, jobs=jobs or os.cpu_count() or 1)
    except (UsageError, CascadesError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(BAD_SETTINGS) from None
    except PlotError as error:
        typer.echo(f"simulate: {error}", err=True)
        raise typer.Exit(_FAILED) from None
    except KeyboardInterrupt:
        typer.echo("simulate: interrupted", err=True)
        raise typer.Exit(INTERRUPTED) from None
