"""``top-tweets budget``, as a user runs it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.unit.settings.environment import set_environment
from worker.cli import app
from worker.engagement import Limit
from worker.simulate.budget import Answer, find_budget, to_sign_for
from worker.simulate.console import can_plot
from worker.simulate.experiment import Estimate, run
from worker.simulate.report import answer_text
from worker.simulate.scaling import Scaled, scaled
from worker.simulate.sought import Sought

if TYPE_CHECKING:
    from pathlib import Path

    from worker.simulate.experiment import Row

SMALL: Final = (
    *("--posts-per-day=1000", "--campaigns=3", "--top=5", "--window=24h"),
    *("--hours=3", "--seeds=2", "--jobs=1"),
)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings file, and no broker."""
    monkeypatch.chdir(tmp_path)
    set_environment(
        monkeypatch,
        {
            "TOPTWEETS_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
            "TOPTWEETS_KAFKA__REQUEST_TIMEOUT": "1s",
            "TOPTWEETS_KAFKA__TOPIC": "posts",
        },
    )


def budget(*options: str) -> Any:
    return CliRunner().invoke(app, ["budget", *SMALL, *options])


def test_it_tells_what_was_tried_and_what_suffices() -> None:
    told = budget("--recall=0.95")
    assert told.exit_code == 0, told.output
    header, *lines = told.stdout.splitlines()
    assert header.split()[:2] == ["policy", "req/min"]
    tried = [line.split() for line in lines if line.startswith("planner")]
    recalls = [float(cells[2]) for cells in tried]
    assert min(recalls) < 0.95 < max(recalls)
    # After it there may be a line that says how wide this is: two worlds are few.
    found = next(line for line in lines if "requests a minute suffice for a recall of 0.95: " in line)
    assert "at the mean over 2 simulated worlds, and between " in found
    assert re.search(r"by an engagement\.headroom of 2s: sign for \d\.\d+\.", told.stdout)
    assert found.split()[0] in {cells[1] for cells in tried}, "what suffices was simulated too"


def test_programs_are_told_the_same_and_it_is_drawn(tmp_path: Path) -> None:
    plot = tmp_path / "plot.svg"
    told = budget("--recall=0.95", "--json", f"--plot={plot}")
    assert told.exit_code == 0, told.output
    answer = json.loads(told.stdout)
    assert answer["requests_per_minute"] == pytest.approx(answer["needed"] + answer["needed_within"])
    assert answer["sign_for"] > answer["requests_per_minute"]
    tried = answer["tried"]
    assert answer["requests_per_minute"] in [row["requests_per_minute"] for row in tried]
    assert [row["requests_per_minute"] for row in tried] == sorted(
        row["requests_per_minute"] for row in tried
    )
    assert tried[0]["recall"] < 0.95 < tried[-1]["recall"]
    assert "measured" not in answer
    assert b"<svg" in plot.read_bytes()[:2000]


def test_a_higher_recall_takes_more_requests() -> None:
    plan = Sought(posts_per_day=1000.0, campaigns=3, top=5, hours=3.0, seeds=1).plan()
    needed = [find_budget(Scaled(plan, 1.0), recall, jobs=1).enough for recall in (0.8, 0.95, 0.99)]
    assert needed == sorted(needed)
    assert needed[0] < needed[2]


def test_no_process_is_ended_in_a_search_that_goes_well(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_process: object) -> None:
        raise AssertionError("a process that did its work was killed")

    monkeypatch.setattr("multiprocessing.process.BaseProcess.kill", refuse)
    plan = Sought(posts_per_day=1000.0, campaigns=3, top=5, hours=1.0, seeds=2).plan()
    assert find_budget(Scaled(plan, 1.0), 0.8, jobs=2).enough > 0


def test_the_command_tells_that_worlds_are_scaled_down() -> None:
    large = ("--posts-per-day=3000", "--most-posts=1000", "--recall=0.8")
    told = budget(*large)
    assert told.exit_code == 0, told.output
    assert told.stdout.startswith("3,000 Posts in the window are many: worlds of 1,000 stand for them")
    answer = json.loads(budget(*large, "--json").stdout)
    assert answer["scale"] == pytest.approx(1 / 3)
    assert f"{answer['requests_per_minute']:.3g} requests a minute suffice" in told.stdout


def test_a_plot_that_cannot_be_written_after_all_is_told_after_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", fail)
    told = budget("--recall=0.8", f"--plot={tmp_path / 'plot.png'}")
    assert told.exit_code == 1
    assert "requests a minute suffice" in told.stdout
    assert re.fullmatch(r"budget: the plot cannot be written to .*: No space left on device\n", told.stderr)


def test_to_find_out_whether_a_plot_can_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    there, link = tmp_path / "there.png", tmp_path / "link.png"
    there.write_text("mine")
    link.symlink_to(tmp_path / "nowhere.png")
    for path in (there, link, tmp_path / "new.png"):
        can_plot(path)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["link.png", "there.png"]
    assert link.is_symlink()
    assert there.read_text() == "mine"


def test_a_large_world_is_scaled_down_and_told_of_as_it_is() -> None:
    whole = Sought(posts_per_day=6000.0, campaigns=2, top=5, hours=3.0, seeds=2).plan()
    rows: list[Row] = []
    runs: set[float] = set()
    found = [
        find_budget(scaled(whole, most), 0.95, 1, rows.append, lambda _policy, one, _done: runs.add(one))
        for most in (6000, 2000)
    ]
    assert 0.8 * found[0].enough < found[1].enough < 3 * found[0].enough
    # The budgets that are told are those of the whole world, and so is the number of requests.
    assert {row.requests_per_minute for row in rows} == runs
    for row in rows:
        assert row.requests.mean == pytest.approx(row.requests_per_minute * 27 * 60, rel=0.05)
        assert row.asked.mean == pytest.approx(250 * row.requests.mean, rel=0.05)


@given(st.floats(0.001, 10_000), st.integers(1000, 3_000_000))
def test_scaled_down_posts_are_asked_for_as_often_and_requests_are_no_rarer(
    budget: float, most_posts: int
) -> None:
    whole = Sought(posts_per_day=2_000_000.0).plan()
    made = scaled(whole, most_posts)
    plan = made.under(budget)
    (requests,) = plan.requests_per_minute
    assert 0.9 * min(budget, 1.0) <= requests <= budget * 1.000001
    assert 10 <= plan.seats <= 250
    each = requests * plan.seats / plan.world.arrivals.live_posts
    assert each == pytest.approx(budget * 250 / 2_000_000)


def test_campaigns_keep_posts_enough_for_boards_that_can_be_wrong() -> None:
    many = Sought(posts_per_day=20_000.0, campaigns=200, top=10).plan()
    few = Sought(posts_per_day=20_000.0, campaigns=5, top=10).plan()
    assert scaled(few, 2000).plan.world.arrivals.live_posts == 2000
    arrivals = scaled(many, 2000).plan.world.arrivals
    before, after = (
        [share * one.live_posts for share in one.campaign_shares()] for one in (many.world.arrivals, arrivals)
    )
    large = [posts for whole, posts in zip(before, after, strict=True) if whole >= 50]
    assert arrivals.live_posts < 20_000
    assert sum(posts >= 49.9 for posts in large) >= 0.95 * len(large) - 1


def test_where_no_campaign_is_large_only_requests_bound_the_scale() -> None:
    made = scaled(Sought(posts_per_day=20_000.0, campaigns=1000, top=1000).plan(), 1000)
    assert made.scale == pytest.approx(0.05)


def test_what_is_small_enough_is_simulated_as_it_is() -> None:
    whole = Sought(posts_per_day=6000.0).plan()
    assert scaled(whole, 6000) == Scaled(whole, 1.0)
    assert scaled(whole, 6000).under(0.3) == replace(whole, requests_per_minute=(0.3,))


@given(st.floats(0.001, 20_000), st.floats(0.2, 100))
def test_a_worker_sends_enough_of_what_was_signed_for(enough: float, headroom: float) -> None:
    def sent(contract: float) -> float:
        limit = Limit.of(contract)
        return 60.0 * limit.requests / (limit.seconds + headroom)

    contract = to_sign_for(enough, headroom)
    assert contract > enough
    assert sent(contract * 1.000001) >= enough * 0.99999
    # Of anything less it would send too little.
    assert sent(contract * 0.999) < enough


def test_so_few_requests_that_no_audit_can_speak_are_told() -> None:
    rows = list(run(Sought(posts_per_day=200.0, campaigns=1, top=5, hours=1.0, seeds=1).plan(), jobs=1))
    few, more = (
        answer_text(Answer(0.9, Estimate(one, 0.0), one, rows), headroom=2.0) for one in (0.04, 0.06)
    )
    assert "not enough data for an audit" in few
    assert "not enough data" not in more


def test_what_no_contract_reaches_is_told_with_how_far_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    # To find out with all that are tried takes minutes.
    monkeypatch.setattr("worker.simulate.budget._MOST_STEPS", 0)
    told = budget("--recall=0.9999", "--campaigns=20", "--top=10")
    assert told.exit_code == 3
    assert re.fullmatch(
        r"0\.9999 is not reached: with 0\.\d+ requests a minute the recall is 0\.\d{4}\n", told.stderr
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--posts-per-day=1"], "--posts-per-day: 1 makes 1 Posts in a window of 24h"),
        (["--window=soon"], "--window: not a duration"),
        (["--metrics=impressions"], "--metrics: 'impressions' cannot be simulated"),
        (["--top=0"], "--top: "),
        (["--plot=plot.txt"], "--plot: plot.txt must end in one of .png"),
        (["--cascades=/nowhere"], "/nowhere cannot be read"),
        (["--last=2h"], "--last 2h: is of use with --from-topic only"),
        (["--config=/nowhere.toml"], "--config /nowhere.toml: is of use with --from-topic only"),
        (["--posts-per-day=-4"], "--posts-per-day: it must be more than 0 (it is -4)"),
        (["--plot=/proc/plot.png"], "--plot: /proc/plot.png cannot be written"),
        (["--from-topic", "--last=soon"], "--last: not a duration"),
        (["--from-topic", "--top=0"], "--top: "),
        (["--from-topic", "--config=/nowhere.toml"], "/nowhere.toml: no such file"),
    ],
)
def test_what_was_asked_wrongly_is_told_and_ends_with_two(options: list[str], said: str) -> None:
    told = budget(*options)
    assert told.exit_code == 2, told.output
    assert said in told.stderr
    assert not told.stdout


def test_settings_without_a_topic_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOPTWEETS_KAFKA__TOPIC")
    told = budget("--from-topic")
    assert told.exit_code == 2
    assert "kafka.topic = []: give the input topics here" in told.stderr
