"""The process that simulates: a true one, that does its work and is gone when it is not wanted any more."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.tools.live_worker import await_that
from tests.tools.processes import children, command_line, is_there, niceness, resident
from tests.unit.outlook.making import SMALL, census
from worker.model import Seconds
from worker.outlook.child import ChildError, run_all

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.outlook.runs import Done

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked for in /proc")

LARGE = census(posts=20_000, posts_per_hour=20_000 / 24, requests_per_minute=1.0)
"""Takes minutes."""

PARENT = """
import asyncio
from tests.integration.test_outlook_child import LARGE
from worker.outlook.child import run_all
asyncio.run(run_all(LARGE, 600.0, []))
"""


def own_children() -> list[int]:
    return [one for one in children(os.getpid()) if "worker.outlook" in command_line(one)]


def simulates(child: int) -> bool:
    """Whether it is through with its imports: a world takes more memory than they do."""
    return resident(child) > 75_000_000


def ended(script: str) -> str:
    """What is said of a process that runs this in the place of the simulation."""
    command = [sys.executable, "-c", script]
    with pytest.raises(ChildError) as error:
        asyncio.run(run_all(SMALL, Seconds(30), [], command=command))
    return str(error.value)


def test_all_runs_of_a_small_world_come_back() -> None:
    found: list[Done] = []
    assert asyncio.run(run_all(SMALL, Seconds(120), found))
    assert Counter(one.task.budget for one in found) == dict.fromkeys((0.25, 0.5, 1.0, 2.0, 4.0), 3)
    assert all(0 < one.outcome.recall <= 1 for one in found)
    assert own_children() == []


def test_when_its_time_is_over_it_is_gone() -> None:
    began = time.monotonic()
    assert not asyncio.run(run_all(LARGE, Seconds(1.5), []))
    assert time.monotonic() - began < 4
    assert own_children() == []


def in_the_middle(look: Callable[[int], None]) -> float:
    """Look at the process while it runs, then cancel it; returns the seconds until it was gone."""

    async def go() -> float:
        running = asyncio.create_task(run_all(LARGE, Seconds(600), []))
        try:
            child = await asyncio.to_thread(the_child)
            await asyncio.to_thread(look, child)
        finally:
            began = time.monotonic()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        took = time.monotonic() - began
        assert not is_there(child)
        return took

    return asyncio.run(go())


def the_child() -> int:
    await_that(own_children, "a child")
    (child,) = own_children()
    return child


def test_cancelled_it_is_gone_within_a_second() -> None:
    assert in_the_middle(lambda child: await_that(lambda: simulates(child), "runs")) < 1


def test_it_makes_way_for_all_else() -> None:
    before = os.nice(0)

    def look(child: int) -> None:
        score = Path(f"/proc/{child}/oom_score_adj")
        await_that(lambda: niceness(child) == 19, "a low priority")
        await_that(lambda: score.read_text().strip() == "1000", "it to be the first to go")

    in_the_middle(look)
    assert os.nice(0) == before, "the worker's own"


@pytest.mark.parametrize("early", [True, False], ids=["while it starts", "while it simulates"])
def test_killed_with_no_word_the_worker_takes_it_along(early: bool) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], cwd=Path(__file__).parents[2])
    try:
        await_that(lambda: children(parent.pid), "a child")
        (child,) = children(parent.pid)
        await_that(lambda: early or simulates(child), "runs")
        assert is_there(child)
    finally:
        parent.kill()
        parent.wait(10)
    await_that(lambda: not is_there(child), "its end", patience=1.0)


def test_what_it_said_last_is_told_when_it_ends_badly() -> None:
    assert ended("import sys; sys.exit('no luck')") == "it ended with 1: no luck"


def test_an_end_by_force_is_told() -> None:
    assert ended("import os; os.kill(os.getpid(), 9)") == "it ended with -9: "


def test_what_is_no_run_is_told() -> None:
    assert "it told what is no run: b'hello\\n'" in ended("print('hello')")
    assert "it told what is no run" in ended("print('{}')")


def test_however_much_it_complains_it_is_heard_to_the_end() -> None:
    said = ended("import sys; sys.stderr.write('x' * 1_000_000 + 'the end'); sys.exit(3)")
    assert said.startswith("it ended with 3: xxx")
    assert said.endswith("xthe end")
    assert len(said) < 1100


def test_it_gets_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOPTWEETS_ENGAGEMENT__BEARER_TOKEN", "canary")
    told = ended(
        "import os, sys\n"
        "sys.exit(f\"PATH: {'PATH' in os.environ}, canary: {'canary' in os.environ.values()}\")"
    )
    assert "PATH: True, canary: False" in told


def test_a_program_that_is_not_there_is_an_error_of_the_system() -> None:
    command: Sequence[str] = ["/nowhere/python"]
    with pytest.raises(FileNotFoundError):
        asyncio.run(run_all(SMALL, Seconds(30), [], command=command))
