"""A run is good only if all held: each planted failure fails it, says what it is, and keeps the logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.chaos.accounts import Accounts
from benchmarks.chaos.asked import Asked
from benchmarks.chaos.checks import Findings
from benchmarks.chaos.fleet import Run
from benchmarks.chaos.oracle import Row, Wrong
from benchmarks.chaos.report import judge, nobody_lives
from benchmarks.chaos.run import Options, Story

if TYPE_CHECKING:
    from pathlib import Path

LIMIT = 5
BOARD = b'{"epoch": 1, "sequence": %d}'


@pytest.fixture
def story(tmp_path: Path) -> Story:
    """A run in which all held."""
    logs = tmp_path / "logs"
    logs.mkdir()
    told = Story(Options(1.0, 1, limit=LIMIT), logs)
    told.active = [(0.0, 10.0)]
    told.quiet = [Findings(boards=15, tracked=3)]
    told.requests = [Asked(20.0 * number, [number], answered=True) for number in range(10)]
    for number in range(3):
        told.boards.take(b"all/favorites", BOARD % number, number, float(number))
    return told


def failures_of(story: Story) -> list[str]:
    return judge(story).failures


def test_a_good_run_has_no_failure_and_its_logs_go(story: Story, capsys: Any) -> None:
    assert judge(story).close(story.directory, None) == 0
    assert not story.directory.exists()
    assert '"figure": "lost", "value": 0' in capsys.readouterr().out


def test_a_failure_is_told_with_where_the_logs_are(story: Story, tmp_path: Path, capsys: Any) -> None:
    story.quiet[0].accounts = Accounts(lost=(1234,))
    assert judge(story).close(story.directory, tmp_path / "told.json") == 1
    said = capsys.readouterr().err
    assert "1234" in said
    assert str(story.directory) in said
    assert story.directory.exists()
    assert "1234" in (tmp_path / "told.json").read_text()


@pytest.mark.parametrize(
    ("accounts", "words"),
    [
        (Accounts(lost=(1234,)), ("lost", "1234")),
        (Accounts(undead=(1234,)), ("deleted and still tracked", "1234")),
        (Accounts(strangers=(1234,)), ("never produced", "1234")),
        (Accounts(twice={1234: ["a", "b"]}), ("several workers", "1234")),
        (Accounts(lost_unreadable=(b"mess",)), ("no dead letter", "mess")),
    ],
)
def test_an_id_astray_fails_it(story: Story, accounts: Accounts, words: tuple[str, ...]) -> None:
    story.quiet.append(Findings(accounts=accounts, boards=15))
    (failure,) = failures_of(story)
    assert "quiet moment 2" in failure
    assert all(word in failure for word in words)


def test_a_wrong_board_fails_it_with_what_was_expected(story: Story) -> None:
    wrong = Wrong("worker-1.1", ("spring", "favorites"), 3, Row(7, 50, 9), Row(8, 49, 9))
    story.quiet[0].wrong = [wrong]
    (failure,) = failures_of(story)
    assert "spring/favorites of worker-1.1 is wrong at place 3" in failure
    assert str(wrong.expected) in failure
    assert str(wrong.got) in failure


def test_comparing_nothing_is_no_success(story: Story) -> None:
    story.quiet.append(Findings(tracked=3))
    assert failures_of(story) == ["quiet moment 2: there was no leaderboard to compare"]


def test_a_count_that_is_not_the_truth_fails_it(story: Story) -> None:
    story.quiet[0].wrong_values = ["Post 7: favorites is 3, and was 2"]
    assert failures_of(story) == ["quiet moment 1: Post 7: favorites is 3, and was 2"]


def test_one_request_over_the_limit_fails_it(story: Story) -> None:
    story.requests = [Asked(float(number), [number], answered=True) for number in range(LIMIT)]
    assert failures_of(story) == []
    story.requests.append(Asked(59.0, [99], answered=True))
    assert "6 requests in a rolling minute" in failures_of(story)[0]


def test_a_board_that_goes_back_fails_it_and_so_does_silence(story: Story) -> None:
    story.boards.take(b"all/favorites", BOARD % 1, 9, 9.0)
    assert "older boards" in failures_of(story)[0]
    silent = Story(story.options, story.directory, quiet=story.quiet)
    assert failures_of(silent) == ["nothing was read of the leaderboards"]


def test_a_partition_without_an_owner_fails_it_unless_nobody_lived(story: Story) -> None:
    story.whole = (1000.0, 1100.0)
    assert failures_of(story) == []  # nobody ran at all
    log = story.directory / "idle.log"
    log.write_text("")
    process: Any = None
    story.runs = [Run("idle", process, log, 1000.0, 1100.0)]
    assert "had no owner for 100.0 s" in failures_of(story)[0]
    story.excused = [(1000.0, 1090.0)]
    assert failures_of(story) == []
    assert nobody_lives([(1000.0, 1040.0), (1060.0, 1100.0)], story.whole) == [(1040.0, 1070.0)]


def test_a_worker_that_fails_and_a_process_that_stays_fail_it(story: Story) -> None:
    story.troubles, story.left = ["worker-1.1 ended by itself with code 1"], ["process 17"]
    assert failures_of(story) == ["worker-1.1 ended by itself with code 1", "process 17 is left"]
