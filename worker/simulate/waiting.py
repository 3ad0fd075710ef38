"""What a reader is told while simulations run: on standard error, and only on a terminal."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from worker.simulate.experiment import Plan


class Waiting:
    """A line that says which run it is, and is gone as soon as there is a result to print."""

    def __init__(self, plan: Plan, console: Console) -> None:
        self._runs = plan.seeds
        self._status = console.status("")

    def tell(self, policy: str, requests_per_minute: float, done: int) -> None:
        """Before each run."""
        run = f"run {done + 1} of {self._runs}"
        self._status.update(f"{policy}, {requests_per_minute:.3g} requests a minute: {run}")
        self._status.start()

    def stop(self) -> None:
        """Before anything else is printed."""
        self._status.stop()


@contextmanager
def waiting(plan: Plan) -> Iterator[Waiting]:
    """What is told of the runs of a plan."""
    from rich.console import Console  # noqa: PLC0415 -- only where something is simulated

    told = Waiting(plan, Console(stderr=True))
    try:
        yield told
    finally:
        told.stop()
