"""One board: the best Posts of one partition, campaign and metric, with a reserve below the places shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from sortedcontainers import SortedList

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from worker.model import PostId

Key: TypeAlias = "tuple[float, PostId]"
"""What a board is sorted by, ascending: the negative value, then the Post ID. The older Post wins a tie."""


class Board:
    """The best ``top + reserve`` Posts offered, or a part of them that is at least ``top`` after a refill.

    The board remembers one key, the *floor*: no Post that is left out ranks above it, and each one kept does.
    A Post that falls below the floor leaves, as a Post left out may be better by now. So the Posts kept are
    always the best ones, in order; only when fewer than ``top`` are left must it be filled again.

    >>> board = Board(top=1, reserve=1)
    >>> for post_id, value in (1, 10.0), (2, 30.0), (3, 20.0):
    ...     board.offer(post_id, value)
    >>> list(board.places())
    [(2, 30.0), (3, 20.0)]
    """

    __slots__ = ("_floor", "_keys", "_order", "capacity", "top")

    def __init__(self, top: int, reserve: int) -> None:
        self.top = top
        self.capacity = top + reserve
        self._order: SortedList[Key] = SortedList()
        self._keys: dict[PostId, Key] = {}
        self._floor: Key | None = None

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, post_id: PostId) -> bool:
        return post_id in self._keys

    @property
    def floor(self) -> Key | None:
        """The best key that a Post left out can have; ``None`` when none is left out."""
        return self._floor

    @property
    def wants_refill(self) -> bool:
        """Whether places shown may be missing although there are Posts for them."""
        return self._floor is not None and len(self._keys) < self.top

    def offer(self, post_id: PostId, value: float) -> None:
        """Take note of a Post's value, whether it rose, fell or is new. O(log capacity)."""
        key = (-value, post_id)
        before = self._keys.get(post_id)
        if before == key:
            return
        if before is not None:
            self._order.remove(before)
            del self._keys[post_id]
        if self._floor is not None and key > self._floor:
            return
        self._order.add(key)
        self._keys[post_id] = key
        if len(self._keys) > self.capacity:
            self._floor = self._order.pop()
            del self._keys[self._floor[1]]

    def remove(self, post_id: PostId) -> None:
        """Forget a Post; nothing happens when it is not kept. O(log capacity)."""
        key = self._keys.pop(post_id, None)
        if key is not None:
            self._order.remove(key)

    def refill(self, candidates: Iterable[tuple[PostId, float]]) -> None:
        """Start again from all Posts that may be on the board, each with its value. O(n log n).

        The best of them will do, at least one more than the capacity: the first left out is the floor.
        """
        order = sorted((-value, post_id) for post_id, value in candidates)
        self._order = SortedList(order[: self.capacity])
        self._keys = {key[1]: key for key in self._order}
        self._floor = order[self.capacity] if len(order) > self.capacity else None

    def keys(self) -> Iterator[Key]:
        """The keys kept, best first."""
        return iter(self._order)

    def places(self) -> Iterator[tuple[PostId, float]]:
        """The Posts kept with their values, best first, the reserve last."""
        return ((post_id, -negative) for negative, post_id in self._order)

    def check(self) -> None:
        """State the invariant; the tests call this after every step.

        Raises:
            AssertionError: when the board is broken, with its state.
        """
        order = list(self._order)
        state = f"top={self.top} capacity={self.capacity} floor={self._floor} order={order} keys={self._keys}"
        if order != sorted(set(order)):
            raise AssertionError(f"not in order, or one twice: {state}")
        if {key[1]: key for key in order} != self._keys:
            raise AssertionError(f"order and keys differ: {state}")
        if len(order) > self.capacity:
            raise AssertionError(f"over its capacity: {state}")
        if self._floor is not None and order and order[-1] > self._floor:
            raise AssertionError(f"keeps a Post below the floor: {state}")
