"""``top-tweets broker``: it answers where it says, and leaves no process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from kafka import KafkaAdminClient

from tests.e2e.test_demo import children, is_there
from tests.tools.brokers import why_not
from tests.tools.live_worker import await_that
from worker.embedded import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE = 30.0

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists a process's children")


@contextmanager
def _broker(said: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    if reason := why_not("tansu"):
        pytest.skip(reason)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TOPTWEETS_")}
    command = [sys.executable, "-u", "-m", "worker", "broker", "--port", str(port)]
    with (
        said.open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment) as process,
    ):
        try:
            await_that(lambda: "Ctrl-C" in said.read_text() or process.poll() is not None, "the broker")
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
def test_it_answers_at_its_port_and_a_signal_ends_it_whole(name: signal.Signals, tmp_path: Path) -> None:
    said, port = tmp_path / "said", free_port()
    with _broker(said, port) as process:
        assert f"Kafka broker for development: 127.0.0.1:{port}\n" in said.read_text()
        admin = KafkaAdminClient(bootstrap_servers=f"127.0.0.1:{port}")
        assert admin.describe_cluster()
        admin.close()
        begun = children(process.pid)
        assert begun, "the broker is a process of its own"
        process.send_signal(name)
        assert process.wait(PATIENCE) == 0, said.read_text()
        assert not any(is_there(pid) for pid in begun)
    assert "Traceback" not in said.read_text()


def test_when_the_broker_itself_ends_so_does_the_command(tmp_path: Path) -> None:
    with _broker(tmp_path / "said", free_port()) as process:
        for pid in children(process.pid):
            os.kill(pid, signal.SIGKILL)
        assert process.wait(PATIENCE) == 1
        assert "broker: the embedded broker ended by itself" in (tmp_path / "said").read_text()


def test_a_port_that_is_taken_is_told_in_one_line(tmp_path: Path) -> None:
    port = free_port()
    with _broker(tmp_path / "first", port), _broker(tmp_path / "second", port) as second:
        assert second.wait(PATIENCE) == 1
        (line,) = (tmp_path / "second").read_text().splitlines()
        assert line == f"broker: the embedded broker cannot use port {port} on 127.0.0.1: it is taken"
