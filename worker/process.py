"""A worker as a process: signals, the exit code, and nothing else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog
from kafka.errors import KafkaError

from worker.intake.topics import TopicsError
from worker.journal import JournalError
from worker.publish.http.server import ListenError
from worker.runtime import BrokersError, Worker
from worker.signals import stop_on_signals

if TYPE_CHECKING:
    from worker.settings import Settings
    from worker.telemetry import Telemetry

_log = structlog.get_logger(__name__)

STOPPED: Final = 0
FAILED: Final = 1


async def run(settings: Settings, telemetry: Telemetry) -> int:
    """Run a worker until a signal or a failure; returns the exit code.

    SIGTERM or SIGINT stops it in order, also while it starts; a second one ends the process at once.
    """
    stop = stop_on_signals()
    started = asyncio.Event()
    working = asyncio.create_task(_work(settings, telemetry, stop, started))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not working.done() and not started.is_set():
        working.cancel()
        await asyncio.wait((working,))
        if working.cancelled():
            _log.info("stopped", while_starting=True)
            return STOPPED
    return await working


async def _work(settings: Settings, telemetry: Telemetry, stop: asyncio.Event, started: asyncio.Event) -> int:
    try:
        async with Worker(settings, telemetry).running() as worker:
            started.set()
            error = await worker.until(stop)
            if isinstance(error, JournalError):
                raise error
            if error is not None:
                _log.error("failed", error=repr(error), exc_info=error)
                return FAILED
    except (BrokersError, JournalError, ListenError, TopicsError, KafkaError, OSError) as error:
        _log.error("cannot_run", error=str(error) or repr(error))
        return FAILED
    return STOPPED
