"""Whether the API answers, in a sentence: read from the counters of requests, which know it first."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from worker.telemetry import Telemetry

_WORDS: Final = {
    "connection": "cannot be reached",
    "timeout": "does not answer in time",
    "unreadable": "answers what cannot be read",
    "429": "says that it is asked too often (429)",
}
_FIRST_FAILURE: Final = 500


class ApiWatch:
    """What became of the requests that ended between the last two looks that saw any."""

    def __init__(self, url: str, telemetry: Telemetry) -> None:
        self._url = url
        self._telemetry = telemetry
        self._counted: dict[str, float] = {}
        self._latest: frozenset[str] = frozenset()

    def look(self) -> None:
        """Take in what was counted since the last time."""
        counted: dict[str, float] = {}
        for metric in self._telemetry.requests.collect():
            for sample in metric.samples:
                status = sample.labels["status"]
                counted[status] = counted.get(status, 0.0) + sample.value
        grown = frozenset(
            status for status, count in counted.items() if count > self._counted.get(status, 0.0)
        )
        self._counted = counted
        self._latest = grown or self._latest

    def describe(self) -> str:
        """A sentence on the API. Where some requests failed and others did not, it answers."""
        if not self._latest:
            return "not asked yet"
        failed = {status for status in self._latest if _is_failure(status)}
        if failed != self._latest:
            return "answers"
        return f"{self._url} " + ", ".join(
            sorted(_WORDS.get(status, f"fails ({status})") for status in failed)
        )


def _is_failure(status: str) -> bool:
    if not status.isdigit():
        return True
    return int(status) >= _FIRST_FAILURE or int(status) == HTTPStatus.TOO_MANY_REQUESTS
