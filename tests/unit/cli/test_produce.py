"""``top-tweets produce``: what was asked wrongly is told before a broker is looked for."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from tests.unit.settings.environment import NEEDED, set_environment
from worker.cli import app

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "posts.txt").write_text("2124092155387235535\n")
    (tmp_path / "folder").mkdir()
    set_environment(monkeypatch, NEEDED | {"TOPTWEETS_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"})


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["posts.txt", "--topic", "bad topic"], "--topic 'bad topic': a topic's name has "),
        (["posts.txt", "--topic", ""], "--topic '': a topic's name has "),
        (["posts.txt", "--topic", "top-tweets.sightings"], "--topic 'top-tweets.sightings': begins with "),
        (["posts.txt", "--campaign", ""], "--campaign '': is empty"),
        (["posts.txt", "--campaign", "a", "--campaign", " "], "--campaign ' ': is empty"),
        (["folder"], "folder is a directory: name the files in it"),
        (["posts.txt", "nowhere.txt"], "no such file: nowhere.txt"),
    ],
)
def test_what_was_asked_wrongly_is_one_line_and_exit_code_2(arguments: list[str], told: str) -> None:
    result = CliRunner().invoke(app, ["produce", *arguments])
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith(told)
    assert not result.stdout


def test_brokers_that_are_waited_for_are_told_with_the_longest_wait() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        environment = os.environ | {
            "TOPTWEETS_KAFKA__BOOTSTRAP_SERVERS": address,
            "TOPTWEETS_KAFKA__REQUEST_TIMEOUT": "4s",
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        command = [sys.executable, "-m", "worker", "produce", "posts.txt"]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=30, check=False
        )
    assert done.returncode == 1
    waiting, failed = done.stderr.splitlines()
    assert waiting == f"waiting for the brokers at {address}, for up to 4 s"
    assert failed.startswith(f"produce: no broker answers at {address} (")
