"""A leaderboard with a Post missing is told from one that is as it must be."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from benchmarks.scale.missing import STALE, Judge, Shown, steady
from benchmarks.scale.rebalance import longest_gap
from sandbox.world import METRICS, World
from worker.model import PostId, Timestamp, first_post_id

if TYPE_CHECKING:
    from collections.abc import Sequence

AT = 1_795_176_000
WORLD = World(1)
TOP = 5
FAVORITES = METRICS.index("favorites")


def posts(count: int = 400) -> list[PostId]:
    first = first_post_id(Timestamp(AT - 3600))
    return steady(WORLD, [PostId(first + number * 1_000_003) for number in range(count)], AT - 60)


def best(post_ids: Sequence[PostId], measured_at: int) -> list[dict[str, Any]]:
    """The top of them as all were measured then."""
    counts = WORLD.counts(np.array(post_ids, dtype=np.int64), measured_at)[:, FAVORITES].tolist()
    ranked = sorted(zip(post_ids, counts, strict=True), key=lambda one: (-one[1], one[0]))[:TOP]
    return [{"post_id": str(one), "value": value} for one, value in ranked]


def shown(entries: Sequence[dict[str, Any]], tracked: int, campaign: str = "spring") -> Shown:
    as_of = datetime.fromtimestamp(AT, UTC).isoformat()
    board = {"as_of": as_of, "entries": entries, "tracked_posts": tracked}
    return Shown(float(AT), campaign, "favorites", board)


@pytest.mark.parametrize("ago", [0, 10, int(STALE)])
def test_a_board_of_measurements_lately_has_none_missing(ago: int) -> None:
    known = posts()
    judge = Judge(WORLD, dict.fromkeys(known, "spring"), TOP)
    for campaign in ("spring", "all"):
        board = shown(best(known, AT - ago), len(known), campaign)
        assert judge.missing(board) == set()
        assert judge.uncounted(board) == 0


def test_a_post_that_is_left_out_is_missing() -> None:
    known = posts()
    judge = Judge(WORLD, dict.fromkeys(known, "spring"), TOP)
    first = int(best(known, AT)[0]["post_id"])
    board = shown(best([one for one in known if one != first], AT), len(known) - 1)
    assert judge.missing(board) == {first}
    assert judge.uncounted(board) == 1


def test_a_board_that_is_not_full_has_those_missing_that_there_are() -> None:
    known = posts(20)
    judge = Judge(WORLD, dict.fromkeys(known, "spring"), TOP)
    entries = best(known, AT)[:3]
    assert judge.missing(shown(entries, len(known))) == {*known} - {int(one["post_id"]) for one in entries}


def test_the_posts_of_another_campaign_are_not_missed() -> None:
    known = posts()
    campaigns = {one: ("spring", "autumn")[number % 2] for number, one in enumerate(known)}
    judge = Judge(WORLD, campaigns, TOP)
    own = [one for one in known if campaigns[one] == "spring"]
    assert judge.missing(shown(best(own, AT), len(own))) == set()
    assert judge.missing(shown(best(own, AT), len(own), "all"))


def test_steady_posts_never_fall_and_are_there() -> None:
    assert 300 < len(posts()) < 400


def test_the_longest_gap_is_between_neighbours() -> None:
    assert longest_gap([1.0, 2.0, 5.0, 6.0]) == 3.0
    assert longest_gap([1.0]) == 0.0
