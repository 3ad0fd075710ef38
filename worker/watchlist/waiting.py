"""Who waits for a first request: a queue, longest wait first, of Posts that may have left meanwhile."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from worker.model import PostId


class Waiting:
    """Posts that were never measured. ``waits`` says of some which still wait, and are not in flight."""

    def __init__(self, waits: Callable[[Sequence[PostId]], list[bool]]) -> None:
        self._waits = waits
        self._queue: deque[PostId] = deque()

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, post_ids: Iterable[PostId]) -> None:
        """These wait too, behind all others."""
        self._queue.extend(post_ids)

    def first(self, count: int) -> list[PostId]:
        """The Posts that wait longest, at most ``count``."""
        queue = self._queue
        first: dict[PostId, None] = {}
        while len(first) < count and queue:
            chunk = [queue.popleft() for _ in range(min(count, len(queue)))]
            # Who was asked, answered or removed since is let go of, wherever it stood: looked at once.
            waits = self._waits(chunk)
            first.update((post_id, None) for post_id, wait in zip(chunk, waits, strict=True) if wait)
        queue.extendleft(reversed(first))
        return list(islice(first, count))

    def asked(self, post_ids: Iterable[PostId]) -> None:
        """These are in flight. Asked in vain, they go behind all others."""
        asked, queue = set(post_ids), self._queue
        while queue and queue[0] in asked:
            queue.popleft()

    def keep(self, known: Callable[[PostId], bool]) -> None:
        """Let go of all others."""
        self._queue = deque(post_id for post_id in self._queue if known(post_id))
