"""The image: checked by hadolint, by rules of our own, and by replaying its build without an engine."""

from __future__ import annotations

import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.tools.dockerfile import ROOT, Replay, environment, reaches_the_builder, stages
from tests.tools.require import is_required

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOBODY = 10001


def _last(name: str) -> str:
    return [one.text for one in stages()[-1] if one.name == name][-1]


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    result = subprocess.run(
        [hadolint, "Dockerfile"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_it_runs_as_a_numeric_user_without_rights_and_stops_on_sigterm() -> None:
    assert _last("USER") == f"{_NOBODY}:{_NOBODY}"
    assert _last("STOPSIGNAL") == "SIGTERM"
    assert _last("EXPOSE") == "8080"
    assert json.loads(_last("ENTRYPOINT")) == ["top-tweets"]


def test_it_listens_on_all_addresses_of_the_container_and_writes_no_bytecode() -> None:
    variables = environment(stages()[-1])
    assert variables["TOPTWEETS_PUBLISH__HTTP__HOST"] == "0.0.0.0"  # noqa: S104 -- inside a container
    assert variables["PYTHONDONTWRITEBYTECODE"] == "1"


def test_images_are_pinned_and_all_stages_run_the_same_python() -> None:
    images = {next(one.text for one in stage if one.name == "FROM").split()[0] for stage in stages()}
    assert len(images) == 1
    assert re.fullmatch(r"python:3\.\d+-slim-\w+", images.pop())


def test_only_what_is_needed_reaches_the_builder() -> None:
    for path in (
        ".git/config",
        ".env",
        "deploy/secrets/sandbox_consumer_key",
        "tests/conftest.py",
        ".venv/x",
    ):
        assert not reaches_the_builder(path)
    assert reaches_the_builder("config/worker.toml")


def test_what_builds_the_wheel_is_pinned_as_for_development() -> None:
    development = (ROOT / "requirements" / "dev.txt").read_text()
    built = (ROOT / "deploy" / "build-requirements.txt").read_text()
    pins = [block for block in re.split(r"\n(?=[a-z])", built.rstrip()) if not block.startswith("#")]
    assert any(pin.startswith("hatchling==") for pin in pins)
    for pin in pins:
        assert pin in development, f"{pin.split()[0]} is pinned otherwise in requirements/dev.txt"


@contextmanager
def _answering(status: int) -> Iterator[int]:
    """An HTTP server whose every answer has this status; gives its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_its_health_check_follows_healthz(status: int, *, healthy: bool) -> None:
    command = json.loads(_last("HEALTHCHECK").partition(" CMD ")[2])
    with _answering(status) as port:
        done = subprocess.run(
            [sys.executable, *command[1:]],
            env={"TOPTWEETS_PUBLISH__HTTP__PORT": str(port)},
            capture_output=True,
            timeout=30,
            check=False,
        )
    assert (done.returncode == 0) == healthy


def _may_become_nobody() -> bool:
    """Whether this process may give up its rights, and the Python below the venv is open to those without."""
    python = Path(sys.executable).resolve()
    return os.geteuid() == 0 and all(path.stat().st_mode & 0o001 for path in [python, *python.parents])


@pytest.mark.container
def test_its_build_gives_a_worker_that_runs_without_rights_and_writes_nothing() -> None:
    if not is_required("container"):
        pytest.skip("installs from the package registry: only with TOP_TWEETS_TEST_REQUIRE=container")
    folder = Path(tempfile.mkdtemp(prefix="top-tweets-image-"))
    try:
        folder.chmod(0o755)
        replay = Replay(folder)
        replay.run()
        for path in [replay.image, *replay.image.rglob("*")]:
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & ~0o222)
        before = sorted(replay.image.rglob("*"))
        program = replay.image / "opt" / "top-tweets" / "bin" / "top-tweets"
        done = subprocess.run(
            [program, "--version"],
            cwd=replay.image,
            env={**environment(stages()[-1]), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            user=_NOBODY if _may_become_nobody() else None,
        )
        assert done.returncode == 0, done.stderr
        assert re.search(r"\d+\.\d+\.\d+", done.stdout)
        assert sorted(replay.image.rglob("*")) == before
    finally:
        for path in folder.rglob("*"):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)
        shutil.rmtree(folder)
