"""A worker as a process: signals, the exit code, and nothing else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog
from kafka.errors import KafkaError

from worker.clients import BrokersError
from worker.intake.fencing import FencedError
from worker.intake.rewind import RewindError
from worker.intake.topics import TopicsError
from worker.journal import JournalError
from worker.publish.http.server import ListenError
from worker.rewinding import rewind_input
from worker.runtime import Worker
from worker.signals import stop_on_signals

if TYPE_CHECKING:
    from worker.model import Timestamp
    from worker.settings import Settings
    from worker.telemetry import Telemetry

_log = structlog.get_logger(__name__)

STOPPED: Final = 0
FAILED: Final = 1


async def run(settings: Settings, telemetry: Telemetry, *, read_from: Timestamp | None = None) -> int:
    """Run a worker until a signal or a failure; returns the exit code.

    ``read_from``: the moment to put the input group back to before the worker joins it.
    SIGTERM or SIGINT stops it in order, also while it starts; a second one ends the process at once.
    """
    stop = stop_on_signals()
    started = asyncio.Event()
    working = asyncio.create_task(_work(settings, telemetry, stop, started, read_from))
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


async def _work(
    settings: Settings,
    telemetry: Telemetry,
    stop: asyncio.Event,
    started: asyncio.Event,
    read_from: Timestamp | None,
) -> int:
    try:
        if read_from is not None:
            await rewind_input(settings.kafka, read_from)
        async with Worker(settings, telemetry).running() as worker:
            started.set()
            error = await worker.until(stop)
            if isinstance(error, (FencedError, JournalError)):
                raise error
            if error is not None:
                _log.error("failed", error=repr(error), exc_info=error)
                return FAILED
    except FencedError as error:
        _log.error("failed", error=str(error))
        return FAILED
    except (
        BrokersError,
        JournalError,
        ListenError,
        RewindError,
        TopicsError,
        KafkaError,
        OSError,
    ) as error:
        _log.error("cannot_run", error=str(error) or repr(error))
        return FAILED
    return STOPPED
