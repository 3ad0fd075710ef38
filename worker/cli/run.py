"""``top-tweets run``."""

from __future__ import annotations

import asyncio

import structlog
import typer

from worker.cli.common import ConfigOption, load_or_exit, settings_file


def run(config: ConfigOption = None) -> None:
    """Run the worker until it is stopped. Exit code: 0 stopped, 1 failed, 2 bad settings."""
    from worker.logs import set_up_logs
    from worker.process import run as run_worker
    from worker.telemetry import Telemetry

    settings = load_or_exit(config)
    set_up_logs(settings.run.log_format, settings.run.log_level)
    structlog.get_logger(__name__).info("settings", file=str(settings_file(config) or "none"))
    raise typer.Exit(asyncio.run(run_worker(settings, Telemetry())))
