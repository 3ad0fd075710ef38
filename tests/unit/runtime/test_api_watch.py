"""What is said of the API follows what became of the latest requests."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from worker.api_watch import ApiWatch
from worker.telemetry import Telemetry

URL = "http://127.0.0.1:1"


def after(*looks: tuple[str, ...]) -> str:
    """What is said when these statuses were counted before each look."""
    telemetry = Telemetry(CollectorRegistry())
    watch = ApiWatch(URL, telemetry)
    for statuses in looks:
        for status in statuses:
            telemetry.requests.labels("totals", status).inc()
        watch.look()
    return watch.describe()


@pytest.mark.parametrize(
    ("looks", "said"),
    [
        ([], "not asked yet"),
        ([()], "not asked yet"),
        ([("200",)], "answers"),
        ([("400",)], "answers"),
        ([("connection",)], f"{URL} cannot be reached"),
        ([("timeout",)], f"{URL} does not answer in time"),
        ([("503",)], f"{URL} fails (503)"),
        ([("429",)], f"{URL} says that it is asked too often (429)"),
        ([("503", "timeout")], f"{URL} does not answer in time, fails (503)"),
        ([("200", "503")], "answers"),
        ([("200",), ("connection",)], f"{URL} cannot be reached"),
        ([("200",), ("connection",), (), ()], f"{URL} cannot be reached"),
        ([("connection",), ("200",)], "answers"),
    ],
)
def test_the_latest_requests_say_how_the_api_is(looks: list[tuple[str, ...]], said: str) -> None:
    assert after(*looks) == said
