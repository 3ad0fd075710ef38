"""The worker as it is watched while it is fuzzed: alive, healthy, bounded, and what it counted."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.chaos.samples import sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tools.live_worker import Running

_STILL: Final = 60.0
_BETWEEN_LOOKS: Final = 0.25


class FuzzError(Exception):
    """The worker is not as it must be; the text says how."""


class Watch:
    """Looks at one worker. ``most`` is the most resident memory that was seen, in bytes."""

    def __init__(self, worker: Running) -> None:
        self.worker = worker
        self.most = 0
        self._http = httpx.Client(base_url=f"http://{worker.address}", trust_env=False, timeout=20)

    def look(self) -> None:
        """Raises ``FuzzError`` unless it lives and is healthy."""
        if (code := self.worker.process.poll()) is not None:
            raise FuzzError(f"the worker ended with code {code}: {self.worker.log.read_text()[-3000:]}")
        if (answer := self._http.get("/healthz")).status_code != httpx.codes.OK:
            raise FuzzError(f"/healthz: {answer.status_code} {answer.text}")
        if taken := sample(self.worker.process.pid, time.time()):
            self.most = max(self.most, taken.resident)

    def counts(self, name: str, label: str, **wanted: str) -> dict[str, float]:
        """A metric's values by one of its labels, of the series that have the labels ``wanted``."""
        found: dict[str, float] = {}
        for family in text_string_to_metric_families(self._http.get("/metrics").text):
            for one in family.samples:
                if one.name == name and wanted.items() <= one.labels.items():
                    key = one.labels.get(label, "")
                    found[key] = found.get(key, 0) + one.value
        return found

    def await_moving(self, progress: Callable[[], float], goal: float, what: str) -> None:
        """Wait until it is there, looking at the worker, for as long as it moves at all.

        Raises:
            FuzzError: it does not move any more, or the worker is not well.
        """
        seen, moved_at = -1.0, time.monotonic()
        while (now := progress()) < goal:
            self.look()
            if now != seen:
                seen, moved_at = now, time.monotonic()
            elif time.monotonic() - moved_at > _STILL:
                raise FuzzError(f"{what}: {now:g} of {goal:g}, and no more for {_STILL:g} s")
            time.sleep(_BETWEEN_LOOKS)

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()
