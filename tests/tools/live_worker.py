"""The worker and the sandbox as processes of the tests, started by their commands as an operator would."""

from __future__ import annotations

import os
import re
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import httpx

from worker.embedded import end, start_tied

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_PATIENCE: Final = 30.0
_BETWEEN_LOOKS: Final = 0.05
_ADDRESS: Final = r"http://(127\.0\.0\.1:\d+)"


@dataclass(frozen=True, slots=True)
class Running:
    """A command that runs. ``address`` is its ``host:port`` for HTTP, ``log`` what it printed so far."""

    address: str
    process: subprocess.Popen[bytes]
    log: Path

    def await_that(self, path: str, wanted: str) -> None:
        """Wait until the answer at ``path`` is a success and has the text ``wanted`` in it."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            answer = httpx.get(f"http://{self.address}{path}", timeout=5, trust_env=False)
            if answer.is_success and wanted in answer.text:
                return
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, f"{path} has no {wanted}: {answer.text}"
            time.sleep(_BETWEEN_LOOKS)


@contextmanager
def running_sandbox(directory: Path, *options: str) -> Iterator[Running]:
    """The sandbox, on a free port, for as long as the block lasts."""
    command = ["sandbox", "--port=0", "--requests-per-minute=0", *options]
    with _running("sandbox", command, directory, {}) as running:
        yield running


@contextmanager
def running_worker(
    directory: Path, bootstrap: str, topic: str, api: str, settings: Mapping[str, str] | None = None
) -> Iterator[Running]:
    """A worker, with its HTTP server on a free port, for as long as the block lasts.

    Args:
        directory: where its log goes.
        bootstrap: the brokers.
        topic: the input topic.
        api: ``host:port`` of a sandbox.
        settings: more of them, by their names in the environment without the prefix (``BOARDS__TOP``).
    """
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
    environment = {f"TOPTWEETS_{name}": value for name, value in given.items()}
    with _running("worker", ["run"], directory, environment) as running:
        yield running


@contextmanager
def _running(
    name: str, command: list[str], directory: Path, environment: Mapping[str, str]
) -> Iterator[Running]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("TOPTWEETS_")}
    path = directory / f"{name}.log"
    with path.open("wb") as log:
        process = start_tied(
            [sys.executable, "-m", "worker", *command], log=log, env={**inherited, **environment}
        )
    try:
        yield Running(_address(process, path), process, path)
    finally:
        end(process, _PATIENCE)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Where it says that it listens, once it says so."""
    deadline = time.monotonic() + _PATIENCE
    while not (found := re.search(rf"(?:sandbox: |\"page\": \"){_ADDRESS}", log.read_text())):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(_BETWEEN_LOOKS)
    return found[1]
