"""The command line: short help, exit code 2 for what was asked wrongly, settings without secrets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from tests.unit.settings.environment import NEEDED, set_environment
from worker import __version__
from worker.cli import app
from worker.settings.document import document
from worker.settings.schema import schema

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

CANARY = "canary-5b1c"
COMMANDS = [
    [],
    ["run"],
    ["demo"],
    ["sandbox"],
    ["broker"],
    ["produce"],
    ["report"],
    ["config"],
    *(["config", part] for part in ("check", "show", "schema", "template")),
    ["dead-letters"],
    *(["dead-letters", part] for part in ("list", "show", "replay")),
]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an empty directory, with no settings but those that are needed."""
    monkeypatch.chdir(tmp_path)
    set_environment(monkeypatch, NEEDED)


def called(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_command_has_a_help_that_fits_a_screen(command: list[str], flag: str) -> None:
    result = called(*command, flag)
    assert result.exit_code == 0
    assert "Usage:" in result.stdout
    assert len(result.stdout.splitlines()) <= 45


def test_without_a_command_the_help_is_shown() -> None:
    assert "Usage:" in called().output


def test_the_version_is_told() -> None:
    result = called("--version")
    assert (result.exit_code, result.stdout) == (0, f"top-tweets {__version__}\n")


def test_the_package_runs_as_a_module() -> None:
    command = [sys.executable, "-W", "error", "-m", "worker", "--version"]
    inherited = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run(command, capture_output=True, text=True, env=inherited, timeout=30, check=True)
    assert result.stdout == f"top-tweets {__version__}\n"
    assert not result.stderr


@pytest.mark.parametrize("module", ["typer", "worker.report.command"])
def test_an_interrupt_while_it_starts_ends_it_quietly(module: str) -> None:
    program = f"""
import signal, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Finder())
from worker.__main__ import main
sys.argv[1:] = ["report", "ids.txt"]
main()
"""
    command = [sys.executable, "-c", program]
    inherited = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run(command, capture_output=True, text=True, env=inherited, timeout=30, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (130, "", "")


def test_unknown_commands_and_flags_are_refused() -> None:
    assert called("rum").exit_code == 2
    assert called("run", "--token", "x").exit_code == 2


@pytest.mark.parametrize("text", ["yesterday", "", "2026-13-01", "begin"])
def test_a_time_to_read_from_that_says_none_is_exit_code_2_with_what_would_be_right(text: str) -> None:
    result = called("run", "--from", text)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"--from: {text!r} is no time; write ISO 8601, such as 2026-11-20T00:00Z")
    assert line.endswith(", or beginning")


def test_right_settings_are_said_to_be_right() -> None:
    result = called("config", "check")
    assert result.exit_code == 0
    assert "right" in result.stdout


@pytest.mark.parametrize("command", [["config", "check"], ["config", "show"], ["run"], ["produce", "-"]])
def test_wrong_settings_end_with_2_and_every_fault_on_standard_error(
    command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOPTWEETS_BOARDS__TOP", "0")
    monkeypatch.setenv("TOPTWEETS_KAFKA__TOPIX", "a")
    result = called(*command)
    assert result.exit_code == 2
    assert not result.stdout
    assert "2 faults in the settings:" in result.stderr
    assert "boards.top = '0': " in result.stderr
    assert "TOPTWEETS_KAFKA__TOPIX: no setting has this name; did you mean" in result.stderr


def test_the_file_is_named_by_flag_or_variable_or_stands_in_its_usual_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def top() -> int:
        return int(tomllib.loads(called("config", "show").stdout)["boards"]["top"])

    assert top() == 50
    usual = tmp_path / "config" / "worker.toml"
    usual.parent.mkdir()
    usual.write_text("[boards]\ntop = 1\n")
    assert top() == 1
    named = tmp_path / "other.toml"
    named.write_text("[boards]\ntop = 2\n")
    monkeypatch.setenv("TOPTWEETS_CONFIG", str(named))
    assert top() == 2
    named.write_text("[boards]\ntop = 3\n")
    monkeypatch.setenv("TOPTWEETS_CONFIG", str(usual))
    result = called("config", "show", "--config", str(named))
    assert tomllib.loads(result.stdout)["boards"]["top"] == 3


def test_a_file_that_is_not_there_is_refused() -> None:
    result = called("config", "check", "--config", "nowhere.toml")
    assert result.exit_code == 2
    assert "nowhere.toml" in result.stderr


def test_settings_are_shown_with_secrets_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "ENGAGEMENT__BEARER_TOKEN",
        "ENGAGEMENT__CONSUMER_KEY",
        "ENGAGEMENT__CONSUMER_SECRET",
        "KAFKA__SECURITY__SASL_PLAIN_PASSWORD",
        "KAFKA__SECURITY__SSL_PASSWORD",
        "KAFKA__SECURITY__OAUTH_CLIENT_SECRET",
    ):
        monkeypatch.setenv(f"TOPTWEETS_{name}", CANARY)
    result = called("config", "show")
    assert result.exit_code == 0
    assert CANARY not in result.output
    shown = tomllib.loads(result.stdout)
    assert shown["kafka"]["topic"] == ["posts"]
    assert shown["watchlist"]["tracking_window"] == "48h"
    assert shown["engagement"]["consumer_secret"] == "********"


def test_the_schema_is_json_and_the_template_toml() -> None:
    assert json.loads(called("config", "schema").stdout) == schema()
    assert called("config", "template").stdout == document()


@pytest.mark.parametrize("lasting", ["soon", "-3s", "", "5 weeks"])
def test_a_demo_for_no_length_of_time_is_refused(lasting: str) -> None:
    result = called("demo", f"--for={lasting}")
    assert result.exit_code == 2
    assert "--for" in result.stderr
    assert "30s" in result.stderr or "48h" in result.stderr


def test_a_demo_with_wrong_settings_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOPTWEETS_BOARDS__TOP", "0")
    result = called("demo", "--for", "1s")
    assert result.exit_code == 2
    assert "boards.top" in result.stderr


@pytest.mark.parametrize("command", ["demo", "broker", "sandbox"])
@pytest.mark.parametrize("port", ["99999", "-1", "http"])
def test_a_port_that_is_none_is_refused(command: str, port: str) -> None:
    result = called(command, f"--port={port}")
    assert result.exit_code == 2
    assert "port" in result.stderr


def test_a_sandbox_with_wrong_options_is_refused() -> None:
    result = called("sandbox", "--requests-per-minute", "-1")
    assert result.exit_code == 2
    assert "requests_per_minute" in result.stderr
    assert called("sandbox", "--port", "99999").exit_code == 2


@pytest.mark.parametrize("file", ["other.toml", None])
def test_a_start_logs_which_settings_file_was_read(
    file: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if file is not None:
        (tmp_path / file).write_text("[boards]\ntop = 2\n")
        monkeypatch.setenv("TOPTWEETS_CONFIG", file)
    monkeypatch.setenv("TOPTWEETS_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("TOPTWEETS_KAFKA__REQUEST_TIMEOUT", "1s")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    command = [sys.executable, "-m", "worker", "run"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    first = json.loads(done.stderr.splitlines()[0])
    assert (first["event"], first["file"]) == ("settings", file or "none")
