"""The commands that the docs show do run, and find what the docs say."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.unit.publish.http.serving import NOON, Worker, entry, key, leaderboard, serving
from worker.model import PostId
from worker.publish.http import PostView

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).parents[2] / "docs" / "http-api.md"
COMMANDS = re.findall(r"^```sh\n(.*?)^```", DOCS.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
FINDS = {
    "/api/leaderboards\n": '"leaderboards":[{',
    "?limit=3": '"rank":3',
    "If-None-Match": "304",
    "/api/posts/": '"state":"new"',
    "/api/stream": "event: leaderboard",
    "/api/outlook": '"reason":"it is being simulated"',
    "limit=many": '"mend":"give a whole number',
    "/healthz": '{"ok":true',
}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    post_id = PostId(1_991_468_206_332_170_240)
    worker = Worker()
    worker.posts[post_id] = PostView(post_id, "new", (key("all")[0],), NOON, NOON, None, {})
    with serving(worker) as served:
        served.publish(leaderboard(entries=[entry(rank, rank) for rank in range(1, 6)]))
        yield served.url.removeprefix("http://")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is missing: apt-get install curl")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_docs_runs(command: str, address: str, tmp_path: Path) -> None:
    assert "127.0.0.1:8080" in command
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command.replace("127.0.0.1:8080", address)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    for part, found in FINDS.items():
        if part in command:
            assert found in ran.stdout


def test_each_kind_of_command_is_in_the_docs() -> None:
    assert all(any(part in command for command in COMMANDS) for part in FINDS)
