"""The command ``top-tweets``: parses, and calls."""

from __future__ import annotations

from typing import Annotated

import typer

from worker import __version__
from worker.cli import (
    broker,
    budget,
    config,
    dead_letters,
    demo,
    move_state,
    produce,
    report,
    run,
    sandbox,
    simulate,
    why,
)

app = typer.Typer(
    name="top-tweets",
    help="Keeps the leaderboards of social campaigns right, within a fixed request budget.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.command("demo")(demo.demo)
app.command("sandbox")(sandbox.sandbox)
app.command("broker")(broker.broker)
app.command("produce")(produce.produce)
app.command("report")(report.report)
app.command("why")(why.why)
app.command("simulate")(simulate.simulate)
app.command("budget")(budget.budget)
app.command("move-state")(move_state.move_state)
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(config.app, name="config")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"top-tweets {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and end."),
    ] = False,
) -> None:
    """Options of the command itself."""
