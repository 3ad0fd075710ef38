"""Memory above the limit is told once, until it was clearly below again."""

from __future__ import annotations

import mmap
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from worker.memory import MemoryWatch, resident_bytes


def told(limit: int | None, *held: int | None) -> list[int]:
    """The numbers of the looks that warned."""
    looks = iter(held)
    watch = MemoryWatch(limit, lambda: next(looks))
    warned = []
    for number in range(len(held)):
        with capture_logs() as logs:
            watch.look()
        warned += [number for log in logs if log["event"] == "memory_above_warning"]
    return warned


def test_the_limit_is_told_when_it_is_crossed_and_not_again_while_memory_hovers() -> None:
    assert told(1000, 900, 1000, 1001, 5000, 950, 1001, 899, 1001) == [2, 7]


def test_without_a_limit_or_a_figure_nothing_is_told() -> None:
    assert told(None, 10**12) == []
    assert told(1000, None, 2000) == [1]


def test_the_warning_says_how_much_and_what_to_do() -> None:
    with capture_logs() as logs:
        MemoryWatch(2**30, lambda: 3 * 2**29).look()
    (log,) = logs
    assert (log["resident"], log["memory_warning"]) == ("1.5GiB", "1GiB")
    assert "watchlist.max_posts" in log["mend"]


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="Linux tells it there")
def test_the_memory_of_this_process_is_known() -> None:
    size = 50 * 2**20
    before = resident_bytes()
    # Not from the heap: that may hold so much that was freed.
    with mmap.mmap(-1, size) as ballast:
        ballast.write(b"x" * size)
        after = resident_bytes()
    assert before is not None
    assert after is not None
    assert after - before > size / 2
