"""How far a report is: an estimate before it starts, and on a terminal a bar while it runs."""

from __future__ import annotations

import math
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from worker.engagement.limit import MINUTE
from worker.report.console import complain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from worker.engagement import Limit
    from worker.report.run import Prepared

_AN_HOUR: Final = 60
_SHORT: Final = 1.0


def counted(count: int, what: str) -> str:
    """So many of these: ``1 request``, ``2,000 requests``."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def at_most(limit: Limit) -> str:
    """What a limit allows: ``60 requests a minute``, ``1 request in 240 s``."""
    span = "a minute" if limit.seconds == MINUTE else f"in {limit.seconds:,.0f} s"
    return f"{counted(limit.requests, 'request')} {span}"


def while_it_takes(minutes: float) -> str:
    """A length of time as people say it."""
    if minutes < _SHORT:
        return "less than a minute"
    if minutes < _AN_HOUR:
        return f"about {math.ceil(minutes)} min"
    hours, rest = divmod(math.ceil(minutes), _AN_HOUR)
    return f"about {hours} h {rest} min"


@contextmanager
def shown_progress() -> Iterator[Callable[[Prepared, int], Callable[[int], object]]]:
    """Shows progress on standard error for as long as the block lasts; yields what starts it.

    Call that with what will be asked and how many requests were made before; call what it returns with each
    request that is over.
    """
    stop: Callable[[], object] = lambda: None  # noqa: E731 -- until there is a bar

    def started(prepared: Prepared, before: int) -> Callable[[int], object]:
        nonlocal stop
        requests, limit = prepared.plan.requests, prepared.limit
        left = max(0, requests - before)
        told = f", {before:,} of them made before" if before else ""
        complain(
            f"{counted(requests, 'request')}{told}: {while_it_takes(left / limit.rate)} at {at_most(limit)}"
        )
        if not sys.stderr.isatty():
            return lambda _: None
        advance, stop = _bar(requests)
        return advance

    try:
        yield started
    finally:
        stop()


def _bar(requests: int) -> tuple[Callable[[int], object], Callable[[], object]]:
    from rich.console import Console  # noqa: PLC0415 -- only where there is a terminal
    from rich.progress import (  # noqa: PLC0415 -- only where it is shown
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    bar = Progress(
        TextColumn("requests"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    task = bar.add_task("requests", total=requests)
    bar.start()
    return lambda count: bar.advance(task, count), bar.stop
