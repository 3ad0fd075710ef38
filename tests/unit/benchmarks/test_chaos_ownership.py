"""When each partition had an owner, from logs: what is without one is found, and what is excused is not."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from benchmarks.chaos.ownership import Life, Unowned, longest_unowned, owned, without


def log(*events: tuple[str, float, list[int]]) -> str:
    return "\n".join(
        json.dumps(
            {
                "partitions": partitions,
                "event": f"sightings_{event}",
                "timestamp": datetime.fromtimestamp(at, UTC).isoformat(),
            }
        )
        for event, at, partitions in events
    )


def test_a_worker_owns_from_assigned_to_revoked_or_to_its_end() -> None:
    life = Life("a", log(("assigned", 10, [0, 1]), ("revoked", 20, [1])) + '\n{"half": "sightings_rev', 30)
    assert owned(life) == {0: [(10, 30)], 1: [(10, 20)]}


def test_a_frozen_worker_owns_nothing() -> None:
    life = Life("a", log(("assigned", 10, [0])), 30, frozen=[(15, 22)])
    assert owned(life) == {0: [(10, 15), (22, 30)]}


def test_the_longest_gap_is_found_with_its_partition() -> None:
    lives = [
        Life("a", log(("assigned", 0, [0, 1])), 10),
        Life("b", log(("assigned", 13, [0]), ("assigned", 17, [1])), 40),
    ]
    assert longest_unowned(lives, 2, (0, 40)) == Unowned(7, 1, 10)


def test_two_owners_at_once_leave_no_gap() -> None:
    lives = [Life("a", log(("assigned", 0, [0])), 10), Life("b", log(("assigned", 8, [0])), 40)]
    assert longest_unowned(lives, 1, (0, 40)) == Unowned(0.0)


def test_a_partition_that_nobody_ever_owned_is_found() -> None:
    assert longest_unowned([Life("a", log(("assigned", 0, [0])), 40)], 2, (0, 40)).partition == 1


def test_excused_time_does_not_count() -> None:
    lives = [Life("a", log(("assigned", 0, [0])), 10), Life("b", log(("assigned", 30, [0])), 40)]
    assert longest_unowned(lives, 1, (0, 40), [(12, 29)]).seconds == 2


def test_time_counts_anew_from_when_one_more_worker_fell_silent() -> None:
    lives = [Life("a", log(("assigned", 0, [0])), 10), Life("b", log(("assigned", 30, [0])), 40)]
    assert longest_unowned(lives, 1, (0, 40), silenced=[18, 12, 35]) == Unowned(12, 0, 18)
    assert longest_unowned(lives, 1, (0, 40), silenced=[9, 31]) == Unowned(20, 0, 10)


@pytest.mark.parametrize(
    ("holes", "left"),
    [
        ([], [(0, 10)]),
        ([(2, 3)], [(0, 2), (3, 10)]),
        ([(-5, 3), (8, 20)], [(3, 8)]),
        ([(2, 6), (4, 7)], [(0, 2), (7, 10)]),
        ([(-1, 11)], []),
        ([(20, 30)], [(0, 10)]),
    ],
)
def test_holes_are_cut_out(holes: list[tuple[float, float]], left: list[tuple[float, float]]) -> None:
    assert without([(0, 10)], holes) == left


def test_a_partition_is_restored_once_its_journal_was_read() -> None:
    read = {"partition": 0, "event": "journal_read", "timestamp": datetime.fromtimestamp(14, UTC).isoformat()}
    life = Life("a", log(("assigned", 10, [0])) + "\n" + json.dumps(read), 30)
    assert owned(life) == {0: [(10, 30)]}
    assert owned(life, restored=True) == {0: [(14, 30)]}
    assert longest_unowned([life], 1, (10, 30), restored=True) == Unowned(4, 0, 10)
