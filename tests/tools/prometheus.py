"""A real Prometheus as a process of the tests, which scrapes one target quickly and evaluates the alerts."""

from __future__ import annotations

import json
import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import httpx

from tests.tools.require import missing
from worker.embedded import end, free_port, start_tied

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

_START_TIMEOUT: Final = 30.0
_SCRAPES: Final = 4
_BETWEEN_LOOKS: Final = 0.1


def prometheus_command(name: str) -> str:
    """The path of ``prometheus`` or ``promtool``; without it the test is skipped, or fails where required."""
    found = shutil.which(name)
    if found is None:
        missing("prometheus", f"no {name} on this machine: apt-get install prometheus")
    return found


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A Prometheus that runs."""

    url: str
    process: subprocess.Popen[bytes]

    def query(self, expression: str) -> list[Any]:
        """The instant vector of an expression, as of now.

        Raises:
            AssertionError: when Prometheus refuses it, with what it says.
        """
        answer = self._get("/api/v1/query", query=expression)
        assert answer["status"] == "success", f"{expression}: {answer.get('error')}"
        result: list[Any] = answer["data"]["result"]
        return result

    def rules(self) -> list[Any]:
        """Every alert as Prometheus last evaluated it."""
        return [rule for group in self._get("/api/v1/rules")["data"]["groups"] for rule in group["rules"]]

    def await_scrapes(self, job: str) -> None:
        """Wait until there are enough scrapes of the job for a rate."""
        scrapes = f'count_over_time(up{{job="{job}"}}[1m])'
        self.await_that(
            lambda: any(float(one["value"][1]) >= _SCRAPES for one in self.query(scrapes)),
            f"no scrapes of {job}",
        )

    def await_that(self, condition: Callable[[], bool], otherwise: str) -> None:
        """Wait until a condition holds; fail, saying ``otherwise``, when it does not in time."""
        deadline = time.monotonic() + _START_TIMEOUT
        while not condition():
            assert self.process.poll() is None, "Prometheus ended"
            assert time.monotonic() < deadline, otherwise
            time.sleep(_BETWEEN_LOOKS)

    def is_ready(self) -> bool:
        """Whether it serves."""
        try:
            return httpx.get(f"{self.url}/-/ready", timeout=1, trust_env=False).is_success
        except httpx.TransportError:
            return False

    def _get(self, path: str, **parameters: str) -> Any:
        return httpx.get(f"{self.url}{path}", params=parameters, timeout=10, trust_env=False).json()


@contextmanager
def running_prometheus(
    target: str, directory: Path, *, job: str = "top-tweets", rules: Sequence[Path] = ()
) -> Iterator[Prometheus]:
    """A Prometheus that scrapes ``target`` (host:port) quickly, for as long as the block lasts."""
    command = prometheus_command("prometheus")
    port = free_port()
    settings = directory / "prometheus.yml"
    settings.write_text(  # JSON is YAML
        json.dumps(
            {
                "global": {"scrape_interval": "250ms", "evaluation_interval": "250ms"},
                "rule_files": [str(path) for path in rules],
                "scrape_configs": [{"job_name": job, "static_configs": [{"targets": [target]}]}],
            }
        )
    )
    with (directory / "prometheus.log").open("wb") as log:
        process = start_tied(
            [
                *(command, f"--config.file={settings}", f"--storage.tsdb.path={directory / 'data'}"),
                *(f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"),
            ],
            log=log,
        )
    try:
        prometheus = Prometheus(f"http://127.0.0.1:{port}", process)
        prometheus.await_that(prometheus.is_ready, (directory / "prometheus.log").read_text())
        yield prometheus
    finally:
        end(process)
