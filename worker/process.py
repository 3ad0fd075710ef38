"""A worker as a process: signals, the exit code, and nothing else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog
from kafka.errors import KafkaError

from worker.intake.topics import TopicsError
from worker.runtime import Worker
from worker.signals import stop_on_signals

if TYPE_CHECKING:
    from worker.settings import Settings
    from worker.telemetry import Telemetry

_log = structlog.get_logger(__name__)

STOPPED: Final = 0
FAILED: Final = 1


async def run(settings: Settings, telemetry: Telemetry) -> int:
    """Run a worker until a signal or a failure; returns the exit code.

    SIGTERM or SIGINT stops it in order; a second one ends the process at once.
    """
    stop = stop_on_signals()
    try:
        async with Worker(settings, telemetry).running() as worker:
            stopping = asyncio.create_task(stop.wait())
            failing = asyncio.ensure_future(worker.failure)
            await asyncio.wait((stopping, failing), return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if worker.failure.done():
                error = worker.failure.result()
                _log.error("failed", error=repr(error), exc_info=error)
                return FAILED
    except (TopicsError, KafkaError, OSError) as error:
        _log.error("cannot_run", error=str(error) or repr(error))
        return FAILED
    return STOPPED
