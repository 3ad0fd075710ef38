"""What each leaderboard must show: the plain sort of all Posts by the truth at the time each was measured."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import numpy as np

from sandbox.world import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sandbox.world import World

ALL: Final = "all"
Key: TypeAlias = "tuple[str, str]"
"""Campaign and metric."""


class Row(NamedTuple):
    """One place: the Post, its value, the second at which it was measured."""

    post_id: int
    value: int
    measured_at: int


Boards: TypeAlias = "Mapping[Key, Sequence[Row]]"


@dataclass(frozen=True, slots=True)
class Known:
    """What a worker says of a Post. ``measured_at`` in epoch seconds; ``counts`` by metric."""

    state: str
    measured_at: int | None
    counts: Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class Wrong:
    """A leaderboard that is not as it must be, and the first place where."""

    where: str
    key: Key
    place: int
    expected: Row | None
    got: Row | None


def may_compete(
    world: World, campaigns: Mapping[int, Iterable[str]], shown: Boards, top: int, at: int
) -> list[int]:
    """The Posts that could stand on a board that is shown, whenever until ``at`` they were measured.

    What a Post ever gained bounds all of its counts so far: whose is below a full board's last place has no
    place there, so nobody needs to be asked when it was measured.
    """
    post_ids = np.array(sorted(campaigns), dtype=np.int64)
    gained = world.gained(post_ids, at)
    bars = {key: rows[-1].value for key, rows in shown.items() if len(rows) >= top}
    metrics = sorted({metric for _, metric in shown})
    found = []
    for post_id, row in zip(post_ids.tolist(), gained.tolist(), strict=True):
        if any(
            row[METRICS.index(metric)] >= bars.get((campaign, metric), 0)
            for campaign in (ALL, *campaigns[post_id])
            for metric in metrics
        ):
            found.append(post_id)
    return found


def truth(world: World, known: Mapping[int, Known]) -> dict[int, dict[str, int]]:
    """What the API said of each measured Post when it was measured."""
    by_second = defaultdict[int, list[int]](list)
    for post_id, one in known.items():
        if one.state == "measured" and one.measured_at is not None:
            by_second[one.measured_at].append(post_id)
    found = dict[int, dict[str, int]]()
    for second, post_ids in by_second.items():
        counts = world.counts(np.array(post_ids, dtype=np.int64), second).tolist()
        for post_id, row in zip(post_ids, counts, strict=True):
            found[post_id] = dict(zip(METRICS, row, strict=True))
    return found


def right_boards(
    campaigns: Mapping[int, Iterable[str]],
    known: Mapping[int, Known],
    values: Mapping[int, Mapping[str, int]],
    metrics: Sequence[str],
    top: int,
) -> dict[Key, list[Row]]:
    """Every board: values from high to low, of equal ones the older Post first."""
    rows = defaultdict[Key, list[Row]](list)
    for post_id, counts in values.items():
        measured_at = known[post_id].measured_at or 0
        for campaign in {ALL, *campaigns.get(post_id, ())}:
            for metric in metrics:
                rows[campaign, metric].append(Row(post_id, counts[metric], measured_at))
    return {key: sorted(of, key=lambda row: (-row.value, row.post_id))[:top] for key, of in rows.items()}


def wrong_values(
    known: Mapping[int, Known], values: Mapping[int, Mapping[str, int]], metrics: Sequence[str]
) -> list[str]:
    """Counts that a worker has and the API never gave for that second."""
    found = []
    for post_id, right in values.items():
        for metric in metrics:
            if known[post_id].counts.get(metric) != right[metric]:
                said = known[post_id]
                found.append(
                    f"Post {post_id}: {metric} is {said.counts.get(metric)}, and was {right[metric]}"
                    f" at {said.measured_at}"
                )
    return found


def union(shown: Iterable[Boards], top: int) -> dict[Key, list[Row]]:
    """One board of those of several workers, of whom each shows its own Posts only."""
    rows = defaultdict[Key, set[Row]](set)
    for boards in shown:
        for key, of in boards.items():
            rows[key] |= set(of)
    return {key: sorted(of, key=lambda row: (-row.value, row.post_id))[:top] for key, of in rows.items()}


def compare(where: str, right: Boards, shown: Boards) -> list[Wrong]:
    """Each leaderboard that differs, with the first place where it does. An empty one is as good as none."""
    found = []
    for key in sorted({*right, *shown}):
        must, is_shown = right.get(key, ()), shown.get(key, ())
        for place in range(max(len(must), len(is_shown))):
            expected = must[place] if place < len(must) else None
            got = is_shown[place] if place < len(is_shown) else None
            if expected != got:
                found.append(Wrong(where, key, place + 1, expected, got))
                break
    return found
