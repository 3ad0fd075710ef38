"""``top-tweets simulate``, as a user runs it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from worker.cli import app

if TYPE_CHECKING:
    from pathlib import Path

SMALL = ["--live-posts=300", "--campaigns=3", "--top=3", "--hours=2", "--warm-up=6", "--seeds=2", "--jobs=1"]


def test_it_prints_a_table_with_a_line_for_each_policy_and_budget() -> None:
    told = CliRunner().invoke(app, ["simulate", *SMALL, "--requests-per-minute=0.1,0.2"])
    assert told.exit_code == 0, told.output
    header, *lines = told.output.splitlines()
    assert header.split()[:2] == ["policy", "req/min"]
    assert [line.split()[:2] for line in lines] == [
        [policy, budget] for policy in ("planner", "round-robin") for budget in ("0.1", "0.2")
    ]


@pytest.mark.parametrize("name", ["plot.png", "plot.svg"])
def test_it_tells_programs_and_draws(tmp_path: Path, name: str) -> None:
    plot = tmp_path / name
    told = CliRunner().invoke(
        app, ["simulate", *SMALL, "--requests-per-minute=0.1,1", "--json", f"--plot={plot}"]
    )
    assert told.exit_code == 0, told.output
    rows = [json.loads(line) for line in told.stdout.splitlines()]
    assert len(rows) == 4
    assert all(0 <= row["recall"] <= 1 for row in rows)
    begins = plot.read_bytes()[:100]
    assert begins.startswith(b"\x89PNG") if name.endswith("png") else b"<svg" in plot.read_bytes()[:2000]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--policy=best"], "--policy: 'best' is no policy"),
        (["--plot=plot.txt"], "--plot: plot.txt must end in one of .png"),
        (["--plot=/nowhere/plot.png"], "--plot: there is no folder /nowhere"),
        (["--cascades=/nowhere"], "/nowhere cannot be read"),
    ],
)
def test_what_cannot_be_is_told_and_ends_with_two(options: list[str], said: str) -> None:
    told = CliRunner().invoke(app, ["simulate", *SMALL, *options])
    assert told.exit_code == 2
    assert said in told.stderr
