"""What a killed worker asks for again, judged against what its journal held when it was killed. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.chaos.asked import Asked


@dataclass(frozen=True, slots=True)
class Journalled:
    """A measurement in the journal: of a Post, when it was measured, and when the record was written."""

    post_id: int
    measured_at: float
    written_at: float


@dataclass(frozen=True, slots=True)
class Repeats:
    """Posts asked for again. ``needless``: no kill came between, or the journal held the measurement.

    Of these each is named with when it was asked for, and when before.
    """

    excused: int
    needless: Sequence[tuple[int, float, float]]


def judge_repeats(
    requests: Iterable[Asked], kills: Iterable[float], journal: Iterable[Journalled], slack: float = 1.0
) -> Repeats:
    """Judge each ask of a Post after the one before it.

    What the API did not answer had to be asked again. A repeat is excused by the first kill after the ask
    before it: what was in flight then, or was answered and not in the journal yet, must be asked for again.
    ``slack``: times of measurements are whole seconds.
    """
    kills = sorted(kills)
    written = defaultdict[int, list[Journalled]](list)
    for one in journal:
        written[one.post_id].append(one)
    asked_at: dict[int, float] = {}
    excused, needless = 0, list[tuple[int, float, float]]()
    for request in sorted(requests, key=lambda one: one.at):
        for post_id in request.post_ids:
            before = asked_at.get(post_id)
            if before is not None:
                if _is_excused(before, request.at, kills, written[post_id], slack):
                    excused += 1
                else:
                    needless.append((post_id, request.at, before))
            if request.answered:
                asked_at[post_id] = request.at
    return Repeats(excused, needless)


def _is_excused(
    before: float, again: float, kills: Sequence[float], written: Sequence[Journalled], slack: float
) -> bool:
    place = bisect_right(kills, before)
    if place == len(kills) or kills[place] > again:
        return False
    kill = kills[place]
    return not any(one.measured_at >= before - slack and one.written_at < kill for one in written)
