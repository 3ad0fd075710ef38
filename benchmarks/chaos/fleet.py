"""Workers as processes that come and go: started, killed, stopped, frozen, and looked at from outside."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from benchmarks.chaos.ownership import Life
from worker.embedded import end, start_tied

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping
    from pathlib import Path

_PAGE: Final = re.compile(r'"page": "(http://127\.0\.0\.1:\d+)')
_STOP_PATIENCE: Final = 20.0
_AFTER_TROUBLE: Final = 1.0
"""Seconds before a worker that failed is started again, as whatever looks after it would wait."""
_NO_BROKERS: Final = "kafka.bootstrap_servers"
"""In the log of a worker that ended while it started, because the brokers that it needs did not answer."""


@dataclass(slots=True)
class Run:
    """One life of a worker's process."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    started_at: float
    ended_at: float | None = None
    asked_to_end: bool = False
    frozen: list[tuple[float, float]] = field(default_factory=list)
    url: str = ""

    def life(self, now: float) -> Life:
        """As ``ownership`` takes it."""
        return Life(self.name, self.log.read_text(errors="replace"), self.ended_at or now, tuple(self.frozen))


class Member:
    """One worker of the group: at most one process at a time, and all of its lives."""

    def __init__(self, number: int, environment: Mapping[str, str], directory: Path) -> None:
        self.number = number
        self.runs: list[Run] = []
        self.wanted = False
        self.troubles: list[str] = []
        self.failed_starts = 0
        self._environment = environment
        self._directory = directory
        self._frozen_at: float | None = None
        self._term_at = 0.0
        self._not_before = 0.0

    @property
    def current(self) -> Run | None:
        """The life that goes on."""
        return self.runs[-1] if self.runs and self.runs[-1].ended_at is None else None

    @property
    def url(self) -> str | None:
        """Where it serves HTTP, once its log says so; ``None`` while it does not run."""
        run = self.current
        if run is None:
            return None
        if not run.url and (found := _PAGE.search(run.log.read_text(errors="replace"))):
            run.url = found[1]
        return run.url or None

    def want(self) -> None:
        """It shall run: at once, or as soon as its last process has ended."""
        self.wanted = True
        self.tick()

    def tick(self) -> None:
        """Notice an end; start again what shall run. Call it often, in the thread that lives longest."""
        run = self.current
        if run is not None and (code := run.process.poll()) is not None:
            run.ended_at = time.time()
            if code != 0 or not run.asked_to_end:
                self._not_before = time.monotonic() + _AFTER_TROUBLE
                self._judge_end(run, code)
        elif run is not None and run.asked_to_end and time.monotonic() > self._term_at + _STOP_PATIENCE:
            self.troubles.append(f"{run.name} runs {_STOP_PATIENCE:g} s after SIGTERM: {run.log}")
            self.kill()
        if self.wanted and self.current is None and time.monotonic() >= self._not_before:
            self._start()

    def _judge_end(self, run: Run, code: int) -> None:
        """A process that was still starting may end: of SIGTERM, or because there are no brokers."""
        said = run.log.read_text(errors="replace")
        if not run.url and not _PAGE.search(said):
            if code == -signal.SIGTERM and run.asked_to_end:
                return
            if code == 1 and _NO_BROKERS in said:
                self.failed_starts += 1
                return
        how = "after SIGTERM" if run.asked_to_end else "by itself"
        self.troubles.append(f"{run.name} ended {how} with code {code}: {run.log}")

    def kill(self) -> None:
        """As a power cut would. It stays down until it is wanted again."""
        self.wanted = False
        run = self.current
        if run is not None:
            run.process.kill()
            run.process.wait()
            run.ended_at = time.time()
            self._frozen_at = None

    def stop(self) -> None:
        """Ask it to end. It stays down until it is wanted again."""
        self.wanted = False
        run = self.current
        if run is not None and not run.asked_to_end:
            run.asked_to_end = True
            self._term_at = time.monotonic()
            with suppress(ProcessLookupError):
                run.process.send_signal(signal.SIGTERM)

    def freeze(self) -> None:
        """Stop it where it is: its connections stay open, and it says nothing."""
        run = self.current
        if run is not None and run.process.poll() is None:
            run.process.send_signal(signal.SIGSTOP)
            self._frozen_at = time.time()

    def thaw(self) -> None:
        """Let it go on."""
        run = self.current
        if run is not None and self._frozen_at is not None:
            run.process.send_signal(signal.SIGCONT)
            run.frozen.append((self._frozen_at, time.time()))
        self._frozen_at = None

    def close(self) -> None:
        """End it, whatever it does."""
        self.wanted = False
        self.thaw()
        run = self.current
        if run is not None:
            end(run.process, _STOP_PATIENCE)
            run.ended_at = time.time()

    def events(self, name: str) -> list[dict[str, Any]]:
        """What all of its lives logged under this name."""
        found = []
        for run in self.runs:
            for line in run.log.read_text(errors="replace").splitlines():
                if f'"{name}"' in line:
                    with suppress(json.JSONDecodeError):
                        told = json.loads(line)
                        if told.get("event") == name:
                            found.append(told)
        return found

    def _start(self) -> None:
        name = f"worker-{self.number}.{len(self.runs) + 1}"
        path = self._directory / f"{name}.log"
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("TOPTWEETS_")}
        with path.open("wb") as log:
            process = start_tied(
                [sys.executable, "-m", "worker", "run"], log=log, env={**inherited, **self._environment}
            )
        self.runs.append(Run(name, process, path, time.time()))
