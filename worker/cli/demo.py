"""``top-tweets demo``."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from worker.cli.common import BAD_SETTINGS, LAST_PORT, load_or_exit
from worker.settings.types import parse_duration


def demo(
    lasting: Annotated[
        str | None,
        typer.Option("--for", help="End by itself after so long (30s, 2m) and say whether all was right."),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=LAST_PORT, help="Port of the live page; 0 takes a free one.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="Which world of counts.")] = 1,
    posts_per_second: Annotated[
        float, typer.Option(min=0.1, max=500.0, help="Posts published each second.")
    ] = 5.0,
) -> None:
    """Watch leaderboards move: broker, API, producer and worker, all on this machine."""
    from worker.demo import DemoError, DemoOptions, load_settings, run_demo
    from worker.logs import set_up_logs

    try:
        seconds = None if lasting is None else parse_duration(lasting)
    except ValueError as error:
        typer.echo(f"--for {lasting}: {error}", err=True)
        raise typer.Exit(BAD_SETTINGS) from None
    options = DemoOptions(seconds=seconds, port=port, seed=seed, posts_per_second=posts_per_second)
    settings = load_or_exit(None, lambda _: load_settings())
    set_up_logs("auto", "warning")
    try:
        code = asyncio.run(run_demo(options, settings, typer.echo))
    except DemoError as error:
        typer.echo(f"demo: {error}", err=True)
        code = 1
    raise typer.Exit(code)
