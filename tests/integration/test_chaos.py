"""A short chaos on real Apache Kafka, by a fixed seed: what it is for stands in ``benchmarks/chaos``."""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.tools.brokers import why_not
from tests.tools.live_worker import await_that
from tests.tools.require import missing
from worker.embedded import end, start_tied

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

PATIENCE: Final = 420.0


@pytest.fixture(autouse=True)
def apache() -> None:
    if reason := why_not("apache"):
        missing("apache", reason)


class Chaos:
    """The command as anybody runs it; its files stand below ``directory``."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.log = directory / "chaos.log"
        self._figures = directory / "figures.json"
        command = [sys.executable, "-m", "benchmarks.chaos", f"--json={self._figures}", *options]
        with self.log.open("wb") as log:
            self.process: subprocess.Popen[bytes] = start_tied(command, log=log)

    def figures(self) -> dict[str, dict[str, Any]]:
        """What it found, by name."""
        return {one["figure"]: one for one in json.loads(self._figures.read_text())["figures"]}


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Any]:
    running: list[Chaos] = []

    def start(*options: str) -> Chaos:
        running.append(Chaos(tmp_path, *options))
        return running[0]

    yield start
    for chaos in running:
        end(chaos.process, 60)


@pytest.mark.kafka
def test_nothing_is_lost_wrong_backward_or_over_the_limit(started: Any) -> None:
    chaos = started("--minutes=1.2", "--seed=7", "--workers=1", "--rate=25")
    assert chaos.process.wait(PATIENCE) == 0, chaos.log.read_text()
    figures = chaos.figures()
    assert figures["faults"]["value"] >= 5, "hardly anything was hurt"
    assert figures["ids"]["value"] > 300
    assert figures["wrong_boards"]["compared"] >= 15
    assert figures["processes_left"]["value"] == 0


@pytest.mark.kafka
def test_ctrl_c_ends_all_that_was_started(started: Any) -> None:
    chaos = started("--minutes=5", "--workers=1", "--brokers=1")
    await_that(lambda: "begins" in chaos.log.read_text(), "a fault", PATIENCE)
    ours = _children(chaos.process.pid)
    assert len(ours) >= 3, "broker, sandbox and worker"
    chaos.process.send_signal(signal.SIGINT)
    assert chaos.process.wait(60) == 130, chaos.log.read_text()
    deadline = time.monotonic() + 5
    while left := ours & _living():
        assert time.monotonic() < deadline, f"{left} are left"
        time.sleep(0.1)


def _children(pid: int) -> set[int]:
    """The processes that this one has started, all of its threads together."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return {int(child) for task in tasks for child in (task / "children").read_text().split()}


def _living() -> set[int]:
    return {int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit()}
