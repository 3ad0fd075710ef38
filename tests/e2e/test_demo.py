"""The demo as a newcomer runs it: it ends by itself with a verdict, or at Ctrl-C, and leaves no process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx
import pytest

from tests.tools.brokers import why_not
from tests.tools.live_worker import await_that

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE: Final = 60.0
ADDRESS: Final = re.compile(r"Live leaderboards: (http://\S+)/")


@contextmanager
def _demo(directory: Path, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    if reason := why_not("tansu"):
        pytest.skip(reason)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TOPTWEETS_")}
    said = directory / "said"
    with (
        said.open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-u", "-m", "worker", "demo", *options],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield process, said
        finally:
            if process.poll() is None:
                process.kill()


def _address(said: Path, process: subprocess.Popen[bytes]) -> str:
    await_that(lambda: ADDRESS.search(said.read_text()) or process.poll() is not None, "the page's address")
    found = ADDRESS.search(said.read_text())
    assert found, said.read_text()
    return found[1]


def children(pid: int) -> list[int]:
    """The processes that a process started and that are there."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_there(pid: int) -> bool:
    """Whether a process runs: one that has ended and was not waited for does not."""
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_it_ends_by_itself_and_all_was_right(tmp_path: Path) -> None:
    with _demo(tmp_path, "--for", "12s") as (process, said):
        url = _address(said, process)
        boards = f"{url}/api/leaderboards"
        await_that(lambda: httpx.get(boards, trust_env=False).json()["leaderboards"], "leaderboards")
        assert process.wait(PATIENCE) == 0, said.read_text()
    words = said.read_text()
    assert "Verdict: all right." in words
    assert re.search(r"Kafka broker: 127\.0\.0\.1:\d+ ", words)
    assert re.search(r"Posts produced\W+[1-9]", words)
    assert re.search(r"faults\W+0", words)
    assert "Traceback" not in words


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists a process's children")
@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_within_five_seconds_and_leaves_no_process(
    name: signal.Signals, tmp_path: Path
) -> None:
    with _demo(tmp_path) as (process, said):
        url = _address(said, process)
        await_that(lambda: httpx.get(f"{url}/readyz", trust_env=False).is_success, "the worker is ready")
        begun = children(process.pid)
        assert begun, "the broker is a process of its own"
        started = time.monotonic()
        process.send_signal(name)
        assert process.wait(PATIENCE) == 0, said.read_text()
        assert time.monotonic() - started < 5
        assert not any(is_there(pid) for pid in begun)
    assert "Traceback" not in said.read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent ended")
def test_when_it_is_killed_its_broker_goes_with_it(tmp_path: Path) -> None:
    with _demo(tmp_path) as (process, said):
        _address(said, process)
        begun = children(process.pid)
        process.kill()
        process.wait(PATIENCE)
        await_that(lambda: not any(is_there(pid) for pid in begun), "the broker is gone")


def test_a_port_that_is_taken_is_told_in_one_line(tmp_path: Path) -> None:
    with _demo(tmp_path) as (process, said):
        port = _address(said, process).rpartition(":")[2]
        (tmp_path / "second").mkdir()
        with _demo(tmp_path / "second", "--port", port) as (second, second_said):
            assert second.wait(PATIENCE) == 1
            (line,) = second_said.read_text().splitlines()
            assert line.startswith("demo: ")
            assert f"publish.http.port: 127.0.0.1:{port} is in use: " in line
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
