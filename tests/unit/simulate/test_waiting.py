"""What a reader is told while simulations run."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from worker.simulate.waiting import Waiting
from worker.simulate.wanted import Wanted


def told(*, terminal: bool) -> str:
    written = StringIO()
    console = Console(file=written, force_terminal=terminal, width=200)
    waiting = Waiting(Wanted(seeds=3).plan(), console)
    waiting.tell("planner", 0.25, 1)
    waiting.stop()
    waiting.tell("round-robin", 1.0, 0)
    waiting.stop()
    return written.getvalue()


def test_a_terminal_shows_which_run_it_is() -> None:
    shown = told(terminal=True)
    assert "planner, 0.25 requests a minute: run 2 of 3" in shown
    assert "round-robin, 1 requests a minute: run 1 of 3" in shown


def test_a_file_gets_nothing() -> None:
    assert told(terminal=False).strip() == ""
