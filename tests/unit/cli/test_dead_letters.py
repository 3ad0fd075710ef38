"""``top-tweets dead-letters``: what was asked wrongly, and brokers that are not there."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from tests.unit.settings.environment import set_environment
from worker.cli import app

if TYPE_CHECKING:
    from pathlib import Path

CANARY = "canary-77c1"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No broker, no token, no topic: none is needed to ask wrongly."""
    monkeypatch.chdir(tmp_path)
    set_environment(
        monkeypatch,
        {
            "TOPTWEETS_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
            "TOPTWEETS_KAFKA__REQUEST_TIMEOUT": "1s",
            "TOPTWEETS_KAFKA__SECURITY__SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "TOPTWEETS_KAFKA__SECURITY__SASL_MECHANISM": "PLAIN",
            "TOPTWEETS_KAFKA__SECURITY__SASL_PLAIN_USERNAME": "user",
            "TOPTWEETS_KAFKA__SECURITY__SASL_PLAIN_PASSWORD": CANARY,
        },
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["list", "--reason", "no_ids"], "dead-letters: --reason 'no_ids': did you mean no_id?"),
        (["list", "--since", "soon"], "dead-letters: --since: 'soon' is no time; "),
        (["show", "x"], "dead-letters: offset 'x': "),
        (["replay", "--source", "a:b"], "dead-letters: --source 'a:b': "),
        (["replay", "--to", "bad topic"], "--to 'bad topic': a topic's name has "),
        (["replay", "--to", "top-tweets.sightings"], "--to 'top-tweets.sightings': begins with "),
    ],
)
def test_what_was_asked_wrongly_is_one_line_and_exit_code_2(arguments: list[str], told: str) -> None:
    result = CliRunner().invoke(app, ["dead-letters", *arguments])
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith(told)
    assert not result.stdout


@pytest.mark.parametrize("command", ["list", "show", "replay"])
def test_without_a_broker_it_says_so_once_and_ends_with_1(command: str) -> None:
    # A process of its own: of a client that finds no broker, kafka-python leaves a socket to the collector.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-m", "worker", "dead-letters", command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("dead-letters: no broker answers at 127.0.0.1:1 (")
    assert CANARY not in done.stdout + done.stderr
