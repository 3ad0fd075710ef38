"""The worker and the sandbox as processes of the tests, started by their commands as an operator would."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import httpx

from worker.embedded import end, start_tied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.tools.brokers import Broker

PATIENCE: Final = 30.0
_BETWEEN_LOOKS: Final = 0.05
_ADDRESS: Final = r"http://(127\.0\.0\.1:\d+)"
_numbers = itertools.count(1)


def await_that(condition: Callable[[], object], wanted: str, patience: float = PATIENCE) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, f"not within {patience:g} s: {wanted}"
        time.sleep(_BETWEEN_LOOKS)


@dataclass(frozen=True, slots=True)
class Running:
    """A command that runs. ``address`` is its ``host:port`` for HTTP, ``log`` what it printed so far."""

    address: str
    process: subprocess.Popen[bytes]
    log: Path

    def get(self, path: str) -> httpx.Response:
        """The answer at a path."""
        return httpx.get(f"http://{self.address}{path}", timeout=5, trust_env=False)

    def json(self, path: str) -> Any:
        """The JSON at a path."""
        answer = self.get(path)
        assert answer.is_success, f"{path}: {answer.text}"
        return answer.json()

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's series that have these labels."""
        found = 0.0
        for line in self.get("/metrics").text.splitlines():
            series, _, value = line.rpartition(" ")
            if re.match(rf"{name}(\{{|$)", series) and all(f'{k}="{v}"' in series for k, v in labels.items()):
                found += float(value)
        return found

    def await_that(self, path: str, wanted: str) -> None:
        """Wait until the answer at ``path`` is a success and has the text ``wanted`` in it."""
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = self.get(path)
            if answer.is_success and wanted in answer.text:
                return
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, f"{path} has no {wanted}: {answer.text}"
            time.sleep(_BETWEEN_LOOKS)

    def events(self, name: str) -> list[dict[str, Any]]:
        """What it logged under this name so far."""
        return events_in(self.log.read_text(), name)

    def await_event(self, name: str, patience: float = PATIENCE) -> dict[str, Any]:
        """Wait until it has logged this event; the first of them."""
        await_that(
            lambda: self.events(name) or self.process.poll() is not None, f"the event {name}", patience
        )
        found = self.events(name)
        assert found, self.log.read_text()
        return found[0]

    def stop(self, within: float, name: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit code."""
        self.process.send_signal(name)
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it runs {within:g} s after {name.name}: {self.log.read_text()}") from None

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait(PATIENCE)


def events_in(log: str, name: str) -> list[dict[str, Any]]:
    """The events of this name in a worker's log."""
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{") and line.endswith("}")]
    return [line for line in lines if line["event"] == name]


@contextmanager
def running_sandbox(directory: Path, *options: str, port: int = 0) -> Iterator[Running]:
    """The sandbox, on a free port unless told, for as long as the block lasts."""
    command = ["sandbox", f"--port={port}", "--requests-per-minute=0", *options]
    with _running("sandbox", command, directory, {}) as running:
        yield running


@contextmanager
def running_worker(
    directory: Path,
    bootstrap: str,
    topic: str,
    api: str,
    settings: Mapping[str, str] | None = None,
    *,
    options: Sequence[str] = (),
) -> Iterator[Running]:
    """A worker, with its HTTP server on a free port, for as long as the block lasts.

    Args:
        directory: where its log goes.
        bootstrap: the brokers.
        topic: the input topic.
        api: ``host:port`` of a sandbox.
        settings: more of them, by their names in the environment without the prefix (``BOARDS__TOP``).
        options: of the command.
    """
    with _running(
        "worker", ["run", *options], directory, _settings(bootstrap, topic, api, settings)
    ) as running:
        yield running


@contextmanager
def starting_worker(
    directory: Path,
    bootstrap: str,
    topic: str,
    api: str,
    settings: Mapping[str, str] | None = None,
    *,
    options: Sequence[str] = (),
) -> Iterator[Running]:
    """As ``running_worker``, without waiting until it runs: for one that cannot. It has no address."""
    with _started("worker", ["run", *options], directory, _settings(bootstrap, topic, api, settings)) as (
        process,
        log,
    ):
        yield Running("", process, log)


def quick_settings(broker: Broker, group: str, **more: str) -> dict[str, str]:
    """Settings of a worker that joins and asks soon, with others of them by their names in small letters."""
    return {
        "KAFKA__GROUP": group,
        "KAFKA__SIGHTINGS_PARTITIONS": "4",
        "KAFKA__SESSION_TIMEOUT": f"{broker.session_timeout}s",
        "KAFKA__HEARTBEAT_INTERVAL": f"{broker.heartbeat_interval}s",
        "PLANNER__LINGER": "200ms",
        "PLANNER__MIN_INTERVAL": "10m",
        # Tests count Posts, and some of the sandbox's can reach no board.
        "PLANNER__RETIRE_CHANCE": "0",
        "PUBLISH__INTERVAL": "200ms",
        **{name.upper(): value for name, value in more.items()},
    }


def _settings(bootstrap: str, topic: str, api: str, settings: Mapping[str, str] | None) -> Mapping[str, str]:
    given = {
        "KAFKA__BOOTSTRAP_SERVERS": bootstrap,
        "KAFKA__TOPIC": topic,
        "ENGAGEMENT__URL": f"http://{api}",
        "ENGAGEMENT__TOKEN_URL": f"http://{api}/oauth2/token",
        "ENGAGEMENT__BEARER_TOKEN": "sandbox-token",
        "ENGAGEMENT__REQUESTS_PER_MINUTE": "6000",
        "PUBLISH__HTTP__PORT": "0",
        "RUN__LOG_FORMAT": "json",
        **(settings or {}),
    }
    return {f"TOPTWEETS_{name}": value for name, value in given.items() if value}


@contextmanager
def _running(
    name: str, command: list[str], directory: Path, environment: Mapping[str, str]
) -> Iterator[Running]:
    with _started(name, command, directory, environment) as (process, log):
        yield Running(_address(process, log), process, log)


@contextmanager
def _started(
    name: str, command: list[str], directory: Path, environment: Mapping[str, str]
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("TOPTWEETS_")}
    path = directory / f"{name}-{next(_numbers)}.log"
    with path.open("wb") as log:
        process = start_tied(
            [sys.executable, "-m", "worker", *command], log=log, env={**inherited, **environment}
        )
    try:
        yield process, path
    finally:
        end(process, PATIENCE)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Where it says that it listens, once it says so."""
    deadline = time.monotonic() + PATIENCE
    while not (found := re.search(rf"(?:sandbox: |\"page\": \"){_ADDRESS}", log.read_text())):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(_BETWEEN_LOOKS)
    return found[1]
