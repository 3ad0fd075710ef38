"""Logs as events with fields: JSON lines for machines, colours for a terminal. Never a secret in them."""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog

_LEAST_LEVELS = {
    "kafka": logging.ERROR,
    "httpx": logging.WARNING,
    "uvicorn": logging.WARNING,
}


def set_up_logs(form: Literal["auto", "json", "console"], level: str) -> None:
    """Send every event to standard error. Libraries are heard only when they say something is wrong."""
    as_json = form == "json" or (form == "auto" and not sys.stderr.isatty())
    renderer = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    shared: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if as_json:
        shared.append(structlog.processors.format_exc_info)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for library, least in _LEAST_LEVELS.items():
        logging.getLogger(library).setLevel(least)
