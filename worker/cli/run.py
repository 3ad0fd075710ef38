"""``top-tweets run``."""

from __future__ import annotations

import asyncio
from typing import Annotated

import structlog
import typer

from worker.cli.common import BAD_SETTINGS, ConfigOption, load_or_exit, settings_file


def run(
    read_from: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="TIME",
            help="Read the input again, once: from 2026-11-20T00:00Z, from 2h ago, or from the beginning.",
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Run the worker until it is stopped. Exit code: 0 stopped, 1 failed, 2 bad settings."""
    from worker.clock import SystemClock
    from worker.logs import set_up_logs
    from worker.process import run as run_worker
    from worker.rewinding import parse_from
    from worker.telemetry import Telemetry

    settings = load_or_exit(config)
    try:
        moment = None if read_from is None else parse_from(read_from, SystemClock().now())
    except ValueError as error:
        typer.echo(f"--from: {error}", err=True)
        raise typer.Exit(BAD_SETTINGS) from None
    set_up_logs(settings.run.log_format, settings.run.log_level)
    structlog.get_logger(__name__).info("settings", file=str(settings_file(config) or "none"))
    raise typer.Exit(asyncio.run(run_worker(settings, Telemetry(), read_from=moment)))
