"""Logs as events with fields: JSON lines for machines, colours for a terminal. Never a secret in them."""

from __future__ import annotations

import logging
import sys
import time
from typing import Final, Literal, Self

import structlog
from kafka.errors import AuthorizationError, Cancelled, KafkaTimeoutError, SaslAuthenticationFailedError

_QUIET_FOR: Final = 600.0
_LEAST_LEVELS: Final = {
    "kafka": logging.ERROR,
    "httpx": logging.WARNING,
    "uvicorn": logging.WARNING,
}
_REFUSALS: Final = (SaslAuthenticationFailedError, AuthorizationError)


def set_up_logs(form: Literal["auto", "json", "console"], level: str) -> None:
    """Send every event to standard error. Libraries are heard only when they say something is wrong."""
    as_json = form == "json" or (form == "auto" and not sys.stderr.isatty())
    # Plain tracebacks: the pretty ones show local variables, and secrets are among those.
    on_terminal = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    renderer = structlog.processors.JSONRenderer() if as_json else on_terminal
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
    handler.addFilter(_KafkaSaysItOnce())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for library, least in _LEAST_LEVELS.items():
        logging.getLogger(library).setLevel(least)


class _KafkaSaysItOnce(logging.Filter):
    """Of each module of kafka-python, one line in ten minutes.

    In an outage each of its clients tells of each try to connect again; our own events tell it once.
    """

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith("kafka"):
            return True
        if isinstance(record.args, tuple) and any(isinstance(one, Cancelled) for one in record.args):
            # It was asked of a client that we closed.
            return False
        now = time.monotonic()
        if now - self._said.get(record.name, -_QUIET_FOR) < _QUIET_FOR:
            return False
        self._said[record.name] = now
        return True


class LastKafkaError(logging.Handler):
    """While in its block, the last error that kafka-python told its log of: it raises less than it knows.

    A refused login is kept before all that comes after it, and any cause before a mere timeout. Meanwhile its
    own lines go nowhere else: whoever waits in the block tells what came of it.
    """

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.error: BaseException | None = None
        self._propagated = True

    def emit(self, record: logging.LogRecord) -> None:
        """See ``logging.Handler.emit``."""
        for error in record.args if isinstance(record.args, tuple) else ():
            if not isinstance(error, BaseException) or isinstance(self.error, _REFUSALS):
                continue
            if self.error is None or not isinstance(error, KafkaTimeoutError):
                self.error = error

    def __enter__(self) -> Self:
        kafka = logging.getLogger("kafka")
        kafka.addHandler(self)
        self._propagated, kafka.propagate = kafka.propagate, False
        return self

    def __exit__(self, *_: object) -> None:
        kafka = logging.getLogger("kafka")
        kafka.removeHandler(self)
        kafka.propagate = self._propagated


class KafkaErrors(logging.Handler):
    """While in its block, knows whether kafka-python told its log of an error since it was asked last."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self._heard = False

    def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002 -- what it is of does not matter
        """See ``logging.Handler.emit``."""
        self._heard = True

    def take(self) -> bool:
        """Whether there was one; from now on it counts as told."""
        heard, self._heard = self._heard, False
        return heard

    def __enter__(self) -> Self:
        logging.getLogger("kafka").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("kafka").removeHandler(self)
