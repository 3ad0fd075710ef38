"""The planner's interface: what it is given, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from worker.model import Campaign, FloatArray, IntArray, PostId, Standings, Timestamp


class Columns(Protocol):
    """What a planner may read of each tracked Post; arrays of equal length, a row a Post.

    ``states``: 0 no Post, 1 never measured, 2 measured, 3 unavailable. Times are Unix seconds; ``created`` is
    ``nan`` where an ID holds no time. ``authors``: a number that stands for each, 0 if unknown. ``values``:
    last value by board metric, ``nan`` where there is none.
    """

    post_ids: IntArray
    states: NDArray[np.int8]
    in_flight: NDArray[np.bool_]
    created: FloatArray
    seen: FloatArray
    asked: FloatArray
    measured: FloatArray
    values: FloatArray
    groups: NDArray[np.int32]
    authors: NDArray[np.int32]


class Posts(Protocol):
    """The Watchlist as a planner sees it."""

    @property
    def columns(self) -> Columns:
        """What is known, by row."""

    @property
    def answers(self) -> int:
        """How often asked Posts came back, with whatever answer: as long as it stands, none is due anew."""

    @property
    def regrouped(self) -> int:
        """How often groups have come and gone: as long as it stands, ``groups`` says the same."""

    def groups(self) -> Iterable[tuple[int, Sequence[Campaign]]]:
        """The sets of campaigns that Posts compete in, by their number in the columns."""

    def first_unmeasured(self, count: int) -> list[PostId]:
        """The Posts that wait longest for their first request, not in flight."""

    def longest_wait_since(self, post_ids: Sequence[PostId]) -> Timestamp:
        """Since when the one of these that waits longest has waited for its first request."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The next request, or until when there is none.

    ``post_ids`` is empty when no request should leave now; then ``wake_at`` is when to plan again, unless a
    new Post or an answer comes first. ``due`` counts the Posts that were due. ``hopeless`` are tracked ones
    that cannot reach a board any more: none of those asked for. ``worth`` is what the request is worth to
    boards, in places times seconds; ``None`` where the policy does not know.
    """

    post_ids: Sequence[PostId]
    wake_at: Timestamp
    due: int
    hopeless: Sequence[PostId] = ()
    worth: float | None = None


class Planner(Protocol):
    """A policy. Deterministic: the same calls give the same plans."""

    def plan(self, now: Timestamp, posts: Posts, standings: Standings, seats: int) -> Plan:
        """The Posts that the next request asks for: at most ``seats``, none in flight."""
