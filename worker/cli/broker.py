"""``top-tweets broker``."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from worker.cli.common import LAST_PORT


def broker(
    port: Annotated[
        int, typer.Option(min=0, max=LAST_PORT, help="Port on 127.0.0.1; 0 takes a free one.")
    ] = 9092,
) -> None:
    """Run a Kafka broker for development, in memory, until Ctrl-C. See docs/operations.md."""
    from worker.demo.broker import run_broker
    from worker.embedded import EmbeddedBrokerError

    try:
        asyncio.run(run_broker(port, typer.echo))
    except EmbeddedBrokerError as error:
        typer.echo(f"broker: {error}", err=True)
        raise typer.Exit(1) from None
