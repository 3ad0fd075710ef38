"""``top-tweets budget``."""

from __future__ import annotations

import os
from pathlib import Path  # noqa: TC003 -- typer resolves the annotations at run time
from typing import TYPE_CHECKING, Annotated, Final

import typer

from worker.cli.common import BAD_SETTINGS, ConfigOption, load_or_exit
from worker.settings import load
from worker.starting import INTERRUPTED, interrupted_at_once, terminated_as_interrupted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.simulate.own_report import Own
    from worker.simulate.sought import Sought

_FAILED: Final = 1
_NOT_REACHED: Final = 3
_LAST: Final = "24h"
_MOST_POSTS: Final = 50_000
_TOPIC = "Your own topic"


def budget(  # noqa: PLR0917 -- a command has its options as arguments
    context: typer.Context,
    posts_per_day: Annotated[
        float | None, typer.Option(metavar="N", help="New Posts in 24 hours.", show_default="20000")
    ] = None,
    campaigns: Annotated[
        int | None, typer.Option(metavar="N", help="Of Zipf sizes.", show_default="20")
    ] = None,
    top: Annotated[
        int | None, typer.Option(metavar="N", help="Places of a leaderboard.", show_default="10")
    ] = None,
    recall: Annotated[
        float, typer.Option(metavar="0…1", help="Right Posts among those shown.", min=0.01, max=0.9999)
    ] = 0.99,
    metrics: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="Boards of these, commas between.", show_default="favorites"),
    ] = None,
    window: Annotated[
        str | None, typer.Option(metavar="TIME", help="The tracking window.", show_default="24h")
    ] = None,
    cascades: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Growth as of real cascades (JSON lines).")
    ] = None,
    hours: Annotated[float, typer.Option(metavar="H", help="Simulated, after the warm-up.")] = 24.0,
    seeds: Annotated[int, typer.Option(metavar="N", help="Worlds that are tried.")] = 5,
    most_posts: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="In the window of a simulated world: more are scaled down, and seats alike.",
            min=1000,
        ),
    ] = _MOST_POSTS,
    from_topic: Annotated[
        bool,
        typer.Option(
            "--from-topic",
            help="Measure the Posts and campaigns on the input topics; take boards and window from the "
            "settings. Options given here win. Changes nothing in Kafka.",
            rich_help_panel=_TOPIC,
        ),
    ] = False,
    last: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="So far back.", show_default="24h", rich_help_panel=_TOPIC),
    ] = None,
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One object, instead of text.")] = False,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A plot too: .png, .svg or .pdf (needs the extra plot)."),
    ] = None,
    jobs: Annotated[int, typer.Option(metavar="N", help="Runs at the same time; 0: one a CPU.", min=0)] = 0,
) -> None:
    """Which contract suffices: requests a minute for a recall. docs/planner.md.

    Exit code 3 if none does, 1 if the topic cannot be measured.
    """
    with interrupted_at_once():
        from worker.simulate.budget import NotReachedError
        from worker.simulate.cascades import CascadesError
        from worker.simulate.console import PlotError, can_plot, show_budget
        from worker.simulate.sought import Sought, TooFewError
        from worker.simulate.wanted import UsageError
    if not from_topic:
        _refuse_unused(context, ("last", "config"))
    sought = Sought(posts_per_day, campaigns, top, metrics, window, cascades, hours, seeds)
    try:
        if plot is not None:
            can_plot(plot)
        own = _own(sought, config, last) if from_topic else None
        plan = sought.plan() if own is None else sought.own_plan(*own)
        with terminated_as_interrupted():
            show_budget(
                plan,
                recall,
                own,
                most_posts=most_posts,
                as_json=as_json,
                plot_to=plot,
                jobs=jobs or os.cpu_count() or 1,
            )
    except (UsageError, CascadesError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(BAD_SETTINGS) from None
    except (TooFewError, PlotError) as error:
        typer.echo(f"budget: {error}", err=True)
        raise typer.Exit(_FAILED) from None
    except NotReachedError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(_NOT_REACHED) from None
    except KeyboardInterrupt:
        typer.echo("budget: interrupted", err=True)
        raise typer.Exit(INTERRUPTED) from None


def _refuse_unused(context: typer.Context, names: Sequence[str]) -> None:
    """Of what only a topic needs nothing may be given without it: it would seem to be heeded."""
    # The environment may name a settings file for all commands.
    given = [
        name for name in names if getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"
    ]
    for name in given:
        typer.echo(f"--{name} {context.params[name]}: is of use with --from-topic only", err=True)
    if given:
        raise typer.Exit(BAD_SETTINGS)


def _own(sought: Sought, config: Path | None, last: str | None) -> Own:
    """What the settings say and what the topics bring; exit code 1 when these cannot be measured."""
    from worker.cli.brokers import NoBrokerError
    from worker.cli.measuring import MeasureError, measure
    from worker.simulate.own_report import Own
    from worker.simulate.sought import parse_last

    # The API is not asked for anything here, so no token is needed.
    settings = load_or_exit(config, lambda path: load(path, unneeded=("engagement.bearer_token",)))
    # What is wrong with the options is told before a day of records is read.
    sought.with_settings(settings).plan()
    seconds = parse_last(_LAST if last is None else last)
    try:
        with terminated_as_interrupted():
            return Own(settings, measure(settings, seconds))
    except (NoBrokerError, MeasureError) as error:
        typer.echo(f"budget: {error}", err=True)
        raise typer.Exit(_FAILED) from None
