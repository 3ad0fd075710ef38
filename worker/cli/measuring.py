"""What ``budget --from-topic`` does first: reads the user's topics, with progress on standard error."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Final

from worker.cli.brokers import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from worker.settings import Settings
    from worker.simulate.measured import Measured

_CLOSE_MS: Final = 2000
_LINE_EVERY: Final = 5.0


class MeasureError(Exception):
    """The topics cannot be measured. The text says what to do."""


def measure(settings: Settings, last: float) -> Measured:
    """What came on the input topics in the last so many seconds.

    Raises:
        NoBrokerError: no broker answers.
        MeasureError: there is nothing to measure, or the brokers stop answering.
    """
    from kafka.errors import KafkaError

    from worker.clock import SystemClock
    from worker.connections import KafkaConnections
    from worker.intake.rewind import RewindError
    from worker.logs import LastKafkaError
    from worker.report.console import complain
    from worker.simulate.own_topic import OwnTopic
    from worker.topic_reading import TopicError

    consumer = connect(settings.kafka, KafkaConnections.reader, complain)
    with LastKafkaError() as known, _progress() as progress:
        try:
            return OwnTopic(consumer, settings, progress).measure(SystemClock().now(), last)
        except (TopicError, RewindError, KafkaError) as error:
            cause = f" ({known.error})" if known.error else ""
            raise MeasureError(f"{error}{cause}") from error
        finally:
            with contextlib.suppress(KafkaError, RuntimeError):
                consumer.close(autocommit=False, timeout_ms=_CLOSE_MS)


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal; elsewhere a line now and then, and at the end."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True, highlight=False)
    columns = (TextColumn("reading"), BarColumn(), MofNCompleteColumn(), TextColumn("records"))
    bar = Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal)
    with bar:
        task = bar.add_task("")
        line_at = time.monotonic() + _LINE_EVERY

        def told(done: int, total: int) -> None:
            nonlocal line_at
            bar.update(task, completed=done, total=total)
            if bar.disable and (done == total or time.monotonic() >= line_at):
                console.print(f"read {done:,} of {total:,} records", soft_wrap=True)
                line_at = time.monotonic() + _LINE_EVERY

        yield told
